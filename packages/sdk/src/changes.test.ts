// Corrections, reactions, replies and deletions: what they do to the store, from whom they are believed, and how they go out.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { NS } from '@parley/protocol';
import { createClient } from './create.ts';
import { isEmoji, REACTIONS, RETRACT } from './messages/changes.ts';
import { REPLY } from './messages/codec.ts';
import { FakeServer, settle } from './platform/node/testing/fake-server.ts';
import { memoryStore } from './store/memory.ts';
import type { ChatStore } from './store/store.ts';
import type { ChatClient, Message } from './types.ts';

const ME = 'ann@example.org';
const BOB = 'bob@example.org';
const EVE = 'eve@example.org';

let server: FakeServer;
let store: ChatStore;
let chat: ChatClient;

beforeEach(async () => {
  server = new FakeServer();
  server.mechanisms = ['SCRAM-SHA-1'];
  server.roster = `<item jid="${BOB}" name="Bob" subscription="both"/>`;
  store = memoryStore();
  chat = createClient({ platform: server.platform, server: 'wss://example.org/ws', domain: 'example.org', store });
});

afterEach(() => chat.close());

async function signIn(): Promise<void> {
  await chat.signIn({ username: 'ann', password: 'secret' });
  await settle();
}

/** Comes back with the kept keys; what waited in the outbox has gone out. */
async function reconnect(): Promise<void> {
  const online = new Promise<void>((resolve) => {
    const off = chat.on('sync.done', () => {
      off();
      resolve();
    });
  });
  await chat.connect();
  await online;
  await settle();
}

const stanza = (from: string, id: string, inner: string): string =>
  `<message xmlns="jabber:client" from="${from}" to="${ME}" type="chat" id="${id}">${inner}</message>`;
const text = (from: string, id: string, body: string, extra = ''): string => stanza(from, id, `<body>${body}</body>${extra}`);
const edit = (from: string, id: string, target: string, body: string): string =>
  text(from, id, body, `<replace xmlns="${NS.correction}" id="${target}"/>`);
const retract = (from: string, id: string, target: string): string =>
  text(from, id, 'cannot be shown', `<retract xmlns="${RETRACT}" id="${target}"/><fallback xmlns="${NS.fallback}" for="${RETRACT}"/>`);
const react = (from: string, id: string, target: string, ...emoji: string[]): string =>
  stanza(
    from,
    id,
    `<reactions xmlns="${REACTIONS}" id="${target}">${emoji.map((one) => `<reaction>${one}</reaction>`).join('')}</reactions>`,
  );

async function messages(peer = BOB): Promise<readonly Message[]> {
  await settle();
  const list = chat.conversation(peer).messages();
  const off = list.subscribe(() => undefined);
  await list.jumpToLatest();
  const { items } = list.snapshot();
  off();
  return items;
}

const shown = ({ body, editedAt, deleted, reactions }: Message): unknown => ({
  body,
  edited: editedAt !== undefined,
  deleted,
  reactions: reactions.map((reaction) => `${reaction.senderId}: ${reaction.emoji.join('')}`),
});

