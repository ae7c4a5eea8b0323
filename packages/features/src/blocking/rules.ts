/** Pure decisions of the blocking command (XEP-0191). */
import { decodeBlocking, Jid, type StanzaErrorCondition } from '@parley/protocol';
import type { Element } from '@parley/xml';

/** XEP-0191 §5: full JID, bare JID, domain with resource, domain. The served domain itself is never blocked: the account lives there. */
export function isBlocked(list: ReadonlySet<string>, address: Jid, host: string): boolean {
  if (list.size === 0) return false;
  const { local, domain, resource } = address;
  if (local === '' && domain === host) return false;
  if (resource !== '' && list.has(address.toString())) return true;
  if (local !== '' && list.has(address.bare)) return true;
  if (resource !== '' && list.has(`${domain}/${resource}`)) return true;
  return list.has(domain);
}

export type Named =
  | { readonly ok: true; readonly jids: readonly string[] }
  | { readonly ok: false; readonly condition: StanzaErrorCondition; readonly reason: string };

/** The addresses in a block or unblock command, prepared, each once. */
export function readItems(command: Element, name: 'block' | 'unblock'): Named {
  const written = decodeBlocking(command, name);
  if (written === undefined) return { ok: false, condition: 'bad-request', reason: 'An item has no jid, or there are too many.' };
  const jids = new Set<string>();
  for (const one of written) {
    const jid = Jid.tryParse(one);
    if (jid === undefined) return { ok: false, condition: 'jid-malformed', reason: 'An item has no valid jid.' };
    jids.add(jid.toString());
  }
  return { ok: true, jids: [...jids] };
}

export type Traffic = 'pass' | 'blocked-by-sender' | 'blocked-by-recipient';

/** Who of the two stops what goes from one to the other. Devices of one account always reach each other (XEP-0191 §4). */
export function judge(facts: {
  readonly sameAccount: boolean;
  readonly senderBlocks: boolean;
  readonly recipientBlocks: boolean;
}): Traffic {
  if (facts.sameAccount) return 'pass';
  if (facts.senderBlocks) return 'blocked-by-sender';
  return facts.recipientBlocks ? 'blocked-by-recipient' : 'pass';
}
