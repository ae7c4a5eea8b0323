import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Missed, withMissed } from './missed.ts';

const NONE: ReadonlyMap<string, Missed> = new Map();

test('of items the first is remembered, of everything else what it was', () => {
  let list = withMissed(NONE, '1 a', '<retract/>', -1);
  list = withMissed(list, '1 a', '<item/>', 7);
  list = withMissed(list, '1 a', '<item/>', 9);
  list = withMissed(list, '1 a', '<purge/>', -1);
  assert.deepEqual([...list], [['1 a', { from: 7, contents: ['<retract/>', '<purge/>'] }]]);
  assert.equal(withMissed(list, '1 a', '<item/>', 9), list);
});

test('it is bounded, and says so when it is too much', () => {
  let list = NONE;
  for (let i = 0; i < 50; i++) list = withMissed(list, '1 a', '<retract/>', -1);
  assert.equal(list.has(''), false);
  list = withMissed(list, '1 a', '<retract/>', -1);
  assert.equal(list.has(''), true);
  let wide = NONE;
  for (let i = 0; i < 300; i++) wide = withMissed(wide, `1 n${i}`, '<item/>', i);
  assert.equal(wide.has(''), true);
  assert.equal(wide.size, 201);
});
