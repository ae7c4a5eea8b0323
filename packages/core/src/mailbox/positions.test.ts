import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idToPosition, nextPosition, positionToId } from './positions.ts';

test('positions rise, also when the clock stands still or goes back (I27)', () => {
  let last = 0;
  const now = Date.UTC(2026, 10, 24);
  for (const at of [now, now, now - 86_400_000, now + 1, now - 5, now + 86_400_000 * 365 * 20]) {
    const next = nextPosition(last, at);
    assert.ok(next > last);
    assert.ok(Number.isSafeInteger(next));
    last = next;
  }
});

test('ids sort as their positions do and come back', () => {
  const positions = [1, 4095, 4096, 2 ** 40, 2 ** 52, Number.MAX_SAFE_INTEGER];
  const ids = positions.map(positionToId);
  assert.deepEqual([...ids].sort(), ids);
  assert.deepEqual(ids.map(idToPosition), positions);
});

test('what is no id of ours is refused', () => {
  for (const id of ['', 'x', "' OR 1=1", '00000000000000', 'ZZZZZZZZZZZ', 'zzzzzzzzzzz', '-0000000001'])
    assert.equal(idToPosition(id), undefined, id);
});
