// Two tabs of a browser: two connections, one store.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { NS } from '@parley/protocol';
import { createClient } from './create.ts';
import { FakeServer, settle } from './platform/node/testing/fake-server.ts';
import type { Platform } from './platform.ts';
import { memoryStore } from './store/memory.ts';
import type { ChatClient } from './types.ts';

/** What BroadcastChannel and Web Locks do between tabs. */
class Browser {
  readonly #listeners = new Set<(message: string) => void>();
  #lock: Promise<void> = Promise.resolve();

  tab(platform: Platform): Platform {
    return {
      ...platform,
      channel: (_name, listener) => {
        this.#listeners.add(listener);
        return {
          post: (message) => {
            for (const other of this.#listeners) if (other !== listener) queueMicrotask(() => other(message));
          },
          close: () => this.#listeners.delete(listener),
        };
      },
      exclusively: (_name, work) => {
        this.#lock = this.#lock.then(work);
        return this.#lock;
      },
    };
  }
}

async function twoTabs(): Promise<{
  servers: [FakeServer, FakeServer];
  tabs: [ChatClient, ChatClient];
  store: ReturnType<typeof memoryStore>;
}> {
  const store = memoryStore();
  const browser = new Browser();
  const servers: [FakeServer, FakeServer] = [new FakeServer(), new FakeServer()];
  for (const server of servers) server.mechanisms = ['SCRAM-SHA-1'];
  const [one, two] = servers.map((server) =>
    createClient({ platform: browser.tab(server.platform), server: 'wss://example.org/ws', domain: 'example.org', store }),
  );
  await one!.signIn({ username: 'ann', password: 'secret' });
  await settle();
  const online = new Promise<void>((resolve) => {
    two!.on('sync.done', () => resolve());
  });
  await two!.connect();
  await online;
  return { servers, tabs: [one!, two!], store };
}

it('a message that both tabs get is one row; reading it in one tab clears it in the other', async () => {
  const { servers, tabs, store } = await twoTabs();
  const message =
    `<message xmlns="jabber:client" from="bob@example.org/phone" type="chat" id="m1"><body>hi</body>` +
    `<stanza-id xmlns="${NS.sid}" by="ann@example.org" id="s1"/></message>`;
  await Promise.all(servers.map((server) => server.say(message)));
  await settle();
  assert.equal((await store.messages('bob@example.org', { limit: 10 })).length, 1);
  assert.deepEqual(
    tabs.map((tab) => tab.conversation('bob').snapshot().unread),
    [1, 1],
  );
  await tabs[0].conversation('bob').markRead();
  await settle();
  assert.deepEqual(
    tabs.map((tab) => tab.conversation('bob').snapshot().unread),
    [0, 0],
  );
  await Promise.all(tabs.map((tab) => tab.close()));
});

it('what one tab sends shows in an open window of the other, with its tick', async () => {
  const { tabs } = await twoTabs();
  const list = tabs[1].conversation('bob').latest;
  const off = list.subscribe(() => undefined);
  await list.jumpToLatest();
  await (await tabs[0].conversation('bob').send('from the first tab')).sent;
  await settle();
  assert.deepEqual(
    list.snapshot().items.map((item) => [item.body, item.status]),
    [['from the first tab', 'sent']],
  );
  off();
  await Promise.all(tabs.map((tab) => tab.close()));
});

it('signing out in one tab signs out the other', async () => {
  const { tabs, store } = await twoTabs();
  await tabs[0].signOut();
  await settle();
  assert.deepEqual(
    tabs.map((tab) => tab.connection.snapshot().state),
    ['signed-out', 'signed-out'],
  );
  assert.equal(await store.value('account'), undefined);
  await Promise.all(tabs.map((tab) => tab.close()));
});

it('signing in as somebody else in one tab signs out the other, whose messages are gone', async () => {
  const { tabs } = await twoTabs();
  await tabs[0].signIn({ username: 'eve', password: 'secret' }).catch(() => undefined);
  await settle();
  assert.equal(tabs[1].connection.snapshot().state, 'signed-out');
  assert.equal(tabs[1].user.snapshot(), undefined);
  await Promise.all(tabs.map((tab) => tab.close()));
});
