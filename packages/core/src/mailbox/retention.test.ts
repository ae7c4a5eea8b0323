import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MailboxStore } from '@parley/storage';
import type { CoreConfig } from '../limits.ts';
import type { Clock, Log } from '../ports/index.ts';
import { Fullness } from './fullness.ts';
import { Retention, TRIM_SLICE } from './retention.ts';

const DAY = 86_400_000;
const NOW = 100 * DAY;
const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const clock = { now: () => NOW } as Clock;

function retention(here: readonly string[] = []): { retention: Retention; trims: number[] } {
  const trims: number[] = [];
  const store = { trim: (_: number, through: number) => trims.push(through) > 0 } as unknown as MailboxStore;
  const config = { historyKeep: 'until-delivered', undeliveredMs: 30 * DAY, limits: { mailboxEntries: 1000 } } as unknown as CoreConfig;
  const isHere = (bare: string, device: string): boolean => bare === 'bob@localhost' && here.includes(device);
  return {
    retention: new Retention({ store, clock, log: quiet, config, fullness: new Fullness(store, config.limits, quiet), isHere }),
    trims,
  };
}
const cursor = (device: string, seq: number, days: number) => ({ device, seq, seenAt: NOW - days * DAY });

test('D9: an entry waits for every device, but not for one that has been away for longer than entries wait', () => {
  const { retention: one } = retention();
  assert.equal(one.deliveredThrough('bob@localhost', [cursor('phone', 9, 0), cursor('laptop', 5, 29)]), 5);
  assert.equal(one.deliveredThrough('bob@localhost', [cursor('phone', 9, 0), cursor('lost', 2, 31)]), 9);
});

test('D9: a device that has a session is waited for, however long nothing came for it', () => {
  const { retention: one } = retention(['tablet']);
  assert.equal(one.deliveredThrough('bob@localhost', [cursor('phone', 9, 0), cursor('tablet', 2, 31)]), 2);
  assert.equal(one.deliveredThrough('eve@localhost', [cursor('phone', 9, 0), cursor('tablet', 2, 31)]), 9);
});

test('D9: without any device nothing is delivered, and nothing goes', () => {
  const { retention: one, trims } = retention();
  one.trimDelivered(1, 'bob@localhost', []);
  one.trimDelivered(1, 'bob@localhost', [cursor('lost', 7, 31)]);
  assert.deepEqual(trims, []);
  one.trimDelivered(1, 'bob@localhost', [cursor('phone', 7, 1)]);
  assert.deepEqual(trims, [7]);
});

/** Mailboxes of a store that holds so many entries, at positions from 1 on, and a clock that goes on by hand. */
function large(size: number, answer: <T>(value: T) => T | Promise<T> = (value) => value) {
  const left = new Map<number, number[]>();
  const of = (mailbox: number): number[] => {
    if (!left.has(mailbox))
      left.set(
        mailbox,
        Array.from({ length: size }, (_, i) => i + 1),
      );
    return left.get(mailbox) as number[];
  };
  let most = 0;
  const store = {
    trim(mailbox: number, through: number, limit = Number.MAX_SAFE_INTEGER) {
      const there = of(mailbox);
      const going = there.filter((seq) => seq <= through).slice(0, limit);
      most = Math.max(most, going.length);
      left.set(mailbox, there.slice(going.length));
      return answer(!of(mailbox).some((seq) => seq <= through));
    },
  } as unknown as MailboxStore;
  const timers: (() => void)[] = [];
  const after = (_: number, run: () => void) => {
    timers.push(run);
    return () => void timers.splice(timers.indexOf(run), 1);
  };
  const config = { historyKeep: 'until-delivered', undeliveredMs: 30 * DAY, limits: { mailboxEntries: 1e6 } };
  const one = new Retention({
    store,
    clock: { now: () => NOW, after } as unknown as Clock,
    log: { ...quiet, warn: () => assert.fail('a warning') },
    config: config as unknown as CoreConfig,
    fullness: new Fullness(store, config.limits, quiet),
    isHere: () => false,
  });
  return { one, config, timers, count: (mailbox: number) => of(mailbox).length, most: () => most };
}

test('D9: what is to go from a large mailbox goes a slice at a time, and that of others in between', async () => {
  for (const answer of [<T>(value: T): T => value, <T>(value: T): Promise<T> => Promise.resolve(value)]) {
    const { one, timers, count, most } = large(TRIM_SLICE * 5, answer);
    one.trim(1, TRIM_SLICE * 4);
    one.trim(2, TRIM_SLICE * 2);
    // More may go meanwhile.
    one.trim(1, TRIM_SLICE * 5 - 1);
    const counts: string[] = [];
    for (;;) {
      for (let i = 0; i < 5; i++) await Promise.resolve();
      counts.push(`${count(1) / TRIM_SLICE} ${count(2) / TRIM_SLICE}`);
      const next = timers.shift();
      if (next === undefined) break;
      assert.equal(timers.length, 0, 'two steps at once');
      next();
    }
    assert.equal(most(), TRIM_SLICE);
    assert.equal(count(1), 1);
    assert.equal(count(2), TRIM_SLICE * 3);
    assert.ok(counts.includes('4 3') || counts.includes('3 3') || counts.includes('3 4'), counts.join(', '));
  }
});

test('D9: what was to go stays when history.keep is changed, or the server ends, before it went', () => {
  for (const how of ['changed', 'ended']) {
    const { one, config, timers, count } = large(TRIM_SLICE * 3);
    one.trim(1, TRIM_SLICE * 3);
    if (how === 'ended') one.stop();
    else config.historyKeep = 'forever';
    timers.shift()?.();
    assert.equal(count(1), TRIM_SLICE * 2);
    assert.equal(timers.length, 0);
  }
});
