/** XEP-0203: Delayed Delivery. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { formatDateTime, parseDateTime } from './0082-datetime.ts';
import { is } from './decode.ts';

export interface Delay {
  /** Milliseconds since 1970. */
  stamp: number;
  from?: string;
  reason?: string;
}
export function encodeDelay(delay: Delay): Element {
  return el('delay', { xmlns: NS.delay, from: delay.from, stamp: formatDateTime(delay.stamp) }, delay.reason);
}
/** Undefined without a valid stamp. Believe it of `from` only when that is who delivered it (§5). */
export function decodeDelay(element: Element | undefined): Delay | undefined {
  if (!is(element, 'delay', NS.delay)) return undefined;
  const stamp = parseDateTime(element.attr('stamp') ?? '');
  return stamp === undefined ? undefined : { stamp, from: element.attr('from'), reason: element.text() || undefined };
}