describe('a change to a message', () => {
  it('replaces, decorates or removes it, and is no message of its own', async () => {
    await signIn();
    await server.say(text(`${BOB}/phone`, 'm1', 'Helo'));
    await server.say(text(`${BOB}/phone`, 'm2', 'Secret'));
    await server.say(react(`${BOB}/phone`, 'x1', 'm1', '👍'));
    await server.say(edit(`${BOB}/phone`, 'x2', 'm1', 'Hello'));
    await server.say(retract(`${BOB}/phone`, 'x3', 'm2'));
    assert.deepEqual((await messages()).map(shown), [
      { body: 'Hello', edited: true, deleted: false, reactions: [`${BOB}: 👍`] },
      { body: '', edited: false, deleted: true, reactions: [] },
    ]);
    assert.equal(chat.conversation('bob').snapshot().unread, 2);
    assert.equal(chat.conversation('bob').snapshot().lastMessage?.deleted, true);
  });

  it('a foreign correction, a foreign deletion and a reaction of a third person change nothing', async () => {
    await signIn();
    await server.say(text(`${BOB}/phone`, 'm1', 'Mine'));
    const { message } = await chat.conversation('bob').send('Ours');
    await settle();
    await server.say(edit(`${EVE}/x`, 'f1', 'm1', 'forged'));
    await server.say(retract(`${EVE}/x`, 'f2', 'm1'));
    await server.say(react(`${EVE}/x`, 'f3', 'm1', '💩'));
    await server.say(edit(`${BOB}/phone`, 'f4', message.id, 'words in our mouth'));
    await server.say(retract(`${BOB}/phone`, 'f5', message.id));
    assert.deepEqual((await messages()).map(shown), [
      { body: 'Mine', edited: false, deleted: false, reactions: [] },
      { body: 'Ours', edited: false, deleted: false, reactions: [] },
    ]);
    assert.deepEqual(await messages(EVE), []);
  });

  it('the latest word of a person counts, whatever order they come in; nothing brings a deleted message back', async () => {
    await signIn();
    const at = (second: number): string => `<delay xmlns="${NS.delay}" from="${ME}" stamp="2026-01-01T00:00:0${second}Z"/>`;
    const late = (xml: string, second: number): string => xml.replace('</message>', `${at(second)}</message>`);
    await server.say(late(text(BOB, 'm1', 'one'), 1));
    await server.say(late(edit(BOB, 'e3', 'm1', 'three'), 3));
    await server.say(late(edit(BOB, 'e2', 'm1', 'two'), 2));
    await server.say(late(react(BOB, 'r3', 'm1'), 3));
    await server.say(late(react(BOB, 'r2', 'm1', '❤️'), 2));
    assert.deepEqual((await messages()).map(shown), [{ body: 'three', edited: true, deleted: false, reactions: [] }]);
    await server.say(late(react(BOB, 'r4', 'e3', '👍'), 4));
    assert.deepEqual((await messages())[0]!.reactions[0]?.emoji, ['👍'], 'a reaction to a correction is one to the message');
    await server.say(retract(BOB, 'd1', 'm1'));
    await server.say(edit(BOB, 'e9', 'm1', 'still here'));
    await server.say(react(BOB, 'r9', 'm1', '👍'));
    assert.deepEqual(
      (await messages()).map(shown),
      [{ body: '', edited: false, deleted: true, reactions: [] }].map((one) => ({ ...one, edited: true })),
    );
  });

  it('waits for its message, which an older page of the history brings', async () => {
    const filler = Array.from({ length: 30 }, (_, n) => text(BOB, `f${n}`, `filler ${n}`));
    const history = [
      text(BOB, 'm1', 'Helo'),
      text(BOB, 'm2', 'Secret'),
      ...filler,
      edit(BOB, 'x1', 'm1', 'Hello'),
      retract(BOB, 'x2', 'm2'),
      react(BOB, 'x3', 'm1', '👍'),
    ];
    history.forEach((message, n) => {
      server.archive.push({ id: `a${n}`, stamp: new Date(Date.UTC(2026, 0, 1, 0, 0, n)).toISOString(), message });
    });
    chat = createClient({ platform: server.platform, server: 'wss://example.org/ws', domain: 'example.org', store, firstSyncMessages: 0 });
    await signIn();
    const list = chat.conversation('bob').messages({ pageSize: 20 });
    const off = list.subscribe(() => undefined);
    await list.jumpToLatest();
    await settle();
    while (list.snapshot().hasOlder) await list.loadOlder();
    assert.deepEqual(list.snapshot().items.slice(0, 2).map(shown), [
      { body: 'Hello', edited: true, deleted: false, reactions: [`${BOB}: 👍`] },
      { body: '', edited: false, deleted: true, reactions: [] },
    ]);
    off();
  });

  it('a tombstone of the archive is a deleted message', async () => {
    const tombstone = `<retracted xmlns="${RETRACT}" id="x1" stamp="2026-01-01T00:00:05Z"/>`;
    server.archive.push({ id: 'a1', stamp: '2026-01-01T00:00:00Z', message: stanza(BOB, 'm1', tombstone) });
    await signIn();
    assert.deepEqual((await messages()).map(shown), [{ body: '', edited: false, deleted: true, reactions: [] }]);
  });
});

