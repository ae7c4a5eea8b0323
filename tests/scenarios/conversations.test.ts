// The conversation list in one request (urn:parley:conversations:0, XEP-0430), what is unread, and what the owner decided.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { bodyOf, chat, newUser, present, quietly, stanzaIds } from './messages.ts';
import { type Heard, message, type Person } from './people.ts';
import { groupchat, makeGroup, takeGroups } from './rooms.ts';
import { NS_BIND2, phoneOf, signIn } from './sign-in.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());

const NS = 'urn:parley:conversations:0';
const INBOX = 'urn:xmpp:inbox:1';
const RSM = 'http://jabber.org/protocol/rsm';
const rsm = (content: string): string => `<set xmlns='${RSM}'>${content}</set>`;
const displayed = (to: string, id: string): string =>
  `<message to='${to}' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/></message>`;

const textOf = (conversation: Heard): string | undefined => {
  const forwarded = conversation.child('forwarded')?.child('message');
  return forwarded === undefined ? undefined : bodyOf(forwarded);
};
async function conversations(who: Person, content = '', attributes = ''): Promise<Heard> {
  const answer = await who.ask('get', `<conversations xmlns='${NS}'${attributes}>${content}</conversations>`);
  return answer.child('conversations', NS) ?? answer;
}
const summary = (list: Heard): string[] =>
  list.all('conversation').map((one) => `${one.attrs['jid']?.split('@')[0]} ${one.attrs['unread']} ${textOf(one)}`);
async function change(who: Person, attributes: string): Promise<Heard> {
  return who.ask('set', `<conversation xmlns='${NS}' ${attributes}/>`);
}

async function people() {
  const names = await Promise.all(['ann', 'bob', 'carl', 'dora'].map((name) => newUser(server, name)));
  const [annName = '', bobName = '', carlName = '', doraName = ''] = names;
  const bob = await present(server, bobName, 'b');
  const carl = await present(server, carlName, 'c');
  const ann = await quietly(server, annName, 'phone');
  return { annName, bobName, carlName, doraName, ann, bob, carl };
}

test('a fresh device has its list in one request: last message, unread count, latest first; quiet entries are neither', async () => {
  const { annName, bobName, carlName, ann, bob, carl } = await people();
  for (const text of ['one', 'two', 'three']) bob.send(chat(ann.bare, text));
  await bob.settled();
  carl.send(chat(ann.bare, 'hello'));
  await carl.settled();
  ann.send(chat(bob.bare, 'back'));
  ann.send(`<message to='${carl.bare}' type='chat'><received xmlns='urn:xmpp:receipts' id='m-hello'/></message>`);
  await ann.settled();
  bob.send(
    `<message to='${ann.bare}' type='chat' id='r'><reactions xmlns='urn:xmpp:reactions:0' id='m-back'><reaction>👋</reaction></reactions></message>`,
  );
  bob.send(
    `<message to='${ann.bare}' type='chat' id='e'><body>fixed</body><replace xmlns='urn:xmpp:message-correct:0' id='m-three'/></message>`,
  );
  await bob.settled();

  const fresh = await quietly(server, annName, 'new');
  const list = await conversations(fresh);
  assert.deepEqual(summary(list), [`${bobName} 3 back`, `${carlName} 1 hello`]);
  assert.deepEqual([list.attrs['total'], list.attrs['unread'], list.attrs['all-unread']], ['2', '2', '4']);
  assert.equal(list.child('set', RSM)?.child('count')?.text, '2');
  for (const one of list.all('conversation')) {
    assert.equal(one.attrs['pinned'], 'false');
    assert.equal(one.attrs['muted'], 'false');
    assert.equal(one.attrs['displayed'], undefined);
    assert.match(one.child('forwarded')?.child('delay')?.attrs['stamp'] ?? '', /Z$/);
  }
  // The id is the one of the archive.
  const archive = await fresh.ask('set', `<query xmlns='urn:xmpp:mam:2'/>`);
  assert.equal(archive.attrs['type'], 'result');
  const ids = fresh.inbox.flatMap((one) => one.child('result')?.attrs['id'] ?? []);
  for (const one of list.all('conversation')) assert.ok(ids.includes(one.attrs['id'] ?? ''));
});

