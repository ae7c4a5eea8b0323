/** XEP-0466: Ephemeral Messages. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { is, parseWhole } from './decode.ts';

/** xs:unsignedInt */
const MAX_SECONDS = 4_294_967_295;

/** @param seconds how long the message is there */
export function encodeEphemeral(seconds: number): Element {
  return el('ephemeral', { xmlns: NS.ephemeral, timer: seconds });
}
/** Seconds; undefined for anything but a whole number of 32 bits. */
export function decodeEphemeral(element: Element | undefined): number | undefined {
  return is(element, 'ephemeral', NS.ephemeral) ? parseWhole(element.attr('timer'), MAX_SECONDS) : undefined;
}
