/** XEP-0084: User Avatar. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { base64Decode, base64Encode } from '../sasl/base64.ts';
import { is, parseWhole } from './decode.ts';

/** One form of the picture. `id`: SHA-1 of its bytes in lower-case hexadecimal. */
export interface AvatarInfo {
  id: string;
  bytes: number;
  /** MIME type. */
  type: string;
  width?: number;
  height?: number;
  /** Where it is, when it is not an item of the data node. */
  url?: string;
}
const MANY = 32;
const SIDE = 65_535;

/** An empty list: the picture is switched off (§4.2.3). */
export function encodeAvatarMetadata(infos: readonly AvatarInfo[]): Element {
  return el(
    'metadata',
    { xmlns: NS.avatarMetadata },
    ...infos.map(({ id, bytes, type, width, height, url }) => el('info', { id, bytes, type, width, height, url })),
  );
}
/** Undefined for another element, more than 32 forms, or one without id, size or type. */
export function decodeAvatarMetadata(element: Element | undefined): AvatarInfo[] | undefined {
  if (!is(element, 'metadata', NS.avatarMetadata)) return undefined;
  const rows = element.childrenNamed('info', NS.avatarMetadata);
  if (rows.length > MANY) return undefined;
  const infos: AvatarInfo[] = [];
  for (const row of rows) {
    const [id, type, bytes] = [row.attr('id')?.toLowerCase(), row.attr('type'), parseWhole(row.attr('bytes'))];
    if (id === undefined || !/^[0-9a-f]{40}$/.test(id) || type === undefined || type.length > 127 || bytes === undefined) return undefined;
    infos.push({
      id,
      bytes,
      type,
      width: parseWhole(row.attr('width'), SIDE),
      height: parseWhole(row.attr('height'), SIDE),
      url: row.attr('url'),
    });
  }
  return infos;
}
export function encodeAvatarData(picture: Uint8Array): Element {
  return el('data', { xmlns: NS.avatarData }, base64Encode(picture));
}
/** Undefined for another element, or what is not base64. */
export function decodeAvatarData(element: Element | undefined): Uint8Array | undefined {
  return is(element, 'data', NS.avatarData) ? base64Decode(element.text().replace(/\s+/g, '')) : undefined;
}
