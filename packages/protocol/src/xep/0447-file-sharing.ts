/** XEP-0447: Stateless file sharing. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { decodeFileMetadata, encodeFileMetadata, type FileMetadata } from './0446-file-metadata.ts';
import { bounded, is } from './decode.ts';

export interface FileSharing {
  id?: string;
  disposition?: 'inline' | 'attachment';
  file: FileMetadata;
  /** http and https addresses of the content (XEP-0103 url-data). */
  urls: string[];
}
export function encodeFileSharing(value: FileSharing): Element {
  return el(
    'file-sharing',
    { xmlns: NS.sfs, id: value.id, disposition: value.disposition },
    encodeFileMetadata(value.file),
    el('sources', null, ...value.urls.map((target) => el('url-data', { xmlns: NS.urlData, target }))),
  );
}
/** Undefined without metadata. Sources other than http and https are left out; at most 8. */
export function decodeFileSharing(element: Element | undefined): FileSharing | undefined {
  if (!is(element, 'file-sharing', NS.sfs)) return undefined;
  const file = decodeFileMetadata(element.child('file', NS.fileMetadata));
  if (file === undefined) return undefined;
  const urls = (element.child('sources', NS.sfs)?.childrenNamed('url-data', NS.urlData) ?? [])
    .slice(0, 8)
    .flatMap((source) => bounded(source.attr('target'), 4096) ?? [])
    .filter((url) => /^https?:\/\/[^\s\x00-\x20]+$/i.test(url));
  const disposition = (['inline', 'attachment'] as const).find((name) => name === element.attr('disposition'));
  return { id: bounded(element.attr('id'), 1024), disposition, file, urls };
}
