// Groups through the SDK against the real server: made, written in, away and back, managed, left; and what is decided about chats on two devices.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ChatClient, type ConversationSnapshot, type Message, memoryStore } from '@parley/sdk/node';
import { Clients, next, status, texts } from '../support/sdk.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { certificateOf, trust } from '../support/trust.ts';
import { until } from './messages.ts';

let server: TestServer;
const clients = new Clients(() => server);

before(async () => {
  server = await startServer({ kind: 'parley' });
  trust(await certificateOf(server.ports.xmpps, server.domain));
});
after(async () => {
  await clients.close();
  await server.stop();
});

async function person(username: string): Promise<ChatClient> {
  await server.createUser(username, 'correct horse');
  const chat = clients.make();
  await Promise.all([next(chat, 'sync.done'), chat.signIn({ username, password: 'correct horse' })]);
  return chat;
}

/** Resolves once the conversation looks like this. */
function looks(chat: ChatClient, id: string, matches: (state: ConversationSnapshot) => boolean): Promise<void> {
  const conversation = chat.conversation(id);
  return new Promise((resolve) => {
    const off = conversation.subscribe(check);
    function check(): void {
      if (!matches(conversation.snapshot())) return;
      queueMicrotask(() => off());
      resolve();
    }
    check();
  });
}

/** The newest messages of a group that people have written. */
const bodies = async (chat: ChatClient, id: string, count: number): Promise<string[]> =>
  (await texts(chat, id, count)).filter((text) => text !== '');

describe('a group', () => {
  it('reaches members who never joined, in order, also those who were away; ticks count all of them', async () => {
    const [ann, bob] = [await person('ann'), await person('bob')];
    await server.createUser('eve', 'correct horse');
    const group = await ann.groups.create({ name: 'Walkers', members: ['bob', 'eve'] });
    await looks(bob, group.id, ({ type, name }) => type === 'group' && name === 'Walkers');
    const said = next(bob, 'message.new', ({ message }) => message.body === 'one');
    const { message } = await group.send('one');
    const { message: heard } = await said;
    assert.deepEqual([heard.senderId, heard.mine, heard.conversationId], [`ann@${server.domain}`, false, group.id]);
    await status(ann, message, 'sent');
    // Eve signs in for the first time: she was a member all along.
    const eve = clients.make();
    await Promise.all([next(eve, 'sync.done'), eve.signIn({ username: 'eve', password: 'correct horse' })]);
    assert.equal(eve.conversation(group.id).snapshot().name, 'Walkers');
    assert.deepEqual((await bodies(eve, group.id, 2)).at(-1), 'one');
    await eve.conversation(group.id).markRead();
    const answered = next(ann, 'message.new', ({ message: one }) => one.body === 'two');
    await eve.conversation(group.id).send('two');
    await answered;
    await bob.conversation(group.id).markRead();
    await status(ann, message, 'read');
    const delivery = await group.group!.delivery(message.id);
    assert.deepEqual(delivery.map(({ personId, read }) => [personId.split('@')[0], read]).sort(), [
      ['bob', true],
      ['eve', true],
    ]);

    await bob.disconnect();
    for (const text of ['three', 'four', 'five']) await (await group.send(text)).sent;
    const back = next(bob, 'message.new', ({ message: one }) => one.body === 'five');
    await bob.connect();
    await back;
    assert.deepEqual((await bodies(bob, group.id, 5)).slice(-5), ['one', 'two', 'three', 'four', 'five']);
  });

  it('is managed by its owner, and whoever is out hears no more', async () => {
    const [cat, dan] = [await person('cat'), await person('dan')];
    const group = await cat.groups.create({ name: 'Cooks', members: ['dan'] });
    await looks(dan, group.id, ({ type }) => type === 'group');
    const seen = new Promise<void>((resolve) => {
      const off = group.group!.members.subscribe(() => {
        if (group.group!.members.snapshot()?.some(({ id, role }) => id.startsWith('dan@') && role === 'admin') !== true) return;
        queueMicrotask(() => off());
        resolve();
      });
    });
    await group.group!.setRole(`dan@${server.domain}`, 'admin');
    await seen;
    // Who looks at the members learns the own role, too.
    const off = dan.conversation(group.id).group!.members.subscribe(() => undefined);
    await looks(dan, group.id, ({ group: info }) => info?.role === 'admin');
    off();
    await assert.rejects(dan.conversation(group.id).group!.setRole(`eve@${server.domain}`, 'admin'), { code: 'not-allowed' });
    await group.group!.remove(`dan@${server.domain}`);
    await looks(dan, group.id, ({ group: info }) => info?.role === 'none');
    const { sent } = await dan.conversation(group.id).send('Let me in');
    await assert.rejects(sent);
  });

  it('has one name and one timer for all, who hear of a change at once', async () => {
    const [uma, vic] = [await person('uma'), await person('vic')];
    const group = await uma.groups.create({ name: 'Runners', members: ['vic'] });
    await looks(vic, group.id, ({ type }) => type === 'group');
    await group.group!.change({ name: 'Joggers' });
    await looks(vic, group.id, ({ name }) => name === 'Joggers');
    await vic.conversation(group.id).setTimer(86_400);
    await looks(uma, group.id, ({ timer }) => timer === 86_400);
    const heard = next(vic, 'message.new', ({ message }) => message.body === 'for a day');
    await (await group.send('for a day')).sent;
    const { message } = await heard;
    assert.equal(message.expiresAt, message.sentAt + 86_400_000);
    await assert.rejects(vic.conversation(group.id).change({ timer: 0 }), { code: 'invalid-argument' });
    await group.group!.remove(`vic@${server.domain}`);
    await looks(vic, group.id, ({ group: info }) => info?.role === 'none');
    await assert.rejects(vic.conversation(group.id).setTimer(0));
    assert.equal(group.snapshot().timer, 86_400);
  });

  it('tells who is mentioned, until it is read; a fresh device knows it too', async () => {
    const [nia, oli] = [await person('nia'), await person('oli')];
    const group = await nia.groups.create({ name: 'Rowers', members: ['oli'] });
    await looks(oli, group.id, ({ type }) => type === 'group');
    const plain = next(oli, 'message.new', ({ message }) => message.body === 'for all');
    await (await group.send('for all')).sent;
    assert.equal((await plain).message.mentionsMe, false);
    assert.equal(oli.conversation(group.id).snapshot().mentioned, false);
    const mentions = [{ personId: `oli@${server.domain}`, start: 3, end: 8 }];
    const heard = next(oli, 'message.new', ({ message }) => message.mentionsMe);
    await (await group.send({ text: '👋 @Olaf, look', mentions })).sent;
    const { message } = await heard;
    assert.deepEqual(message.mentions, mentions);
    assert.equal(message.body.slice(3, 8), '@Olaf');
    assert.equal(oli.conversation(group.id).snapshot().mentioned, true);
    const fresh = clients.make({ transport: 'tcp' });
    await Promise.all([next(fresh, 'sync.done'), fresh.signIn({ username: 'oli', password: 'correct horse' })]);
    await looks(fresh, group.id, ({ mentioned }) => mentioned);
    await oli.conversation(group.id).markRead();
    await looks(oli, group.id, ({ mentioned }) => !mentioned);
    assert.equal(nia.conversation(group.id).snapshot().mentioned, false);
  });

  it('reactions, corrections and deletion reach all, and a stranger’s do not', async () => {
    const [fay, gus] = [await person('fay'), await person('gus')];
    const group = await fay.groups.create({ name: 'Poets', members: ['gus'] });
    await looks(gus, group.id, ({ type }) => type === 'group');
    const arrived = next(gus, 'message.new', ({ message }) => message.body === 'Roses are read');
    const { message } = await group.send('Roses are read');
    const { message: heard } = await arrived;
    await status(fay, message, 'sent');
    const changed = (chat: ChatClient, matches: (message: Message) => boolean): Promise<unknown> =>
      next(chat, 'message.updated', ({ message: one }) => matches(one));
    const reacted = changed(fay, ({ reactions }) => reactions.some(({ emoji }) => emoji.includes('👍')));
    await gus.conversation(group.id).react(heard.id, '👍');
    await reacted;
    const edited = changed(gus, ({ body, editedAt }) => body === 'Roses are red' && editedAt !== undefined);
    await group.edit(message.id, 'Roses are red');
    await edited;
    await assert.rejects(gus.conversation(group.id).edit(heard.id, 'Violets'), { code: 'not-allowed' });
    const gone = changed(gus, ({ deleted }) => deleted);
    await group.deleteForEveryone(message.id);
    await gone;
  });
});

