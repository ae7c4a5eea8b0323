import assert from 'node:assert/strict';
import { test } from 'node:test';
import { page, roomFor } from './rules.ts';
import type { StoredReport } from './service.ts';

const report = (id: string, reporter: string, state: StoredReport['state'] = 'open'): StoredReport => ({
  id,
  reporter,
  state,
  at: 0,
  jid: 'x@y',
  reason: 'r',
  texts: [],
  messages: [],
});
const bounds = { perAccount: 2, together: 4 };

test('a flood of one account ends at its own bound and pushes nobody out', () => {
  const all = [report('1', 'eve'), report('2', 'eve'), report('3', 'ann')];
  assert.deepEqual(roomFor(all, 'eve', bounds), { take: false, why: 'account' });
  assert.deepEqual(roomFor(all, 'ann', bounds), { take: true, drop: [] });
  assert.deepEqual(roomFor([...all, report('4', 'bob')], 'carl', bounds), { take: false, why: 'full' });
});

test('closed reports make room, the oldest first', () => {
  const all = [report('1', 'a'), report('2', 'b', 'closed'), report('3', 'c', 'closed'), report('4', 'd')];
  assert.deepEqual(roomFor(all, 'e', bounds), { take: true, drop: ['2'] });
});

test('the list begins with the newest', () => {
  const all = [report('1', 'a'), report('3', 'b', 'closed'), report('2', 'c')];
  assert.deepEqual(
    page(all, undefined, 2).map((one) => one.id),
    ['3', '2'],
  );
  assert.deepEqual(
    page(all, 'open', 10).map((one) => one.id),
    ['2', '1'],
  );
});
