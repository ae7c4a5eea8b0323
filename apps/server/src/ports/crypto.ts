import { hash, pbkdf2, randomBytes, randomFillSync, timingSafeEqual } from 'node:crypto';
import type { Random } from '@parley/core';
import type { Crypto, HashName } from '@parley/protocol';

const NAMES = { 'SHA-1': 'sha1', 'SHA-256': 'sha256', 'SHA-512': 'sha512' } as const;

/** Random bytes come in small pieces (ids, nonces): one call into OpenSSL serves many of them. */
const POOL_BYTES = 4096;
let pool = Buffer.alloc(0);
let used = 0;

function random(length: number): Uint8Array {
  if (length > 256) return randomBytes(length);
  if (used + length > pool.length) {
    // A new pool each time: pieces that were given out stay with their owners.
    pool = randomFillSync(Buffer.allocUnsafeSlow(POOL_BYTES));
    used = 0;
  }
  const piece = Uint8Array.prototype.slice.call(pool, used, used + length);
  pool.fill(0, used, used + length);
  used += length;
  return piece;
}

const BLOCK_BYTES = { 'SHA-1': 64, 'SHA-256': 64, 'SHA-512': 128 } as const;

/** Data of an HMAC up to this size goes through the scratch memory below. */
const SCRATCH_BYTES = 8192;
const scratch = new Uint8Array(128 + SCRATCH_BYTES);

/**
 * RFC 2104 out of one-shot hashes: node:crypto has no one-shot HMAC, and making an Hmac object costs more than hashing
 * does at the sizes of a sign-in. Synchronous, so one scratch memory serves all; it is wiped, nothing derived from a key stays in it.
 */
function hmac(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array {
  const algorithm = NAMES[name];
  const block = BLOCK_BYTES[name];
  const secret = key.length > block ? hash(algorithm, key, 'buffer') : key;
  const memory = data.length > SCRATCH_BYTES ? new Uint8Array(block + data.length) : scratch;
  const length = secret.length;
  for (let i = 0; i < length; i++) memory[i] = 0x36 ^ (secret[i] as number);
  memory.fill(0x36, length, block);
  memory.set(data, block);
  const digest = hash(algorithm, memory.subarray(0, block + data.length), 'buffer');
  for (let i = 0; i < length; i++) memory[i] = 0x5c ^ (secret[i] as number);
  memory.fill(0x5c, length, block);
  memory.set(digest, block);
  const result = hash(algorithm, memory.subarray(0, block + digest.length), 'buffer');
  memory.fill(0, 0, block + digest.length);
  return result;
}

/** node:crypto; synchronous but for PBKDF2, which runs in the thread pool. */
export const nodeCrypto: Crypto = {
  hash: (name, data) => hash(NAMES[name], data, 'buffer'),
  hmac,
  pbkdf2: (name, password, salt, iterations, length) =>
    new Promise((resolve, reject) => {
      pbkdf2(password, salt, iterations, length, NAMES[name], (error, key) => (error ? reject(error) : resolve(key)));
    }),
  randomBytes: random,
  timingSafeEqual: (a, b) => a.length === b.length && timingSafeEqual(a, b),
};

export const nodeRandom: Random = { bytes: random };
