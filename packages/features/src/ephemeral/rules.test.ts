import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bounded, timerOf } from './rules.ts';

test('timers are bounded; none stays none', () => {
  assert.deepEqual(
    [0, 1, 60, 100, 1_000_000].map((seconds) => bounded(seconds, 60, 1000)),
    [0, 60, 60, 100, 1000],
  );
});

test("a message's own timer counts, then the conversation's, then the one for new conversations", () => {
  assert.equal(timerOf(5, 10, 20, true), 5);
  assert.equal(timerOf(0, 10, 20, true), 0);
  assert.equal(timerOf(undefined, 10, 20, true), 10);
  assert.equal(timerOf(undefined, 0, 20, true), 0);
  assert.equal(timerOf(undefined, undefined, 20, true), 20);
  assert.equal(timerOf(undefined, undefined, 20, false), 0);
});
