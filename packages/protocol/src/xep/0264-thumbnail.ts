/** XEP-0264: Jingle Content Thumbnails. A thumbhash placeholder is a thumbnail with the URI `data:image/thumbhash,<base64>`. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { base64Decode, base64Encode } from '../sasl/base64.ts';
import { bounded, is, parseWhole } from './decode.ts';

export interface Thumbnail {
  uri: string;
  mediaType?: string;
  /** Pixels. */
  width?: number;
  height?: number;
}
const URI_LENGTH = 16_384;
const PIXELS = 65_535;
const THUMBHASH = 'data:image/thumbhash,';
const THUMBHASH_BYTES = 64;

export function encodeThumbnail(value: Thumbnail): Element {
  return el('thumbnail', { xmlns: NS.thumbs, uri: value.uri, 'media-type': value.mediaType, width: value.width, height: value.height });
}
export function decodeThumbnail(element: Element | undefined): Thumbnail | undefined {
  if (!is(element, 'thumbnail', NS.thumbs)) return undefined;
  const uri = bounded(element.attr('uri'), URI_LENGTH);
  if (!uri) return undefined;
  const pixels = (name: string): number | undefined => parseWhole(element.attr(name), PIXELS);
  return { uri, mediaType: bounded(element.attr('media-type'), 255), width: pixels('width'), height: pixels('height') };
}
export function thumbhashUri(hash: Uint8Array): string {
  return THUMBHASH + base64Encode(hash);
}
/** The thumbhash in such a URI; undefined for others. Percent-encoding of `+`, `/` and `=` is read, too. */
export function parseThumbhashUri(uri: string): Uint8Array | undefined {
  if (!uri.startsWith(THUMBHASH) || uri.length > 400) return undefined;
  const text = uri.slice(THUMBHASH.length).replace(/%(2B|2F|3D)/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  const bytes = base64Decode(text);
  return bytes === undefined || bytes.length < 5 || bytes.length > THUMBHASH_BYTES ? undefined : bytes;
}
