// Groups without joining, and what is decided about conversations: against docs/protocol/groups.md and conversations.md.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { NS } from '@parley/protocol';
import type { Element } from '@parley/xml';
import { createClient } from './create.ts';
import { REACTIONS, RETRACT } from './messages/changes.ts';
import { REPLY } from './messages/codec.ts';
import { FakeServer, settle } from './platform/node/testing/fake-server.ts';
import { memoryStore } from './store/memory.ts';
import type { ChatStore } from './store/store.ts';
import { GROUPS } from './sync/features.ts';
import type { ChatClient, Message } from './types.ts';

const ME = 'ann@example.org';
const ROOM = 'team@groups.example.org';
const MUC_USER = 'http://jabber.org/protocol/muc#user';

let server: FakeServer;
let store: ChatStore;
let chat: ChatClient;

function create(): ChatClient {
  return createClient({ platform: server.platform, server: 'wss://example.org/ws', domain: 'example.org', store });
}

beforeEach(() => {
  server = new FakeServer();
  server.mechanisms = ['SCRAM-SHA-1'];
  server.features = [GROUPS, NS.conversations];
  server.conference = 'groups.example.org';
  server.rooms.set(ROOM, []);
  server.answer = (_iq, payload) => {
    if (payload.ns === GROUPS && payload.name === 'enable') return `<enabled xmlns="${GROUPS}" after="g000"/>`;
    if (payload.ns === GROUPS && payload.name === 'groups')
      return `<groups xmlns="${GROUPS}"><group jid="${ROOM}" name="Team" affiliation="member" nick="Ann"/></groups>`;
    if (payload.ns === NS.conversations) return payload.name === 'conversations' ? `<conversations xmlns="${NS.conversations}"/>` : null;
    return undefined;
  };
  store = memoryStore();
  chat = create();
});

afterEach(() => chat.close());

async function signIn(): Promise<void> {
  const done = new Promise<void>((resolve) => {
    chat.once('sync.done', () => resolve());
  });
  await chat.signIn({ username: 'ann', password: 'secret' });
  await done;
  await settle();
}

let count = 0;
interface Said {
  readonly from?: string;
  readonly jid?: string;
  readonly id?: string;
  readonly inner: string;
}
/** A message of the group as the server shows it to members. */
function said({ from = `${ROOM}/Bob`, jid = 'bob@example.org', id = `g${String(++count).padStart(3, '0')}`, inner }: Said): string {
  return (
    `<message xmlns="jabber:client" from="${from}" to="${ME}/device" type="groupchat" id="w-${id}">${inner}` +
    `<x xmlns="${MUC_USER}"><item jid="${jid}" affiliation="member"/></x><stanza-id xmlns="${NS.sid}" by="${ROOM}" id="${id}"/></message>`
  );
}
const body = (text: string): string => `<body>${text}</body>`;

async function messages(): Promise<readonly Message[]> {
  await settle();
  const list = chat.conversation(ROOM).messages();
  const off = list.subscribe(() => undefined);
  await list.jumpToLatest();
  await settle();
  const { items } = list.snapshot();
  off();
  return items;
}

const iqs = (ns: string, name: string): Element[] =>
  server.iqs.filter((iq) => iq.elements().some((child) => child.ns === ns && child.name === name));