test('XEP-0333: a marker from one of her devices marks as read what came up to it, never less, and nobody else can', async () => {
  const { bobName, ann, bob, carl } = await people();
  for (const text of ['a', 'b', 'c']) bob.send(chat(ann.bare, text));
  await bob.settled();
  const unread = async (): Promise<string> => summary(await conversations(ann)).join();
  assert.equal(await unread(), `${bobName} 3 c`);
  ann.send(displayed(bob.bare, 'm-b'));
  assert.equal(await unread(), `${bobName} 1 c`);
  ann.send(displayed(bob.bare, 'm-a'));
  ann.send(displayed(bob.bare, 'no-such-message'));
  ann.send(displayed(carl.bare, 'm-c'));
  assert.equal(await unread(), `${bobName} 1 c`);
  // Forged: Bob and Carl claim that Ann's messages were displayed.
  bob.send(displayed(ann.bare, 'm-c'));
  carl.send(displayed(bob.bare, 'm-c'));
  await bob.settled();
  await carl.settled();
  assert.equal(await unread(), `${bobName} 1 c`);
  ann.send(displayed(bob.bare, 'm-c'));
  assert.equal(await unread(), `${bobName} 0 c`);
  bob.send(chat(ann.bare, 'd'));
  await bob.settled();
  assert.equal(await unread(), `${bobName} 1 d`);
});

test('pins, mutes, archiving: kept, told to the devices that asked for the list, and there after a restart', async (t) => {
  const own = await startServer({ config: { 'auth.allowPlaintext': true } });
  t.after(() => own.stop());
  const [annName, bobName, carlName] = [await newUser(own, 'ann'), await newUser(own, 'bob'), await newUser(own, 'carl')];
  const [bob, carl] = [await present(own, bobName, 'b'), await present(own, carlName, 'c')];
  const phone = await present(own, annName, 'phone');
  const tablet = await present(own, annName, 'tablet');
  const old = await present(own, annName, 'old');
  bob.send(chat(phone.bare, 'from-bob'));
  await bob.settled();
  carl.send(chat(phone.bare, 'from-carl'));
  await carl.settled();
  await conversations(phone);
  await conversations(tablet);
  await Promise.all([phone, tablet, old].map((one) => one.forget()));

  assert.equal((await change(phone, `jid='${bob.bare}' pinned='true' muted='2099-01-01T00:00:00Z'`)).attrs['type'], 'result');
  const told = await tablet.take(message({ from: phone.bare, type: 'headline' }));
  const state = told.child('conversations', NS)?.child('conversation')?.attrs ?? {};
  assert.deepEqual(
    [state['jid'], state['pinned'], state['muted'], state['archived']],
    [bob.bare, 'true', '2099-01-01T00:00:00.000Z', 'false'],
  );
  await phone.hearsNo(message({ type: 'headline' }));
  await old.hearsNo(message({ type: 'headline' }));
  assert.deepEqual(summary(await conversations(phone)), [`${bobName} 1 from-bob`, `${carlName} 1 from-carl`]);

  await change(tablet, `jid='${carl.bare}' archived='1' muted='true'`);
  assert.deepEqual(summary(await conversations(phone)), [`${bobName} 1 from-bob`]);
  assert.deepEqual(summary(await conversations(phone, '', " archived='true'")), [`${carlName} 1 from-carl`]);
  await own.restart();
  const again = await quietly(own, annName, 'phone');
  assert.deepEqual(summary(await conversations(again)), [`${bobName} 1 from-bob`]);
  const archived = (await conversations(again, '', " archived='true'")).child('conversation');
  assert.equal(archived?.attrs['muted'], 'true');
  await change(again, `jid='${carl.bare}' archived='false' muted='false'`);
  await change(again, `jid='${bob.bare}' pinned='false'`);
  assert.deepEqual(summary(await conversations(again)), [`${carlName} 1 from-carl`, `${bobName} 1 from-bob`]);
});

test('displayed by id: a message of that conversation only; anything else is item-not-found', async () => {
  const { bobName, ann, bob, carl } = await people();
  bob.send(chat(ann.bare, 'x'));
  await bob.settled();
  carl.send(chat(ann.bare, 'y'));
  await carl.settled();
  const list = (await conversations(ann)).all('conversation');
  const [fromCarl, fromBob] = list.map((one) => one.attrs['id']);
  assert.equal((await change(ann, `jid='${bob.bare}' displayed='${fromCarl}'`)).error, 'item-not-found');
  assert.equal((await change(ann, `jid='${bob.bare}' displayed='zzzzzzzzzzz'`)).error, 'item-not-found');
  assert.equal((await change(ann, `jid='${bob.bare}' displayed='${fromBob}'`)).attrs['type'], 'result');
  const after = (await conversations(ann)).all('conversation').find((one) => one.attrs['jid'] === bob.bare);
  assert.equal(after?.attrs['displayed'], fromBob);
  assert.equal(after?.attrs['unread'], '0');
  assert.ok(bobName);
});

