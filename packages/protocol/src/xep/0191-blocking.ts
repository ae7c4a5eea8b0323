/** XEP-0191: Blocking Command. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { is } from './decode.ts';

export type BlockingName = 'block' | 'unblock' | 'blocklist';
const MANY = 4096;

export function encodeBlocking(name: BlockingName, jids: readonly string[]): Element {
  return el(name, { xmlns: NS.blocking }, ...jids.map((jid) => el('item', { jid })));
}
/** The addresses, as written. Undefined for an item without jid or more than 4,096. An empty `unblock` means all; an empty `block` is `bad-request` (§3.3, §3.5). */
export function decodeBlocking(element: Element | undefined, name: BlockingName): string[] | undefined {
  if (!is(element, name, NS.blocking)) return undefined;
  const items = element.childrenNamed('item', NS.blocking);
  const jids = items.flatMap((item) => item.attr('jid') ?? []);
  return items.length > MANY || jids.length !== items.length ? undefined : jids;
}
/** Extra of the `not-acceptable` error to a sender who blocks the recipient (§3.2). */
export function blockedElement(): Element {
  return el('blocked', { xmlns: NS.blockingErrors });
}
