/** Codes that people read from one screen and type on another. */

/** Without letters and digits that look alike. */
const ALPHABET = 'ABCDEFGHJKMNPQRSTUVWXYZ23456789';
export const CODE_LENGTH = 8;

/** A code of these random bytes; undefined when too many of them would make some letters likelier than others. */
export function codeOf(bytes: Uint8Array): string | undefined {
  const even = 256 - (256 % ALPHABET.length);
  const letters = [...bytes].filter((byte) => byte < even).slice(0, CODE_LENGTH);
  return letters.length < CODE_LENGTH ? undefined : letters.map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
}

/** What somebody typed as a code: without spaces and hyphens, in capitals. Undefined when it cannot be one. */
export function cleanLinkCode(text: string): string | undefined {
  if (text.length > 40) return undefined;
  const code = text.replace(/[\s-]/g, '').toUpperCase();
  return code.length === CODE_LENGTH && [...code].every((letter) => ALPHABET.includes(letter)) ? code : undefined;
}
