/** XEP-0490: Message Displayed Synchronization. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { decodeStanzaId, encodeStanzaId, type StanzaId } from './0359-stanza-ids.ts';
import { is } from './decode.ts';

/** The payload of an item whose id is the address of the conversation: everything up to this stanza-id was displayed. */
export function encodeDisplayedState(value: StanzaId): Element {
  return el('displayed', { xmlns: NS.mds }, encodeStanzaId(value));
}
/** Undefined unless there is exactly one stanza-id (§4.1). */
export function decodeDisplayedState(element: Element | undefined): StanzaId | undefined {
  if (!is(element, 'displayed', NS.mds)) return undefined;
  const ids = element.childrenNamed('stanza-id', NS.sid);
  return ids.length === 1 ? decodeStanzaId(ids[0]) : undefined;
}
