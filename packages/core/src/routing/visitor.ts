/** What strangers are told who ask the host, or the server for an account: people of another domain of the server, and addresses of external components. */
import { type Jid, NS, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import type { Element, Stanza } from '@parley/xml';
import type { SessionHost } from '../session/host.ts';
import { Session } from '../session/session.ts';
import type { IqTable } from './iq-table.ts';

/** No account has it: nothing is kept for it. */
const NOBODY = Number.MIN_SAFE_INTEGER;
const OF_HOST: readonly string[] = [NS.discoInfo, NS.discoItems, NS.ping, NS.version, NS.time, NS.last];
const OF_ACCOUNTS: readonly string[] = [NS.discoInfo, NS.discoItems, NS.vcard, NS.pubsub];

/** Whether the host answers this request to anybody; what else it is asked acts for an account of its own. */
export const tellsStrangers = ({ type, children: [child] }: Stanza): boolean =>
  type === 'get' && child !== undefined && OF_HOST.includes(child.ns);

/** Throws StanzaError. */
export function answerVisitor(
  host: SessionHost & { readonly iqs: IqTable },
  stanza: Stanza,
  from: Jid,
  recipient: AccountRecord | undefined,
): Awaitable<Element | void> {
  const [child] = stanza.children;
  const known = recipient === undefined ? OF_HOST : OF_ACCOUNTS;
  if (stanza.type !== 'get' || child === undefined || !known.includes(child.ns)) throw new StanzaError('service-unavailable');
  const account = { id: NOBODY, localpart: from.local, domain: from.domain, createdAt: 0, disabled: true, credentials: '{}' };
  // In no directory: nothing is delivered to it.
  const session = new Session(host, from, account, '', host.clock.now(), undefined);
  return host.iqs.answer(recipient === undefined ? 'host' : 'contact', { from: session, stanza, account: recipient ?? account });
}