describe('a group', () => {
  it('is in the list with its name, and its messages with the names of who wrote them', async () => {
    await signIn();
    const first = chat.conversations.snapshot()[0];
    assert.deepEqual([first?.id, first?.type, first?.name, first?.group?.role], [ROOM, 'group', 'Team', 'member']);
    await server.say(said({ inner: body('Lunch?') }));
    const [message] = await messages();
    assert.deepEqual([message?.body, message?.senderId, message?.senderName, message?.mine], ['Lunch?', 'bob@example.org', 'Bob', false]);
    assert.equal(chat.conversation(ROOM).snapshot().unread, 1);
    const presence = server.received.find((stanza) => stanza.name === 'presence');
    assert.ok(presence !== undefined && presence.attr('to') === undefined, 'nothing is joined');
  });

  it('takes what is said from where this device is, and reads on from there the next time', async () => {
    await signIn();
    assert.equal(iqs(GROUPS, 'enable')[0]?.child('enable', GROUPS)?.attr('after'), undefined);
    await server.say(said({ id: 'g777', inner: body('one') }));
    await settle();
    await chat.close();
    chat = create();
    const done = new Promise<void>((resolve) => {
      chat.once('sync.done', () => resolve());
    });
    await chat.connect();
    await done;
    assert.equal(iqs(GROUPS, 'enable').at(-1)?.child('enable', GROUPS)?.attr('after'), 'g777');
  });

  it('own messages get one tick from the echo, two when all have them, blue when all have read them', async () => {
    server.acking = false;
    await signIn();
    const { message } = await chat.conversation(ROOM).send('mine');
    await settle();
    const sent = server.messages().at(-1)!;
    assert.deepEqual([sent.attr('to'), sent.attr('type'), sent.child('request', NS.receipts)], [ROOM, 'groupchat', undefined]);
    const echo = `<message xmlns="jabber:client" from="${ROOM}/Ann" to="${ME}/device" type="groupchat" id="${message.id}"><body>mine</body><origin-id xmlns="${NS.sid}" id="${message.id}"/><x xmlns="${MUC_USER}"><item jid="${ME}"/></x><stanza-id xmlns="${NS.sid}" by="${ROOM}" id="g900"/></message>`;
    await server.say(echo);
    const status = async (): Promise<unknown> => (await messages()).map((one) => one.status);
    assert.deepEqual(await status(), ['sent']);
    const seen = (from: string, attributes: string): string =>
      `<message xmlns="jabber:client" from="${from}" to="${ME}/device" type="headline"><seen xmlns="${GROUPS}" ${attributes}/></message>`;
    await server.say(seen(`${ROOM}/Bob`, 'delivered="g999" read="g999"'));
    await server.say(seen('mallory@example.org', 'delivered="g999" read="g999"'));
    assert.deepEqual(await status(), ['sent'], 'only the group knows what all have');
    await server.say(seen(ROOM, 'delivered="g900" read="g800"'));
    assert.deepEqual(await status(), ['delivered']);
    await server.say(seen(ROOM, 'delivered="g900" read="g900"'));
    assert.deepEqual(await status(), ['read']);
  });

  it('what a room says that this account is not in is not believed', async () => {
    await signIn();
    await server.say(said({ inner: body('real') }).replaceAll(ROOM, 'evil@groups.example.org'));
    await settle();
    assert.equal(chat.conversations.snapshot().length, 1);
    // A person cannot speak for the group.
    await server.say(
      `<message xmlns="jabber:client" from="${ROOM}/Bob" to="${ME}/device" type="headline"><group xmlns="${GROUPS}" jid="${ROOM}" name="Mine now" affiliation="none"/></message>`.replace(
        `${ROOM}/Bob`,
        'bob@example.org/x',
      ),
    );
    assert.equal(chat.conversation(ROOM).snapshot().name, 'Team');
  });

  it('replies, reactions, corrections and deletions name the ids that the group gave', async () => {
    await signIn();
    await server.say(said({ id: 'g500', inner: body('Lunch?') }));
    const [lunch] = await messages();
    await chat.conversation(ROOM).react(lunch!.id, '👍');
    await chat.conversation(ROOM).send({ text: 'Yes', replyTo: lunch!.id });
    await settle();
    const [reaction, reply] = server.messages().slice(-2);
    assert.deepEqual([reaction?.child('reactions', REACTIONS)?.attr('id'), reply?.child('reply', REPLY)?.attr('id')], ['g500', 'g500']);
    await server.say(
      said({
        id: 'g501',
        from: `${ROOM}/Eve`,
        jid: 'eve@example.org',
        inner: `<reactions xmlns="${REACTIONS}" id="g500"><reaction>❤️</reaction></reactions>`,
      }),
    );
    await server.say(
      said({
        id: 'g502',
        from: `${ROOM}/Eve`,
        jid: 'eve@example.org',
        inner: `${body('x')}<retract xmlns="${RETRACT}" id="g500"/><fallback xmlns="${NS.fallback}" for="${RETRACT}"/>`,
      }),
    );
    await server.say(
      said({
        id: 'g503',
        from: `${ROOM}/Eve`,
        jid: 'eve@example.org',
        inner: `${body('Dinner?')}<replace xmlns="${NS.correction}" id="w-g500"/>`,
      }),
    );
    let [message] = await messages();
    assert.deepEqual([message?.body, message?.deleted, message?.reactions.length], ['Lunch?', false, 2], 'Eve did not write it');
    await server.say(said({ id: 'g504', inner: `${body('Dinner?')}<replace xmlns="${NS.correction}" id="w-g500"/>` }));
    [message] = await messages();
    assert.deepEqual([message?.body, message?.editedAt !== undefined], ['Dinner?', true]);
    const moderated = `<retract xmlns="${RETRACT}" id="g500"><moderated xmlns="urn:xmpp:message-moderate:1"/></retract>`;
    await server.say(said({ id: 'g505', from: ROOM, inner: moderated }));
    assert.equal((await messages())[0]?.deleted, true, 'the group may take away what a member wrote');
  });

  it('tells who came, who left and what the subject is, and none of it is unread', async () => {
    await signIn();
    const role = (id: string, jid: string, affiliation: string): string =>
      `<message xmlns="jabber:client" from="${ROOM}" to="${ME}/device" type="groupchat"><x xmlns="${MUC_USER}"><item jid="${jid}" affiliation="${affiliation}"><actor jid="bob@example.org"/></item></x><stanza-id xmlns="${NS.sid}" by="${ROOM}" id="${id}"/></message>`;
    await server.say(role('g601', 'eve@example.org', 'member'));
    await server.say(said({ id: 'g602', inner: '<subject>Summer</subject>' }));
    await server.say(role('g603', 'eve@example.org', 'none'));
    const notices = (await messages()).map(({ notice, mine }) => [notice?.kind, notice?.personId, notice?.actorId, notice?.text, mine]);
    assert.deepEqual(notices, [
      ['member', 'eve@example.org', 'bob@example.org', '', false],
      ['subject', undefined, 'bob@example.org', 'Summer', false],
      ['none', 'eve@example.org', 'bob@example.org', '', false],
    ]);
    assert.equal(chat.conversation(ROOM).snapshot().unread, 0);
  });

  it('is made with one request, and its history is asked from its own archive', async () => {
    const archived = (id: string, text: string): { id: string; stamp: string; message: string } => ({
      id,
      stamp: '2026-01-01T00:00:00Z',
      message: said({ id, inner: body(text) }),
    });
    server.rooms.get(ROOM)!.push(archived('g1', 'first'), archived('g2', 'second'));
    await signIn();
    const conversation = await (async () => {
      const answer = server.answer;
      server.answer = (iq, payload) => (payload.name === 'query' && payload.ns.endsWith('muc#owner') ? null : answer?.(iq, payload));
      return chat.groups.create({ name: ' Hikers ', members: ['bob', 'eve@example.org', ME] });
    })();
    const request = server.iqs.find((iq) => iq.attr('to') === conversation.id);
    const fields = request
      ?.elements()[0]
      ?.elements()[0]
      ?.elements()
      .map((field) => [field.attr('var'), ...field.elements().map((value) => value.text())]);
    assert.deepEqual(fields?.slice(1), [
      ['muc#roomconfig_roomname', 'Hikers'],
      ['{urn:parley:groups:0}members', 'bob@example.org', 'eve@example.org'],
    ]);
    assert.equal(conversation.snapshot().name, 'Hikers');
    assert.deepEqual(
      (await messages()).map((one) => one.body),
      ['first', 'second'],
    );
  });

  it('who is writing is told by name', async () => {
    await signIn();
    await server.say(said({ inner: `<composing xmlns="${NS.chatStates}"/>` }).replace(/<stanza-id[^>]*>/, ''));
    await server.say(
      said({ from: `${ROOM}/Eve`, jid: 'eve@example.org', inner: `<composing xmlns="${NS.chatStates}"/>` }).replace(/<stanza-id[^>]*>/, ''),
    );
    assert.deepEqual(chat.conversation(ROOM).snapshot().typingIds, [`${ROOM}/Bob`, `${ROOM}/Eve`]);
    await server.say(said({ inner: body('done') }));
    assert.deepEqual(chat.conversation(ROOM).snapshot().typingIds, [`${ROOM}/Eve`]);
    await server.pass(31_000);
    assert.equal(chat.conversation(ROOM).snapshot().typing, false);
    assert.equal(chat.contacts.get(`${ROOM}/Eve`), undefined, 'an occupant is nobody in the list');
  });
});

