import { codePoint, decodeAscii, decodeProven, intern, isNameChar, isNameStart, isXmlChar, utf8Length } from './bytes.ts';
import { notWellFormed, overLimit, XmlError, type XmlLimits } from './errors.ts';

/** Answer of the functions below when the bytes end too early. */
export const INCOMPLETE = -1;
/** A longer `&...;` is refused: it could only be a reference with many leading zeros. */
const REFERENCE_BYTES = 32;

// Classes of bytes inside names.
const START = 1;
const CHAR = 2;
const COLON = 3;
const HIGH = 4;
export const NAME_CLASS: Uint8Array = new Uint8Array(256);
for (let c = 0; c < 256; c++) {
  const s = String.fromCharCode(c);
  if (c >= 0x80) NAME_CLASS[c] = HIGH;
  else if (/[A-Za-z_]/.test(s)) NAME_CLASS[c] = START;
  else if (/[0-9.-]/.test(s)) NAME_CLASS[c] = CHAR;
  else if (s === ':') NAME_CLASS[c] = COLON;
}

// Classes of bytes inside attribute values.
const V_AMP = 1;
const V_QUOTE = 2;
const V_BAD = 3;
const V_SPACE = 4;
const V_HIGH = 5;
const VALUE_CLASS = new Uint8Array(256);
for (let c = 0; c < 0x20; c++) VALUE_CLASS[c] = V_BAD;
for (let c = 0x80; c < 256; c++) VALUE_CLASS[c] = V_HIGH;
VALUE_CLASS[0x26] = V_AMP;
VALUE_CLASS[0x22] = VALUE_CLASS[0x27] = V_QUOTE;
VALUE_CLASS[0x3c] = V_BAD;
VALUE_CLASS[9] = VALUE_CLASS[10] = VALUE_CLASS[13] = V_SPACE;

/** Value flags: the raw bytes are not the value / the bytes are not canonical / not all of them are ASCII. */
export const ESCAPED = 1;
export const ODD = 2;
const NON_ASCII = 4;

/** Where the last scanned name had its colon, or -1. */
export let colonAt = -1;

/** Scans a qualified name; returns its end (the first byte after it) or INCOMPLETE. */
export function scanName(b: Uint8Array, p: number, end: number): number {
  colonAt = -1;
  let first = true;
  for (;;) {
    if (p >= end) return INCOMPLETE;
    let kind = NAME_CLASS[b[p]!]!;
    if (kind === START || (kind === CHAR && !first)) {
      do {
        if (++p >= end) return INCOMPLETE;
        kind = NAME_CLASS[b[p]!]!;
      } while (kind === START || kind === CHAR);
      first = false;
    }
    if (kind === COLON) {
      if (first || colonAt >= 0) throw notWellFormed('a name has a misplaced colon');
      colonAt = p++;
      first = true;
    } else if (kind === HIGH) {
      const n = utf8Length(b, p, end);
      if (n < 0) return INCOMPLETE;
      if (n === 0) throw notWellFormed('invalid UTF-8');
      const c = codePoint(b, p, n);
      if (first ? !isNameStart(c) : !isNameChar(c)) throw notWellFormed('a name has a character that cannot be in one');
      first = false;
      p += n;
    } else {
      if (first) throw notWellFormed(kind === CHAR ? 'a name starts with a character that cannot start one' : 'a name is missing');
      return p;
    }
  }
}

/** Set by scanReference: whether the reference must be rewritten to be canonical. */
export let oddReference = false;

