/** XEP-0333: Displayed Markers. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { bounded } from './decode.ts';

export function markable(): Element {
  return el('markable', { xmlns: NS.markers });
}
export function displayedMarker(id: string): Element {
  return el('displayed', { xmlns: NS.markers, id });
}
export function isMarkable(message: Element): boolean {
  return message.child('markable', NS.markers) !== undefined;
}
/** The id up to which a message says all was displayed. */
export function decodeDisplayed(message: Element): string | undefined {
  return bounded(message.child('displayed', NS.markers)?.attr('id'), 1024) || undefined;
}
