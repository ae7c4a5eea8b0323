import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sortedFeatures } from './rules.ts';

test('features come sorted and once, so that the hash of the answer is stable', () => {
  assert.deepEqual(sortedFeatures(['b', 'a', 'b', 'C']), ['C', 'a', 'b']);
});
