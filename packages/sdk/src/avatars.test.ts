// Pictures: published by XEP-0084, found by hash, believed only when the bytes are what the hash says; push and search requests.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { NS } from '@parley/protocol';
import { createClient } from './create.ts';
import { FakeServer, settle } from './platform/node/testing/fake-server.ts';
import { memoryStore } from './store/memory.ts';
import { DEVICES, PUSH } from './sync/features.ts';
import { matches, wordsOf } from './sync/search.ts';
import type { ChatClient } from './types.ts';

const PUBSUB = 'http://jabber.org/protocol/pubsub';
const BOB = 'bob@example.org';
const bytes = Uint8Array.from({ length: 300 }, (_, n) => n % 251);
const hash = createHash('sha1').update(bytes).digest('hex');
const data = Buffer.from(bytes).toString('base64');

let server: FakeServer;
let chat: ChatClient;

beforeEach(async () => {
  server = new FakeServer();
  server.roster = `<item jid="${BOB}" name="Bob" subscription="both"/>`;
  server.features = [`${PUBSUB}#publish`, PUSH, 'urn:xmpp:fulltext:0'];
  chat = createClient({ platform: server.platform, server: 'wss://example.org/ws', domain: 'example.org', store: memoryStore() });
  const done = new Promise<void>((resolve) => {
    chat.once('sync.done', () => resolve());
  });
  await chat.signIn({ username: 'ann', password: 'secret' });
  await done;
  await settle();
});
afterEach(() => chat.close());

/** Bob's nodes, with this picture under this name. */
function bobHas(name: string, picture: string): void {
  server.answer = (iq, payload) => {
    if (payload.ns !== PUBSUB || iq.attr('to') !== BOB) return undefined;
    const node = payload.child('items', PUBSUB)?.attr('node');
    const content =
      node === 'urn:xmpp:avatar:metadata'
        ? `<metadata xmlns="urn:xmpp:avatar:metadata"><info id="${name}" bytes="300" type="image/png"/></metadata>`
        : `<data xmlns="urn:xmpp:avatar:data">${picture}</data>`;
    return `<pubsub xmlns="${PUBSUB}"><items node="${node}"><item id="${name}">${content}</item></items></pubsub>`;
  };
}

describe('pictures', () => {
  it('are fetched when a contact says that there is another, once, and kept', async () => {
    bobHas(hash, data);
    const changed: string[] = [];
    chat.on('avatar.changed', ({ id }) => changed.push(id));
    const presence = `<presence xmlns="jabber:client" from="${BOB}/phone"><x xmlns="${NS.vcardUpdate}"><photo>${hash}</photo></x></presence>`;
    await server.say(presence);
    await settle();
    await server.say(presence);
    await settle();
    assert.deepEqual(changed, [BOB]);
    const file = await chat.avatars.get('bob@example.org');
    assert.deepEqual(new Uint8Array(await file!.arrayBuffer()), bytes);
    await server.say(presence.replace(hash, ''));
    await settle();
    assert.equal(await chat.avatars.get(BOB), undefined);
  });

  it('that are not what they are called are not shown, nor those of strangers', async () => {
    bobHas('0'.repeat(40), data);
    await chat.avatars.ask([BOB]);
    assert.equal(await chat.avatars.get(BOB), undefined);
    const before = server.iqs.length;
    await server.say(
      `<presence xmlns="jabber:client" from="mallory@example.org/x"><x xmlns="${NS.vcardUpdate}"><photo>${hash}</photo></x></presence>`,
    );
    await settle();
    assert.equal(server.iqs.length, before, 'a stranger makes us ask nothing');
  });

  it('of one’s own are published as data and metadata, and taken back', async () => {
    server.answer = (_iq, payload) => (payload.ns === PUBSUB ? null : undefined);
    await chat.avatars.publish(new File([bytes], 'me.png', { type: 'image/png' }));
    const published = server.iqs.flatMap((iq) => iq.child('pubsub', PUBSUB)?.child('publish', PUBSUB) ?? []);
    assert.deepEqual(
      published.map((one) => [one.attr('node'), one.child('item', PUBSUB)?.attr('id')]),
      [
        ['urn:xmpp:avatar:data', hash],
        ['urn:xmpp:avatar:metadata', hash],
      ],
    );
    assert.equal((await chat.avatars.get('ann@example.org'))?.size, 300);
    await chat.avatars.publish(undefined);
    assert.equal(await chat.avatars.get('ann@example.org'), undefined);
    await assert.rejects(chat.avatars.publish(new File([bytes], 'x.svg', { type: 'image/svg+xml' })), { code: 'invalid-argument' });
  });
});

