import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MailboxEntry, MailboxStore } from '@parley/storage';
import type { Session } from '../session/session.ts';
import { readMerged, type Source, Sources } from './sources.ts';

/** A store of three logs: the own one (1) and two groups (-1, -2). */
const LOGS: Record<number, number[]> = { 1: [10, 40, 70], [-1]: [20, 30, 60], [-2]: [50, 80] };
const store = {
  read: (mailbox: number, query: { after?: number; before?: number; limit: number }) =>
    (LOGS[mailbox] ?? [])
      .filter((seq) => seq > (query.after ?? 0) && seq < (query.before ?? Number.POSITIVE_INFINITY))
      .slice(0, query.limit)
      .map((seq) => ({ seq }) as MailboxEntry),
} as unknown as MailboxStore;
const source = (mailbox: number, after = 0): Source => ({ mailbox, after, late: () => undefined });
const at = (position: number): Session => ({ position, account: { id: 1 }, mailboxMode: 'live' }) as unknown as Session;

/** Reads all there is, page by page. */
function readAll(sources: Sources, position: number, limit: number): number[] {
  const session = at(position);
  const found: number[] = [];
  while (session.position < 80) {
    const page = readMerged(store, session, sources, 80, limit);
    if (page instanceof Promise) throw new Error('not expected');
    for (const { entry } of page.entries) found.push(entry.seq);
    session.position = page.through;
  }
  return found;
}

test('D4: the own mailbox and the groups are read in one order, whatever the size of a page', () => {
  for (const limit of [1, 2, 3, 100]) {
    const sources = new Sources();
    sources.add([source(-1), source(-2)], 0);
    assert.deepEqual(readAll(sources, 0, limit), [10, 20, 30, 40, 50, 60, 70, 80], `pages of ${limit}`);
  }
});

test('a group is read from where the member came in', () => {
  const sources = new Sources();
  sources.add([source(-1, 20), source(-2, 60)], 0);
  assert.deepEqual(readAll(sources, 0, 100), [10, 30, 40, 60, 70, 80]);
});

test('a session that is set back reads the new log only, and its own not twice', () => {
  const sources = new Sources();
  sources.add([source(-2)], 0);
  assert.equal(sources.add([source(-1, 10)], 55), true);
  assert.equal(sources.from, 10);
  assert.deepEqual(readAll(sources, sources.from, 100), [20, 30, 60, 70, 80]);
});

test('D7: set back, only an acknowledgement beyond proves the groups; or that nothing is unanswered', () => {
  const sources = new Sources();
  sources.add([source(-1, 10)], 55);
  assert.equal(sources.provenBy(at(60), 40), 0, 'this may be about what was sent before');
  assert.equal(sources.provenBy(at(60), 60), 60);
  const settled = Object.assign(at(50), { management: { unacked: 0 } });
  assert.equal(sources.provenBy(settled, 40), 50);
});

test('a device that begins reads its groups from their cursor and its own mailbox from its own', () => {
  const sources = new Sources();
  sources.add([source(-1, 10), source(-2, 10)], 0);
  const from = sources.begin(45);
  assert.equal(from, 10);
  assert.deepEqual(readAll(sources, from, 2), [20, 30, 50, 60, 70, 80]);
  assert.equal(new Sources().begin(45), 45);
});
