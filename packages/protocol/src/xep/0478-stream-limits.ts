/** XEP-0478: Stream Limits Advertisement. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { is, parseWhole } from './decode.ts';

export interface StreamLimits {
  /** The largest first-level element, bytes. */
  maxBytes?: number;
  /** Silence after which the other side may be asked whether it is there, or be let go; seconds. */
  idleSeconds?: number;
}
export function encodeStreamLimits(limits: StreamLimits): Element {
  const part = (name: string, value: number | undefined): Element | undefined =>
    value === undefined ? undefined : el(name, null, String(value));
  return el('limits', { xmlns: NS.streamLimits }, part('max-bytes', limits.maxBytes), part('idle-seconds', limits.idleSeconds));
}
/** Numbers that are none count as not told. */
export function decodeStreamLimits(element: Element | undefined): StreamLimits | undefined {
  if (!is(element, 'limits', NS.streamLimits)) return undefined;
  const whole = (name: string): number | undefined => parseWhole(element.childText(name, NS.streamLimits)?.trim());
  return { maxBytes: whole('max-bytes'), idleSeconds: whole('idle-seconds') };
}
