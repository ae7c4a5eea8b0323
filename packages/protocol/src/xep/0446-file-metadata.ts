/** XEP-0446: File metadata element. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { formatDateTime, parseDateTime } from './0082-datetime.ts';
import { decodeThumbnail, encodeThumbnail, type Thumbnail } from './0264-thumbnail.ts';
import { bounded, is, parseWhole } from './decode.ts';

export interface FileMetadata {
  name?: string;
  mediaType?: string;
  /** Bytes. */
  size?: number;
  /** Pixels. */
  width?: number;
  height?: number;
  /** Milliseconds. */
  length?: number;
  /** Last change, milliseconds since 1970. */
  date?: number;
  desc?: string;
  /** XEP-0300: base64 by name of the algorithm. */
  hashes?: { algo: string; value: string }[];
  thumbnails?: Thumbnail[];
}
const MANY = 8;
const PIXELS = 65_535;

export function encodeFileMetadata(file: FileMetadata): Element {
  const text = (name: string, value: string | number | undefined): Element | undefined =>
    value === undefined ? undefined : el(name, null, String(value));
  return el(
    'file',
    { xmlns: NS.fileMetadata },
    text('date', file.date === undefined ? undefined : formatDateTime(file.date)),
    text('desc', file.desc),
    ...(file.hashes ?? []).map(({ algo, value }) => el('hash', { xmlns: NS.hashes, algo }, value)),
    text('height', file.height),
    text('length', file.length),
    text('media-type', file.mediaType),
    text('name', file.name),
    text('size', file.size),
    ...(file.thumbnails ?? []).map(encodeThumbnail),
    text('width', file.width),
  );
}
/** Fields that are not right are left out; at most 8 hashes and thumbnails. The name is for showing, never a path. */
export function decodeFileMetadata(element: Element | undefined): FileMetadata | undefined {
  if (!is(element, 'file', NS.fileMetadata)) return undefined;
  const text = (name: string, max: number): string | undefined => bounded(element.childText(name, NS.fileMetadata), max);
  const whole = (name: string, max?: number): number | undefined => parseWhole(text(name, 20), max);
  const hashes = element
    .childrenNamed('hash', NS.hashes)
    .slice(0, MANY)
    .flatMap((child) => {
      const [algo, value] = [bounded(child.attr('algo'), 64), bounded(child.text().trim(), 256)];
      return algo && value ? [{ algo, value }] : [];
    });
  const thumbnails = element
    .childrenNamed('thumbnail', NS.thumbs)
    .slice(0, MANY)
    .flatMap((child) => decodeThumbnail(child) ?? []);
  return {
    name: text('name', 1024),
    mediaType: text('media-type', 255),
    size: whole('size'),
    width: whole('width', PIXELS),
    height: whole('height', PIXELS),
    length: whole('length'),
    date: parseDateTime(text('date', 64) ?? ''),
    desc: text('desc', 4096),
    hashes: hashes.length === 0 ? undefined : hashes,
    thumbnails: thumbnails.length === 0 ? undefined : thumbnails,
  };
}
