import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { NS } from '@parley/protocol';
import { createClient } from './create.ts';
import { FakeServer, settle } from './platform/node/testing/fake-server.ts';
import { memoryStore } from './store/memory.ts';
import type { ChatStore, MessageRecord } from './store/store.ts';
import type { ChatClient } from './types.ts';

const BOB = 'bob@example.org';
const FRIEND = `<item jid="${BOB}" name="Bob" subscription="both"/>`;

let server: FakeServer;
let store: ChatStore;
let chat: ChatClient;

function create(): ChatClient {
  return createClient({ platform: server.platform, server: 'wss://example.org/ws', domain: 'example.org', store });
}

async function signIn(): Promise<void> {
  await chat.signIn({ username: 'ann', password: 'secret' });
  await settle();
}

function text(from: string, body: string, extra = '', id = body.replaceAll(' ', '-')): string {
  return `<message xmlns="jabber:client" from="${from}" to="ann@example.org" type="chat" id="${id}"><body>${body}</body>${extra}</message>`;
}

async function kept(peer = BOB): Promise<MessageRecord[]> {
  await settle();
  return await store.messages(peer, { limit: 1000 });
}

async function bodies(peer = BOB): Promise<string[]> {
  return (await kept(peer)).map((message) => message.body);
}

const receipt = (from: string, id: string): string =>
  `<message xmlns="jabber:client" from="${from}" to="ann@example.org/device" type="chat"><received xmlns="${NS.receipts}" id="${id}"/></message>`;
const marker = (from: string, id: string): string =>
  `<message xmlns="jabber:client" from="${from}" to="ann@example.org/device" type="chat"><displayed xmlns="${NS.markers}" id="${id}"/></message>`;

beforeEach(() => {
  server = new FakeServer();
  server.roster = FRIEND;
  store = memoryStore();
  chat = create();
});

afterEach(() => chat.close());

describe('ticks', () => {
  it('go pending, sent, delivered, read and never back, whatever the order of the answers', async () => {
    server.acking = false;
    await signIn();
    const seen: string[] = [];
    chat.on('message.status', ({ message }) => seen.push(message.status));
    const { message } = await chat.conversation('bob').send('hi');
    await settle();
    const id = server.messages().at(-1)!.attr('id')!;
    assert.equal((await kept())[0]!.status, 'pending');
    await server.say(marker(`${BOB}/phone`, id));
    await server.say(receipt(`${BOB}/phone`, id));
    await server.say(`<a xmlns="${NS.sm}" h="${server.counted}"/>`);
    assert.deepEqual(seen, ['read']);
    assert.equal((await store.message(message.id))!.status, 'read');
    assert.deepEqual(await store.queued(), []);
  });

  it('are believed only from the peer of the conversation', async () => {
    await signIn();
    const { message } = await chat.conversation('bob').send('hi');
    await settle();
    const id = server.messages().at(-1)!.attr('id')!;
    await server.say(receipt('mallory@example.org/x', id));
    await server.say(marker('mallory@example.org/x', id));
    await server.say(
      `<message xmlns="jabber:client" from="mallory@example.org" type="error" id="${id}"><error type="cancel"><forbidden xmlns="${NS.stanzas}"/></error></message>`,
    );
    await settle();
    assert.equal((await store.message(message.id))!.status, 'sent');
  });

  it('a read marker covers earlier messages, but not failed ones', async () => {
    await signIn();
    const first = await chat.conversation('bob').send('one');
    const failed = await chat.conversation('bob').send('two');
    await settle();
    const refused = server.messages().at(-1)!.attr('id')!;
    await server.say(
      `<message xmlns="jabber:client" from="${BOB}" type="error" id="${refused}"><error type="cancel"><service-unavailable xmlns="${NS.stanzas}"/></error></message>`,
    );
    const last = await chat.conversation('bob').send('three');
    await settle();
    await server.say(marker(`${BOB}/phone`, server.messages().at(-1)!.attr('id')!));
    assert.deepEqual(
      (await kept()).map((message) => message.status),
      ['read', 'failed', 'read'],
    );
    await chat.conversation('bob').retry(failed.message.id);
    await settle();
    assert.equal((await store.message(failed.message.id))!.status, 'sent');
    assert.notEqual(server.messages().at(-1)!.attr('id'), refused);
    assert.equal((await store.message(first.message.id))!.status, 'read');
    assert.equal((await last.sent).id, last.message.id);
  });
});

