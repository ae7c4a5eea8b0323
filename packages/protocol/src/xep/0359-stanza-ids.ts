/** XEP-0359: Unique and Stable Stanza IDs. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { is } from './decode.ts';

export interface StanzaId {
  id: string;
  by: string;
}
const ID_LENGTH = 1024;

export function encodeStanzaId(value: StanzaId): Element {
  return el('stanza-id', { xmlns: NS.sid, by: value.by, id: value.id });
}
export function decodeStanzaId(element: Element | undefined): StanzaId | undefined {
  if (!is(element, 'stanza-id', NS.sid)) return undefined;
  const [id, by] = [element.attr('id'), element.attr('by')];
  return !id || !by || id.length > ID_LENGTH ? undefined : { id, by };
}
/** The id that `by` gave; others are strangers' claims (§6). Two of the same `by` are a forgery: undefined. */
export function stanzaIdBy(message: Element, by: string): string | undefined {
  const found = message.childrenNamed('stanza-id', NS.sid).filter((child) => child.attr('by') === by);
  return found.length === 1 ? decodeStanzaId(found[0])?.id : undefined;
}
export function encodeOriginId(id: string): Element {
  return el('origin-id', { xmlns: NS.sid, id });
}
export function decodeOriginId(element: Element | undefined): string | undefined {
  if (!is(element, 'origin-id', NS.sid)) return undefined;
  const id = element.attr('id');
  return !id || id.length > ID_LENGTH ? undefined : id;
}
