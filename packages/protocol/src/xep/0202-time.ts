/** XEP-0202: Entity Time. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { formatDateTime, parseDateTime } from './0082-datetime.ts';
import { is } from './decode.ts';

export interface EntityTime {
  /** Milliseconds since 1970. */
  utc: number;
  /** Minutes east of UTC. */
  offsetMinutes: number;
}
export function timeQuery(): Element {
  return el('time', { xmlns: NS.time });
}
export function encodeTime(value: EntityTime): Element {
  const minutes = Math.abs(value.offsetMinutes);
  const two = (n: number): string => String(n).padStart(2, '0');
  const tzo = minutes === 0 ? 'Z' : `${value.offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  return el('time', { xmlns: NS.time }, el('tzo', null, tzo), el('utc', null, formatDateTime(value.utc)));
}
export function decodeTime(element: Element | undefined): EntityTime | undefined {
  if (!is(element, 'time', NS.time)) return undefined;
  const utc = parseDateTime(element.childText('utc') ?? '');
  const tzo = /^(?:Z|([+-])(\d\d):([0-5]\d))$/.exec(element.childText('tzo') ?? '');
  if (utc === undefined || tzo === null) return undefined;
  const minutes = Number(tzo[2] ?? 0) * 60 + Number(tzo[3] ?? 0);
  return { utc, offsetMinutes: tzo[1] === '-' ? -minutes : minutes };
}