describe('what is forged', () => {
  it('carbons are taken only from the own bare address', async () => {
    await signIn();
    const carbon = (from: string, inner: string, kind = 'received'): string =>
      `<message xmlns="jabber:client" from="${from}" to="ann@example.org/device"><${kind} xmlns="${NS.carbons}"><forwarded xmlns="${NS.forward}">${inner}</forwarded></${kind}></message>`;
    await server.say(carbon('mallory@example.org', text(BOB, 'forged')));
    await server.say(carbon('ann@example.org/other', text(BOB, 'from a full address')));
    await server.say(carbon('example.org', text(BOB, 'from the domain')));
    await server.say(carbon('ann@example.org', text('mallory@example.org', 'words in our mouth'), 'sent'));
    assert.deepEqual(await bodies(), []);
    assert.deepEqual(await bodies('mallory@example.org'), []);
    await server.say(carbon('ann@example.org', text(`${BOB}/phone`, 'real')));
    assert.deepEqual(await bodies(), ['real']);
  });

  it('archive results are taken only from the own account and for an open query', async () => {
    await signIn();
    const entry = { id: 'x1', stamp: '2025-12-31T10:00:00Z', message: text(BOB, 'from nowhere') };
    await server.say(server.result(entry, 'guessed'));
    await server.say(server.result(entry, '', 'mallory@example.org'));
    assert.deepEqual(await bodies(), []);
    await chat.signOut();
    server.archive.push(entry);
    server.forgedQueryId = 'wrong';
    await signIn();
    assert.deepEqual(await bodies(), []);
    await chat.signOut();
    server.forgedQueryId = undefined;
    server.forgedFrom = 'mallory@example.org';
    await signIn();
    assert.deepEqual(await bodies(), []);
    await chat.signOut();
    server.forgedFrom = undefined;
    await signIn();
    assert.deepEqual(await bodies(), ['from nowhere']);
  });

  it('roster and block pushes are taken only from the own account', async () => {
    await signIn();
    const push = (from: string): string =>
      `<iq xmlns="jabber:client" ${from} type="set" id="p1"><query xmlns="${NS.roster}"><item jid="eve@example.org" subscription="both"/></query></iq>`;
    const block = (from: string): string =>
      `<iq xmlns="jabber:client" ${from} type="set" id="p2"><block xmlns="${NS.blocking}"><item jid="${BOB}"/></block></iq>`;
    await server.say(push('from="mallory@example.org/x"'));
    assert.equal(server.iqs.at(-1)!.attr('type'), 'error');
    await server.say(push('from="example.org"'));
    await server.say(block('from="mallory@example.org"'));
    assert.equal(chat.contacts.get('eve'), undefined);
    assert.deepEqual(chat.contacts.snapshot().blocked, []);
    await server.say(push(''));
    assert.equal(server.iqs.at(-1)!.attr('type'), 'result');
    await server.say(block('from="ann@example.org"'));
    assert.equal(chat.contacts.get('eve')?.state, 'contact');
    assert.deepEqual(chat.contacts.snapshot().blocked, [BOB]);
  });

  it('iq answers count only from the entity that was asked', async () => {
    await signIn();
    const answer = chat.xmpp.iq(
      (await import('@parley/xml')).el(
        'iq',
        { type: 'get', to: `${BOB}/phone` },
        (await import('@parley/xml')).el('query', { xmlns: 'urn:x' }),
      ),
    );
    let settled = false;
    answer.then(
      () => (settled = true),
      () => (settled = true),
    );
    const id = server.iqs.at(-1)!.attr('id')!;
    // The fake has refused it in the name of the one asked; a second answer changes nothing.
    await server.say(`<iq xmlns="jabber:client" type="result" from="mallory@example.org" id="${id}"/>`);
    await assert.rejects(answer, { code: 'not-supported' });
    assert.equal(settled, true);
  });

  it('two stanza-ids in our name are both ignored; a foreign one as well', async () => {
    await signIn();
    const id = (by: string, value: string): string => `<stanza-id xmlns="${NS.sid}" by="${by}" id="${value}"/>`;
    await server.say(text(BOB, 'a', id('ann@example.org', 'FORGED') + id('ann@example.org', 's1')));
    await server.say(text(BOB, 'b', id(BOB, 'FORGED')));
    await server.say(text(BOB, 'c', id('ann@example.org', 's3')));
    assert.deepEqual(
      (await kept()).map((message) => message.serverId),
      [undefined, undefined, 's3'],
    );
  });

  it('an origin-id of one sender does not hide the message of another', async () => {
    await signIn();
    const origin = `<origin-id xmlns="${NS.sid}" id="same"/>`;
    await server.say(text(BOB, 'from bob', origin));
    await server.say(text('eve@example.org', 'from eve', origin));
    await server.say(text(BOB, 'again', origin));
    assert.deepEqual(await bodies(), ['from bob']);
    assert.deepEqual(await bodies('eve@example.org'), ['from eve']);
  });

  it('links with other schemes, paths in names and huge numbers do not reach the app', async () => {
    await signIn();
    const file = (url: string): string =>
      `<file-sharing xmlns="${NS.sfs}"><file xmlns="${NS.fileMetadata}"><media-type>image/png</media-type><name>../../x\u202egnp.exe</name><size>99999999999999999999</size><width>-4</width>` +
      `<thumbnail xmlns="${NS.thumbs}" uri="javascript:alert(1)" width="1" height="1"/></file><sources><url-data xmlns="${NS.urlData}" target="${url}"/></sources></file-sharing>`;
    await server.say(text(BOB, 'evil', file('javascript:alert(1)')));
    await server.say(text(BOB, 'good', file('https://example.org/a.png')));
    const [evil, good] = await kept();
    assert.deepEqual(evil!.attachments, []);
    const attachment = good!.attachments[0]!;
    assert.deepEqual(
      [attachment.name, attachment.sizeBytes, attachment.width, attachment.thumbnail],
      ['xgnp.exe', undefined, undefined, undefined],
    );
  });
});