describe('push', () => {
  it('is registered under the device, not the connection, and removed', async () => {
    server.answer = (_iq, payload) => (payload.ns !== PUSH ? undefined : payload.name === 'key' ? `<key xmlns="${PUSH}">BKey</key>` : null);
    assert.equal(await chat.push.key(), 'BKey');
    await chat.push.register({ endpoint: 'https://push.example/1', p256dh: 'p', auth: 'a' }, 'sender');
    await chat.push.unregister();
    const [, register, remove] = server.iqs.flatMap((iq) => iq.elements().filter((child) => child.ns === PUSH));
    assert.deepEqual([register?.attr('endpoint'), register?.attr('content')], ['https://push.example/1', 'sender']);
    assert.equal(register?.attr('device'), remove?.attr('device'));
    assert.equal(register?.attr('device'), chat.user.snapshot()?.deviceId);
  });
});

describe('devices', () => {
  it('are listed with when they were here, and signed out', async () => {
    server.answer = (_iq, payload) => {
      if (payload.ns !== DEVICES) return undefined;
      if (payload.name === 'revoke') return null;
      const client = `<client id="d1" connected="true" type="session"><first-seen>2026-01-01T00:00:00Z</first-seen><last-seen>2026-01-02T00:00:00Z</last-seen><auth><fast/></auth><permission status="unrestricted"/><user-agent><software>Parley</software><device>Firefox on Linux</device></user-agent></client>`;
      return `<clients xmlns="${DEVICES}">${client}<client connected="false"/></clients>`;
    };
    const [device, ...others] = await chat.devices.list();
    assert.deepEqual(
      [device?.id, device?.software, device?.name, device?.connected, others.length],
      ['d1', 'Parley', 'Firefox on Linux', true, 0],
    );
    assert.equal(device!.lastSeenAt! - device!.firstSeenAt!, 86_400_000);
    await chat.devices.signOut('d1');
    assert.equal(server.iqs.at(-1)?.child('revoke', DEVICES)?.attr('id'), 'd1');
  });
});

describe('search', () => {
  it('asks the archive where it can search, and jumps to what was found', async () => {
    const message = (id: string, text: string): string =>
      `<message xmlns="jabber:client" from="${BOB}/x" to="ann@example.org" type="chat" id="${id}"><body>${text}</body></message>`;
    for (let n = 1; n <= 250; n++)
      server.archive.push({ id: `a${n}`, stamp: '2026-01-01T00:00:00Z', message: message(`m${n}`, n === 3 ? 'the harbour' : `text ${n}`) });
    server.searching = true;
    const found = await chat.search('harb');
    assert.deepEqual(
      found.map(({ body, conversationId }) => [body, conversationId]),
      [['the harbour', BOB]],
    );
    const list = chat.conversation('bob').messages({ pageSize: 20 });
    const off = list.subscribe(() => undefined);
    await list.jumpTo(found[0]!.id);
    assert.ok(list.snapshot().items.some(({ id }) => id === found[0]!.id));
    off();
  });

  it('looks through what is here without a network', async () => {
    await server.say(
      `<message xmlns="jabber:client" from="${BOB}/x" to="ann@example.org" type="chat" id="m1"><body>Über den Fluss</body></message>`,
    );
    await settle();
    await chat.disconnect();
    assert.deepEqual(
      (await chat.search('uber')).map(({ body }) => body),
      ['Über den Fluss'],
    );
    assert.deepEqual(await chat.search('luss'), []);
  });

  for (const [text, query, expected] of [
    ['Meet me at the harbour', 'harb meet', true],
    ['Meet me at the harbour', 'arbour', false],
    ['東京タワー', '京', true],
    ['a.b*c', 'b', true],
    ['anything', '', true],
  ] as const) {
    it(`"${query}" ${expected ? 'finds' : 'does not find'} "${text}"`, () => assert.equal(matches(text, wordsOf(query)), expected));
  }
});
