import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byActivity, changed, DEFAULT, inOrder, pageOf, type StoredState, visibleState } from './rules.ts';

const row = (jid: string, at: number, state: StoredState = DEFAULT) => ({ jid, at, state });
const rows = [row('a', 1), row('b', 5), row('c', 3, { pinned: 20 }), row('d', 9), row('e', 2, { pinned: 10 }), row('f', 5)];
const names = (list: ReadonlyArray<{ jid: string }>) => list.map(({ jid }) => jid).join('');

test('pinned first, in the order of pinning; then the latest activity; equal ones by address', () => {
  assert.equal(names(inOrder(rows)), 'ecdbfa');
  assert.equal(names(byActivity(rows)), 'dbfcea');
});

test('pages begin at an address, in both directions', () => {
  const list = inOrder(rows);
  const page = (rsm: Parameters<typeof pageOf>[1], max = 100) => {
    const found = pageOf(list, rsm, max);
    return found && `${names(found.page)}@${found.first}`;
  };
  assert.equal(page({}), 'ecdbfa@0');
  assert.equal(page({}, 2), 'ec@0');
  assert.equal(page({ max: 50 }, 2), 'ec@0');
  assert.equal(page({ max: 2, after: 'c' }), 'db@2');
  assert.equal(page({ max: 2, after: 'a' }), '@6');
  assert.equal(page({ max: 2, before: '' }), 'fa@4');
  assert.equal(page({ max: 2, before: 'f' }), 'db@2');
  assert.equal(page({ max: 9, before: 'c' }), 'e@0');
  assert.equal(page({ max: 0 }), '@0');
  assert.equal(page({ after: 'nobody' }), undefined);
  assert.equal(page({ before: 'nobody' }), undefined);
});

test('a change names what it changes; the defaults are not kept', () => {
  assert.equal(changed(DEFAULT, { jid: 'a' }, 100), undefined);
  assert.deepEqual(changed(DEFAULT, { jid: 'a', pinned: true }, 100), { pinned: 100 });
  assert.deepEqual(changed({ pinned: 7 }, { jid: 'a', pinned: true }, 100), { pinned: 7 });
  assert.deepEqual(changed({ pinned: 7, displayed: 3 }, { jid: 'a', pinned: false }, 100), { displayed: 3 });
  assert.deepEqual(changed({}, { jid: 'a', mutedUntil: Number.POSITIVE_INFINITY, archived: true }, 100), {
    muted: -1,
    archived: true,
  });
  assert.equal(changed({ muted: -1, archived: true }, { jid: 'a', mutedUntil: 0, archived: false }, 100), undefined);
  assert.equal(changed({}, { jid: 'a', mutedUntil: 99 }, 100), undefined);
});

test('a mute that is over is told as over', () => {
  const told = (muted: number) => visibleState({ muted }, 100, 0).mutedUntil;
  assert.deepEqual([told(99), told(101), told(-1)], [0, 101, Number.POSITIVE_INFINITY]);
  assert.deepEqual(visibleState(DEFAULT, 100, 60), { pinned: false, mutedUntil: 0, archived: false, timer: 60 });
});
