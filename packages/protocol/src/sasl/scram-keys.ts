/** SCRAM keys: RFC 5802 §3. */
import { utf8Encode } from '@parley/xml';
import type { Awaitable, Crypto, HashName } from './crypto.ts';
import { then } from './crypto.ts';

export type ScramHash = HashName;

/** What a server keeps of a password. */
export interface ScramKeys {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** Keys a client derives, to keep instead of the password for the same salt and iterations. */
export interface ScramClientKeys {
  readonly clientKey: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export const HASH_BYTES: { readonly [H in ScramHash]: number } = { 'SHA-1': 20, 'SHA-256': 32, 'SHA-512': 64 };
const CLIENT_KEY = 'Client Key';
const SERVER_KEY = 'Server Key';

/** The keys of a prepared password (`preparePassword`). */
export async function deriveScramClientKeys(
  crypto: Crypto,
  alg: ScramHash,
  password: string,
  salt: Uint8Array,
  iterations: number,
): Promise<ScramClientKeys> {
  return clientKeysOf(crypto, alg, await saltedPassword(crypto, alg, password, salt, iterations));
}

/** The SaltedPassword of a prepared password. */
export function saltedPassword(
  crypto: Crypto,
  alg: ScramHash,
  password: string,
  salt: Uint8Array,
  iterations: number,
): Promise<Uint8Array> {
  return crypto.pbkdf2(alg, utf8Encode(password), salt, iterations, HASH_BYTES[alg]);
}

async function clientKeysOf(crypto: Crypto, alg: ScramHash, salted: Uint8Array): Promise<ScramClientKeys> {
  const clientKey = await crypto.hmac(alg, salted, utf8Encode(CLIENT_KEY));
  const serverKey = await crypto.hmac(alg, salted, utf8Encode(SERVER_KEY));
  return { clientKey, storedKey: await crypto.hash(alg, clientKey), serverKey };
}

/** What a server keeps of a prepared password (`preparePassword`); `salt` is 16 random bytes or more. */
export async function deriveScramKeys(
  crypto: Crypto,
  alg: ScramHash,
  password: string,
  salt: Uint8Array,
  iterations: number,
): Promise<ScramKeys> {
  const { storedKey, serverKey } = await deriveScramClientKeys(crypto, alg, password, salt, iterations);
  return { salt, iterations, storedKey, serverKey };
}

/** What a server keeps, from the SaltedPassword that a client has computed (XEP-0480 §3); undefined when it is not as long as the hash. */
export async function scramKeysOf(
  crypto: Crypto,
  alg: ScramHash,
  salted: Uint8Array,
  salt: Uint8Array,
  iterations: number,
): Promise<ScramKeys | undefined> {
  if (salted.length !== HASH_BYTES[alg]) return undefined;
  const { storedKey, serverKey } = await clientKeysOf(crypto, alg, salted);
  return { salt, iterations, storedKey, serverKey };
}

export function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length);
  for (let i = 0; i < a.length; i++) out[i] = a[i]! ^ b[i]!;
  return out;
}

const NO_KEY: { readonly [H in ScramHash]: Uint8Array } = {
  'SHA-1': new Uint8Array(20),
  'SHA-256': new Uint8Array(32),
  'SHA-512': new Uint8Array(64),
};

/**
 * A stable pretence of keys for a name without an account: the same salt each time. The keys are nobody's: whoever uses them
 * refuses the proof in any case. The salt is a keyed hash cut short (of which nothing can be extended); `secret` has 32 bytes.
 */
export function fakeScramKeys(
  crypto: Crypto,
  alg: ScramHash,
  secret: Uint8Array,
  username: string,
  looks: (bytes: Uint8Array) => { readonly salt: Uint8Array; readonly iterations: number },
): Awaitable<ScramKeys> {
  return then(fakeScramBytes(crypto, alg, secret, username), (bytes) => ({
    ...looks(bytes),
    storedKey: NO_KEY[alg],
    serverKey: NO_KEY[alg],
  }));
}

/** What a pretence is made of: 64 bytes that belong to the name. */
export function fakeScramBytes(crypto: Crypto, alg: ScramHash, secret: Uint8Array, username: string): Awaitable<Uint8Array> {
  const name = utf8Encode(`${alg}\0${username}`);
  const keyed = new Uint8Array(secret.length + name.length);
  keyed.set(secret);
  keyed.set(name, secret.length);
  return crypto.hash('SHA-512', keyed);
}
