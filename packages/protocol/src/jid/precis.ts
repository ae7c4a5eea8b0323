/** PRECIS string classes and profiles: RFC 8264, RFC 8265. The ASCII fast paths are with the callers. */
import { bidiClass, hasRightToLeft, VIRAMA, zwnjBetween } from './tables.ts';

/** Why a string is not of its PRECIS profile. */
export class PrecisError extends Error {
  override readonly name = 'PrecisError';
}

const EXCEPTION_VALID = /[\u00df\u03c2\u06fd\u06fe\u0f0b\u3007]/u;
const EXCEPTION_CONTEXT = /[\u00b7\u0375\u05f3\u05f4\u30fb\u0660-\u0669\u06f0-\u06f9\u200c\u200d]/u;
/** Context rules that ask about the whole string (RFC 5892 §A.7 to §A.9). */
const WHOLE_STRING = /[\u30fb\u0660-\u0669\u06f0-\u06f9]/u;
const EXCEPTION_DISALLOWED = /[\u0640\u07fa\u302e\u302f\u3031-\u3035\u303b]/u;
const UNASSIGNED = /[\p{Cn}--\p{Noncharacter_Code_Point}]/v;
const OLD_HANGUL = /[\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7c6\ud7cb-\ud7fb]/u;
const IGNORABLE = /[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/u;
const LETTER_DIGIT = /[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]/u;
const FREEFORM = /[\p{Lt}\p{Nl}\p{No}\p{Me}\p{Zs}\p{S}\p{P}]/u;

type StringClass = 'identifier' | 'freeform';

function hex(char: string): string {
  return `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** Context rules of RFC 5892 appendix A for `text[at]`. */
function contextAllows(char: string, before: string, after: string): boolean {
  switch (char) {
    case '\u200d':
      return VIRAMA.test([...before].at(-1) ?? '');
    case '\u200c':
      return VIRAMA.test([...before].at(-1) ?? '') || zwnjBetween(before, after);
    case '\u00b7':
      return before.endsWith('l') && after.startsWith('l');
    case '\u0375':
      return /^\p{Script=Greek}/u.test(after);
    case '\u05f3':
    case '\u05f4':
      return /\p{Script=Hebrew}$/u.test(before);
    case '\u30fb':
      return /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u.test((before + after).replaceAll('\u30fb', ''));
    default: {
      const whole = before + char + after;
      return !(/[\u0660-\u0669]/u.test(whole) && /[\u06f0-\u06f9]/u.test(whole));
    }
  }
}

/** Throws PrecisError unless every code point may be in the class (RFC 8264 §8). */
function checkClass(text: string, kind: StringClass): void {
  let at = 0;
  // The rules of these look at the whole string: once is enough, or a string of them costs its length squared.
  const known = new Set<string>();
  for (const char of text) {
    const point = char.codePointAt(0) ?? 0;
    if (point > 0x7e) {
      const rule = WHOLE_STRING.test(char) ? (point === 0x30fb ? char : 'digits') : '';
      if (!known.has(rule)) checkPoint(char, text, at, kind);
      if (rule !== '') known.add(rule);
    } else if (point < 0x20 || (point === 0x20 && kind === 'identifier')) throw new PrecisError(`${hex(char)} is not allowed`);
    at += char.length;
  }
}

function checkPoint(char: string, text: string, at: number, kind: StringClass): void {
  if (EXCEPTION_VALID.test(char)) return;
  if (EXCEPTION_CONTEXT.test(char)) {
    if (contextAllows(char, text.slice(0, at), text.slice(at + char.length))) return;
    throw new PrecisError(`${hex(char)} is not allowed in this place`);
  }
  if (EXCEPTION_DISALLOWED.test(char)) throw new PrecisError(`${hex(char)} is not allowed`);
  if (UNASSIGNED.test(char)) throw new PrecisError(`${hex(char)} is not assigned`);
  if (OLD_HANGUL.test(char) || IGNORABLE.test(char)) throw new PrecisError(`${hex(char)} is not allowed`);
  if (char.normalize('NFKC') !== char) {
    if (kind === 'freeform' && !/[\p{Cc}\p{Cs}]/u.test(char)) return;
    throw new PrecisError(`${hex(char)} is a compatibility form`);
  }
  if (LETTER_DIGIT.test(char)) return;
  if (kind === 'freeform' && FREEFORM.test(char)) return;
  throw new PrecisError(`${hex(char)} is not allowed`);
}

/** The Bidi rule, RFC 5893 §2; text without right-to-left code points passes. */
export function checkBidi(text: string): void {
  if (!hasRightToLeft(text)) return;
  const classes = [...text].map(bidiClass);
  const first = classes[0];
  let last = classes.length - 1;
  while (last > 0 && classes[last] === 'NSM') last--;
  const end = classes[last];
  const seen = new Set(classes);
  const right = first === 'R' && !seen.has('L') && (end === 'R' || end === 'EN' || end === 'AN') && !(seen.has('EN') && seen.has('AN'));
  const left = first === 'L' && !seen.has('R') && !seen.has('AN') && (end === 'L' || end === 'EN');
  if (!right && !left) throw new PrecisError('right-to-left and left-to-right characters are mixed');
}

/** Full-width and half-width forms to their ordinary ones (RFC 8264 §5.2.1). */
export function mapWidth(text: string): string {
  return text.replace(/[\u3000\uff01-\uffef]/gu, (char) => char.normalize('NFKC'));
}

/** Lower case without context: a final sigma keeps no memory of being capital, so that preparing is stable under joining. */
export function lowerCase(text: string): string {
  return text.replaceAll('\u03a3', '\u03c3').toLowerCase();
}

/** UsernameCaseMapped, RFC 8265 §3.3. Throws PrecisError. */
export function usernameCaseMapped(text: string): string {
  const wide = mapWidth(text);
  checkClass(wide, 'identifier');
  const out = lowerCase(wide).normalize('NFC');
  if (out === '') throw new PrecisError('empty');
  if (out !== wide) checkClass(out, 'identifier');
  if (lowerCase(out).normalize('NFC') !== out) throw new PrecisError('has no stable form');
  checkBidi(out);
  return out;
}

/** OpaqueString, RFC 8265 §4.2: passwords and resources. Throws PrecisError. */
export function opaqueString(text: string): string {
  const out = text.replace(/\p{Zs}/gu, ' ').normalize('NFC');
  if (out === '') throw new PrecisError('empty');
  checkClass(out, 'freeform');
  return out;
}

/** A label of a domain name as a U-label (RFC 5891 §4.2, RFC 5892). The text is lower case and NFC already. Throws PrecisError. */
export function checkULabel(label: string): void {
  if (/^\p{M}/u.test(label)) throw new PrecisError('a label begins with a combining mark');
  if (/[\x00-\x2c\x2e\x2f\x3a-\x60\x7b-\x7f]/.test(label)) throw new PrecisError('a label has a character that names cannot have');
  if (label.startsWith('-') || label.endsWith('-') || label.slice(2, 4) === '--')
    throw new PrecisError('a label has a hyphen in a wrong place');
  checkClass(label, 'identifier');
}

const PRINTABLE_ASCII = /^[\x20-\x7e]+$/;

/** A password as it goes into SCRAM, PLAIN and the key derivation: OpaqueString (RFC 8265 §4.2); undefined when it is not one. */
export function preparePassword(password: string): string | undefined {
  if (PRINTABLE_ASCII.test(password)) return password;
  try {
    return opaqueString(password);
  } catch (error) {
    if (error instanceof PrecisError) return undefined;
    throw error;
  }
}
