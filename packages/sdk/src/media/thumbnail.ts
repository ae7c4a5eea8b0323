import { kindOf, mediaTypeOf, webUrl } from '../messages/codec.ts';
import type { AbortSignalLike, Platform } from '../platform.ts';
import type { Attachment } from '../types.ts';
import type { UploadSlot } from './upload-service.ts';

const TIMEOUT_MS = 20_000;

export interface Preview {
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly thumbhash: string | undefined;
  readonly thumbnail: Attachment['thumbnail'];
}

/**
 * Asks the media server for a small picture of what was just uploaded: `POST` to `thumbnail` beside the file. A server without it, or a
 * picture it cannot read, gives none: the message then goes without a preview.
 */
export async function askForThumbnail(platform: Platform, slot: UploadSlot, signal: AbortSignalLike): Promise<Preview | undefined> {
  // Only the media server that took the file may be asked.
  if (new URL(slot.getUrl).origin !== new URL(slot.putUrl).origin) return undefined;
  try {
    const answer = await platform.http({
      method: 'POST',
      url: new URL('thumbnail', slot.getUrl).href,
      timeoutMs: TIMEOUT_MS,
      signal,
    });
    return answer.status >= 200 && answer.status < 300 ? readPreview(JSON.parse(answer.text), slot.getUrl) : undefined;
  } catch {
    return undefined;
  }
}

function readPreview(answer: unknown, base: string): Preview | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const fields = answer as Readonly<Record<string, unknown>>;
  const thumb = (typeof fields['thumbnail'] === 'object' && fields['thumbnail'] !== null ? fields['thumbnail'] : {}) as Readonly<
    Record<string, unknown>
  >;
  const url = typeof thumb['path'] === 'string' ? webUrl(new URL(thumb['path'], base).href) : undefined;
  const mediaType = mediaTypeOf(typeof thumb['mediaType'] === 'string' ? thumb['mediaType'] : 'image/webp');
  const hash = fields['thumbhash'];
  return {
    width: size(fields['width']),
    height: size(fields['height']),
    thumbhash: typeof hash === 'string' && /^[A-Za-z0-9+/]{1,64}=*$/.test(hash) ? hash : undefined,
    thumbnail:
      url === undefined || new URL(url).origin !== new URL(base).origin || kindOf(mediaType) !== 'image'
        ? undefined
        : { url, mediaType, width: size(thumb['width']) ?? 0, height: size(thumb['height']) ?? 0 },
  };
}

function size(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65_535 ? value : undefined;
}
