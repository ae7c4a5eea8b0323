import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Storage } from '../kinds/index.ts';
import { committed, type OpenStorage, range, type StorageContractTarget, send, seqs } from './harness.ts';
import { registerMailboxContract } from './mailboxes.ts';

export type { StorageContractTarget } from './harness.ts';

/** What every storage engine must do. */
export function registerStorageContract(name: string, open: OpenStorage): void {
  registerMailboxContract(name, open);

  describe(`${name}: accounts, settings, commit`, () => {
    let target: StorageContractTarget;
    let storage: Storage;
    beforeEach(async () => {
      target = await open();
      storage = target.storage;
    });
    afterEach(() => target.close());

    const account = (localpart: string, domain = 'chat.example') => ({ localpart, domain, createdAt: 5, credentials: '{"k":1}' });

    test('an account is found by name and by id; the same name on another domain is another account', async () => {
      const ann = await storage.accounts.create(account('ann'));
      const other = await storage.accounts.create(account('ann', 'other.example'));
      assert.ok(ann && other && ann.id !== other.id);
      assert.deepEqual(ann, { id: ann.id, ...account('ann'), disabled: false });
      assert.deepEqual(await storage.accounts.get('ann', 'chat.example'), ann);
      assert.deepEqual(await storage.accounts.byId(other.id), other);
      assert.equal(await storage.accounts.get('bob', 'chat.example'), undefined);
      assert.equal(await storage.accounts.create(account('ann')), undefined);
    });

    test('changes to an account are kept', async () => {
      const ann = (await storage.accounts.create(account('ann')))!;
      storage.accounts.update(ann.id, { disabled: true });
      storage.accounts.update(ann.id, { credentials: 'new' });
      storage = await target.reopen();
      assert.deepEqual(await storage.accounts.byId(ann.id), { ...ann, disabled: true, credentials: 'new' });
    });

    test('accounts are listed by name, a page at a time', async () => {
      for (const name of ['cleo', 'ann', 'bob', 'dan']) await storage.accounts.create(account(name));
      await storage.accounts.create(account('aaa', 'other.example'));
      const names = async (after?: string) =>
        (await storage.accounts.list({ domain: 'chat.example', after, limit: 2 })).map((record) => record.localpart);
      assert.deepEqual(await names(), ['ann', 'bob']);
      assert.deepEqual(await names('bob'), ['cleo', 'dan']);
      assert.deepEqual(await names('dan'), []);
      assert.equal(await storage.accounts.count('chat.example'), 4);
      assert.equal(await storage.accounts.count('nowhere.example'), 0);
    });

    test('removing an account removes all it had, and its id is never used again', async () => {
      const ann = (await storage.accounts.create(account('ann')))!;
      const roster = storage.keyValue('roster');
      const vcard = storage.keyValue('vcard');
      roster.set(ann.id, 'bob@chat.example', '{}');
      vcard.set(ann.id, 'card', '<vCard/>');
      roster.set(ann.id + 1, 'bob@chat.example', '{}');
      const copy = { peer: 'bob@chat.example', outgoing: true };
      storage.mailboxes.append({ seq: 1, at: 1, stanza: Buffer.from('<message/>') }, [
        { ...copy, mailbox: ann.id, originId: 'o1' },
        { mailbox: ann.id + 1, peer: 'ann@chat.example', outgoing: false },
      ]);
      storage.mailboxes.setCursor(ann.id, { device: 'phone', seq: 1, seenAt: 1 });
      await committed(storage);
      storage.accounts.remove(ann.id);
      const check = async () => {
        assert.equal(await storage.accounts.byId(ann.id), undefined);
        assert.deepEqual(await storage.keyValue('roster').list(ann.id), []);
        assert.deepEqual(await storage.keyValue('vcard').list(ann.id), []);
        assert.deepEqual(await storage.keyValue('roster').owners('bob@chat.example'), [ann.id + 1]);
        assert.deepEqual(await seqs(storage, ann.id), []);
        assert.equal(await storage.mailboxes.findOrigin(ann.id, 'o1'), undefined);
        assert.deepEqual(await storage.mailboxes.cursors(ann.id), []);
        assert.deepEqual(await seqs(storage, ann.id + 1), [1]);
      };
      await check();
      await committed(storage);
      storage = await target.reopen();
      await check();
      const again = (await storage.accounts.create(account('ann')))!;
      assert.ok(again.id > ann.id);
    });

    test('each domain has a number of its own for its rows, always the same; the first one has 0', async () => {
      const first = await storage.hostOwner('chat.example');
      const second = await storage.hostOwner('other.example');
      assert.equal(first, 0);
      assert.ok(Number.isSafeInteger(second) && second > 2 ** 50, 'out of the way of accounts');
      const rooms = storage.keyValue('rooms');
      rooms.set(first, 'tea', '1');
      rooms.set(second, 'tea', '2');
      await committed(storage);
      storage = await target.reopen();
      assert.equal(await storage.hostOwner('other.example'), second);
      assert.equal(await storage.hostOwner('chat.example'), first);
      const third = await storage.hostOwner('third.example');
      assert.ok(third !== first && third !== second);
      assert.equal(await storage.keyValue('rooms').get(second, 'tea'), '2');
      assert.deepEqual(await storage.keyValue('rooms').owners('tea'), [first, second]);
    });

    test('key-value stores are apart from each other, sorted, and know who holds a key', async () => {
      const roster = storage.keyValue('roster');
      const blocked = storage.keyValue('blocked');
      roster.set(1, 'b', '1');
      roster.set(1, 'a', '2');
      roster.set(2, 'a', '3');
      blocked.set(1, 'a', '4');
      roster.set(1, 'b', '5');
      assert.equal(await roster.get(1, 'b'), '5');
      assert.equal(await roster.get(3, 'b'), undefined);
      assert.deepEqual(await roster.list(1), [
        { key: 'a', value: '2' },
        { key: 'b', value: '5' },
      ]);
      assert.deepEqual(await roster.owners('a'), [1, 2]);
      roster.delete(1, 'a');
      roster.deleteOwner(2);
      assert.deepEqual(await roster.owners('a'), []);
      storage = await target.reopen();
      assert.deepEqual(await storage.keyValue('roster').list(1), [{ key: 'b', value: '5' }]);
      assert.equal(await storage.keyValue('blocked').get(1, 'a'), '4');
      assert.throws(() => storage.keyValue('No Such'), RangeError);
    });

    test('a key-value store lists what begins with a prefix', async () => {
      const items = storage.keyValue('roster');
      const keys = ['a', 'a\u0001', 'a\u00011', 'a\u0001\u{10ffff}x', 'a\u0002', 'ab', 'b', '\ud7ff1', '\ue0001', '%', '%a', '_'];
      for (const key of keys) items.set(1, key, key);
      items.set(2, 'a\u0001other', '');
      const under = async (prefix: string) => (await items.list(1, prefix)).map(({ key }) => key);
      assert.deepEqual(await under('a\u0001'), ['a\u0001', 'a\u00011', 'a\u0001\u{10ffff}x']);
      assert.deepEqual(await under('a'), ['a', 'a\u0001', 'a\u00011', 'a\u0001\u{10ffff}x', 'a\u0002', 'ab']);
      assert.deepEqual(await under('\ud7ff'), ['\ud7ff1']);
      assert.deepEqual(await under('%'), ['%', '%a']);
      assert.deepEqual(await under('nothing'), []);
      assert.equal((await items.list(1, '')).length, keys.length);
    });

    test('without writes nobody waits', () => {
      let ran = false;
      assert.equal(storage.pending, false);
      storage.afterCommit(
        () => {
          ran = true;
        },
        () => {},
      );
      assert.equal(ran, true);
    });

    test('callbacks run after the commit, in the order given; what they write is the next batch', async () => {
      const order: string[] = [];
      const note = (what: string) => storage.afterCommit(() => order.push(what), assert.fail);
      send(storage, 1);
      assert.equal(storage.pending, true);
      note('first');
      storage.afterCommit(() => {
        order.push('second');
        send(storage, 2);
        note('after the next batch');
      }, assert.fail);
      note('third');
      order.push('end of turn');
      await committed(storage);
      assert.deepEqual(order.slice(0, 4), ['end of turn', 'first', 'second', 'third']);
      await committed(storage);
      assert.deepEqual(order.slice(4), ['after the next batch']);
      assert.equal(storage.pending, false);
      assert.deepEqual(await seqs(storage, 11), range(1, 2));
    });

    test('a callback that throws does not keep the others from running', async () => {
      const order: number[] = [];
      send(storage, 1);
      storage.afterCommit(() => order.push(1), assert.fail);
      storage.afterCommit(() => {
        order.push(2);
        throw new Error('from a callback');
      }, assert.fail);
      storage.afterCommit(() => order.push(3), assert.fail);
      try {
        await storage.flush();
        assert.fail('the error was swallowed');
      } catch (error) {
        assert.match(String(error), /from a callback/);
      }
      assert.deepEqual(order, [1, 2, 3]);
      assert.equal(storage.pending, false);
    });

    test('after close everything is refused', async () => {
      await storage.close();
      assert.throws(() => send(storage, 1), { name: 'StorageError', code: 'closed' });
      assert.throws(() => storage.mailboxes.read(1, { limit: 1 }), { name: 'StorageError', code: 'closed' });
      await storage.close();
    });
  });
}
