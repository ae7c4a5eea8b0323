/** XEP-0334: Message Processing Hints. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';

export const HINTS = ['no-permanent-store', 'no-store', 'no-copy', 'store'] as const;
export type Hint = (typeof HINTS)[number];

export function encodeHint(hint: Hint): Element {
  return el(hint, { xmlns: NS.hints });
}
export function decodeHints(message: Element): Hint[] {
  return HINTS.filter((hint) => message.child(hint, NS.hints) !== undefined);
}