describe('a lost connection', () => {
  it('is resumed: what the server has not seen goes out again, nothing is asked anew', async () => {
    server.acking = false;
    await signIn();
    const queries = server.iqs.length;
    await chat.conversation('bob').send('one');
    await settle();
    server.counted--; // The server never got it.
    await server.drop();
    assert.equal(chat.connection.snapshot().state, 'waiting');
    await chat.conversation('bob').send('two');
    server.acking = true;
    await server.pass(60_000);
    assert.equal(chat.connection.snapshot().state, 'online');
    assert.deepEqual(
      server.messages().map((message) => message.childText('body')),
      ['one', 'one', 'two'],
    );
    assert.equal(server.iqs.length, queries);
    assert.deepEqual(
      (await kept()).map((message) => message.status),
      ['sent', 'sent'],
    );
  });

  it('that cannot be resumed: the outbox goes out with the same ids, the archive fills the gap in order', async () => {
    server.acking = false;
    await signIn();
    const stanzaId = `<stanza-id xmlns="${NS.sid}" by="ann@example.org" id="s1"/>`;
    server.archive.push({ id: 's1', stamp: '2026-01-01T00:00:00Z', message: text(BOB, 'before', stanzaId) });
    await server.say(text(BOB, 'before', stanzaId));
    await chat.conversation('bob').send('mine');
    await settle();
    const id = server.messages().at(-1)!.attr('id');
    await server.drop();
    server.resumable = false;
    for (let index = 0; index < 250; index++) {
      server.archive.push({ id: `m${index}`, stamp: '2026-01-01T00:00:10Z', message: text(BOB, `missed ${index}`) });
    }
    server.acking = true;
    await server.pass(60_000);
    const mine = server.messages().filter((message) => message.childText('body') === 'mine');
    assert.deepEqual(
      mine.map((message) => message.attr('id')),
      [id, id],
    );
    const received = (await bodies()).filter((body) => body !== 'mine');
    assert.deepEqual(received, ['before', ...Array.from({ length: 250 }, (_, index) => `missed ${index}`)]);
    assert.equal((await store.message((await kept()).find((message) => message.mine)!.id))!.status, 'sent');
    assert.equal(chat.conversation('bob').snapshot().unread, 250);
  });

  it('live messages that come during the catch-up are put after it', async () => {
    await signIn();
    const stanzaId = `<stanza-id xmlns="${NS.sid}" by="ann@example.org" id="s0"/>`;
    server.archive.push({ id: 's0', stamp: '2026-01-01T00:00:00Z', message: text(BOB, 'zero', stanzaId) });
    await server.say(text(BOB, 'zero', stanzaId));
    await server.drop();
    server.resumable = false;
    server.archive.push({ id: 's1', stamp: '2026-01-01T00:00:05Z', message: text(BOB, 'one') });
    const live = text(BOB, 'two', `<stanza-id xmlns="${NS.sid}" by="ann@example.org" id="s2"/>`);
    const online = new Promise<void>((resolve) => {
      const off = chat.on('connection.changed', ({ connection }) => {
        if (connection.state !== 'online') return;
        off();
        queueMicrotask(() => server.say(live).then(resolve));
      });
    });
    await server.pass(60_000);
    await online;
    assert.deepEqual(await bodies(), ['zero', 'one', 'two']);
  });

  it('silence is noticed, and the delays grow with jitter up to a minute', async () => {
    server.acking = false;
    await signIn();
    server.refuse = true;
    await server.pass(61_000);
    assert.equal(chat.connection.snapshot().state, 'waiting');
    const before = server.connections;
    await server.pass(600_000);
    const tries = server.connections - before;
    assert.ok(tries >= 10 && tries <= 40, `${tries} tries in ten minutes`);
  });

  it('an acknowledgement of more than was sent ends it', async () => {
    await signIn();
    await server.say(`<a xmlns="${NS.sm}" h="4000"/>`);
    assert.equal(chat.connection.snapshot().state, 'waiting');
  });
});

