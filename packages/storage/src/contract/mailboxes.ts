import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Storage } from '../kinds/index.ts';
import { ANN, BOB, committed, type OpenStorage, range, type StorageContractTarget, send, seqs, stanza } from './harness.ts';

/** How the entries got where they are: an engine may keep new and old ones differently. */
const ROUTES = {
  'in this turn': async (_target: StorageContractTarget, storage: Storage) => storage,
  committed: async (_target: StorageContractTarget, storage: Storage) => {
    await committed(storage);
    return storage;
  },
  reopened: async (target: StorageContractTarget, _storage: Storage) => target.reopen(),
};

/** What the mailboxes of every storage engine must do. */
export function registerMailboxContract(name: string, open: OpenStorage): void {
  for (const [when, settle] of Object.entries(ROUTES)) {
    describe(`${name}: mailboxes, ${when}`, () => {
      let target: StorageContractTarget;
      let storage: Storage;
      beforeEach(async () => {
        target = await open();
        storage = target.storage;
      });
      afterEach(() => target.close());

      test('both copies of a message are read back whole', async () => {
        send(storage, 7, { originId: 'o7' });
        storage = await settle(target, storage);
        const [sent] = await storage.mailboxes.read(ANN, { limit: 10 });
        const received = await storage.mailboxes.get(BOB, 7);
        assert.deepEqual(
          { ...sent, stanza: Buffer.from(sent!.stanza) },
          { seq: 7, at: 7000, peer: 'bob@chat.example', outgoing: true, device: 'phone', quiet: undefined, stanza: Buffer.from(stanza(7)) },
        );
        assert.deepEqual(
          { ...received, stanza: Buffer.from(received!.stanza) },
          {
            seq: 7,
            at: 7000,
            peer: 'ann@chat.example',
            outgoing: false,
            device: undefined,
            quiet: undefined,
            stanza: Buffer.from(stanza(7)),
          },
        );
        assert.equal(await storage.mailboxes.get(BOB, 8), undefined);
        assert.equal(await storage.mailboxes.get(99, 7), undefined);
        assert.equal(storage.mailboxes.lastSeq(), 7);
      });

      test('pages: bounds are exclusive, both directions, any limit', async () => {
        for (const seq of range(1, 20)) send(storage, seq);
        storage = await settle(target, storage);
        assert.deepEqual(await seqs(storage, BOB), range(1, 20));
        assert.deepEqual(await seqs(storage, BOB, { limit: 3 }), [1, 2, 3]);
        assert.deepEqual(await seqs(storage, BOB, { limit: 3, reverse: true }), [20, 19, 18]);
        assert.deepEqual(await seqs(storage, BOB, { after: 17 }), [18, 19, 20]);
        assert.deepEqual(await seqs(storage, BOB, { before: 4 }), [1, 2, 3]);
        assert.deepEqual(await seqs(storage, BOB, { after: 5, before: 8 }), [6, 7]);
        assert.deepEqual(await seqs(storage, BOB, { after: 5, before: 6 }), []);
        assert.deepEqual(await seqs(storage, BOB, { before: 10, limit: 2, reverse: true }), [9, 8]);
        assert.deepEqual(await seqs(storage, BOB, { after: 20 }), []);
        assert.deepEqual(await seqs(storage, BOB, { after: 10_000 }), []);
        assert.deepEqual(await seqs(storage, BOB, { before: 1 }), []);
        assert.deepEqual(await seqs(storage, BOB, { after: 9, before: 3 }), []);
        assert.deepEqual(await seqs(storage, BOB, { limit: 0 }), []);
        assert.deepEqual(await seqs(storage, 99), []);
      });

      test('times are inclusive, and may go backwards against the positions', async () => {
        const times = [100, 200, 150, 400, 300, 500];
        for (const [i, at] of times.entries()) send(storage, i + 1, { at });
        storage = await settle(target, storage);
        assert.deepEqual(await seqs(storage, BOB, { start: 200 }), [2, 4, 5, 6]);
        assert.deepEqual(await seqs(storage, BOB, { end: 300 }), [1, 2, 3, 5]);
        assert.deepEqual(await seqs(storage, BOB, { start: 150, end: 300, reverse: true }), [5, 3, 2]);
        assert.deepEqual(await seqs(storage, BOB, { start: 501 }), []);
        assert.deepEqual(await seqs(storage, BOB, { end: 99 }), []);
        assert.equal(await storage.mailboxes.count(BOB, { start: 150, end: 400 }), 4);
      });

      test('one peer, incoming only, counted', async () => {
        for (const seq of range(1, 12)) send(storage, seq, { to: seq % 3 === 0 ? 'cleo@chat.example' : 'bob@chat.example' });
        storage.mailboxes.append({ seq: 13, at: 13_000, stanza: stanza(13) }, [
          { mailbox: ANN, peer: 'cleo@chat.example', outgoing: false },
        ]);
        storage = await settle(target, storage);
        assert.deepEqual(await seqs(storage, ANN, { peer: 'cleo@chat.example' }), [3, 6, 9, 12, 13]);
        assert.deepEqual(await seqs(storage, ANN, { peer: 'cleo@chat.example', before: 12, limit: 2, reverse: true }), [9, 6]);
        assert.deepEqual(await seqs(storage, ANN, { peer: 'cleo@chat.example', incomingOnly: true }), [13]);
        assert.deepEqual(await seqs(storage, ANN, { incomingOnly: true }), [13]);
        assert.deepEqual(await seqs(storage, ANN, { peer: 'nobody@chat.example' }), []);
        assert.equal(await storage.mailboxes.count(ANN, {}), 13);
        assert.equal(await storage.mailboxes.count(ANN, { peer: 'cleo@chat.example', after: 6 }), 3);
        assert.equal(await storage.mailboxes.count(ANN, { incomingOnly: true }), 1);
        assert.equal(await storage.mailboxes.count(99, {}), 0);
      });

      test('quiet entries: read and delivered like others, but neither counted as unread nor the head of a conversation', async () => {
        for (const seq of range(1, 4)) send(storage, seq);
        const copy = (seq: number, quiet: boolean, peer: string, outgoing: boolean) =>
          storage.mailboxes.append({ seq, at: seq, stanza: stanza(seq) }, [{ mailbox: BOB, peer, outgoing, quiet }]);
        copy(5, true, 'ann@chat.example', false);
        copy(6, true, 'ann@chat.example', true);
        copy(7, true, 'only-receipts@chat.example', false);
        copy(8, false, 'cleo@chat.example', true);
        copy(9, true, 'cleo@chat.example', false);
        storage = await settle(target, storage);
        const { mailboxes } = storage;
        assert.deepEqual(await seqs(storage, BOB), range(1, 9));
        assert.deepEqual(await seqs(storage, BOB, { contentOnly: true }), [1, 2, 3, 4, 8]);
        assert.deepEqual(await seqs(storage, BOB, { contentOnly: true, incomingOnly: true, peer: 'ann@chat.example' }), [1, 2, 3, 4]);
        assert.deepEqual(await seqs(storage, BOB, { incomingOnly: true, reverse: true, limit: 2 }), [9, 7]);
        assert.deepEqual(
          (await mailboxes.read(BOB, { limit: 9 })).map((entry) => entry.quiet === true),
          [1, 2, 3, 4, 5, 6, 7, 8, 9].map((seq) => seq >= 5 && seq !== 8),
        );
        assert.equal(await mailboxes.count(BOB, { peer: 'ann@chat.example', after: 1, incomingOnly: true, contentOnly: true }), 3);
        assert.equal(await mailboxes.count(BOB, { peer: 'ann@chat.example', incomingOnly: true, contentOnly: true }, 2), 2);
        assert.equal(await mailboxes.count(BOB, {}, 100), 9);
        const heads = async (before?: number) =>
          (await mailboxes.conversations(BOB, before)).map(({ peer, last }) => `${peer.split('@')[0]} ${last}`).sort();
        assert.deepEqual(await heads(), ['ann 4', 'cleo 8']);
        assert.deepEqual(await heads(8), ['ann 4']);
        assert.deepEqual(await heads(3), ['ann 2']);
        assert.deepEqual(await mailboxes.conversations(99), []);
        mailboxes.trim(BOB, 4);
        assert.deepEqual(await heads(), ['cleo 8']);
      });

      test('another stanza in the place of a message: for all that hold it, position, time and origin-id stay', async () => {
        for (const seq of range(1, 4)) send(storage, seq, { originId: `o${seq}` });
        storage = await settle(target, storage);
        const short = new TextEncoder().encode('<message id="m2"/>');
        const long = new TextEncoder().encode(`<message id="m3">${'<x/>'.repeat(2000)}</message>`);
        assert.equal(await storage.mailboxes.replace(2, short), true);
        assert.equal(await storage.mailboxes.replace(3, long), true);
        assert.equal(await storage.mailboxes.replace(99, short), false);
        storage.mailboxes.trim(BOB, 1);
        storage.mailboxes.trim(ANN, 1);
        assert.equal(await storage.mailboxes.replace(1, short), false);
        const check = async () => {
          for (const mailbox of [ANN, BOB]) {
            const entries = await storage.mailboxes.read(mailbox, { limit: 9 });
            assert.deepEqual(
              entries.map((entry) => [entry.seq, entry.at, Buffer.from(entry.stanza).toString()]),
              [
                [2, 2000, Buffer.from(short).toString()],
                [3, 3000, Buffer.from(long).toString()],
                [4, 4000, Buffer.from(stanza(4)).toString()],
              ],
            );
          }
          assert.equal(await storage.mailboxes.findOrigin(ANN, 'o2'), 2);
        };
        await check();
        storage = await settle(target, storage);
        await check();
        storage = await target.reopen();
        await check();
        // Held by one of them only.
        storage.mailboxes.remove(ANN, 3);
        assert.equal(await storage.mailboxes.replace(3, short), true);
        assert.equal(Buffer.from((await storage.mailboxes.get(BOB, 3))!.stanza).toString(), Buffer.from(short).toString());
        storage.mailboxes.remove(BOB, 3);
        assert.equal(await storage.mailboxes.replace(3, long), false);
        storage = await target.reopen();
        assert.deepEqual(await seqs(storage, BOB), [2, 4]);
      });

      test('messages with a time of their own: listed when it is up, discarded from every mailbox', async () => {
        for (const seq of range(1, 6)) send(storage, seq, { originId: `o${seq}` });
        storage.mailboxes.setDue(2, 5000, ANN);
        storage.mailboxes.setDue(4, 3000, ANN);
        storage.mailboxes.setDue(5, 9000, ANN);
        storage = await settle(target, storage);
        const due = async (now: number, limit = 10) =>
          (await storage.mailboxes.due(now, limit)).map(({ seq, sender }) => `${seq} ${sender}`);
        assert.deepEqual(await due(2999), []);
        assert.deepEqual(await due(5000), ['4 11', '2 11']);
        assert.deepEqual(await due(5000, 1), ['4 11']);
        assert.deepEqual(await due(6000), ['4 11', '2 11']);
        await storage.mailboxes.discard(4);
        await storage.mailboxes.discard(2);
        await storage.mailboxes.discard(99);
        const check = async () => {
          assert.deepEqual(await due(6000), []);
          assert.deepEqual(await seqs(storage, ANN), [1, 3, 5, 6]);
          assert.deepEqual(await seqs(storage, BOB), [1, 3, 5, 6]);
          assert.equal(await storage.mailboxes.findOrigin(ANN, 'o4'), 4);
        };
        await check();
        storage = await settle(target, storage);
        await check();
        // One that has gone otherwise is discarded without harm.
        storage.mailboxes.trim(ANN, 5);
        storage.mailboxes.remove(BOB, 5);
        assert.deepEqual(await due(9000), ['5 11']);
        await storage.mailboxes.discard(5);
        storage = await target.reopen();
        assert.deepEqual(await due(10_000), []);
        assert.deepEqual(await seqs(storage, BOB), [1, 3, 6]);
      });

      test('an origin-id is known to its own mailbox, also when the entry was delivered and trimmed', async () => {
        send(storage, 1, { originId: 'same' });
        send(storage, 2, { originId: 'ünlike 💌' });
        storage.mailboxes.append({ seq: 3, at: 3, stanza: stanza(3) }, [
          { mailbox: BOB, peer: 'x@chat.example', outgoing: true, originId: 'same' },
        ]);
        storage = await settle(target, storage);
        const check = async () => {
          assert.equal(await storage.mailboxes.findOrigin(ANN, 'same'), 1);
          assert.equal(await storage.mailboxes.findOrigin(ANN, 'ünlike 💌'), 2);
          assert.equal(await storage.mailboxes.findOrigin(BOB, 'same'), 3);
          assert.equal(await storage.mailboxes.findOrigin(BOB, 'ünlike 💌'), undefined);
          assert.equal(await storage.mailboxes.findOrigin(ANN, 'other'), undefined);
        };
        await check();
        storage.mailboxes.trim(ANN, 3);
        storage.mailboxes.trim(BOB, 3);
        await check();
        storage = await settle(target, storage);
        await check();
      });

      test('first and last', async () => {
        assert.equal(await storage.mailboxes.range(ANN), undefined);
        for (const seq of range(3, 9)) send(storage, seq);
        storage = await settle(target, storage);
        assert.deepEqual(await storage.mailboxes.range(BOB), { first: { seq: 3, at: 3000 }, last: { seq: 9, at: 9000 } });
        storage.mailboxes.trim(BOB, 5);
        send(storage, 10);
        assert.deepEqual(await storage.mailboxes.range(BOB), { first: { seq: 6, at: 6000 }, last: { seq: 10, at: 10_000 } });
      });

      test('trimming one mailbox leaves the other copies; positions are not given out again', async () => {
        for (const seq of range(1, 10)) send(storage, seq);
        storage = await settle(target, storage);
        storage.mailboxes.trim(BOB, 4);
        assert.deepEqual(await seqs(storage, BOB), range(5, 10));
        assert.deepEqual(await seqs(storage, ANN), range(1, 10));
        storage = await settle(target, storage);
        storage.mailboxes.trim(ANN, 10);
        storage.mailboxes.trim(BOB, 10);
        storage = await settle(target, storage);
        assert.deepEqual(await seqs(storage, ANN), []);
        assert.deepEqual(await seqs(storage, BOB), []);
        assert.equal(await storage.mailboxes.count(BOB, {}), 0);
        storage = await target.reopen();
        assert.equal(storage.mailboxes.lastSeq(), 10);
        assert.throws(() => send(storage, 10), RangeError);
        send(storage, 11);
        assert.deepEqual(await seqs(storage, BOB), [11]);
      });

      test('trimming in steps: the first entries go first, and the answer says when that was all', async () => {
        for (const seq of range(1, 10)) send(storage, seq);
        storage = await settle(target, storage);
        let left = range(1, 10);
        for (let steps = 0; ; steps++) {
          assert.ok(steps < 10, 'it never ends');
          const all = await storage.mailboxes.trim(BOB, 8, 3);
          const there = await seqs(storage, BOB);
          assert.deepEqual(there, left.slice(left.length - there.length), 'not the first ones went');
          assert.ok(there.length < left.length, 'nothing went');
          left = there;
          storage = await settle(target, storage);
          if (all) break;
          assert.ok(left.some((seq) => seq <= 8));
        }
        assert.deepEqual(left, [9, 10]);
        assert.equal(await storage.mailboxes.trim(BOB, 8, 3), true);
        assert.deepEqual(await seqs(storage, BOB), [9, 10]);
        assert.deepEqual(await seqs(storage, ANN), range(1, 10));
      });

      test('one copy is removed, the other stays', async () => {
        for (const seq of range(1, 4)) send(storage, seq);
        storage = await settle(target, storage);
        storage.mailboxes.remove(BOB, 2);
        storage.mailboxes.remove(BOB, 2);
        storage.mailboxes.remove(BOB, 77);
        storage = await settle(target, storage);
        assert.deepEqual(await seqs(storage, BOB), [1, 3, 4]);
        assert.deepEqual(await seqs(storage, ANN), range(1, 4));
        assert.equal(await storage.mailboxes.get(BOB, 2), undefined);
        assert.ok(await storage.mailboxes.get(ANN, 2));
      });

      test('expiry takes what is older, no more than asked for at once', async () => {
        for (const seq of range(1, 6)) send(storage, seq);
        storage = await settle(target, storage);
        assert.equal(await storage.mailboxes.expire(1000, 100), 0);
        assert.equal(await storage.mailboxes.expire(4000, 3), 3);
        assert.equal(await storage.mailboxes.expire(4000, 100), 3);
        assert.equal(await storage.mailboxes.expire(4000, 100), 0);
        storage = await settle(target, storage);
        assert.deepEqual(await seqs(storage, ANN), [4, 5, 6]);
        assert.deepEqual(await seqs(storage, BOB), [4, 5, 6]);
        assert.equal(await storage.mailboxes.expire(10_000, 100), 6);
        assert.deepEqual(await seqs(storage, BOB), []);
      });

      test('cursors and queues', async () => {
        for (const seq of range(1, 6)) send(storage, seq);
        storage.mailboxes.setCursor(BOB, { device: 'phone', seq: 2, seenAt: 50 });
        storage.mailboxes.setCursor(BOB, { device: 'laptop', seq: 5, seenAt: 60 });
        storage.mailboxes.setCursor(ANN, { device: 'phone', seq: 6, seenAt: 70 });
        storage.mailboxes.setCursor(BOB, { device: 'phone', seq: 3, seenAt: 80 });
        storage = await settle(target, storage);
        const byDevice = (await storage.mailboxes.cursors(BOB)).sort((a, b) => (a.device < b.device ? -1 : 1));
        assert.deepEqual(byDevice, [
          { device: 'laptop', seq: 5, seenAt: 60 },
          { device: 'phone', seq: 3, seenAt: 80 },
        ]);
        assert.deepEqual(await storage.mailboxes.queues(2), [
          { mailbox: BOB, device: 'phone', length: 3, oldestAt: 4000 },
          { mailbox: BOB, device: 'laptop', length: 1, oldestAt: 6000 },
        ]);
        assert.equal((await storage.mailboxes.queues(10)).length, 3);
        storage.mailboxes.append({ seq: 7, at: 7000, stanza: stanza(7) }, [{ mailbox: 77, peer: 'ann@chat.example', outgoing: false }]);
        storage = await settle(target, storage);
        assert.deepEqual(
          (await storage.mailboxes.queues(10)).filter((queue) => queue.mailbox === 77),
          [{ mailbox: 77, device: '', length: 1, oldestAt: 7000 }],
          'an account that never signed in has a queue too',
        );
        storage.mailboxes.removeCursor(BOB, 'phone');
        storage = await settle(target, storage);
        assert.deepEqual(
          (await storage.mailboxes.cursors(BOB)).map((cursor) => cursor.device),
          ['laptop'],
        );
      });

      test('a group has a mailbox of its own, below 0, and a device may take it', async () => {
        const GROUP = -7;
        for (const seq of range(1, 3))
          storage.mailboxes.append({ seq, at: seq * 1000, stanza: stanza(seq) }, [
            { mailbox: GROUP, peer: 'ann@chat.example', outgoing: false, originId: `1:o${seq}` },
          ]);
        storage.mailboxes.setCursor(BOB, { device: 'phone', seq: 1, seenAt: 50, groups: 2 });
        storage.mailboxes.setCursor(GROUP, { device: '1/phone', seq: 1, seenAt: 50 });
        storage = await settle(target, storage);
        assert.deepEqual(await seqs(storage, GROUP), [1, 2, 3]);
        assert.deepEqual(await seqs(storage, GROUP, { after: 1, peer: 'ann@chat.example' }), [2, 3]);
        assert.equal(await storage.mailboxes.findOrigin(GROUP, '1:o2'), 2);
        assert.deepEqual(await storage.mailboxes.cursors(BOB), [{ device: 'phone', seq: 1, seenAt: 50, groups: 2 }]);
        assert.deepEqual(
          (await storage.mailboxes.queues(10)).map((queue) => queue.mailbox),
          [BOB],
          'nothing waits for a group itself',
        );
        storage.mailboxes.trim(GROUP, 2);
        storage = await settle(target, storage);
        assert.deepEqual(await seqs(storage, GROUP), [3]);
      });

      test('positions are safe integers of any size', async () => {
        const big = [2 ** 32 + 1, 2 ** 52 + 1, Number.MAX_SAFE_INTEGER - 3, Number.MAX_SAFE_INTEGER - 2];
        for (const seq of big) send(storage, seq, { at: 1_700_000_000_000, originId: `o${seq}` });
        storage.mailboxes.setCursor(BOB, { device: 'phone', seq: big[2]!, seenAt: 1 });
        storage = await settle(target, storage);
        assert.deepEqual(await seqs(storage, BOB), big);
        assert.deepEqual(await seqs(storage, BOB, { after: big[1]!, before: big[3]! }), [big[2]]);
        assert.equal(await storage.mailboxes.findOrigin(ANN, `o${big[2]}`), big[2]);
        assert.equal((await storage.mailboxes.queues(1))[0]?.length, 1);
        storage.mailboxes.trim(BOB, big[2]!);
        storage = await settle(target, storage);
        assert.deepEqual(await seqs(storage, BOB), [big[3]]);
        assert.equal(storage.mailboxes.lastSeq(), big[3]);
      });

      test('a note to self is one entry', async () => {
        const copy = { mailbox: ANN, peer: 'ann@chat.example' };
        storage.mailboxes.append({ seq: 1, at: 1, stanza: stanza(1) }, [
          { ...copy, outgoing: true, device: 'phone' },
          { ...copy, outgoing: false },
        ]);
        storage = await settle(target, storage);
        assert.equal(await storage.mailboxes.count(ANN, {}), 1);
        assert.equal((await storage.mailboxes.get(ANN, 1))?.outgoing, true);
      });
    });
  }
}
