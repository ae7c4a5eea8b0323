/** XEP-0425: Moderated Message Retraction. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { encodeOccupantId } from './0045-muc.ts';
import { bounded, is } from './decode.ts';

/** A moderator wants the message with this id of the room to go. */
export interface Moderate {
  id: string;
  reason?: string;
}
export function encodeModerate(value: Moderate): Element {
  return el(
    'moderate',
    { xmlns: NS.moderation, id: value.id },
    el('retract', { xmlns: NS.retraction }),
    value.reason === undefined ? undefined : el('reason', null, value.reason),
  );
}
/** Undefined without an id, and for moderation that is no retraction. */
export function decodeModerate(element: Element | undefined): Moderate | undefined {
  if (!is(element, 'moderate', NS.moderation)) return undefined;
  const id = bounded(element.attr('id'), 256);
  if (id === undefined || id === '' || element.child('retract', NS.retraction) === undefined) return undefined;
  return { id, reason: bounded(element.childText('reason', NS.moderation), 2048) };
}

/** What the room tells (`retract`) and what it leaves of the message (`retracted`, with the time). */
export function encodeModerated(
  name: 'retract' | 'retracted',
  value: { id?: string; stamp?: string; by?: string; occupantId?: string; reason?: string },
): Element {
  return el(
    name,
    { xmlns: NS.retraction, id: value.id, stamp: value.stamp },
    el(
      'moderated',
      { xmlns: NS.moderation, by: value.by },
      value.occupantId === undefined ? undefined : encodeOccupantId(value.occupantId),
    ),
    value.reason === undefined ? undefined : el('reason', null, value.reason),
  );
}
