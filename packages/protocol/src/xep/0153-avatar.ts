/** XEP-0153: vCard-Based Avatars. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { is } from './decode.ts';

/** `photo`: SHA-1 of the image in hex, '' for no avatar, undefined for not ready to say (§4.3). */
export function encodeAvatarUpdate(photo: string | undefined): Element {
  return el('x', { xmlns: NS.vcardUpdate }, photo === undefined ? undefined : el('photo', null, photo === '' ? undefined : photo));
}
export function decodeAvatarUpdate(element: Element | undefined): { photo?: string } | undefined {
  if (!is(element, 'x', NS.vcardUpdate)) return undefined;
  const photo = element.childText('photo')?.trim().toLowerCase();
  return photo === undefined ? {} : /^(?:[0-9a-f]{40})?$/.test(photo) ? { photo } : undefined;
}