describe('the outbox', () => {
  it('survives a new start and is sent once the server is there', async () => {
    await signIn();
    await chat.disconnect();
    const { message } = await chat.conversation('bob').send('offline');
    await chat.close();
    chat = create();
    server.mechanisms = ['PLAIN'];
    // PLAIN leaves no keys: a new start asks for the password again.
    await chat.connect();
    assert.equal(chat.connection.snapshot().error?.code, 'session-expired');
    assert.deepEqual(
      chat.conversations.snapshot().map((conversation) => conversation.lastMessage?.body),
      ['offline'],
    );
    await signIn();
    const sent = server.messages().filter((stanza) => stanza.childText('body') === 'offline');
    assert.deepEqual(
      sent.map((stanza) => stanza.child('origin-id', NS.sid)?.attr('id')),
      [message.id],
    );
  });

  it('takes back only what is not on its way', async () => {
    server.acking = false;
    await signIn();
    const flying = await chat.conversation('bob').send('flying');
    await assert.rejects(chat.conversation('bob').discard(flying.message.id), { code: 'not-allowed' });
    await chat.disconnect();
    const waiting = await chat.conversation('bob').send('waiting');
    await chat.conversation('bob').discard(waiting.message.id);
    await assert.rejects(waiting.sent, { code: 'cancelled' });
    assert.deepEqual(await bodies(), ['flying']);
  });
});

describe('signing in', () => {
  it('sends no password over an unprotected connection', async () => {
    server.secure = false;
    await assert.rejects(chat.signIn({ username: 'ann', password: 'secret' }), { code: 'insecure-connection' });
    assert.equal(chat.connection.snapshot().state, 'signed-out');
  });

  it('keeps neither password nor anything like it with PLAIN', async () => {
    await signIn();
    assert.ok(!JSON.stringify(await store.value('account')).includes('secret'));
  });

  it('uses SCRAM when the server offers it and PLAIN as well', async () => {
    server.mechanisms = ['PLAIN', 'SCRAM-SHA-1'];
    await assert.rejects(chat.signIn({ username: 'ann', password: 'wrong' }), { code: 'wrong-credentials' });
    await signIn();
    assert.deepEqual(server.authMechanisms, ['SCRAM-SHA-1', '', 'SCRAM-SHA-1', '']);
  });

  it('signs in again with the kept keys, and asks for the password when they no longer fit', async () => {
    server.mechanisms = ['SCRAM-SHA-1'];
    await signIn();
    await chat.close();
    assert.ok(!JSON.stringify(await store.value('account')).includes('"secret"'));
    chat = create();
    const online = new Promise<void>((resolve) => {
      chat.on('connection.changed', ({ connection }) => connection.state === 'online' && resolve());
    });
    await chat.connect();
    await online;
    await chat.close();
    server.salt = 'another salt';
    chat = create();
    const expired = new Promise((resolve) => chat.on('session.expired', ({ error }) => resolve(error.code)));
    await chat.connect();
    assert.equal(await expired, 'session-expired');
    assert.equal(chat.connection.snapshot().state, 'offline');
  });

  it('gives a server that suddenly offers only PLAIN nothing', async () => {
    server.mechanisms = ['SCRAM-SHA-1'];
    await signIn();
    await chat.close();
    server.mechanisms = ['PLAIN'];
    chat = create();
    await chat.connect();
    await settle();
    assert.equal(chat.connection.snapshot().error?.code, 'session-expired');
    assert.ok(!server.authMechanisms.includes('PLAIN'));
  });

  it('refuses a server that asks for absurdly many iterations', async () => {
    server.mechanisms = ['SCRAM-SHA-1'];
    server.iterations = 50_000_000;
    await assert.rejects(chat.signIn({ username: 'ann', password: 'secret' }), { code: 'protocol-violation' });
  });
});

