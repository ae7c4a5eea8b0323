/** Base64 as SASL wants it: RFC 4648 §4, strict (RFC 6120 §6.4.2). */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** ECMAScript's own, where the runtime has it (all that is newer than 2025); several times faster. Its decoder is not. */
const toBase64 = (Uint8Array.prototype as { toBase64?(this: Uint8Array): string }).toBase64;

/** Base64 with padding. */
export function base64Encode(bytes: Uint8Array): string {
  return toBase64 === undefined ? encode(bytes) : toBase64.call(bytes);
}

function encode(bytes: Uint8Array): string {
  let out = '';
  let i = 0;
  for (; i + 2 < bytes.length; i += 3) {
    const n = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    out += ALPHABET[n >> 18]! + ALPHABET[(n >> 12) & 63]! + ALPHABET[(n >> 6) & 63]! + ALPHABET[n & 63]!;
  }
  if (i + 1 === bytes.length) out += `${ALPHABET[bytes[i]! >> 2]!}${ALPHABET[(bytes[i]! & 3) << 4]!}==`;
  else if (i + 2 === bytes.length) {
    const n = (bytes[i]! << 8) | bytes[i + 1]!;
    out += `${ALPHABET[n >> 10]!}${ALPHABET[(n >> 4) & 63]!}${ALPHABET[(n << 2) & 63]!}=`;
  }
  return out;
}

/** Values of the characters, by code; 64 for what is none. */
const VALUES = /* @__PURE__ */ (() => {
  const values = new Uint8Array(128).fill(64);
  for (let value = 0; value < 64; value++) values[ALPHABET.charCodeAt(value)] = value;
  return values;
})();

/** The bytes, or undefined for anything but the one canonical form: no white space, full padding, unused bits zero. */
export function base64Decode(text: string): Uint8Array | undefined {
  const length = text.length;
  if (length % 4 !== 0) return undefined;
  const padding = length === 0 || text.charCodeAt(length - 1) !== 61 ? 0 : text.charCodeAt(length - 2) === 61 ? 2 : 1;
  const digits = length - padding;
  const out = new Uint8Array((length / 4) * 3 - padding);
  let bits = 0;
  let at = 0;
  let i = 0;
  // All that is wrong leaves a mark, which is looked at once at the end.
  let codes = 0;
  let wrong = 0;
  const value = (index: number): number => {
    const code = text.charCodeAt(index);
    codes |= code;
    const found = VALUES[code & 127]!;
    wrong |= found;
    return found;
  };
  for (; i + 3 < digits; i += 4) {
    bits = (value(i) << 18) | (value(i + 1) << 12) | (value(i + 2) << 6) | value(i + 3);
    out[at++] = bits >> 16;
    out[at++] = (bits >> 8) & 255;
    out[at++] = bits & 255;
  }
  let rest = 0;
  if (digits - i === 2) {
    bits = (value(i) << 6) | value(i + 1);
    out[at] = bits >> 4;
    rest = bits & 15;
  } else if (digits - i === 3) {
    bits = (value(i) << 12) | (value(i + 1) << 6) | value(i + 2);
    out[at++] = bits >> 10;
    out[at] = (bits >> 2) & 255;
    rest = bits & 3;
  } else if (digits > i) return undefined;
  return codes > 127 || wrong > 63 || rest !== 0 ? undefined : out;
}

/** RFC 4648 §5 without padding, as the Web Push specifications use it. */
export function base64UrlEncode(bytes: Uint8Array): string {
  return base64Encode(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** The bytes, or undefined for what is not base64url; padding may be there or not. */
export function base64UrlDecode(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]*={0,2}$/.test(text)) return undefined;
  const bare = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
  return base64Decode(bare + '='.repeat((4 - (bare.length % 4)) % 4));
}
