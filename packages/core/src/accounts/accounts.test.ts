import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { test } from 'node:test';
import type { Crypto, HashName } from '@parley/protocol';
import { type AccountRecord, type Storage, StorageError } from '@parley/storage';
import { Accounts } from './accounts.ts';

const NAMES: Record<HashName, string> = { 'SHA-1': 'sha1', 'SHA-256': 'sha256', 'SHA-512': 'sha512' };
const crypto: Crypto = {
  hash: (alg, data) => createHash(NAMES[alg]).update(data).digest(),
  hmac: (alg, key, data) => createHmac(NAMES[alg], key).update(data).digest(),
  pbkdf2: (alg, password, salt, iterations, length) =>
    new Promise((resolve, reject) => pbkdf2(password, salt, iterations, length, NAMES[alg], (e, key) => (e ? reject(e) : resolve(key)))),
  randomBytes: (length) => randomBytes(length),
  timingSafeEqual: (a, b) => a.length === b.length && timingSafeEqual(a, b),
};

/** Accounts in memory with a commit that the test makes: as an engine has it, a refused one also takes back the ids. */
class Disk {
  rows = new Map<string, AccountRecord>();
  nextId = 1;
  #durable: { rows: Map<string, AccountRecord>; nextId: number } = { rows: new Map(), nextId: 1 };
  #waiting: Array<{ done: () => void; failed: (error: StorageError) => void }> = [];
  auto = true;

  readonly storage: Storage = {
    pending: false,
    // Of accounts whose keys were made elsewhere: there are none here.
    keyValue: () => ({ get: () => undefined }),
    accounts: {
      count: () => this.rows.size,
      get: (localpart: string) => this.rows.get(localpart),
      create: (account: { localpart: string; domain: string; createdAt: number; credentials: string }) => {
        if (this.rows.has(account.localpart)) return undefined;
        const record = { id: this.nextId++, disabled: false, ...account };
        this.rows.set(account.localpart, record);
        return record;
      },
      update: (id: number, change: { credentials?: string; disabled?: boolean }) => {
        for (const row of this.rows.values()) if (row.id === id) this.rows.set(row.localpart, { ...row, ...change });
      },
      remove: (id: number) => {
        for (const row of this.rows.values()) if (row.id === id) this.rows.delete(row.localpart);
      },
    },
    afterCommit: (done: () => void, failed: (error: StorageError) => void) => {
      this.#waiting.push({ done, failed });
      if (this.auto) this.commit();
    },
  } as unknown as Storage;

  get waiting(): number {
    return this.#waiting.length;
  }
  commit(refused = false): void {
    if (refused) ({ rows: this.rows, nextId: this.nextId } = { rows: new Map(this.#durable.rows), nextId: this.#durable.nextId });
    else this.#durable = { rows: new Map(this.rows), nextId: this.nextId };
    for (const { done, failed } of this.#waiting.splice(0)) refused ? failed(new StorageError('full', 'The disk is full.')) : done();
  }
}

function world(): { disk: Disk; accounts: Accounts; changing(): Promise<void> } {
  const disk = new Disk();
  const clock = { now: () => 1, after: () => () => {}, soon: () => {} };
  const accounts = new Accounts(disk.storage, crypto, clock, 'home.example', 4096);
  const changing = async (): Promise<void> => {
    while (disk.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
  };
  return { disk, accounts, changing };
}

test('an account whose commit is refused was never there, whoever looked meanwhile; the next one has its id for itself', async () => {
  const { disk, accounts, changing } = world();
  disk.auto = false;
  const phantom = accounts.create('ann', 'secret');
  await changing();
  const seen = await accounts.get('ann');
  assert.ok(seen !== undefined);
  disk.commit(true);
  await assert.rejects(phantom, StorageError);
  assert.equal(await accounts.get('ann'), undefined);
  assert.equal(await accounts.isCurrent(seen), false);
  disk.auto = true;
  const bob = await accounts.create('bob', 'other');
  assert.equal(bob.id, seen.id);
  assert.equal(await accounts.verifyPassword(bob, 'secret'), false);
  assert.equal(await accounts.isCurrent(bob), true);
});

test('a password whose commit is refused does not sign in', async () => {
  const { disk, accounts, changing } = world();
  await accounts.create('ann', 'old');
  disk.auto = false;
  const ann = (await accounts.get('ann')) as AccountRecord;
  const change = accounts.setPassword(ann, 'new');
  await changing();
  assert.ok(await accounts.get('ann'));
  disk.commit(true);
  await assert.rejects(change, StorageError);
  assert.equal(await accounts.verifyPassword(await accounts.get('ann'), 'new'), false);
  assert.equal(await accounts.verifyPassword(await accounts.get('ann'), 'old'), true);
});

test('a check of the old password that outlasts the change of it does not keep it valid', async () => {
  const { accounts } = world();
  const ann = await accounts.create('ann', 'old');
  // Begun with the old keys, ended when they are gone.
  await accounts.setPassword(ann, 'new');
  assert.equal(await accounts.verifyPassword(ann, 'old'), true);
  assert.equal(await accounts.isCurrent(ann), false);
  assert.equal(await accounts.verifyPassword(await accounts.get('ann'), 'old'), false);
  assert.equal(await accounts.verifyPassword(await accounts.get('ann'), 'new'), true);
});

test('a removal that is asked for twice happens once', async () => {
  const { accounts } = world();
  const ann = await accounts.create('ann', 'secret');
  let removed = 0;
  accounts.onRemoving = () => new Promise((resolve) => setImmediate(resolve));
  accounts.onRemoved = () => void removed++;
  await Promise.all([accounts.remove(ann), accounts.remove(ann)]);
  assert.equal(removed, 1);
  assert.equal(await accounts.get('ann'), undefined);
});
