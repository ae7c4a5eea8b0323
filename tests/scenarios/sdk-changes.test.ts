// What happens to a message after it was sent, between two people and a second device: replies, reactions, corrections, deletion.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ChatClient, type Message, memoryStore } from '@parley/sdk/node';
import { Clients, next, texts } from '../support/sdk.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { certificateOf, trust } from '../support/trust.ts';

let server: TestServer;
const clients = new Clients(() => server);

before(async () => {
  server = await startServer();
  trust(await certificateOf(server.ports.xmpps, server.domain));
});
after(async () => {
  await clients.close();
  await server.stop();
});

const updated = (chat: ChatClient, matches: (message: Message) => boolean): Promise<unknown> =>
  next(chat, 'message.updated', ({ message }) => matches(message));

describe('a message that was sent', () => {
  it('is answered, reacted to, corrected and taken back, on every device of both', async () => {
    const [ann, bob] = await clients.friends('ann', 'bob');
    const phone = clients.make({ transport: 'tcp' });
    await Promise.all([next(phone, 'sync.done'), phone.signIn({ username: 'ann', password: 'correct horse' })]);

    const arrived = Promise.all([next(bob, 'message.new'), next(phone, 'message.new')]);
    const { message } = await ann.conversation('bob').send('Dinner at fife?');
    const [{ message: asked }, { message: copied }] = await arrived;

    const answered = Promise.all([next(ann, 'message.new'), next(phone, 'message.new')]);
    await bob.conversation('ann').send({ text: 'Gladly', replyTo: asked.id });
    for (const { message: answer } of await answered)
      assert.deepEqual([answer.body, answer.replyTo?.text, answer.replyTo?.mine], ['Gladly', 'Dinner at fife?', true]);

    const reacted = Promise.all([next(ann, 'message.reaction'), next(phone, 'message.reaction')]);
    await bob.conversation('ann').react(asked.id, '👍');
    for (const { message: one, emoji } of await reacted) assert.deepEqual([one.body, emoji], ['Dinner at fife?', ['👍']]);

    const edited = Promise.all(
      [bob, phone].map((chat) => updated(chat, ({ body, editedAt }) => body === 'Dinner at five?' && editedAt !== undefined)),
    );
    await ann.conversation('bob').edit(message.id, 'Dinner at five?');
    await edited;

    const gone = Promise.all([bob, ann].map((chat) => updated(chat, ({ deleted }) => deleted)));
    await phone.conversation('bob').deleteForEveryone(copied.id);
    await gone;
    const [first] = bob.conversation('ann').snapshot().lastMessage?.body === 'Gladly' ? [true] : [];
    assert.ok(first, 'nothing of it became a message of its own');
  });

  it('is found changed by a device that was away, and by a new one', async () => {
    const store = memoryStore();
    const [cat, dan] = await clients.friends('cat', 'dan', { b: store });
    const one = await cat.conversation('dan').send('one');
    const two = await cat.conversation('dan').send('two');
    await texts(dan, 'cat', 2);
    await dan.disconnect();
    await cat.conversation('dan').edit(one.message.id, 'ONE');
    await cat.conversation('dan').react(one.message.id, '❤️');
    await cat.conversation('dan').deleteForEveryone(two.message.id);
    await (await cat.conversation('dan').send('three')).sent;

    const fresh = clients.make({ transport: 'tcp' });
    await Promise.all([
      Promise.all([next(dan, 'sync.done'), dan.connect()]),
      Promise.all([next(fresh, 'sync.done'), fresh.signIn({ username: 'dan', password: 'battery staple' })]),
    ]);
    for (const chat of [dan, fresh]) {
      assert.deepEqual(await texts(chat, 'cat', 3), ['ONE', '', 'three']);
      const list = chat.conversation('cat').messages();
      const off = list.subscribe(() => undefined);
      await list.jumpToLatest();
      const { items } = list.snapshot();
      assert.deepEqual(
        items.map(({ deleted, editedAt, reactions }) => [deleted, editedAt !== undefined, reactions.flatMap(({ emoji }) => emoji)]),
        [
          [false, true, ['❤️']],
          [true, false, []],
          [false, false, []],
        ],
      );
      off();
    }
  });
});
