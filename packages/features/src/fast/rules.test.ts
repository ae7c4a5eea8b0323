import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterUse, isDue, judgeUse, type TokenRow } from './rules.ts';

const token: TokenRow = { mechanism: 'HT-SHA-256-EXPR', nonce: 'n', issuedAt: 0, expiry: 1000, count: 0 };
const use = { mechanism: 'HT-SHA-256-EXPR', count: undefined, now: 10 };

test('§3.4: only the mechanism it was asked for, only until it expires', () => {
  assert.equal(judgeUse(token, use), 'good');
  assert.equal(judgeUse(token, { ...use, mechanism: 'HT-SHA-256-NONE' }), 'refused');
  assert.equal(judgeUse(token, { ...use, now: 1000 }), 'expired');
});

test('§3.4: a count must rise, and cannot be left out once it was used', () => {
  assert.equal(judgeUse(token, { ...use, count: 1 }), 'good');
  const used = { ...token, count: 5 };
  assert.equal(judgeUse(used, { ...use, count: 6 }), 'good');
  assert.equal(judgeUse(used, { ...use, count: 5 }), 'refused');
  assert.equal(judgeUse(used, { ...use, count: 4 }), 'refused');
  assert.equal(judgeUse(used, use), 'refused');
  // An expired one that is replayed tells nothing.
  assert.equal(judgeUse(used, { ...use, count: 5, now: 2000 }), 'refused');
});

test('§5.1: the new token replaces the old one when it is used, not before', () => {
  const next = { ...token, nonce: 'm', expiry: 2000 };
  assert.deepEqual(afterUse({ current: token, next }, 'next', 3), { current: { ...next, count: 3 } });
  assert.deepEqual(afterUse({ current: token, next }, 'current', undefined), { current: token, next });
  assert.deepEqual(afterUse({ next }, 'next', undefined), { current: next });
});

test('§3.5: a token is replaced when it is old enough', () => {
  assert.equal(isDue(token, 99, 100), false);
  assert.equal(isDue(token, 100, 100), true);
});
