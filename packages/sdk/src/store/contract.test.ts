import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { emptyConversation } from '../conversations/state.ts';
import { sqliteStore } from '../platform/node/sqlite-store.ts';
import { memoryStore } from './memory.ts';
import type { ChatStore, MessageRecord } from './store.ts';

// By a name the type checker does not follow: this file is checked with Node's types, the store is written against the DOM's.
const browser = '../platform/browser/indexed-db-store.ts';
const { indexedDbStore } = (await import(browser)) as { indexedDbStore(name?: string): ChatStore };

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-store-'));
});
after(() => rm(folder, { recursive: true, force: true }));

let names = 0;
const engines: Record<string, { persistent: boolean; make(name: string): ChatStore }> = {
  memory: { persistent: false, make: () => memoryStore() },
  indexedDb: { persistent: true, make: (name) => indexedDbStore(name) },
  sqlite: { persistent: true, make: (name) => sqliteStore(join(folder, `${name}.db`)) },
};

function message(id: string, order: number, change: Partial<MessageRecord> = {}): MessageRecord {
  return {
    id,
    serverId: undefined,
    conversationId: 'bob@example.org',
    senderId: 'bob@example.org',
    mine: false,
    sentAt: order / 1000,
    order,
    status: 'delivered',
    error: undefined,
    body: `body of ${id}`,
    attachments: [],
    wireId: id,
    keys: [`o bob ${id}`],
    queued: 0,
    ...change,
  };
}

for (const [engine, { persistent, make }] of Object.entries(engines)) {
  describe(`store contract: ${engine}`, () => {
    async function fresh(): Promise<{ store: ChatStore; name: string }> {
      const name = `store-${names++}`;
      const store = make(name);
      await store.open();
      return { store, name };
    }

    it('keeps values, and removes them with undefined', async () => {
      const { store } = await fresh();
      await store.commit({ values: { a: { deep: [1, 'two', null, true] }, b: 'x' } });
      assert.deepEqual(await store.value('a'), { deep: [1, 'two', null, true] });
      await store.commit({ values: { b: undefined } });
      assert.equal(await store.value('b'), undefined);
      await store.close();
    });

    it('finds messages by id and by each key; replacing forgets the old keys', async () => {
      const { store } = await fresh();
      await store.commit({ messages: [message('a', 10, { keys: ['k1', 'k2'] }), message('b', 20)] });
      assert.deepEqual(
        (await store.messagesByKey(['k2', 'nothing', 'o bob b', 'k1'])).map((found) => found?.id),
        ['a', undefined, 'b', 'a'],
      );
      await store.commit({ messages: [message('a', 10, { keys: ['k2', 'k3'], body: 'new' })] });
      assert.deepEqual(
        (await store.messagesByKey(['k1', 'k2', 'k3'])).map((found) => found?.body),
        [undefined, 'new', 'new'],
      );
      assert.equal((await store.message('a'))?.body, 'new');
      assert.equal((await store.messages('bob@example.org', { limit: 10 })).length, 2);
      await store.close();
    });

    it('reads ranges in order: newest before, oldest after, never the bounds themselves', async () => {
      const { store } = await fresh();
      const orders = [50, 10, 40, 20, 30].map((order) => message(`m${order}`, order));
      await store.commit({ messages: [...orders, message('other', 25, { conversationId: 'eve@example.org' })] });
      const read = async (range: { before?: number; after?: number; limit: number }): Promise<number[]> =>
        (await store.messages('bob@example.org', range)).map((found) => found.order);
      assert.deepEqual(await read({ limit: 2 }), [40, 50]);
      assert.deepEqual(await read({ before: 40, limit: 2 }), [20, 30]);
      assert.deepEqual(await read({ after: 20, limit: 2 }), [30, 40]);
      assert.deepEqual(await read({ after: 10, before: 50, limit: 2 }), [30, 40]);
      assert.deepEqual(await read({ after: 0, limit: 1 }), [10]);
      assert.deepEqual(await read({ after: 50, limit: 5 }), []);
      assert.deepEqual(await store.messages('nobody@example.org', { limit: 5 }), []);
      await store.close();
    });

    it('moves a message whose order changes, and removes messages', async () => {
      const { store } = await fresh();
      await store.commit({ messages: [message('a', 10), message('b', 20)] });
      await store.commit({ messages: [message('a', 30)], removeMessages: ['b', 'never there'] });
      assert.deepEqual(
        (await store.messages('bob@example.org', { limit: 5 })).map((found) => found.id),
        ['a'],
      );
      assert.deepEqual(await store.messagesByKey(['o bob b']), [undefined]);
      await store.close();
    });

    it('counts received messages after a position, up to a limit', async () => {
      const { store } = await fresh();
      await store.commit({ messages: [1, 2, 3, 4, 5, 6].map((n) => message(`m${n}`, n, { mine: n === 4 })) });
      assert.equal(await store.countReceived('bob@example.org', 2, 100), 3);
      assert.equal(await store.countReceived('bob@example.org', 0, 2), 2);
      assert.equal(await store.countReceived('bob@example.org', 6, 2), 0);
      await store.close();
    });

    it('lists the outbox in order over all conversations', async () => {
      const { store } = await fresh();
      await store.commit({
        messages: [message('b', 20, { queued: 1 }), message('x', 15), message('a', 10, { queued: 1, conversationId: 'eve@example.org' })],
      });
      assert.deepEqual(
        (await store.queued()).map((found) => found.id),
        ['a', 'b'],
      );
      await store.commit({ messages: [message('b', 20, { queued: 0 })] });
      assert.deepEqual(
        (await store.queued()).map((found) => found.id),
        ['a'],
      );
      await store.close();
    });

    it('keeps conversations and files', async () => {
      const { store } = await fresh();
      const conversation = { ...emptyConversation('bob@example.org'), unread: 3, lastMessage: message('a', 10) };
      await store.commit({ conversations: [conversation] });
      await store.commit({ conversations: [{ ...conversation, unread: 0 }] });
      const [found] = await store.conversations();
      assert.deepEqual([found?.unread, found?.lastMessage?.body], [0, 'body of a']);
      await store.putFile('f', new File([new Uint8Array([1, 2, 3])], 'a.bin', { type: 'x/y' }));
      const file = await store.file('f');
      assert.deepEqual([file?.name, file?.type, file?.size], ['a.bin', 'x/y', 3]);
      assert.deepEqual(new Uint8Array(await file!.arrayBuffer()), new Uint8Array([1, 2, 3]));
      await store.removeFile('f');
      assert.equal(await store.file('f'), undefined);
      await store.close();
    });

    it('clears everything, and keeps everything over a new start', async () => {
      const { store, name } = await fresh();
      await store.commit({ messages: [message('a', 10)], values: { v: 1 }, conversations: [emptyConversation('bob@example.org')] });
      await store.close();
      const again = make(name);
      await again.open();
      await again.open();
      if (persistent) assert.equal((await again.message('a'))?.body, 'body of a');
      await again.clear();
      assert.deepEqual(
        [await again.value('v'), await again.conversations(), await again.message('a'), await again.messagesByKey(['o bob a'])],
        [undefined, [], undefined, [undefined]],
      );
      await again.close();
    });
  });
}
