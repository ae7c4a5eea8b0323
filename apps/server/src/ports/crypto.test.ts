import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { nodeCrypto } from './crypto.ts';

test('hmac agrees with node:crypto for keys and data of all lengths (RFC 2104)', async () => {
  for (const [name, node] of [
    ['SHA-1', 'sha1'],
    ['SHA-256', 'sha256'],
    ['SHA-512', 'sha512'],
  ] as const)
    for (const keyBytes of [0, 1, 20, 32, 63, 64, 65, 127, 128, 129, 300])
      for (const dataBytes of [0, 1, 55, 64, 200]) {
        const key = randomBytes(keyBytes);
        const data = randomBytes(dataBytes);
        const mine = await nodeCrypto.hmac(name, key, data);
        assert.deepEqual(Buffer.from(mine), createHmac(node, key).update(data).digest(), `${name} ${keyBytes} ${dataBytes}`);
      }
});

test('hash and hmac answer at once, so that a sign-in makes no promise', () => {
  assert.equal(nodeCrypto.hash('SHA-1', new Uint8Array(1)) instanceof Promise, false);
  assert.equal(nodeCrypto.hmac('SHA-1', new Uint8Array(1), new Uint8Array(1)) instanceof Promise, false);
});

test('random pieces do not repeat and belong to their owners', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 2000; i++) seen.add(Buffer.from(nodeCrypto.randomBytes(16)).toString('hex'));
  assert.equal(seen.size, 2000);
});