/** Scans `&...;` at `p`; returns the position after it or INCOMPLETE. Only XML's five entities exist. */
export function scanReference(b: Uint8Array, p: number, end: number): number {
  oddReference = false;
  const limit = p + REFERENCE_BYTES;
  let q = p + 1;
  for (; ; q++) {
    if (q >= end && q < limit) return INCOMPLETE;
    if (q >= limit) throw notWellFormed('an & begins no reference');
    const c = b[q]!;
    if (c === 0x3b) break;
    // & < > quotes and white space cannot be part of one: no need to wait for a semicolon
    if (c <= 0x22 || c === 0x26 || c === 0x27 || (c >= 0x3c && c <= 0x3e) || c === 0x2f) throw notWellFormed('an & begins no reference');
  }
  if (b[p + 1] !== 0x23) {
    if (entityValue(b, p + 1, q) === undefined) throw entityError(b, p + 1, q);
    return q + 1;
  }
  let at = p + 2;
  const hex = b[at] === 0x78;
  if (hex) at++;
  if (at >= q) throw notWellFormed('a character reference is empty');
  if (b[at] === 0x30) oddReference = true;
  let value = 0;
  for (; at < q; at++) {
    const c = b[at]!;
    const lower = c | 0x20;
    let digit = -1;
    if (c >= 0x30 && c <= 0x39) digit = c - 0x30;
    else if (hex && lower >= 0x61 && lower <= 0x66) digit = lower - 0x57;
    if (digit < 0) throw notWellFormed('a character reference is malformed');
    value = Math.min(value * (hex ? 16 : 10) + digit, 0x110000);
  }
  if (!isXmlChar(value)) throw notWellFormed('a character reference names no XML character');
  return q + 1;
}

function entityError(b: Uint8Array, start: number, end: number): XmlError {
  if (start === end || scanName(b, start, end + 1) !== end) return notWellFormed('an & begins no reference');
  return new XmlError('restricted-xml', 'an entity is not one of the five that XML predefines');
}

function entityValue(b: Uint8Array, s: number, e: number): string | undefined {
  switch (e - s) {
    case 2:
      if (b[s + 1] !== 0x74) return undefined;
      return b[s] === 0x6c ? '<' : b[s] === 0x67 ? '>' : undefined;
    case 3:
      return b[s] === 0x61 && b[s + 1] === 0x6d && b[s + 2] === 0x70 ? '&' : undefined;
    case 4:
      if (b[s + 2] !== 0x6f) return undefined;
      if (b[s] === 0x71 && b[s + 1] === 0x75 && b[s + 3] === 0x74) return '"';
      return b[s] === 0x61 && b[s + 1] === 0x70 && b[s + 3] === 0x73 ? "'" : undefined;
    default:
      return undefined;
  }
}

/** The attributes of the start tag that was scanned last (one scratch for all: a tag is consumed before the next is scanned). */
export const tag = {
  /** End of the qualified element name, and its colon or -1. */
  nameEnd: 0,
  colon: -1,
  selfClosing: false,
  count: 0,
  nameStart: [] as number[],
  nameStop: [] as number[],
  colons: [] as number[],
  valueStart: [] as number[],
  valueStop: [] as number[],
  flags: [] as number[],
};

