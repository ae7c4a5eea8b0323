/** What stands in the archive where a message was (XEP-0424 §4, XEP-0425 §4). */
import { NS } from '@parley/protocol';
import { type Element, el, elementBytes, parseStanza, type Stanza } from '@parley/xml';

/** Children that say which message it was, and whose, by their id; nothing else of what was sent stays, in whatever place it was put. */
const KEPT: readonly (readonly [name: string, ns: string])[] = [
  ['origin-id', NS.sid],
  ['occupant-id', 'urn:xmpp:occupant-id:0'],
];

/** A stored message without its content; `retracted` says when and by what it was retracted. */
export function tombstoneOf(stanza: Uint8Array, retracted: Element): Uint8Array {
  const message = parseStanza(stanza, undefined, NS.client);
  const { to, from, id, type } = message;
  const kept = KEPT.flatMap(([name, ns]) => {
    const of = message.has(name, ns) ? message.child(name, ns)?.attr('id') : undefined;
    return of === undefined ? [] : [el(name, { xmlns: ns, id: of })];
  });
  return elementBytes(el('message', { xmlns: NS.client, to, from, id, type }, ...kept, retracted));
}

/** Whether there is nothing to retract any more. That a sender writes so beside a text does not make it true. */
export function isTombstone(stanza: Uint8Array): boolean {
  const message: Stanza = parseStanza(stanza, undefined, NS.client);
  if (!message.has('retracted', NS.retraction)) return false;
  const isPart = ({ name, ns }: { name: string; ns: string }): boolean =>
    (name === 'retracted' && ns === NS.retraction) || KEPT.some((one) => one[0] === name && one[1] === ns);
  return message.children.every(isPart) && message.text().trim() === '';
}