describe('what is decided about a conversation', () => {
  it('is the same on another device, and on a fresh one', async () => {
    const [hal, ian] = await clients.friends('hal', 'ian');
    await (await ian.conversation('hal').send('hello')).sent;
    await texts(hal, 'ian', 1);
    const phone = clients.make({ transport: 'tcp' });
    await Promise.all([next(phone, 'sync.done'), phone.signIn({ username: 'hal', password: 'correct horse' })]);
    const told = looks(phone, `ian@${server.domain}`, ({ pinned, mutedUntil }) => pinned && mutedUntil === Number.MAX_SAFE_INTEGER);
    await hal.conversation('ian').change({ pinned: true, mutedUntil: Number.MAX_SAFE_INTEGER });
    await told;
    // Read on one device without telling the peer: read on the other.
    assert.equal(phone.conversation('ian').snapshot().unread, 1);
    const read = looks(phone, `ian@${server.domain}`, ({ unread }) => unread === 0);
    await hal.conversation('ian').markRead(undefined, { tellPeer: false });
    await read;
    const fresh = clients.make({ store: memoryStore() });
    await Promise.all([next(fresh, 'sync.done'), fresh.signIn({ username: 'hal', password: 'correct horse' })]);
    const { pinned, unread, lastMessage } = fresh.conversation('ian').snapshot();
    assert.deepEqual([pinned, unread, lastMessage?.body], [true, 0, 'hello']);
  });
});

describe('signing out', () => {
  it('takes the device off the list of the account, so that nothing waits for it', async () => {
    const phone = await person('meg');
    const other = clients.make({ transport: 'tcp' });
    await Promise.all([next(other, 'sync.done'), other.signIn({ username: 'meg', password: 'correct horse' })]);
    assert.equal((await phone.devices.list()).length, 2);
    await other.signOut();
    await until('the device to be gone', async () => (await phone.devices.list()).length === 1);
  });
});

describe('pictures', () => {
  it('of a contact are seen', async () => {
    const [kim, lee] = await clients.friends('kim', 'lee');
    const { default: sharp } = await import('sharp');
    const png = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#2a7' } })
      .png()
      .toBuffer();
    await kim.avatars.publish(new File([new Uint8Array(png)], 'me.png', { type: 'image/png' }));
    await lee.avatars.ask([`kim@${server.domain}`]);
    assert.equal((await lee.avatars.get(`kim@${server.domain}`))?.size, png.length);
  });
});
