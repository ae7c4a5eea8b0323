/**
 * Challenges without memory: what the server has to know of a code that it sent is in the challenge that the client brings back, under an
 * HMAC. Nothing here knows a key or the time.
 */
import { base64UrlDecode, base64UrlEncode, Jid } from '@parley/protocol';
import { utf8Decode, utf8Encode } from '@parley/xml';

/** The kinds of identifiers that a code can prove. */
export const KINDS = ['email', 'phone'] as const;
export type CodeKind = (typeof KINDS)[number];
/** Those, sign-ins at other providers (`provider:subject`), and passkeys (their ids). */
export type IdentifierKind = CodeKind | 'social' | 'passkey';

/** Something outside of this server that belongs to a person, in its one spelling. */
export interface Identifier {
  readonly kind: IdentifierKind;
  /** `ann@example.org` in lower case, or a number as E.164 has it: `+4915112345678`. */
  readonly value: string;
}

/** What a challenge says. */
export interface Challenge extends Identifier {
  readonly kind: CodeKind;
  /** The device that asked, by its id; only it may use what comes of it. */
  readonly device: string;
  /** Makes each challenge another one. Base64url of 16 bytes. */
  readonly nonce: string;
  /** What carried the code, such as a provider of short messages; '' where there is one way alone. The code does not depend on it. */
  readonly via: string;
  /** ms since 1970. */
  readonly expiresAt: number;
}

/** A person has shown that an identifier is theirs. */
export interface Proof extends Identifier {
  /** How the person may recognise it, where the value does not say so. */
  readonly label?: string | undefined;
  readonly device: string;
  readonly expiresAt: number;
  /** Where the code was typed: a keyed hash of the address group. Undefined when it was proved in another way. */
  readonly network?: string | undefined;
}

/** An identifier that was added to an account speaks for its owner in what cannot be undone after this time. */
const SETTLED_MS = 24 * 60 * 60_000;
/** One that came with the account does so at once. */
const SIGN_UP_MS = 60_000;

/**
 * Whether an identifier counts as its owner's word for what cannot be undone. Whoever has got hold of a device could add one of their own;
 * until it counts, the owner has time to see it. All in ms since 1970.
 */
export function isSettled(provedAt: number, accountCreatedAt: number, now: number): boolean {
  return provedAt - accountCreatedAt <= SIGN_UP_MS || now - provedAt >= SETTLED_MS;
}

const LONGEST_EMAIL = 254;
const LONGEST_LOCALPART = 64;
export const LONGEST_TOKEN = 2048;
const MAC_BYTES = 32;
const DEVICE = /^[\x21-\x7e]{1,128}$/;

/** Ids of devices are opaque words of printable ASCII (XEP-0388 asks for a UUID). */
export function isDeviceId(text: string): boolean {
  return DEVICE.test(text);
}

/**
 * The one spelling of an e-mail address, or undefined when it is none (RFC 5321 §4.1.2, without quoted local parts). Upper case counts as
 * lower case: no provider tells them apart, and two accounts for one mailbox would help nobody.
 */
export function normaliseEmail(text: string): string | undefined {
  const trimmed = text.trim().normalize('NFC');
  const at = trimmed.lastIndexOf('@');
  const local = trimmed.slice(0, at).toLowerCase();
  if (
    at < 1 ||
    local.length > LONGEST_LOCALPART ||
    !/^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+(\.[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+)*$/u.test(local)
  )
    return undefined;
  // The rules for domains of addresses are those of XMPP: labels, IDNA, no spaces.
  const jid = Jid.tryParse(trimmed.slice(at + 1));
  if (jid === undefined || jid.toString() !== jid.domain || !/^[^.[\]:]+(\.[^.[\]:]+)+$/.test(jid.domain)) return undefined;
  const whole = `${local}@${jid.domain}`;
  return utf8Encode(whole).length > LONGEST_EMAIL ? undefined : whole;
}

/** `payload.mac`, both base64url; what is signed is returned beside, so that a code can be made of it. */
export function tokenParts(token: string): { readonly body: Uint8Array; readonly mac: Uint8Array } | undefined {
  if (token.length > LONGEST_TOKEN) return undefined;
  const parts = token.split('.');
  if (parts.length !== 2) return undefined;
  const body = base64UrlDecode(parts[0] ?? '');
  const mac = base64UrlDecode(parts[1] ?? '');
  return body === undefined || mac === undefined || mac.length !== MAC_BYTES ? undefined : { body, mac };
}

export function joinToken(body: Uint8Array, mac: Uint8Array): string {
  return `${base64UrlEncode(body)}.${base64UrlEncode(mac)}`;
}

/** An array: no two values have the same text. The first word keeps challenges and proofs apart. */
export function encodeChallenge({ kind, value, device, nonce, expiresAt, via }: Challenge): Uint8Array {
  return utf8Encode(JSON.stringify(['challenge', kind, value, device, nonce, expiresAt, via]));
}
export function encodeProof({ kind, value, device, expiresAt, label, network }: Proof): Uint8Array {
  return utf8Encode(JSON.stringify(['proof', kind, value, device, expiresAt, label ?? null, network ?? null]));
}

/** Reads what this server has signed; undefined for what is of another kind. */
export function decodeChallenge(body: Uint8Array): Challenge | undefined {
  const [word, kind, value, device, nonce, expiresAt, via] = JSON.parse(utf8Decode(body)) as [
    string,
    CodeKind,
    string,
    string,
    string,
    number,
    string,
  ];
  return word === 'challenge' ? { kind, value, device, nonce, expiresAt, via } : undefined;
}

export function decodeProof(body: Uint8Array): Proof | undefined {
  const [word, kind, value, device, expiresAt, label, network] = JSON.parse(utf8Decode(body)) as [
    string,
    IdentifierKind,
    string,
    string,
    number,
    string | null,
    string | null,
  ];
  if (word !== 'proof') return undefined;
  return { kind, value, device, expiresAt, ...(label === null ? {} : { label }), ...(network === null ? {} : { network }) };
}

/** The code of a challenge: `digits` decimal digits of an HMAC (RFC 4226 §5.3 takes 31 bits; with 48 the last digit is as even as the first). */
export function codeOf(mac: Uint8Array, digits: number): string {
  let number = 0;
  for (const byte of mac.subarray(0, 6)) number = number * 256 + byte;
  return String(number % 10 ** digits).padStart(digits, '0');
}

/** What somebody typed, without the spaces and dashes that people put between digits; undefined when it cannot be a code. */
export function cleanCode(text: string): string | undefined {
  const digits = text.replace(/[\s-]/g, '');
  return /^\d{4,10}$/.test(digits) ? digits : undefined;
}
