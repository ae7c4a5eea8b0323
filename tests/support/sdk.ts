// Clients of the SDK for scenarios: made, waited for, and made friends.
import assert from 'node:assert/strict';
import { ChatClient, type ChatEventName, type ChatEvents, type ChatStore, type Message, memoryStore } from '@parley/sdk/node';
import type { TestServer } from './server.ts';

/** Resolves with the next event that `matches`. */
export function next<E extends ChatEventName>(
  chat: ChatClient,
  event: E,
  matches: (payload: ChatEvents[E]) => boolean = () => true,
): Promise<ChatEvents[E]> {
  return new Promise((resolve) => {
    const off = chat.on(event, (payload) => {
      if (!matches(payload)) return;
      off();
      resolve(payload);
    });
  });
}

/** Resolves once `message` of `chat` has this status. */
export async function status(chat: ChatClient, message: Message, wanted: Message['status']): Promise<Message> {
  const list = chat.conversation(message.conversationId).latest;
  return await new Promise((resolve) => {
    const off = list.subscribe(check);
    function check(): void {
      const found = list.snapshot().items.find((item) => item.id === message.id);
      if (found?.status !== wanted) return;
      queueMicrotask(() => off());
      resolve(found);
    }
    check();
  });
}

/** Resolves with the texts of the newest messages, once there are `count`. */
export async function texts(chat: ChatClient, peer: string, count: number): Promise<string[]> {
  const list = chat.conversation(peer).latest;
  return await new Promise((resolve) => {
    const off = list.subscribe(check);
    function check(): void {
      const { items } = list.snapshot();
      if (items.length < count) return;
      queueMicrotask(() => off());
      resolve(items.map((item) => item.body));
    }
    check();
  });
}

/** The clients of one file; `close` them at the end. */
export class Clients {
  readonly #server: () => TestServer;
  readonly #open: ChatClient[] = [];

  constructor(server: () => TestServer) {
    this.#server = server;
  }

  make(options: { store?: ChatStore; transport?: 'tcp' | 'websocket' } = {}): ChatClient {
    const server = this.#server();
    const chat = ChatClient.create({
      server: options.transport === 'tcp' ? `xmpp://127.0.0.1:${server.ports.xmpp}` : server.webSocket,
      domain: server.domain,
      store: options.store ?? memoryStore(),
    });
    this.#open.push(chat);
    return chat;
  }

  /** Two people who see each other; passwords are `correct horse` and `battery staple`. */
  async friends(a: string, b: string, stores: { a?: ChatStore; b?: ChatStore } = {}): Promise<[ChatClient, ChatClient]> {
    const server = this.#server();
    await server.createUser(a, 'correct horse');
    await server.createUser(b, 'battery staple');
    const ann = this.make(stores.a === undefined ? {} : { store: stores.a });
    const bob = this.make({ transport: 'tcp', ...(stores.b === undefined ? {} : { store: stores.b }) });
    await Promise.all([
      Promise.all([next(ann, 'sync.done'), ann.signIn({ username: a, password: 'correct horse' })]),
      Promise.all([next(bob, 'sync.done'), bob.signIn({ username: b, password: 'battery staple' })]),
    ]);
    const request = next(bob, 'contact.request');
    await ann.contacts.add(b);
    assert.equal((await request).contact.id, `${a}@${server.domain}`);
    const both = new Promise<void>((resolve) => {
      const check = (): void => {
        if (ann.contacts.get(b)?.state === 'contact' && bob.contacts.get(a)?.state === 'contact') resolve();
      };
      ann.contacts.subscribe(check);
      bob.contacts.subscribe(check);
    });
    await bob.contacts.accept(a);
    await both;
    return [ann, bob];
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map((chat) => chat.close()));
  }
}
