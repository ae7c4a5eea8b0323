/** XEP-0363: HTTP File Upload. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { is, parseWhole } from './decode.ts';

export interface UploadRequest {
  filename: string;
  /** Bytes. */
  size: number;
  contentType?: string;
}
export const UPLOAD_HEADERS = ['Authorization', 'Cookie', 'Expires'] as const;
export interface UploadSlot {
  put: string;
  get: string;
  /** Only Authorization, Cookie and Expires; others are dropped (§5). */
  headers?: { name: (typeof UPLOAD_HEADERS)[number]; value: string }[];
}
const URL_LENGTH = 4096;

export function encodeUploadRequest(value: UploadRequest): Element {
  return el('request', { xmlns: NS.upload, filename: value.filename, size: value.size, 'content-type': value.contentType });
}
export function decodeUploadRequest(element: Element | undefined): UploadRequest | undefined {
  if (!is(element, 'request', NS.upload)) return undefined;
  const [filename, contentType, size] = [element.attr('filename'), element.attr('content-type'), parseWhole(element.attr('size'))];
  if (!filename || filename.length > 1024 || (contentType?.length ?? 0) > 255 || !size) return undefined;
  return { filename, size, contentType };
}
export function encodeUploadSlot(slot: UploadSlot): Element {
  return el(
    'slot',
    { xmlns: NS.upload },
    el('put', { url: slot.put }, ...(slot.headers ?? []).map(({ name, value }) => el('header', { name }, value))),
    el('get', { url: slot.get }),
  );
}
/** Undefined without both URLs; they must be http or https (the caller decides whether plain http will do). */
export function decodeUploadSlot(element: Element | undefined): UploadSlot | undefined {
  if (!is(element, 'slot', NS.upload)) return undefined;
  const put = element.child('put', NS.upload);
  const [to, get] = [put?.attr('url'), element.child('get', NS.upload)?.attr('url')];
  if (put === undefined || to === undefined || get === undefined) return undefined;
  if (![to, get].every((url) => url.length <= URL_LENGTH && /^https?:\/\/[^\s\x00-\x20]+$/i.test(url))) return undefined;
  const headers: NonNullable<UploadSlot['headers']> = [];
  for (const header of put.childrenNamed('header', NS.upload).slice(0, 16)) {
    const name = UPLOAD_HEADERS.find((known) => known.toLowerCase() === header.attr('name')?.toLowerCase());
    // Line breaks are how one header becomes two (§11).
    if (name !== undefined) headers.push({ name, value: header.text().replace(/[\r\n]/g, '') });
  }
  return { put: to, get, headers: headers.length === 0 ? undefined : headers };
}
/** `<file-too-large/>`: extra of a `not-acceptable` error (§6). */
export function fileTooLarge(maxBytes: number): Element {
  return el('file-too-large', { xmlns: NS.upload }, el('max-file-size', null, String(maxBytes)));
}
