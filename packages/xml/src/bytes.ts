/** The part of Node's Buffer that is used when the runtime has it (std packages have no Node types). */
interface BufferLike {
  allocUnsafeSlow(size: number): Uint8Array;
  from(text: string, encoding: 'utf8'): Uint8Array;
  readonly prototype: {
    latin1Slice(this: Uint8Array, start: number, end: number): string;
    utf8Slice(this: Uint8Array, start: number, end: number): string;
  };
}
const nodeBuffer = (globalThis as { Buffer?: BufferLike }).Buffer;
const usable = typeof nodeBuffer?.allocUnsafeSlow === 'function' && typeof nodeBuffer.prototype?.latin1Slice === 'function';
const buffer: BufferLike | undefined = usable ? nodeBuffer : undefined;
const latin1Slice = buffer?.prototype.latin1Slice;
const utf8Slice = buffer?.prototype.utf8Slice;
const encoder = new TextEncoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const EMPTY: Uint8Array = new Uint8Array(0);

/**
 * Small results share slabs of this size. Node's own pool has 64 KiB, and one kept result keeps its slab: with this size a
 * stanza that waits long (unacknowledged, say) costs 4 KiB at worst, and an exact allocation, which takes five times longer,
 * is left to what is known to stay (exactCopy).
 */
const SLAB_BYTES = 4096;
let slab: ArrayBuffer = new ArrayBuffer(SLAB_BYTES);
let slabUsed = 0;

/** Uninitialised bytes to be filled by the caller at once. */
export function allocate(size: number): Uint8Array {
  if (size > SLAB_BYTES >>> 2) return buffer ? buffer.allocUnsafeSlow(size) : new Uint8Array(size);
  if (slabUsed + size > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    slabUsed = 0;
  }
  const bytes = new Uint8Array(slab, slabUsed, size);
  slabUsed += size;
  return bytes;
}

/** An owned copy of a range. */
export function copyBytes(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (start >= end) return EMPTY;
  const copy = allocate(end - start);
  copy.set(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start)); // subarray of a Buffer is slower
  return copy;
}

/** An owned copy of a range that shares its memory with nothing else, for what is kept. */
export function exactCopy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (start >= end) return EMPTY;
  const copy = new Uint8Array(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}

/** UTF-8 bytes of a string; a lone surrogate becomes U+FFFD. */
export function utf8Encode(s: string): Uint8Array {
  return buffer ? buffer.from(s, 'utf8') : encoder.encode(s);
}

/** The string of UTF-8 bytes. Throws TypeError when they are not valid UTF-8. */
export function utf8Decode(bytes: Uint8Array, start = 0, end = bytes.length): string {
  for (let i = start; i < end; i++) {
    if (bytes[i]! >= 0x80) return strictDecoder.decode(bytes.subarray(start, end));
  }
  return latin1Slice ? latin1Slice.call(bytes, start, end) : strictDecoder.decode(bytes.subarray(start, end));
}

/** Like utf8Decode, for bytes that the scanner has proven. */
export function decodeProven(bytes: Uint8Array, start: number, end: number): string {
  if (start >= end) return '';
  return utf8Slice ? utf8Slice.call(bytes, start, end) : strictDecoder.decode(bytes.subarray(start, end));
}

/** The string of bytes that are known to be ASCII. */
export function decodeAscii(bytes: Uint8Array, start: number, end: number): string {
  return latin1Slice ? latin1Slice.call(bytes, start, end) : strictDecoder.decode(bytes.subarray(start, end));
}

const CACHE_MASK = 4095;
const CACHED_LENGTH = 96;
const cache: string[] = new Array<string>(CACHE_MASK + 1).fill('');

/**
 * The string of proven UTF-8 bytes, from a bounded direct-mapped cache when it is short ASCII: names and namespaces repeat, so
 * most of them cost no allocation. A collision only replaces the entry.
 */
