/** XEP-0172: User Nickname. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { bounded, is } from './decode.ts';

export function encodeNick(nick: string): Element {
  return el('nick', { xmlns: NS.nick }, nick === '' ? undefined : nick);
}
/** Undefined for another element or more than 1,023 characters; '' when it says that there is none. */
export function decodeNick(element: Element | undefined): string | undefined {
  return is(element, 'nick', NS.nick) ? bounded(element.text().trim(), 1023) : undefined;
}
