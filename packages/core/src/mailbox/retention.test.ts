import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MailboxStore } from '@parley/storage';
import type { CoreConfig } from '../limits.ts';
import type { Clock, Log } from '../ports/index.ts';
import { Fullness } from './fullness.ts';
import { Retention } from './retention.ts';

const DAY = 86_400_000;
const NOW = 100 * DAY;
const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const clock = { now: () => NOW } as Clock;

function retention(here: readonly string[] = []): { retention: Retention; trims: number[] } {
  const trims: number[] = [];
  const store = { trim: (_: number, through: number) => void trims.push(through) } as unknown as MailboxStore;
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
