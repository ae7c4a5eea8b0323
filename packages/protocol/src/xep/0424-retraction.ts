/** XEP-0424: Message Retraction. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { formatDateTime, parseDateTime } from './0082-datetime.ts';
import { bounded, is } from './decode.ts';

/** What stands where a message was (§4). */
export interface Retracted {
  /** `id` of the message that retracted it; a moderator's retraction may have none (XEP-0425 §4). */
  id?: string;
  /** When, in milliseconds since 1970. */
  stamp?: number;
}
const ID_LENGTH = 1024;

export function encodeRetract(id: string): Element {
  return el('retract', { xmlns: NS.retraction, id });
}
/** The id of the message that is to go. The caller checks that both have one sender (§5). */
export function decodeRetract(element: Element | undefined): string | undefined {
  return is(element, 'retract', NS.retraction) ? bounded(element.attr('id'), ID_LENGTH) || undefined : undefined;
}

/** `content` is what a service adds, such as `<moderated/>` and `<reason/>` of XEP-0425. */
export function encodeRetracted(value: Retracted, ...content: Element[]): Element {
  const stamp = value.stamp === undefined ? undefined : formatDateTime(value.stamp);
  return el('retracted', { xmlns: NS.retraction, id: value.id, stamp }, ...content);
}
export function decodeRetracted(element: Element | undefined): Retracted | undefined {
  if (!is(element, 'retracted', NS.retraction)) return undefined;
  return { id: bounded(element.attr('id'), ID_LENGTH) || undefined, stamp: parseDateTime(element.attr('stamp') ?? '') };
}
