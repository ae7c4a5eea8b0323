/** XEP-0054: vcard-temp. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { base64Decode, base64Encode } from '../sasl/base64.ts';
import { is } from './decode.ts';

export interface VCard {
  fullName?: string;
  nickname?: string;
  description?: string;
  birthday?: string;
  url?: string;
  email?: string[];
  photo?: { type: string; data: Uint8Array };
  /** Elements this codec does not read; written back as they were. */
  unknown?: Element[];
}

const TEXTS = { FN: 'fullName', NICKNAME: 'nickname', DESC: 'description', BDAY: 'birthday', URL: 'url' } as const;
const TEXT_LENGTH = 8192;
const PHOTO_TEXT_LENGTH = 256 * 1024;
const MANY = 64;

export function vcardQuery(): Element {
  return el('vCard', { xmlns: NS.vcard });
}
export function encodeVCard(card: VCard): Element {
  const texts = Object.entries(TEXTS).map(([name, key]) => (card[key] === undefined ? undefined : el(name, null, card[key])));
  return el(
    'vCard',
    { xmlns: NS.vcard },
    ...texts,
    ...(card.email ?? []).map((address) => el('EMAIL', null, el('INTERNET'), el('USERID', null, address))),
    card.photo && el('PHOTO', null, el('TYPE', null, card.photo.type), el('BINVAL', null, base64Encode(card.photo.data))),
    ...(card.unknown ?? []),
  );
}
/** Undefined for another element, too many children, or a text that is too long. A photo that is none is left in `unknown`. */
export function decodeVCard(element: Element | undefined): VCard | undefined {
  if (!is(element, 'vCard', NS.vcard) || element.children.length > 4 * MANY) return undefined;
  const card: VCard = {};
  const unknown: Element[] = [];
  const email: string[] = [];
  for (const child of element.elements()) {
    const key = child.ns === NS.vcard && Object.hasOwn(TEXTS, child.name) ? TEXTS[child.name as keyof typeof TEXTS] : undefined;
    const address = child.name === 'EMAIL' && child.ns === NS.vcard ? child.childText('USERID') : undefined;
    if (key !== undefined && card[key] === undefined) {
      const text = child.text();
      if (text.length > TEXT_LENGTH) return undefined;
      card[key] = text;
    } else if (address !== undefined && address.length <= TEXT_LENGTH && email.length < MANY) email.push(address);
    else if (child.name === 'PHOTO' && child.ns === NS.vcard && card.photo === undefined) {
      card.photo = decodePhoto(child);
      if (card.photo === undefined) unknown.push(child);
    } else unknown.push(child);
  }
  if (email.length > 0) card.email = email;
  if (unknown.length > 0) card.unknown = unknown;
  return card;
}
function decodePhoto(element: Element): VCard['photo'] {
  const type = element.childText('TYPE') ?? '';
  const text = element.childText('BINVAL') ?? '';
  if (text.length > PHOTO_TEXT_LENGTH || !/^image\/[a-z0-9.+-]{1,64}$/.test(type)) return undefined;
  // Clients break the lines of BINVAL.
  const data = base64Decode(text.replace(/\s+/g, ''));
  return data === undefined || data.length === 0 ? undefined : { type, data };
}