test('pages of the list, in both directions', async () => {
  const ann = await quietly(server, await newUser(server, 'ann'), 'phone');
  const names: string[] = [];
  for (let i = 0; i < 5; i++) {
    const name = await newUser(server, 'peer');
    names.unshift(name);
    ann.send(chat(`${name}@localhost`, `t${i}`));
    await ann.settled();
  }
  const jids = async (content: string): Promise<string[]> =>
    (await conversations(ann, rsm(content))).all('conversation').map((one) => one.attrs['jid']?.split('@')[0] ?? '');
  assert.deepEqual(await jids('<max>2</max>'), names.slice(0, 2));
  assert.deepEqual(await jids(`<max>2</max><after>${names[1]}@localhost</after>`), names.slice(2, 4));
  assert.deepEqual(await jids(`<max>2</max><before/>`), names.slice(3, 5));
  assert.deepEqual(await jids(`<max>2</max><before>${names[3]}@localhost</before>`), names.slice(1, 3));
  const gone = await ann.ask('get', `<conversations xmlns='${NS}'>${rsm('<after>nobody@localhost</after>')}</conversations>`);
  assert.equal(gone.error, 'item-not-found');
  const index = await ann.ask('get', `<conversations xmlns='${NS}'>${rsm('<index>2</index>')}</conversations>`);
  assert.equal(index.error, 'feature-not-implemented');
});

test('XEP-0430: an entry and the last message of each conversation, then the sums', async () => {
  const { ann, bob, carl } = await people();
  bob.send(chat(ann.bare, 'a') + chat(ann.bare, 'b'));
  await bob.settled();
  carl.send(chat(ann.bare, 'c'));
  await carl.settled();
  ann.send(displayed(carl.bare, 'm-c'));
  const ask = async (attributes = ''): Promise<{ entries: Heard[]; fin: Heard | undefined }> => {
    await ann.settled();
    ann.inbox.length = 0;
    const answer = await ann.ask('get', `<inbox xmlns='${INBOX}'${attributes}/>`);
    return { entries: ann.inbox.filter((one) => one.child('entry', INBOX) !== undefined), fin: answer.child('fin', INBOX) };
  };
  const { entries, fin } = await ask();
  assert.deepEqual(
    entries.map((one) => {
      const entry = one.child('entry', INBOX);
      const result = one.child('result', 'urn:xmpp:mam:2');
      assert.equal(result?.attrs['id'], entry?.attrs['id']);
      assert.equal(entry?.child('conversation', NS)?.attrs['pinned'], 'false');
      return [entry?.attrs['jid'], entry?.attrs['unread'], textOf(result as Heard)];
    }),
    [
      [carl.bare, '0', 'c'],
      [bob.bare, '2', 'b'],
    ],
  );
  assert.deepEqual([fin?.attrs['total'], fin?.attrs['unread'], fin?.attrs['all-unread']], ['2', '1', '2']);
  const unreadOnly = await ask(" unread-only='true' messages='false'");
  assert.deepEqual(
    unreadOnly.entries.map((one) => [one.child('entry')?.attrs['jid'], one.child('result')]),
    [[bob.bare, undefined]],
  );
});

test('access to a foreign list: service-unavailable, nothing changed', async () => {
  const { bobName, ann, bob } = await people();
  bob.send(chat(ann.bare, 'secret'));
  await bob.settled();
  for (const [type, payload] of [
    ['get', `<conversations xmlns='${NS}'/>`],
    ['get', `<inbox xmlns='${INBOX}'/>`],
    ['set', `<conversation xmlns='${NS}' jid='${bob.bare}' archived='true'/>`],
  ] as const) {
    const answer = await bob.ask(type, payload, ann.bare);
    assert.equal(answer.error, 'service-unavailable');
    assert.deepEqual(
      String(await bob.ask(type, payload, 'nobody-here@localhost')).replace(/id="[^"]*"|from="[^"]*"/g, ''),
      String(answer).replace(/id="[^"]*"|from="[^"]*"/g, ''),
    );
  }
  assert.deepEqual(summary(await conversations(ann)), [`${bobName} 1 secret`]);
});

test('bad input: refused by name of the error, nothing kept', async () => {
  const { ann } = await people();
  for (const [attributes, condition] of [
    ["pinned='true'", 'bad-request'],
    ["jid='bob@localhost' pinned='maybe'", 'bad-request'],
    ["jid='bob@localhost' muted='tomorrow'", 'bad-request'],
    ["jid='bob@localhost' timer='-1'", 'bad-request'],
    ["jid='@' pinned='true'", 'jid-malformed'],
  ] as const)
    assert.equal((await change(ann, attributes)).error, condition, attributes);
  assert.equal((await ann.ask('get', `<conversations xmlns='${NS}' archived='perhaps'/>`)).error, 'bad-request');
  assert.equal((await ann.ask('get', `<inbox xmlns='${INBOX}'>${rsm('<max>many</max>')}</inbox>`)).error, 'bad-request');
  assert.deepEqual(summary(await conversations(ann)), []);
});

