/** Which picture of an avatar (XEP-0084) goes into a vCard (XEP-0153), and how. Pure. */
import { type AvatarInfo, base64Encode, NS } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import type { AccessModel } from '../pep/service.ts';
import type { Readers } from '../vcard/service.ts';

/** The form that is an item of the data node (XEP-0398 §3.1); PNG before others, as every client can show it. */
export function storedForm(infos: readonly AvatarInfo[]): AvatarInfo | undefined {
  const stored = infos.filter(({ url }) => url === undefined);
  return stored.find(({ type }) => type === 'image/png') ?? stored[0];
}

/** Who sees the picture in the vCard, by the access model of the data node; undefined when it must not be copied there (XEP-0398 §6). */
export function readersOf(access: AccessModel): Readers | undefined {
  return access === 'open' ? 'anyone' : access === 'presence' ? 'contacts' : undefined;
}

/** The card with another picture, or with none. */
export function withPicture(card: Element | undefined, picture: { type: string; bytes: Uint8Array } | undefined): Element {
  const rest = (card?.children ?? []).filter((child) => typeof child === 'string' || child.name !== 'PHOTO');
  const photo =
    picture === undefined ? undefined : el('PHOTO', null, el('TYPE', null, picture.type), el('BINVAL', null, base64Encode(picture.bytes)));
  return el('vCard', { xmlns: NS.vcard }, ...rest, photo);
}

const MAGIC: ReadonlyArray<readonly [type: string, at: number, bytes: readonly number[]]> = [
  ['image/png', 0, [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', 0, [0xff, 0xd8, 0xff]],
  ['image/gif', 0, [0x47, 0x49, 0x46, 0x38]],
  ['image/webp', 8, [0x57, 0x45, 0x42, 0x50]],
];
/** What the card says, when that is a picture; else what the bytes look like. */
export function pictureType(said: string, bytes: Uint8Array): string | undefined {
  if (/^image\/[a-z0-9.+-]{1,64}$/.test(said)) return said;
  return MAGIC.find(([, at, magic]) => magic.every((byte, index) => bytes[at + index] === byte))?.[0];
}
