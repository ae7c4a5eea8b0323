/** XEP-0066: Out of Band Data, `jabber:x:oob` (§3). */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { is } from './decode.ts';

export interface OutOfBand {
  url: string;
  desc?: string;
}
export function encodeOob(value: OutOfBand): Element {
  return el('x', { xmlns: NS.oob }, el('url', null, value.url), value.desc === undefined ? undefined : el('desc', null, value.desc));
}
export function decodeOob(element: Element | undefined): OutOfBand | undefined {
  if (!is(element, 'x', NS.oob)) return undefined;
  const url = element.childText('url')?.trim();
  return !url || url.length > 4096 ? undefined : { url, desc: element.childText('desc') };
}
