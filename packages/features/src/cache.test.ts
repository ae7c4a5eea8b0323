import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cache } from './cache.ts';

test('never holds more than its limit', () => {
  const cache = new Cache<number, number>(10);
  for (let i = 0; i < 1000; i++) {
    cache.set(i, i);
    assert.ok(cache.size <= 10);
  }
});

test('keeps what is asked for and forgets what is not', () => {
  const cache = new Cache<number, string>(4);
  cache.set(0, 'wanted');
  for (let i = 1; i < 50; i++) {
    cache.set(i, 'other');
    assert.equal(cache.get(0), 'wanted');
  }
  assert.equal(cache.get(1), undefined);
});

test('a deleted entry is gone from both generations', () => {
  const cache = new Cache<number, number>(4);
  cache.set(1, 1);
  cache.set(2, 2);
  cache.set(3, 3);
  cache.delete(1);
  cache.delete(3);
  assert.equal(cache.get(1), undefined);
  assert.equal(cache.get(3), undefined);
  assert.equal(cache.get(2), 2);
});