describe('own changes', () => {
  it('show at once, go out as the specifications say, and survive a time without a network', async () => {
    await signIn();
    await server.say(text(`${BOB}/phone`, 'm1', 'What time?'));
    const bob = chat.conversation('bob');
    const [question] = await messages();
    const { message } = await bob.send({ text: 'At fife', replyTo: question!.id });
    await settle();
    await chat.disconnect();
    await bob.edit(message.id, 'At five');
    await bob.react(question!.id, '👍');
    assert.deepEqual((await messages()).map(shown), [
      { body: 'What time?', edited: false, deleted: false, reactions: [`${ME}: 👍`] },
      { body: 'At five', edited: true, deleted: false, reactions: [] },
    ]);
    const before = server.messages().length;
    await reconnect();
    const [reply] = server.messages().slice(before - 1);
    assert.equal(reply?.childText('body'), '> What time?\nAt fife');
    assert.deepEqual({ ...reply?.child('reply', REPLY)?.attrs }, { to: BOB, id: 'm1' });
    const out = server.messages().slice(before);
    assert.deepEqual(
      out.map((sent) => [
        sent.child('replace', NS.correction)?.attr('id'),
        sent.childText('body'),
        sent.child('reactions', REACTIONS)?.attr('id'),
      ]),
      [
        [message.id, 'At five', undefined],
        [undefined, undefined, 'm1'],
      ],
    );
    assert.deepEqual(
      out
        .at(-1)!
        .child('reactions', REACTIONS)!
        .elements()
        .map((one) => one.text()),
      ['👍'],
    );
    assert.ok(out.every((sent) => sent.child('request', NS.receipts) === undefined));
    assert.deepEqual(await store.queued(), []);
    await bob.react(question!.id, undefined);
    await bob.deleteForEveryone(message.id);
    await settle();
    assert.deepEqual(server.messages().at(-2)!.child('reactions', REACTIONS)!.elements(), []);
    assert.equal(server.messages().at(-1)!.child('retract', RETRACT)?.attr('id'), message.id);
    assert.deepEqual(
      (await messages()).map((one) => one.deleted),
      [false, true],
    );
  });

  it('a message that has not left is simply another text; a deleted one never leaves', async () => {
    await signIn();
    await chat.disconnect();
    const bob = chat.conversation('bob');
    const first = await bob.send('one');
    const second = await bob.send('two');
    await bob.edit(first.message.id, 'ONE');
    await bob.deleteForEveryone(second.message.id);
    await assert.rejects(second.sent, { code: 'cancelled' });
    await reconnect();
    assert.deepEqual(
      server.messages().map((sent) => sent.childText('body')),
      ['ONE'],
    );
    assert.equal((await messages())[0]!.editedAt, undefined);
  });

  it('are for own messages only', async () => {
    await signIn();
    await server.say(text(BOB, 'm1', 'Mine'));
    const [theirs] = await messages();
    const bob = chat.conversation('bob');
    await assert.rejects(bob.edit(theirs!.id, 'Yours'), { code: 'not-allowed' });
    await assert.rejects(bob.deleteForEveryone(theirs!.id), { code: 'not-allowed' });
    await assert.rejects(bob.react(theirs!.id, 'nice'), { code: 'invalid-argument' });
    await assert.rejects(chat.conversation('eve').react(theirs!.id, '👍'), { code: 'not-found' });
    await bob.deleteForMe(theirs!.id);
    assert.deepEqual(await messages(), []);
  });

  it('a refused reaction is taken back', async () => {
    await signIn();
    await server.say(text(BOB, 'm1', 'Only hearts'));
    const [message] = await messages();
    await chat.conversation('bob').react(message!.id, '👍');
    await settle();
    const sent = server.messages().at(-1)!;
    const failed = new Promise((resolve) => chat.on('error', ({ error }) => resolve(error.code)));
    await server.say(
      `<message xmlns="jabber:client" from="${BOB}" type="error" id="${sent.attr('id')}"><error type="modify"><not-acceptable xmlns="${NS.stanzas}"/></error></message>`,
    );
    assert.ok(await failed);
    assert.deepEqual((await messages())[0]!.reactions, []);
  });

  it('a forwarded photo is not uploaded again', async () => {
    await signIn();
    const url = 'https://example.org/media/sea.jpg';
    await server.say(text(BOB, 'm1', url, `<x xmlns="${NS.oob}"><url>${url}</url></x>`));
    const [photo] = await messages();
    await chat.conversation('carol').forward(photo!);
    await settle();
    const sent = server.messages().at(-1)!;
    assert.equal(sent.attr('to'), 'carol@example.org');
    assert.equal(sent.child('x', NS.oob)?.childText('url'), url);
    assert.equal((await messages('carol'))[0]!.forwarded, true);
  });
});

