import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Table } from '@parley/core';
import { ResendWaits, Tries } from './counts.ts';

function table<T>(): Table<T> & { readonly rows: Map<string, T> } {
  const rows = new Map<string, T>();
  return {
    rows,
    get: (_owner, key) => Promise.resolve(rows.get(key)),
    list: () => [...rows].map(([key, value]) => ({ key, value })),
    owners: () => [],
    set: (_owner, key, value) => void rows.set(key, value),
    delete: (_owner, key) => void rows.delete(key),
    deleteOwner: () => rows.clear(),
  };
}

test('a code has so many tries, also when they come at the same time or after a restart', async () => {
  const kept = table<{ tries: number; expiresAt: number }>();
  const tries = new Tries(kept);
  const left = await Promise.all([1, 2, 3, 4, 5, 6, 7].map(() => tries.take('n', 5, 1000, 0)));
  assert.deepEqual(left, [4, 3, 2, 1, 0, -1, -1]);
  assert.equal(await tries.take('other', 5, 1000, 0), 4);
  assert.equal(await new Tries(kept).take('n', 5, 1000, 0), -1);
});

test('a code that was right has none left', async () => {
  const tries = new Tries(table());
  await tries.take('n', 5, 1000, 0);
  tries.spend('n', 5, 1000);
  assert.equal(await tries.take('n', 5, 1000, 0), -1);
});

test('counts of codes that are over are forgotten', async () => {
  const kept = table<{ tries: number; expiresAt: number }>();
  const tries = new Tries(kept);
  await tries.take('n', 5, 1000, 0);
  await tries.take('m', 5, 500_000, 61_000);
  assert.deepEqual([...kept.rows.keys()], ['m']);
});

test('the second code comes after 30 s, the third after a minute, later ones after two', () => {
  const waits = new ResendWaits();
  assert.deepEqual([waits.sent('a', 0), waits.left('a', 1000), waits.left('a', 30_000), waits.left('b', 0)], [30_000, 29_000, 0, 0]);
  assert.deepEqual([waits.sent('a', 30_000), waits.sent('a', 90_000), waits.sent('a', 210_000)], [60_000, 120_000, 120_000]);
  assert.equal(waits.sent('a', 10_000_000), 30_000, 'an hour later it begins anew');
});
