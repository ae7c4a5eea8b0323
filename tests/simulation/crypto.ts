// Cryptography of the simulation: the real primitives, but PBKDF2 in one round, so that sign-ins cost nothing and nothing runs in threads.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Crypto, HashName } from '@parley/protocol';
import type { SeededRandom } from '@parley/testkit';

const NODE_NAME: Record<HashName, string> = { 'SHA-1': 'sha1', 'SHA-256': 'sha256', 'SHA-512': 'sha512' };

export function simulatedCrypto(random: SeededRandom): Crypto {
  return {
    hash: (alg, data) => createHash(NODE_NAME[alg]).update(data).digest(),
    hmac: (alg, key, data) => createHmac(NODE_NAME[alg], key).update(data).digest(),
    pbkdf2: async (alg, password, salt, _iterations, length) =>
      createHmac(NODE_NAME[alg], password).update(salt).digest().subarray(0, length),
    randomBytes: (length) => random.bytes(length),
    timingSafeEqual: (a, b) => a.length === b.length && timingSafeEqual(a, b),
  };
}
