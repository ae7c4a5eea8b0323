import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { MailboxSearch, Storage } from '../kinds/index.ts';
import { ANN, BOB, committed, type OpenStorage, range, type StorageContractTarget } from './harness.ts';

const encoder = new TextEncoder();

/** How the entries got where they are; `indexed`: the engine has had time to do whatever it does behind the log. */
const ROUTES = {
  'in this turn': async (_target: StorageContractTarget, storage: Storage) => storage,
  reopened: async (target: StorageContractTarget, _storage: Storage) => target.reopen(),
  indexed: async (target: StorageContractTarget, _storage: Storage) => {
    const storage = await target.reopen();
    await target.index?.();
    await committed(storage);
    return storage;
  },
};

/** What the engines that have `search` must do. The target's `textOf` is the text between `<body>` and `</body>`. */
export function registerSearchContract(name: string, open: OpenStorage): void {
  for (const [when, settle] of Object.entries(ROUTES)) {
    describe(`${name}: search, ${when}`, () => {
      let target: StorageContractTarget;
      let storage: Storage;
      beforeEach(async () => {
        target = await open();
        storage = target.storage;
      });
      afterEach(() => target.close());

      const say = (seq: number, text: string, peer = 'bob@h', at = seq * 1000): void =>
        storage.mailboxes.append({ seq, at, stanza: encoder.encode(`<message><body>${text}</body></message>`) }, [
          { mailbox: ANN, peer, outgoing: true },
          ...(peer === 'bob@h' ? [{ mailbox: BOB, peer: 'ann@h', outgoing: false }] : []),
        ]);
      const found = async (mailbox: number, text: string, query: Partial<MailboxSearch> = {}): Promise<number[]> =>
        (await storage.mailboxes.search!(mailbox, { limit: 100, ...query, text })).entries.map(({ seq }) => seq);

      test('own entries only, with all words, in order; a word may be a beginning', async () => {
        assert.equal(storage.capabilities.search, true);
        say(1, 'We should bake a cake');
        say(2, 'Cake? Great idea');
        say(3, 'a great cake is baked', 'cleo@h');
        say(4, 'nothing of that');
        storage = await settle(target, storage);
        assert.deepEqual(await found(ANN, 'cake'), [1, 2, 3]);
        assert.deepEqual(await found(ANN, 'cake', { reverse: true }), [3, 2, 1]);
        assert.deepEqual(await found(BOB, 'cake'), [1, 2]);
        assert.deepEqual(await found(ANN, 'great cak'), [2, 3]);
        assert.deepEqual(await found(ANN, 'GREAT', { peer: 'cleo@h' }), [3]);
        assert.deepEqual(await found(ANN, 'great', { peer: 'nobody@h' }), []);
        assert.deepEqual(await found(99, 'cake'), []);
        assert.deepEqual(await found(ANN, ''), []);
        assert.deepEqual(await found(ANN, '" OR *'), []);
      });

      test('pages, by position and time', async () => {
        for (const seq of range(1, 30)) say(seq, seq % 2 === 0 ? `even number ${seq}` : `odd number ${seq}`);
        storage = await settle(target, storage);
        assert.deepEqual(await found(BOB, 'even', { limit: 3 }), [2, 4, 6]);
        assert.deepEqual(await found(BOB, 'even', { limit: 3, after: 6 }), [8, 10, 12]);
        assert.deepEqual(await found(BOB, 'even', { limit: 3, reverse: true }), [30, 28, 26]);
        assert.deepEqual(await found(BOB, 'even', { limit: 3, reverse: true, before: 26 }), [24, 22, 20]);
        assert.deepEqual(await found(BOB, 'odd', { after: 3, before: 11 }), [5, 7, 9]);
        assert.deepEqual(await found(BOB, 'odd', { start: 5000, end: 9000 }), [5, 7, 9]);
        assert.deepEqual(await found(BOB, 'number', { limit: 0 }), []);
      });

      test('what goes is not found: trimmed, removed, expired, replaced', async () => {
        for (const seq of range(1, 8)) say(seq, `marzipan ${seq}`);
        storage = await settle(target, storage);
        const { mailboxes } = storage;
        mailboxes.trim(BOB, 2);
        mailboxes.remove(BOB, 4);
        await mailboxes.replace(5, encoder.encode('<message/>'));
        await mailboxes.replace(6, encoder.encode('<message><body>nougat</body></message>'));
        assert.deepEqual(await found(BOB, 'marzipan'), [3, 7, 8]);
        assert.deepEqual(await found(ANN, 'marzipan'), [1, 2, 3, 4, 7, 8]);
        assert.deepEqual(await found(ANN, 'nougat'), [6]);
        mailboxes.trim(ANN, 3);
        await mailboxes.expire(7500, 100);
        assert.deepEqual(await found(BOB, 'marzipan'), [8]);
        assert.deepEqual(await found(ANN, 'nougat marzipan'), []);
        storage = await settle(target, storage);
        assert.deepEqual(await found(ANN, 'marzipan'), [8]);
        assert.deepEqual(await found(ANN, 'nougat'), []);
        storage.accounts.remove(ANN);
        assert.deepEqual(await found(ANN, 'marzipan'), []);
        assert.deepEqual(await found(BOB, 'marzipan'), [8]);
      });

      test('best first: a short message with the whole word before long ones and beginnings', async () => {
        say(1, 'coffee?');
        say(2, `coffee ${'and many more words '.repeat(20)}`);
        say(3, 'coffees of the world');
        say(4, 'tea');
        storage = await settle(target, storage);
        assert.deepEqual(await found(ANN, 'coffee*', { ranked: true }), [1, 3, 2]);
        const { entries } = await storage.mailboxes.search!(ANN, { text: 'coffee', ranked: true, limit: 2 });
        assert.equal(entries.length, 2);
        assert.ok(entries.every(({ score }) => score !== undefined && score > 0));
      });
    });
  }
}
