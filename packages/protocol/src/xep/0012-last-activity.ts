/** XEP-0012: Last Activity. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { is, parseWhole } from './decode.ts';

export interface LastActivity {
  /** Whole seconds. */
  seconds: number;
  /** The last status of somebody who is away. */
  status?: string;
}
export function lastActivityQuery(): Element {
  return el('query', { xmlns: NS.last });
}
export function encodeLastActivity(value: LastActivity): Element {
  return el('query', { xmlns: NS.last, seconds: value.seconds }, value.status);
}
/** Undefined without whole seconds. */
export function decodeLastActivity(element: Element | undefined): LastActivity | undefined {
  if (!is(element, 'query', NS.last)) return undefined;
  const seconds = parseWhole(element.attr('seconds'));
  return seconds === undefined ? undefined : { seconds, status: element.text() || undefined };
}