test('a long last message is cut, and says so', async () => {
  const { ann, bob } = await people();
  bob.send(`<message to='${ann.bare}' type='chat' id='long'><body>${'wörd '.repeat(3000)}</body></message>`);
  await bob.settled();
  const [one] = (await conversations(ann)).all('conversation');
  assert.equal(one?.attrs['truncated'], 'true');
  assert.equal([...(textOf(one as Heard) ?? '')].length, 512);
  const live = await present(server, ann.bare.split('@')[0] ?? '', 'other');
  const whole = await live.take({ name: 'message', attrs: { id: 'long' } });
  assert.deepEqual(stanzaIds(whole, ann.bare), [one?.attrs['id']]);
});

test('XEP-0386: the list comes with the answer to the sign-in; a request that is not right does not spoil it', async () => {
  const { annName, bobName, ann, bob } = await people();
  bob.send(chat(ann.bare, 'hi'));
  await bob.settled();
  const phone = phoneOf(annName);
  const { success } = await signIn(server, phone, { binding: `<conversations xmlns='${NS}'/>` });
  const list = success.child('bound', NS_BIND2)?.child('conversations', NS);
  assert.ok(list !== undefined);
  assert.deepEqual(summary(list), [`${bobName} 1 hi`]);
  const { success: again } = await signIn(server, phone, { binding: `<conversations xmlns='${NS}' archived='perhaps'/>` });
  assert.ok(again.child('bound', NS_BIND2) !== undefined);
  assert.equal(again.child('bound', NS_BIND2)?.child('conversations'), undefined);
});

test('groups are in the list without having been joined: last message, unread without own ones, mention, pins', async () => {
  const { annName, bobName, ann, bob } = await people();
  await takeGroups(bob);
  await takeGroups(ann);
  const room = await makeGroup(bob, [ann.bare]);
  const before = await conversations(ann);
  assert.equal(before.all('conversation').find((one) => one.attrs['jid'] === room)?.attrs['group'], 'true');
  for (const text of ['first', 'second']) bob.send(groupchat(room, text));
  // Two connections: only what has arrived is before what is sent now.
  await bob.settled();
  ann.send(groupchat(room, 'mine'));
  await ann.settled();
  const of = async (who: Person): Promise<Heard | undefined> =>
    (await conversations(who)).all('conversation').find((one) => one.attrs['jid'] === room);
  const row = (await of(ann)) as Heard;
  assert.deepEqual([row.attrs['unread'], row.attrs['mention'], textOf(row)], ['2', undefined, 'mine']);
  assert.equal((await of(bob))?.attrs['unread'], '1');
  const last = row.attrs['id'] ?? '';
  ann.send(`<message to='${room}' type='groupchat'><displayed xmlns='urn:xmpp:chat-markers:0' id='${last}'/></message>`);
  await ann.settled();
  assert.deepEqual([(await of(ann))?.attrs['unread'], (await of(ann))?.attrs['displayed']], ['0', last]);
  bob.send(groupchat(room, `What do you think, ${annName}?`));
  await bob.settled();
  assert.deepEqual([(await of(ann))?.attrs['unread'], (await of(ann))?.attrs['mention']], ['1', 'true']);
  // XEP-0492: as any client has put it into the bookmark.
  assert.equal((await of(ann))?.attrs['notify'], 'always');
  const wanted = "<extensions><notify xmlns='urn:xmpp:notification-settings:1'><on-mention/></notify></extensions>";
  const item = `<item id='${room}'><conference xmlns='urn:xmpp:bookmarks:1'>${wanted}</conference></item>`;
  await ann.ask('set', `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'>${item}</publish></pubsub>`);
  assert.equal((await of(ann))?.attrs['notify'], 'on-mention');
  // Or through the list: what else the bookmark says stays, and the other devices are told.
  const other = await quietly(server, annName, 'other');
  await conversations(other);
  await change(ann, `jid='${room}' notify='never'`);
  const pushed = await other.take({ ...message({ type: 'headline' }), where: (heard) => heard.child('conversations') !== undefined });
  assert.equal(pushed.child('conversations')?.child('conversation')?.attrs['notify'], 'never');
  assert.equal((await of(ann))?.attrs['notify'], 'never');
  // Nobody chooses it for what is no group of theirs.
  const carol = await quietly(server, await newUser(server, 'carol'), 'c');
  for (const jid of [room, ann.bare]) {
    const refused = await carol.ask('set', `<conversation xmlns='urn:parley:conversations:0' jid='${jid}' notify='never'/>`);
    assert.equal(refused.error, 'not-allowed', jid);
  }
  await change(ann, `jid='${room}' pinned='true' muted='true'`);
  assert.deepEqual([(await of(ann))?.attrs['pinned'], (await of(ann))?.attrs['muted']], ['true', 'true']);
  const carl = await quietly(server, await newUser(server, 'carl'), 'c');
  assert.equal(await of(carl), undefined);
  assert.ok(bobName);
});
