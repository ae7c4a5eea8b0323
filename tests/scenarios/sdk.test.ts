// The SDK against a real server: sign up, become contacts, chat with ticks, files, offline outbox, history on a new device.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Message, memoryStore, sqliteStore } from '@parley/sdk/node';
import { waitFor } from '../support/process.ts';
import { Clients, next, status, texts } from '../support/sdk.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { certificateOf, trust } from '../support/trust.ts';

let server: TestServer;
let folder: string;
const clients = new Clients(() => server);
const client: Clients['make'] = (options) => clients.make(options);
const friends: Clients['friends'] = (a, b, stores) => clients.friends(a, b, stores);

before(async () => {
  server = await startServer();
  trust(await certificateOf(server.ports.xmpps, server.domain));
  folder = await mkdtemp(join(tmpdir(), 'parley-sdk-'));
});

after(async () => {
  await clients.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('the SDK', () => {
  it('makes an account, refuses a wrong password, signs in again without the password', async () => {
    const store = sqliteStore(join(folder, 'again.db'));
    const chat = client({ store });
    await assert.rejects(chat.connect(), { code: 'not-signed-in' });
    const user = await chat.register({ username: 'newcomer', password: 'a long secret' });
    assert.equal(user.id, `newcomer@${server.domain}`);
    await assert.rejects(client().register({ username: 'newcomer', password: 'x' }), { code: 'account-exists' });
    await assert.rejects(client().signIn({ username: 'newcomer', password: 'wrong' }), { code: 'wrong-credentials' });
    await chat.close();

    const again = client({ store: sqliteStore(join(folder, 'again.db')) });
    const online = next(again, 'connection.changed', ({ connection }) => connection.state === 'online');
    await again.connect();
    assert.equal(again.user.snapshot()?.id, user.id);
    await online;
    await again.signOut();
    assert.equal(again.connection.snapshot().state, 'signed-out');
    await assert.rejects(again.connect(), { code: 'not-signed-in' });
  });

  it('carries text with one tick, two ticks, blue ticks, typing and presence', async () => {
    const [ann, bob] = await friends('ann', 'bob');
    const typing = next(bob, 'conversation.typing');
    ann.conversation('bob').typing();
    assert.deepEqual(await typing, { conversationId: `ann@${server.domain}`, typing: true });

    const arrived = next(bob, 'message.new');
    const { message, sent } = await ann.conversation('bob').send('hello & <goodbye>');
    assert.equal(message.status, 'pending');
    await sent;
    const { message: received } = await arrived;
    assert.equal(received.body, 'hello & <goodbye>');
    assert.equal(received.mine, false);
    await status(ann, message, 'delivered');
    assert.equal(bob.conversation('ann').snapshot().unread, 1);
    assert.equal(bob.conversation('ann').snapshot().typing, false);
    await bob.conversation('ann').markRead();
    assert.equal(bob.conversation('ann').snapshot().unread, 0);
    await status(ann, message, 'read');
    assert.equal(ann.presence('bob').snapshot().state, 'online');
    const left = next(ann, 'presence.changed', ({ presence }) => presence.state === 'offline');
    await bob.disconnect();
    assert.ok((await left).presence.lastSeenAt! > 0);
  });

  it('keeps what is written offline, over a restart of the app, and sends it once', async () => {
    const path = join(folder, 'offline.db');
    const [cat, dan] = await friends('cat', 'dan', { a: sqliteStore(path) });
    await cat.disconnect();
    const { message } = await cat.conversation('dan').send('written on the train');
    await cat.conversation('dan').send('and one more');
    assert.equal(message.status, 'pending');
    await cat.close();
    const again = client({ store: sqliteStore(path) });
    await again.connect();
    assert.equal(again.conversations.snapshot()[0]?.lastMessage?.body, 'and one more');
    assert.deepEqual(await texts(dan, 'cat', 2), ['written on the train', 'and one more']);
    await status(again, message, 'delivered');
  });

  it('catches up in order what came while away, and acknowledges it', async () => {
    const path = join(folder, 'away.db');
    const [eve, fay] = await friends('eve', 'fay', { b: sqliteStore(path) });
    await (await eve.conversation('fay').send('zero')).sent;
    await texts(fay, 'eve', 1);
    await fay.close();
    const expected = ['zero'];
    let last: Message | undefined;
    for (let index = 1; index <= 130; index++) {
      expected.push(`number ${index}`);
      const handle = await eve.conversation('fay').send(`number ${index}`);
      last = await handle.sent;
    }
    const back = client({ store: sqliteStore(path) });
    const done = next(back, 'sync.done');
    await back.connect();
    await done;
    const list = back.conversation('eve').messages({ pageSize: 200 });
    const off = list.subscribe(() => undefined);
    await list.jumpToLatest();
    assert.deepEqual(
      list.snapshot().items.map((item) => item.body),
      expected,
    );
    off();
    assert.equal(back.conversation('eve').snapshot().unread, 131);
    await status(eve, last!, 'delivered');
  });

  it('shows history on a new device, page by page, and copies to both devices', async () => {
    const [gus, hal] = await friends('gus', 'hal');
    for (let index = 0; index < 30; index++) await (await gus.conversation('hal').send(`line ${index}`)).sent;
    await texts(hal, 'gus', 30);
    const phone = client({ transport: 'tcp' });
    const done = next(phone, 'sync.done');
    await phone.signIn({ username: 'gus', password: 'correct horse' });
    await done;
    const list = phone.conversation('hal').messages({ pageSize: 10 });
    const off = list.subscribe(() => undefined);
    await list.jumpToLatest();
    assert.equal(list.snapshot().items.length, 10);
    while (list.snapshot().hasOlder) await list.loadOlder();
    assert.deepEqual(
      list.snapshot().items.map((item) => item.body),
      Array.from({ length: 30 }, (_, index) => `line ${index}`),
    );
    assert.ok(list.snapshot().items.every((item) => item.mine));
    const copied = next(phone, 'message.new');
    await gus.conversation('hal').send('from the laptop');
    assert.equal((await copied).message.body, 'from the laptop');
    assert.equal((await copied).message.mine, true);
    const answer = Promise.all([next(gus, 'message.new'), next(phone, 'message.new', ({ message }) => !message.mine)]);
    await hal.conversation('gus').send('to both');
    assert.deepEqual(
      (await answer).map(({ message }) => message.body),
      ['to both', 'to both'],
    );
    const read = next(gus, 'conversation.read', ({ by }) => by === 'me');
    await phone.conversation('hal').markRead();
    await read;
    assert.equal(gus.conversation('hal').snapshot().unread, 0);
    off();
  });

  it('shows more waiting messages than are read ahead, in their order, on a new device', async () => {
    const count = 1300;
    for (const name of ['ina', 'jon']) await server.createUser(name, 'correct horse');
    const ina = client({ transport: 'tcp' });
    await Promise.all([next(ina, 'sync.done'), ina.signIn({ username: 'ina', password: 'correct horse' })]);
    const sent: Promise<Message>[] = [];
    for (let index = 0; index < count; index++) sent.push((await ina.conversation('jon').send(`waiting ${index}`)).sent);
    await Promise.all(sent);
    const store = memoryStore();
    const jon = client({ store });
    await jon.signIn({ username: 'jon', password: 'correct horse' });
    const here = await waitFor('all of them', async () => {
      const kept = await store.messages(`ina@${server.domain}`, { limit: 2 * count });
      return kept.length === count ? kept : undefined;
    });
    assert.deepEqual(
      here.map(({ body }) => body),
      Array.from({ length: count }, (_, index) => `waiting ${index}`),
    );
  });

  it('uploads a file with progress and sends it; cancelling takes the message back', async () => {
    const [ian, joe] = await friends('ian', 'joe');
    const bytes = new Uint8Array(300_000).map((_, index) => index % 251);
    const arrived = next(joe, 'message.new');
    let last = 0;
    ian.on('upload.progress', ({ upload }) => {
      assert.ok(upload.progress >= last);
      last = upload.progress;
    });
    const handle = await ian
      .conversation('joe')
      .sendFile(new File([bytes], 'notes.bin', { type: 'application/octet-stream' }), { caption: 'see this' });
    assert.equal((await ian.localFile(handle.upload.id))?.size, bytes.length);
    const sent = await handle.sent;
    assert.equal(last, 1);
    assert.match(sent.attachments[0]!.url, /^http/);
    const { message } = await arrived;
    const [file] = message.attachments;
    assert.equal(message.body, 'see this');
    assert.deepEqual([file?.name, file?.sizeBytes, file?.kind], ['notes.bin', bytes.length, 'file']);

    await ian.disconnect();
    const second = await ian.conversation('joe').sendFile(new File([bytes], 'again.bin'));
    const gone = assert.rejects(second.sent, { code: 'cancelled' });
    second.upload.cancel();
    await gone;
    assert.equal(ian.conversation('joe').snapshot().lastMessage?.id, handle.message.id);
  });

  it('sends a picture with size, placeholder and small picture, when the media server makes them', async (t) => {
    if (server.kind !== 'parley') return t.skip('only our media server makes thumbnails');
    const { default: sharp } = await import('sharp');
    const png = await sharp({ create: { width: 640, height: 480, channels: 3, background: '#2a7' } })
      .png()
      .toBuffer();
    const [mia, ned] = await friends('mia', 'ned');
    const arrived = next(ned, 'message.new');
    await mia.conversation('ned').sendFile(new File([new Uint8Array(png)], 'field.png', { type: 'image/png' }));
    const file = (await arrived).message.attachments[0]!;
    assert.deepEqual([file.kind, file.name, file.width, file.height], ['image', 'field.png', 640, 480]);
    assert.match(file.thumbhash ?? '', /^[A-Za-z0-9+/]{10,}=*$/);
    assert.equal(file.thumbnail?.mediaType, 'image/webp');
    assert.equal(new URL(file.thumbnail.url).origin, new URL(file.url).origin);
  });

  it('comes back by itself after the server was killed, and sends what was written meanwhile, once', async () => {
    const [oli, pam] = await friends('oli', 'pam');
    await (await oli.conversation('pam').send('before')).sent;
    await texts(pam, 'oli', 1);
    const lost = next(oli, 'connection.changed', ({ connection }) => connection.state === 'waiting');
    await server.kill();
    await lost;
    const { message, sent } = await oli.conversation('pam').send('meanwhile');
    await server.restart();
    await sent;
    assert.deepEqual(await texts(pam, 'oli', 2), ['before', 'meanwhile']);
    await status(oli, message, 'delivered');
  });

  it('blocks, unblocks and removes people', async () => {
    const [kim, lee] = await friends('kim', 'lee');
    await kim.contacts.block('lee');
    assert.equal(kim.conversation('lee').snapshot().blocked, true);
    assert.deepEqual(kim.contacts.snapshot().blocked, [`lee@${server.domain}`]);
    await kim.contacts.unblock('lee');
    assert.deepEqual(kim.contacts.snapshot().blocked, []);
    const removed = next(kim, 'contact.removed');
    await kim.contacts.remove('lee');
    await removed;
    assert.equal(kim.contacts.get('lee'), undefined);
    await assert.rejects(kim.contacts.accept('nobody-asked'), { code: 'not-found' });
    assert.throws(() => kim.conversation('not a name@@'), { code: 'invalid-address' });
    void lee;
  });
});