/** Scans a whole start tag whose `<` is at `p` into `tag`; returns the position after `>` or INCOMPLETE. */
export function scanStartTag(b: Uint8Array, p: number, end: number, limits: XmlLimits): number {
  p = scanName(b, p + 1, end);
  if (p < 0) return INCOMPLETE;
  tag.nameEnd = p;
  tag.colon = colonAt;
  let count = 0;
  for (;;) {
    const before = p;
    let c = 0;
    for (; p < end; p++) {
      c = b[p]!;
      if (c !== 0x20 && c !== 10 && c !== 9 && c !== 13) break;
    }
    if (p >= end) return INCOMPLETE;
    if (c === 0x3e) {
      tag.selfClosing = false;
      tag.count = count;
      return p + 1;
    }
    if (c === 0x2f) {
      if (p + 1 >= end) return INCOMPLETE;
      if (b[p + 1] !== 0x3e) throw notWellFormed('a / is not followed by >');
      tag.selfClosing = true;
      tag.count = count;
      return p + 2;
    }
    if (p === before) throw notWellFormed('white space is missing before an attribute');
    const nameStart = p;
    p = scanName(b, p, end);
    if (p < 0) return INCOMPLETE;
    const colon = colonAt;
    const nameStop = p;
    while (p < end && (b[p] === 0x20 || b[p] === 10 || b[p] === 9 || b[p] === 13)) p++;
    if (p >= end) return INCOMPLETE;
    if (b[p] !== 0x3d) throw notWellFormed('an attribute has no value');
    p++;
    while (p < end && (b[p] === 0x20 || b[p] === 10 || b[p] === 9 || b[p] === 13)) p++;
    if (p >= end) return INCOMPLETE;
    const quote = b[p]!;
    if (quote !== 0x22 && quote !== 0x27) throw notWellFormed('an attribute value has no quotes');
    const valueStart = ++p;
    let flags = 0;
    for (;;) {
      while (p < end && VALUE_CLASS[b[p]!] === 0) p++;
      if (p - valueStart > limits.attributeBytes) throw overLimit('attributeBytes', limits);
      if (p >= end) return INCOMPLETE;
      const kind = VALUE_CLASS[b[p]!]!;
      if (kind === V_QUOTE) {
        if (b[p] === quote) break;
        p++;
      } else if (kind === V_HIGH) {
        const n = utf8Length(b, p, end);
        if (n < 0) return INCOMPLETE;
        if (n === 0) throw notWellFormed('invalid UTF-8');
        p += n;
        flags |= NON_ASCII;
      } else if (kind === V_AMP) {
        p = scanReference(b, p, end);
        if (p < 0) return INCOMPLETE;
        flags |= oddReference ? ESCAPED | ODD : ESCAPED;
      } else if (kind === V_SPACE) {
        flags |= ESCAPED | ODD;
        p++;
      } else throw notWellFormed(b[p] === 0x3c ? 'a < is inside an attribute value' : 'a control character');
    }
    if (count >= 4096) throw overLimit('attributes', limits);
    tag.nameStart[count] = nameStart;
    tag.nameStop[count] = nameStop;
    tag.colons[count] = colon;
    tag.valueStart[count] = valueStart;
    tag.valueStop[count] = p;
    tag.flags[count] = flags;
    count++;
    if (count > limits.attributes + limits.namespaces + 1) throw overLimit('attributes', limits);
    p++;
    if (p >= end) return INCOMPLETE;
  }
}

const REFERENCE = /&(#x?)?([^;]+);/g;
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function resolve(_: string, numeric: string | undefined, value: string): string {
  if (numeric === undefined) return ENTITIES[value] ?? '';
  return String.fromCodePoint(Number.parseInt(value, numeric === '#x' ? 16 : 10));
}

/** The value of a proven attribute: white space normalised (XML 1.0 §3.3.3), references resolved. */
export function attributeValue(b: Uint8Array, start: number, end: number, flags: number): string {
  if (flags === 0) return intern(b, start, end);
  return unusualValue(b, start, end);
}

/** The same for what seldom repeats (addresses, ids): past the cache. */
export function uniqueValue(b: Uint8Array, start: number, end: number, flags: number): string {
  return flags === 0 ? decodeAscii(b, start, end) : unusualValue(b, start, end);
}

function unusualValue(b: Uint8Array, start: number, end: number): string {
  return decodeProven(b, start, end)
    .replace(/\r\n|[\t\n\r]/g, ' ')
    .replace(REFERENCE, resolve);
}

/** The text of proven character data: line ends normalised (XML 1.0 §2.11), references resolved. */
export function textValue(b: Uint8Array, start: number, end: number): string {
  const raw = decodeProven(b, start, end);
  const lines = raw.includes('\r') ? raw.replace(/\r\n?/g, '\n') : raw;
  return lines.includes('&') ? lines.replace(REFERENCE, resolve) : lines;
}
