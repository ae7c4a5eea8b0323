/** XEP-0308: Last Message Correction. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { bounded } from './decode.ts';

export function encodeCorrection(id: string): Element {
  return el('replace', { xmlns: NS.correction, id });
}
/** The id of the message this one replaces. The caller checks that both have one sender (§5). */
export function decodeCorrection(message: Element): string | undefined {
  return bounded(message.child('replace', NS.correction)?.attr('id'), 1024) || undefined;
}
