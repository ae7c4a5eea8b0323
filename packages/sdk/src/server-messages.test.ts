// What the own server says to the account is a conversation that is only read; what other services say is none.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { NS } from '@parley/protocol';
import { createClient } from './create.ts';
import { FakeServer, settle } from './platform/node/testing/fake-server.ts';
import { memoryStore } from './store/memory.ts';
import type { ChatStore } from './store/store.ts';
import type { ChatClient, Conversation } from './types.ts';

const HOST = 'example.org';

let server: FakeServer;
let store: ChatStore;
let chat: ChatClient;

beforeEach(async () => {
  server = new FakeServer();
  store = memoryStore();
  chat = createClient({ platform: server.platform, server: 'wss://example.org/ws', domain: HOST, store });
  await chat.signIn({ username: 'ann', password: 'secret' });
  await settle();
});
afterEach(() => chat.close());

function says(from: string, body: string, { type = 'chat', id = body, extra = '' } = {}): Promise<void> {
  return server.say(
    `<message xmlns="jabber:client" from="${from}" to="ann@example.org" type="${type}" id="${id}"><body>${body}</body>${extra}</message>`,
  );
}
const bodies = async (id: string): Promise<string[]> => (await store.messages(id, { limit: 100 })).map(({ body }) => body);

describe('messages of the own server', () => {
  it('are a conversation of their own, with a count of what is unread', async () => {
    const told: string[] = [];
    chat.on('message.new', ({ message, live }) => told.push(`${message.senderId} ${message.mine} ${live}`));
    await says(HOST, 'A new device signed in');
    await says(HOST, 'We restart at noon', { type: 'headline', extra: '<subject>Maintenance</subject>' });
    assert.deepEqual(await bodies(HOST), ['A new device signed in', 'Maintenance\nWe restart at noon']);
    const [first] = chat.conversations.snapshot();
    assert.deepEqual([first?.id, first?.type, first?.name, first?.unread], [HOST, 'server', HOST, 2]);
    assert.deepEqual(told, [`${HOST} false true`, `${HOST} false true`]);
    assert.equal(chat.conversation(HOST).snapshot().type, 'server');
  });

  it('are known again after a start without a network', async () => {
    await says(HOST, 'A new device signed in');
    await chat.disconnect();
    const again = createClient({ platform: server.platform, server: 'wss://example.org/ws', domain: HOST, store });
    server.refuse = true;
    await again.connect();
    await settle();
    assert.deepEqual(
      again.conversations.snapshot().map(({ id, type }) => [id, type]),
      [[HOST, 'server']],
    );
    await again.disconnect();
  });

  it('are read without telling the server by a marker', async () => {
    await says(HOST, 'A new device signed in', { extra: `<request xmlns="${NS.receipts}"/><markable xmlns="${NS.markers}"/>` });
    const before = server.messages().length;
    await chat.conversation(HOST).markRead();
    await settle();
    assert.equal(chat.conversation(HOST).snapshot().unread, 0);
    assert.equal(server.messages().length, before, 'neither receipt nor marker');
  });

  it('cannot be answered in any way', async () => {
    await says(HOST, 'A new device signed in');
    const conversation: Conversation = chat.conversation(HOST);
    const [message] = await store.messages(HOST, { limit: 1 });
    const shown = conversation.snapshot().lastMessage;
    assert.ok(message !== undefined && shown !== undefined);
    const refused = { code: 'not-allowed' };
    await assert.rejects(conversation.send('hi'), refused);
    await assert.rejects(conversation.forward(shown), refused);
    await assert.rejects(conversation.react(message.id, '👍'), refused);
    await assert.rejects(conversation.sendFile(new Blob(['x']), { name: 'x.txt' }), refused);
    await assert.rejects(conversation.setTimer(3600), refused);
    await assert.rejects(conversation.change({ timer: 3600 }), refused);
    await conversation.change({ pinned: true });
    await conversation.star(message.id, true);
    assert.equal(conversation.snapshot().pinned, true);
    assert.deepEqual(await store.queued(), []);
  });

  it('are not those of other services, of rooms, or of people who look like it', async () => {
    for (const from of ['evil.example', `conference.${HOST}`, `upload.${HOST}`, `x${HOST}`, `${HOST}.evil.example`])
      await says(from, 'gotcha');
    await says(HOST, 'an error', { type: 'error' });
    await says(HOST, 'a room', { type: 'groupchat' });
    assert.deepEqual(
      chat.conversations.snapshot().map(({ id }) => id),
      [],
    );
    // A user of this name is a user.
    await says(`${HOST}@${HOST}`, 'I am the server');
    assert.deepEqual(
      chat.conversations.snapshot().map(({ id, type }) => [id, type]),
      [[`${HOST}@${HOST}`, 'direct']],
    );
  });

  it('change nothing that was said before, and what is sent to it by another client is not shown', async () => {
    await says(HOST, 'A new device signed in', { id: 'first' });
    await says(HOST, 'Nothing happened', { id: 'second', extra: `<replace xmlns="urn:xmpp:message-correct:0" id="first"/>` });
    await server.say(
      `<message xmlns="jabber:client" from="ann@example.org" to="ann@example.org/device"><sent xmlns="${NS.carbons}"><forwarded xmlns="${NS.forward}">` +
        `<message from="ann@example.org/other" to="${HOST}" type="chat" id="q"><body>hello?</body></message></forwarded></sent></message>`,
    );
    assert.deepEqual(await bodies(HOST), ['A new device signed in']);
    assert.equal(chat.conversation(HOST).snapshot().unread, 1);
  });
});
