import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterSignIn, toForget } from './rules.ts';

const HOUR = 3_600_000;
const said = { software: 'A', device: 'Phone', byPassword: false };

test('a sign-in that says nothing new writes nothing', () => {
  const first = afterSignIn(undefined, { ...said, byPassword: true, now: 1 });
  assert.deepEqual(first, { software: 'A', device: 'Phone', firstSeen: 1, lastSeen: 1, password: true });
  assert.equal(afterSignIn(first, { ...said, now: 2 }), undefined);
  assert.equal(afterSignIn(first, { ...said, now: 1 + HOUR })?.lastSeen, 1 + HOUR);
  assert.equal(afterSignIn(first, { ...said, device: 'Tablet', now: 2 })?.device, 'Tablet');
});

test('who once knew the password is remembered as such', () => {
  const row = { firstSeen: 1, lastSeen: 1, password: false };
  assert.equal(afterSignIn(row, { software: undefined, device: undefined, byPassword: true, now: 2 })?.password, true);
  assert.equal(afterSignIn({ ...row, password: true }, { ...said, now: 2 })?.password, true);
});

test('those seen longest ago are forgotten', () => {
  const rows = [3, 1, 2].map((lastSeen) => ({ key: String(lastSeen), value: { firstSeen: 0, lastSeen, password: false } }));
  assert.deepEqual(toForget(rows, 2), ['1']);
  assert.deepEqual(toForget(rows, 3), []);
});