describe('what is decided about a conversation', () => {
  it('is told to the server, now or at the next connection, and what other devices decide is taken over', async () => {
    await signIn();
    await chat.conversation('bob').send('hello');
    await chat.conversation('bob').change({ pinned: true });
    const said = (): (string | undefined)[] => {
      const change = iqs(NS.conversations, 'conversation').at(-1)?.child('conversation', NS.conversations);
      return [change?.attr('jid'), change?.attr('pinned'), change?.attr('muted'), change?.attr('archived')];
    };
    assert.deepEqual(said(), ['bob@example.org', 'true', undefined, undefined]);
    assert.equal(chat.conversations.snapshot()[0]?.id, 'bob@example.org', 'pinned ones come first');
    await chat.disconnect();
    await chat.conversation('bob').change({ mutedUntil: Number.MAX_SAFE_INTEGER });
    const done = new Promise<void>((resolve) => {
      chat.once('sync.done', () => resolve());
    });
    await chat.connect();
    await done;
    assert.deepEqual(said(), ['bob@example.org', undefined, 'true', undefined]);
    const push = (from: string): string =>
      `<message xmlns="jabber:client" from="${from}" to="${ME}/device" type="headline"><conversations xmlns="${NS.conversations}"><conversation jid="bob@example.org" pinned="false" muted="false" archived="true" timer="86400"/></conversations></message>`;
    await server.say(push('mallory@example.org'));
    assert.equal(chat.conversation('bob').snapshot().archived, false);
    await server.say(push(ME));
    await settle();
    const { pinned, mutedUntil, archived, timer } = chat.conversation('bob').snapshot();
    assert.deepEqual([pinned, mutedUntil, archived, timer], [false, 0, true, 86_400]);
  });

  it('a fresh device paints the list in one request, with what is unread', async () => {
    const message = (id: string, text: string): string =>
      `<message xmlns="jabber:client" from="bob@example.org/x" to="${ME}" type="chat" id="${id}"><body>${text}</body></message>`;
    for (let n = 1; n <= 30; n++)
      server.archive.push({ id: `a${n}`, stamp: '2026-01-01T00:00:00Z', message: message(`m${n}`, `text ${n}`) });
    const answer = server.answer;
    server.answer = (iq, payload) => {
      if (payload.name !== 'conversations' || payload.attr('archived') === 'true') return answer?.(iq, payload);
      return (
        `<conversations xmlns="${NS.conversations}" total="1" unread="1" all-unread="3"><conversation jid="bob@example.org" id="a30" unread="3" displayed="a27" pinned="true" muted="false" archived="false" timer="0" notify="on-mention">` +
        `<forwarded xmlns="${NS.forward}"><delay xmlns="${NS.delay}" stamp="2026-01-01T00:00:00Z"/>${message('m30', 'text 30')}</forwarded></conversation></conversations>`
      );
    };
    await signIn();
    const bob = chat.conversations.snapshot().find(({ id }) => id === 'bob@example.org');
    assert.deepEqual([bob?.lastMessage?.body, bob?.unread, bob?.pinned, bob?.notify], ['text 30', 3, true, 'mentions']);
    const list = chat.conversation('bob').messages({ pageSize: 50 });
    const off = list.subscribe(() => undefined);
    await list.jumpToLatest();
    await settle();
    while (list.snapshot().hasOlder) await list.loadOlder();
    assert.deepEqual(
      list.snapshot().items.map((one) => one.body),
      Array.from({ length: 30 }, (_, n) => `text ${n + 1}`),
    );
    off();
  });

  it('what comes while a fresh device reads the list stands in its order', async () => {
    const message = (n: number, more = ''): string =>
      `<message xmlns="jabber:client" from="bob@example.org/x" to="${ME}" type="chat" id="m${n}"><body>text ${n}</body>${more}</message>`;
    const arrive = (n: number): void => {
      server.archive.push({ id: `b${n}`, stamp: '2026-01-01T00:00:00Z', message: message(n) });
      void server.say(message(n, `<stanza-id xmlns="${NS.sid}" by="${ME}" id="b${n}"/>`));
    };
    const eve = `<message xmlns="jabber:client" from="eve@example.org/x" to="${ME}" type="chat" id="e1"><body>hi</body></message>`;
    server.archive.push({ id: 'e1', stamp: '2026-01-01T00:00:00Z', message: eve });
    const answer = server.answer;
    server.answer = (iq, payload) => {
      if (payload.name === 'conversations' && payload.attr('archived') !== 'true') for (const n of [1, 2, 3]) arrive(n);
      if (payload.ns === NS.mam && payload.child('set', NS.rsm)?.child('after', NS.rsm) !== undefined) arrive(4);
      return answer?.(iq, payload);
    };
    await signIn();
    assert.deepEqual(
      (await store.messages('bob@example.org', { limit: 100 })).map(({ body }) => body),
      ['text 1', 'text 2', 'text 3', 'text 4'],
    );
  });

  it('what was read on another device without telling the peer is read here', async () => {
    await signIn();
    await server.say(
      `<message xmlns="jabber:client" from="bob@example.org/x" to="${ME}" type="chat" id="m1"><body>hi</body><stanza-id xmlns="${NS.sid}" by="${ME}" id="a1"/></message>`,
    );
    await settle();
    assert.equal(chat.conversation('bob').snapshot().unread, 1);
    await server.say(
      `<message xmlns="jabber:client" from="${ME}" to="${ME}/device" type="headline"><conversations xmlns="${NS.conversations}"><conversation jid="bob@example.org" displayed="a1"/></conversations></message>`,
    );
    await settle();
    assert.equal(chat.conversation('bob').snapshot().unread, 0);
    await server.say(
      `<message xmlns="jabber:client" from="bob@example.org/x" to="${ME}" type="chat" id="m2"><body>again</body><stanza-id xmlns="${NS.sid}" by="${ME}" id="a2"/></message>`,
    );
    await chat.conversation('bob').markRead(undefined, { tellPeer: false });
    assert.equal(iqs(NS.conversations, 'conversation').at(-1)?.child('conversation', NS.conversations)?.attr('displayed'), 'a2');
  });
});
