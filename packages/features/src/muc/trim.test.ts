import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Session } from '@parley/core';
import type { Cursor, MailboxQuery } from '@parley/storage';
import { DEFAULT_GROUP, DEFAULT_ROOM } from './config.ts';
import type { Hub } from './hub.ts';
import { Trimmer } from './trim.ts';

const GROUP = -1;
const HOUR = 3_600_000;

/** A group of Ann (1) and Bob (2) with entries at positions 10 to 50, one an hour. */
function world(goAfterMs: number | undefined, config = DEFAULT_GROUP) {
  const cursors = new Map<number, Cursor[]>();
  const trims: number[] = [];
  let looks = 0;
  let waiting: (() => void) | undefined;
  const state = { now: 100 * HOUR };
  const entries = [10, 20, 30, 40, 50].map((seq, i) => ({ seq, at: (i + 1) * HOUR }));
  const left = () => entries.filter(({ seq }) => seq > Math.max(0, ...trims));
  const store = {
    range: () => (left().length === 0 ? undefined : { first: left()[0], last: left().at(-1) }),
    cursors: (mailbox: number) => {
      looks++;
      return cursors.get(mailbox) ?? [];
    },
    read: (_: number, { end = Number.POSITIVE_INFINITY, before = Number.POSITIVE_INFINITY }: MailboxQuery) =>
      left()
        .filter(({ seq, at }) => at <= end && seq < before)
        .reverse()
        .slice(0, 1),
  };
  const mailboxes = {
    store,
    committedSeq: 50,
    deliveredGoAfterMs: goAfterMs,
    isAwaited: () => true,
    trim: (_: number, through: number) => void trims.push(through),
  };
  const affiliations = [1, 2].map((account) => ({ key: `${account}@h`, value: { affiliation: 'member', account, changed: 1, since: 0 } }));
  const hub = {
    ctx: {
      mailboxes,
      defer: () => {},
      log: { warn: (event: string, fields: object) => assert.fail(`${event} ${JSON.stringify(fields)}`) },
      accounts: { byId: () => undefined },
      clock: {
        after: (_: number, run: () => void) => {
          waiting = run;
          return () => {};
        },
      },
    },
    store: { room: () => ({ config }), affiliations: () => affiliations },
    byId: () => undefined,
    get now() {
      return state.now;
    },
  } as unknown as Hub;
  const trimmer = new Trimmer(hub);
  return {
    trims,
    state,
    get looks() {
      return looks;
    },
    /** A device of the account has the group up to here. */
    async has(account: number, groups: number, device = 'phone'): Promise<void> {
      const others = (cursors.get(account) ?? []).filter((one) => one.device !== device);
      cursors.set(account, [...others, { device, seq: 0, seenAt: state.now, groups }]);
      trimmer.taken({ account: { id: account }, sources: { list: new Map([[GROUP, {}]]) } } as unknown as Session);
      waiting?.();
      waiting = undefined;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test('D9: an entry goes once every device of every member has it', async () => {
  const at = world(0);
  await at.has(1, 50);
  assert.deepEqual(at.trims, [], 'Bob has never been there');
  await at.has(2, 30);
  assert.deepEqual(at.trims, [30]);
  await at.has(2, 20, 'laptop');
  await at.has(2, 50);
  assert.deepEqual(at.trims, [30], 'the laptop holds it');
  await at.has(2, 40, 'laptop');
  assert.deepEqual(at.trims, [30, 40]);
});

test('whoever holds a group back is remembered: what others take costs no look at the cursors', async () => {
  const at = world(0);
  await at.has(1, 10);
  const before = at.looks;
  for (const seq of [20, 30, 40, 50]) await at.has(1, seq);
  assert.equal(at.looks, before);
  at.state.now += HOUR;
  await at.has(1, 50);
  assert.ok(at.looks > before, 'after a while it is asked again');
});

test('D9: with a time of its own an entry stays that long, though everybody has it', async () => {
  // Entries are from hour 1 to 5.
  const at = world(97 * HOUR);
  await at.has(1, 50);
  await at.has(2, 40);
  assert.deepEqual(at.trims, [30], 'hour 3 is 97 hours ago, hour 4 is not');
});

test('nothing goes where entries stay as long as anything, and from rooms that anybody may enter', async () => {
  for (const at of [world(undefined), world(0, DEFAULT_ROOM), world(0, { ...DEFAULT_GROUP, persistent: false })]) {
    await at.has(1, 50);
    await at.has(2, 50);
    assert.deepEqual(at.trims, []);
  }
});