describe('presence', () => {
  it('is unknown without a connection and goes on after a resumption', async () => {
    await signIn();
    await server.say(`<presence xmlns="jabber:client" from="${BOB}/phone"/>`);
    assert.equal(chat.presence('bob').snapshot().state, 'online');
    await server.say('<presence xmlns="jabber:client" from="stranger@example.org/x"/>');
    assert.equal(chat.presence('stranger').snapshot().state, 'unknown');
    await server.drop();
    assert.equal(chat.presence('bob').snapshot().state, 'unknown');
    await server.pass(60_000);
    assert.equal(chat.presence('bob').snapshot().state, 'online');
  });
});

describe('privacy', () => {
  it('strangers get neither receipts nor read markers nor typing until they are answered', async () => {
    await signIn();
    const request = `<request xmlns="${NS.receipts}"/>`;
    const before = server.messages().length;
    await server.say(text('eve@example.org', 'hello', request));
    await chat.conversation('eve@example.org').markRead();
    chat.conversation('eve@example.org').typing();
    await settle();
    assert.equal(server.messages().length, before);
    await server.say(text(`${BOB}/phone`, 'friend', request));
    await settle();
    assert.equal(server.messages().at(-1)!.child('received', NS.receipts)?.attr('id'), 'friend');
    await chat.conversation('bob').markRead();
    await settle();
    assert.equal(server.messages().at(-1)!.child('displayed', NS.markers)?.attr('id'), 'friend');
  });
});

describe('typing', () => {
  it('of the peer ends by itself; own typing is said once and ends by a pause', async () => {
    await signIn();
    await server.say(`<message xmlns="jabber:client" from="${BOB}/phone" type="chat"><composing xmlns="${NS.chatStates}"/></message>`);
    assert.equal(chat.conversation('bob').snapshot().typing, true);
    await server.pass(31_000);
    assert.equal(chat.conversation('bob').snapshot().typing, false);
    const states = (): (string | undefined)[] =>
      server.messages().map((message) => message.elements().find((child) => child.ns === NS.chatStates)?.name);
    for (let press = 0; press < 5; press++) {
      chat.conversation('bob').typing();
      await server.pass(1_000);
    }
    await server.pass(10_000);
    assert.deepEqual(states(), ['composing', 'paused']);
  });
});

describe('a message window', () => {
  it('is bounded, keeps its snapshot while nothing changes, and counts what comes below it', async () => {
    await signIn();
    for (let index = 0; index < 60; index++) await server.say(text(BOB, `n${index}`));
    const list = chat.conversation('bob').messages({ pageSize: 10, maxItems: 20 });
    const off = list.subscribe(() => undefined);
    await list.jumpToLatest();
    assert.equal(list.snapshot(), list.snapshot());
    assert.deepEqual([list.snapshot().items.length, list.snapshot().items.at(-1)?.body], [10, 'n59']);
    await list.loadOlder();
    await list.loadOlder();
    assert.deepEqual([list.snapshot().items.length, list.snapshot().items[0]?.body, list.snapshot().hasNewer], [20, 'n30', true]);
    await server.say(text(BOB, 'below'));
    assert.equal(list.snapshot().newerUnread, 1);
    await list.jumpToLatest();
    assert.deepEqual([list.snapshot().items.at(-1)?.body, list.snapshot().newerUnread, list.snapshot().hasNewer], ['below', 0, false]);
    await list.jumpTo((await kept())[5]!.id);
    assert.ok(list.snapshot().items.some((message) => message.body === 'n5'));
    off();
  });
});
