import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AccountError } from '../errors.ts';
import { Derivations } from './derivations.ts';

test('so many at once, the rest in order, and beyond that nobody waits', async () => {
  const derivations = new Derivations(2, 3);
  const started: number[] = [];
  const finish: Array<() => void> = [];
  const run = (n: number): Promise<number> =>
    derivations.run(() => {
      started.push(n);
      return new Promise((resolve) => finish.push(() => resolve(n)));
    });
  const all = [1, 2, 3, 4, 5].map(run);
  assert.deepEqual(started, [1, 2]);
  await assert.rejects(run(6), (error: unknown) => error instanceof AccountError && error.code === 'busy');
  for (let i = 0; i < 5; i++) {
    finish[i]?.();
    assert.equal(await all[i], i + 1);
  }
  assert.deepEqual(started, [1, 2, 3, 4, 5]);
});

test('one that fails gives its place away', async () => {
  const derivations = new Derivations(1, 1);
  await assert.rejects(
    derivations.run(() => Promise.reject(new Error('no'))),
    /no/,
  );
  assert.equal(await derivations.run(() => Promise.resolve(7)), 7);
});
