import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Table } from '@parley/core';
import { type Row, StoredRoster, TOMBSTONES } from './store.ts';

/** A table that keeps one owner's rows, through JSON as a store would. */
function memoryTable(): { table: Table<Row>; rows: () => Array<{ key: string; value: Row }> } {
  const rows = new Map<string, string>();
  const list = (): Array<{ key: string; value: Row }> => [...rows].map(([key, value]) => ({ key, value: JSON.parse(value) as Row }));
  return {
    table: {
      get: (_owner, key) => list().find((row) => row.key === key)?.value,
      list,
      owners: () => [1],
      set: (_owner, key, value) => void rows.set(key, JSON.stringify(value)),
      delete: (_owner, key) => void rows.delete(key),
      deleteOwner: () => rows.clear(),
    },
    rows: list,
  };
}

test('what was written is what is read back', () => {
  const { table, rows } = memoryTable();
  const roster = new StoredRoster(table, 1, []);
  roster.change('bob@x', { name: 'Bob', groups: ['A', 'B'], listed: true });
  roster.change('bob@x', { subscription: 'both', ask: false });
  roster.change('cat@x', { listed: true, ask: true, approved: true });
  roster.change('dan@x', { request: '<presence type="subscribe"/>' });
  const again = new StoredRoster(table, 1, rows());
  assert.deepEqual([...again.contacts()], [...roster.contacts()]);
  assert.deepEqual([again.version, again.listed, again.requests], [3, 2, 1]);
});

test('only what the owner can see moves the version', () => {
  const { table } = memoryTable();
  const roster = new StoredRoster(table, 1, []);
  assert.equal(roster.change('bob@x', { request: '<presence/>' }).version, 0);
  assert.equal(roster.version, 0);
  assert.equal(roster.change('bob@x', { listed: true, name: 'Bob' }).version, 1);
  assert.equal(roster.change('bob@x', { name: 'Bob' }).version, 1);
  assert.equal(roster.change('bob@x', { request: undefined }).version, 1);
  assert.equal(roster.change('bob@x', { groups: ['Friends'] }).version, 2);
});

test('a request that is taken back leaves no trace', () => {
  const { table, rows } = memoryTable();
  const roster = new StoredRoster(table, 1, []);
  roster.change('bob@x', { request: '<presence/>' });
  roster.change('bob@x', { request: undefined });
  assert.deepEqual(rows(), []);
  assert.equal(roster.requests, 0);
});

test('changes since a version: each contact once, in order, removals too', () => {
  const { table } = memoryTable();
  const roster = new StoredRoster(table, 1, []);
  for (const jid of ['a@x', 'b@x', 'c@x']) roster.change(jid, { listed: true });
  roster.change('a@x', { name: 'A' });
  roster.change('a@x', { name: 'AA' });
  roster.remove('b@x');
  assert.deepEqual(
    roster.since(2).map(({ contact, removed }) => [contact.jid, contact.version, removed]),
    [
      ['c@x', 3, false],
      ['a@x', 5, false],
      ['b@x', 6, true],
    ],
  );
  roster.change('b@x', { listed: true });
  assert.deepEqual(
    roster.since(6).map(({ contact, removed }) => [contact.jid, removed]),
    [['b@x', false]],
  );
});

test('removals are remembered up to a bound, and older caches are known to be too old', () => {
  const { table, rows } = memoryTable();
  const roster = new StoredRoster(table, 1, []);
  for (let i = 0; i < TOMBSTONES + 5; i++) {
    roster.change(`c${i}@x`, { listed: true });
    roster.remove(`c${i}@x`);
  }
  assert.equal(roster.floor, 10);
  const again = new StoredRoster(table, 1, rows());
  assert.deepEqual([again.floor, again.version, again.listed], [10, 2 * (TOMBSTONES + 5), 0]);
  assert.equal(again.since(10).length, TOMBSTONES);
});

test('a store that refuses leaves the roster as it was', () => {
  const { table, rows } = memoryTable();
  let full = false;
  const refuse = (): void => {
    if (full) throw new Error('no space left');
  };
  const limited: Table<Row> = {
    ...table,
    set: (owner, key, value) => {
      refuse();
      table.set(owner, key, value);
    },
    delete: (owner, key) => {
      refuse();
      table.delete(owner, key);
    },
  };
  const roster = new StoredRoster(limited, 1, []);
  roster.change('bob@x', { name: 'Bob', listed: true });
  const before = [...roster.contacts()];
  full = true;
  assert.throws(() => roster.change('bob@x', { name: 'Rob' }));
  assert.throws(() => roster.change('cat@x', { listed: true }));
  assert.throws(() => roster.remove('bob@x'));
  assert.deepEqual([[...roster.contacts()], roster.version, roster.listed], [before, 1, 1]);
  assert.deepEqual([...new StoredRoster(table, 1, rows()).contacts()], before);
});