export function intern(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length === 0) return '';
  if (length > CACHED_LENGTH) return decodeProven(bytes, start, end);
  // A few bytes tell names apart; whether it is the right one is compared in full below
  let hash = Math.imul(length, 31) + bytes[start]!;
  hash = Math.imul(hash, 31) + bytes[start + (length >>> 2)]!;
  hash = Math.imul(hash, 31) + bytes[start + (length >>> 1)]!;
  hash = Math.imul(hash, 31) + bytes[end - (length >>> 2) - 1]!;
  hash = Math.imul(hash, 31) + bytes[end - 1 - (length >>> 3)]!;
  hash = Math.imul(hash, 31) + bytes[end - 1]!;
  const slot = (hash ^ (hash >>> 12)) & CACHE_MASK;
  const known = cache[slot]!;
  if (known.length === length) {
    let i = 0;
    while (i < length && known.charCodeAt(i) === bytes[start + i]) i++;
    if (i === length) return known;
  }
  for (let i = start; i < end; i++) if (bytes[i]! >= 0x80) return decodeProven(bytes, start, end);
  const fresh = decodeAscii(bytes, start, end);
  cache[slot] = fresh;
  return fresh;
}

/**
 * Length of the UTF-8 sequence at `p` (whose first byte is >= 0x80): 2 to 4, 0 when it is invalid or not an XML 1.0 Char,
 * -1 when the bytes end inside a so far valid sequence.
 */
export function utf8Length(bytes: Uint8Array, p: number, end: number): number {
  const a = bytes[p]!;
  if (a < 0xc2 || a > 0xf4) return 0;
  if (p + 1 >= end) return -1;
  const b = bytes[p + 1]!;
  if ((b & 0xc0) !== 0x80) return 0;
  if (a < 0xe0) return 2;
  if (a < 0xf0) {
    if ((a === 0xe0 && b < 0xa0) || (a === 0xed && b > 0x9f)) return 0;
    if (p + 2 >= end) return -1;
    const c = bytes[p + 2]!;
    if ((c & 0xc0) !== 0x80) return 0;
    return a === 0xef && b === 0xbf && c > 0xbd ? 0 : 3; // U+FFFE and U+FFFF are no characters
  }
  if ((a === 0xf0 && b < 0x90) || (a === 0xf4 && b > 0x8f)) return 0;
  if (p + 2 >= end) return -1;
  if ((bytes[p + 2]! & 0xc0) !== 0x80) return 0;
  if (p + 3 >= end) return -1;
  return (bytes[p + 3]! & 0xc0) === 0x80 ? 4 : 0;
}

/** Code point of a proven sequence of `length` bytes. */
export function codePoint(bytes: Uint8Array, p: number, length: number): number {
  const a = bytes[p]!;
  const b = bytes[p + 1]! & 0x3f;
  if (length === 2) return ((a & 0x1f) << 6) | b;
  const c = bytes[p + 2]! & 0x3f;
  if (length === 3) return ((a & 0x0f) << 12) | (b << 6) | c;
  return ((a & 0x07) << 18) | (b << 12) | (c << 6) | (bytes[p + 3]! & 0x3f);
}

/** Whether a code point is an XML 1.0 Char. */
export function isXmlChar(c: number): boolean {
  return c < 0x20 ? c === 9 || c === 10 || c === 13 : c <= 0xd7ff || (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

/** NameStartChar above ASCII (XML 1.0, fifth edition). */
export function isNameStart(c: number): boolean {
  return (
    (c >= 0xc0 && c <= 0x2ff && c !== 0xd7 && c !== 0xf7) ||
    (c >= 0x370 && c <= 0x1fff && c !== 0x37e) ||
    c === 0x200c ||
    c === 0x200d ||
    (c >= 0x2070 && c <= 0x218f) ||
    (c >= 0x2c00 && c <= 0x2fef) ||
    (c >= 0x3001 && c <= 0xd7ff) ||
    (c >= 0xf900 && c <= 0xfdcf) ||
    (c >= 0xfdf0 && c <= 0xfffd) ||
    (c >= 0x10000 && c <= 0xeffff)
  );
}

/** NameChar above ASCII. */
export function isNameChar(c: number): boolean {
  return isNameStart(c) || c === 0xb7 || (c >= 0x300 && c <= 0x36f) || c === 0x203f || c === 0x2040;
}
