/** What a file may claim to be, and how it is shown. */

const SYNTAX = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;

/** Pictures, films and sounds that browsers show without running anything. SVG is not among them: it can hold scripts. */
const INLINE = new Set([
  ...['jpeg', 'png', 'gif', 'webp', 'avif', 'bmp'].map((name) => `image/${name}`),
  ...['mp4', 'webm', 'ogg', 'quicktime'].map((name) => `video/${name}`),
  ...['mpeg', 'mp4', 'ogg', 'webm', 'aac', 'wav', 'x-wav', 'flac', 'opus', 'x-m4a'].map((name) => `audio/${name}`),
]);
/** Kept as what they are, but saved instead of shown. */
const SAVED = new Set(['application/pdf', 'text/plain', 'application/zip']);

/** Lower-case type and subtype without parameters; `application/octet-stream` when it is none. */
export function normalContentType(text: string | undefined): string {
  const type = (text ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return SYNTAX.test(type) ? type : 'application/octet-stream';
}

export interface Presentation {
  readonly contentType: string;
  readonly disposition: string;
}

/** How a stored file is served: only harmless types keep their name and are shown in place. */
export function presentation(contentType: string, filename: string): Presentation {
  const inline = INLINE.has(contentType);
  // RFC 6266: an ASCII fallback, and the whole name for those who understand it.
  const ascii = filename.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const whole = encodeURIComponent(filename).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return {
    contentType: inline || SAVED.has(contentType) ? contentType : 'application/octet-stream',
    disposition: `${inline ? 'inline' : 'attachment'}; filename="${ascii}"; filename*=UTF-8''${whole}`,
  };
}

/** A file name as metadata: no path, no control or direction-changing characters, at most 120 characters with its extension kept. */
export function safeFilename(text: string): string {
  const base = text.split(/[/\\]/).at(-1) ?? '';
  const clean = base
    .toWellFormed()
    .replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff:]/g, '')
    .replace(/^[.\s]+|[.\s]+$/g, '');
  if (clean === '') return 'file';
  const letters = [...clean];
  if (letters.length <= 120) return clean;
  const dot = letters.lastIndexOf('.');
  const extension = dot > 0 && letters.length - dot <= 16 ? letters.slice(dot) : [];
  return [...letters.slice(0, 120 - extension.length), ...extension].join('');
}
