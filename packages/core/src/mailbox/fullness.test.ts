import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MailboxStore } from '@parley/storage';
import type { Log } from '../ports/index.ts';
import { Fullness } from './fullness.ts';

const log: Log = { debug() {}, info() {}, warn() {}, error: () => assert.fail() };
const rest = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await Promise.resolve();
};

test('§5.6: a full mailbox stays full, and one that grows is seen to, however many others there are', async () => {
  let entries = 10;
  const full = new Fullness({ count: () => entries } as unknown as MailboxStore, { mailboxEntries: 10 }, log);
  for (let i = 0; i < 1000; i++) full.grew(1);
  await rest();
  assert.ok(full.isFull(1));
  for (let other = 100; other < 60_000; other++) full.grew(other);
  assert.ok(full.isFull(1), 'forgotten for the sake of others');
  for (let i = 0; i < 1000; i++) {
    full.grew(2);
    for (let other = 0; other < 40; other++) full.grew(100_000 + i * 40 + other);
  }
  await rest();
  assert.ok(full.isFull(2), 'never looked at');
  entries = 9;
  full.shrank();
  full.grew(1);
  await rest();
  assert.ok(!full.isFull(1));
  full.forget(2);
  assert.ok(!full.isFull(2));
});

test('§5.6: a mailbox with room is not counted again before it can be full, unless the bound has changed', async () => {
  let entries = 0;
  let looks = 0;
  const limits = { mailboxEntries: 50_000 };
  const full = new Fullness(
    {
      count: () => {
        looks += 1;
        return entries;
      },
    } as unknown as MailboxStore,
    limits,
    { ...log, warn() {} },
  );
  const append = async (messages: number): Promise<void> => {
    for (let i = 0; i < messages; i++) {
      entries++;
      full.grew(1);
      if (i % 100 === 0) await rest();
    }
    await rest();
  };
  await append(40_000);
  assert.ok(looks >= 1 && looks <= 2, `counted ${looks} times`);
  assert.ok(!full.isFull(1));
  await append(10_500);
  assert.ok(full.isFull(1));
  full.shrank();
  limits.mailboxEntries = 100_000;
  await append(1000);
  assert.ok(!full.isFull(1));
  limits.mailboxEntries = 20_000;
  await append(1000);
  assert.ok(full.isFull(1), 'the old bound was counted towards');
});
