import { Jid } from '@parley/protocol';

/** Reads `bot.chat.example irc.chat.example`; answers the first name that cannot be a component of this host, or the domains. */
export function readDomains(text: string, host: string): { domains: readonly string[] } | { bad: string } {
  const domains: string[] = [];
  for (const name of text.split(/[\s,]+/)) {
    if (name === '') continue;
    const jid = Jid.tryParse(name);
    if (jid === undefined || jid.toString() !== jid.domain || !jid.domain.endsWith(`.${host}`)) return { bad: name };
    if (!domains.includes(jid.domain)) domains.push(jid.domain);
  }
  return { domains };
}