describe('a reply', () => {
  it('knows the message it answers, or what the sender says of it', async () => {
    await signIn();
    const { message } = await chat.conversation('bob').send('Shall we?');
    await settle();
    const fallback = (end: number): string => `<fallback xmlns="${NS.fallback}" for="${REPLY}"><body start="0" end="${end}"/></fallback>`;
    await server.say(text(BOB, 'r1', '> Shall we?\nYes!', `<reply xmlns="${REPLY}" to="${ME}" id="${message.id}"/>${fallback(12)}`));
    await server.say(text(BOB, 'r2', '> Long ago\nNo.', `<reply xmlns="${REPLY}" to="${EVE}" id="gone"/>${fallback(11)}`));
    const [, yes, no] = await messages();
    assert.deepEqual(
      [yes!.body, yes!.replyTo],
      ['Yes!', { messageId: message.id, senderId: ME, mine: true, text: 'Shall we?', kind: undefined }],
    );
    // Nobody else can have written in this conversation.
    assert.deepEqual(
      [no!.body, no!.replyTo],
      ['No.', { messageId: undefined, senderId: BOB, mine: false, text: 'Long ago', kind: undefined }],
    );
  });
});

describe('receipts of a message', () => {
  it('say when it came and when it was read', async () => {
    await signIn();
    const { message } = await chat.conversation('bob').send('hi');
    await settle();
    await server.say(stanza(`${BOB}/phone`, 'c1', `<received xmlns="${NS.receipts}" id="${message.id}"/>`));
    await server.pass(5_000);
    await server.say(stanza(`${BOB}/phone`, 'c2', `<displayed xmlns="${NS.markers}" id="${message.id}"/>`));
    const [{ receipts, status }] = (await messages()) as [Message];
    assert.equal(status, 'read');
    assert.equal(receipts[0]!.personId, BOB);
    assert.equal(receipts[0]!.readAt! - receipts[0]!.deliveredAt!, 5_000);
  });
});

describe('disappearing messages', () => {
  it('go when their time is over, here and after a restart; the timer follows who set it last', async () => {
    await signIn();
    const ephemeral = (seconds: number): string => `<ephemeral xmlns="${NS.ephemeral}" timer="${seconds}"/>`;
    await server.say(text(BOB, 'm1', 'stays'));
    await server.say(text(BOB, 'm2', 'goes', ephemeral(3600)));
    await settle();
    assert.equal(chat.conversation('bob').snapshot().timer, 3600);
    await chat.conversation('bob').send('goes, too');
    await settle();
    assert.equal(server.messages().at(-1)!.child('ephemeral', NS.ephemeral)?.attr('timer'), '3600');
    await server.pass(3_500_000);
    assert.deepEqual(
      (await messages()).map(({ body }) => body),
      ['stays', 'goes', 'goes, too'],
    );
    await chat.close();
    server.clockMs += 200_000;
    chat = createClient({ platform: server.platform, server: 'wss://example.org/ws', domain: 'example.org', store });
    await reconnect();
    assert.deepEqual(
      (await messages()).map(({ body }) => body),
      ['stays'],
    );
    await chat.conversation('bob').setTimer(0);
    assert.equal(server.messages().at(-1)!.child('ephemeral', NS.ephemeral)?.attr('timer'), '0');
    await server.say(stanza(BOB, 't1', ephemeral(86_400)));
    const notices = (await messages()).flatMap(({ notice }) => (notice === undefined ? [] : [[notice.kind, notice.actorId, notice.text]]));
    assert.deepEqual(notices, [
      ['timer', ME, '0'],
      ['timer', BOB, '86400'],
    ]);
    assert.equal(chat.conversation('bob').snapshot().timer, 86_400);
  });
});

describe('what counts as an emoji', () => {
  for (const emoji of ['👍', '❤️', '👩‍👩‍👧‍👦', '🇩🇪', '1️⃣', 'ℹ️', '🏴󠁧󠁢󠁳󠁣󠁴󠁿']) it(emoji, () => assert.ok(isEmoji(emoji)));
  for (const no of ['', 'a', '1', 'ok 👍', '<b>', '👍'.repeat(40)]) it(`not "${no.slice(0, 12)}"`, () => assert.ok(!isEmoji(no)));
});
