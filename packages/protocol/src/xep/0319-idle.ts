/** XEP-0319: Last User Interaction in Presence. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { formatDateTime, parseDateTime } from './0082-datetime.ts';
import { is } from './decode.ts';

/** `since`: milliseconds since 1970 of the last touch of a person. */
export function encodeIdle(idle: { since: number }): Element {
  return el('idle', { xmlns: NS.idle, since: formatDateTime(idle.since) });
}
/** Undefined without a valid time. */
export function decodeIdle(element: Element | undefined): { since: number } | undefined {
  if (!is(element, 'idle', NS.idle)) return undefined;
  const since = parseDateTime(element.attr('since') ?? '');
  return since === undefined ? undefined : { since };
}
