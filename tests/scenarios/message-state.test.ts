// Changes of messages: corrections (0308), retractions (0424), reactions (0444), replies (0461), files (0447); who may make them, and who hears of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { file, status, upload } from './files.ts';
import { anyMessage, archive, bodyOf, chat, newUser, present, quietly, says, until } from './messages.ts';
import type { Heard, Person } from './people.ts';
import { annsRoom, guest } from './rooms.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());

const REACT = "<reactions xmlns='urn:xmpp:reactions:0' id='m1'><reaction>👋</reaction></reactions>";
const RETRACT = "<retract xmlns='urn:xmpp:message-retract:1' id='m0'/>";
const REPLACE = "<replace xmlns='urn:xmpp:message-correct:0' id='m1'/>";
const FILE =
  "<file-sharing xmlns='urn:xmpp:sfs:0'><file xmlns='urn:xmpp:file:metadata:0'><name>a.jpg</name></file><sources><url-data xmlns='http://jabber.org/protocol/url-data' target='https://localhost/a.jpg'/></sources></file-sharing>";
const REPLY = "<reply xmlns='urn:xmpp:reply:0' id='m1'/>";
const RECEIVED = "<received xmlns='urn:xmpp:receipts' id='m1'/>";
const DISPLAYED = "<displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/>";

test('K1: what changes or answers a message reaches a device that was away, in order, also without a body, on both sides', async () => {
  const bobName = await newUser(server, 'bob');
  const annName = await newUser(server, 'ann');
  const ann = await present(server, annName, 'phone');
  const bob = `${bobName}@localhost`;
  const sent = [REACT, RETRACT, `<body>better</body>${REPLACE}`, REPLACE, FILE, `<body>yes</body>${REPLY}`, RECEIVED, DISPLAYED];
  for (const [i, content] of sent.entries()) ann.send(`<message to='${bob}' type='chat' id='s${i}'>${content}</message>`);
  ann.send(`<message to='${bob}' type='chat' id='gone'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`);
  await ann.settled();

  const late = await present(server, bobName, 'phone');
  await late.settled();
  const ids = late.inbox.filter((one) => anyMessage.name === one.name).map((one) => one.attrs['id']);
  assert.deepEqual(
    ids,
    sent.map((_, i) => `s${i}`),
  );

  const other = await quietly(server, annName, 'tablet');
  await other.ask('set', "<query xmlns='urn:xmpp:mam:2'/>");
  const archived = other.inbox
    .filter((one) => one.child('result') !== undefined)
    .map((one) => one.child('result')?.child('forwarded')?.child('message')?.attrs['id']);
  assert.deepEqual(
    archived,
    sent.map((_, i) => `s${i}`),
  );
});

const SID = 'urn:xmpp:sid:0';
const RETRACTION = 'urn:xmpp:message-retract:1';
const retraction = (to: string, id: string, own: string, more = ''): string =>
  `<message to='${to}' type='chat' id='${own}'><retract xmlns='${RETRACTION}' id='${id}'/><fallback xmlns='urn:xmpp:fallback:0' for='${RETRACTION}'/><body>retracted</body>${more}</message>`;
const correction = (to: string, id: string, own: string, text: string): string =>
  `<message to='${to}' type='chat' id='${own}'><body>${text}</body><replace xmlns='urn:xmpp:message-correct:0' id='${id}'/></message>`;

const told = (list: readonly Heard[]): string[] =>
  list.map((one) => `${one.attrs['id']} ${one.child('retracted', RETRACTION) === undefined ? (bodyOf(one) ?? '-') : 'tombstone'}`);

async function pair(): Promise<{ ann: Person; bob: Person; annName: string; bobName: string }> {
  const annName = await newUser(server, 'ann');
  const bobName = await newUser(server, 'bob');
  return { ann: await present(server, annName, 'phone'), bob: await present(server, bobName, 'phone'), annName, bobName };
}

test('XEP-0424: a retraction removes the content for both sides, leaves a tombstone, and reaches a device that was away', async () => {
  const { ann, bob, annName, bobName } = await pair();
  ann.send(`<message to='${bob.bare}' type='chat' id='keep'><body>stays</body></message>`);
  ann.send(
    `<message to='${bob.bare}' type='chat' id='secret'><body>secret text</body><origin-id xmlns='${SID}' id='secret'/><file-sharing xmlns='urn:xmpp:sfs:0'/></message>`,
  );
  await ann.settled();
  await bob.settled();
  await bob.leave();
  ann.send(retraction(bob.bare, 'secret', 'r1'));
  await ann.settled();

  const other = await quietly(server, annName, 'tablet');
  for (const who of [other, await quietly(server, bobName, 'new')]) {
    const list = await archive(who);
    assert.deepEqual(told(list), ['keep stays', 'secret tombstone', 'r1 retracted']);
    const tombstone = list[1] as Heard;
    assert.equal(tombstone.child('retracted')?.attrs['id'], 'r1');
    assert.match(tombstone.child('retracted')?.attrs['stamp'] ?? '', /Z$/);
    assert.deepEqual(
      tombstone.children.map((child) => child.name),
      ['origin-id', 'retracted'],
    );
    assert.equal(tombstone.attrs['from'], ann.jid);
  }
  // Bob's phone had the message; it hears of the retraction, in its place.
  const back = await present(server, bobName, 'phone');
  await back.settled();
  assert.deepEqual(told(back.inbox.filter((one) => one.name === 'message')), ['r1 retracted']);
  const features = await ann.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", ann.bare);
  const listed = features.child('query')?.children.map((child) => child.attrs['var']);
  assert.ok(listed?.includes(RETRACTION) && listed.includes(`${RETRACTION}#tombstone`));
});

test('a message is found by its id, its origin-id and its stanza-id; its corrections go with it; twice is once', async () => {
  const { ann, bob } = await pair();
  ann.send(`<message to='${bob.bare}' type='chat' id='one'><body>1</body></message>`);
  ann.send(`<message to='${bob.bare}' type='chat' id='two'><body>2</body><origin-id xmlns='${SID}' id='two-origin'/></message>`);
  ann.send(`<message to='${bob.bare}' type='chat' id='three'><body>3</body></message>`);
  ann.send(correction(bob.bare, 'three', 'three-b', '3b') + correction(bob.bare, 'three', 'three-c', '3c'));
  await ann.settled();
  const heard = await bob.take({ name: 'message', attrs: { id: 'three' } });
  const stanzaId = heard.children.find((child) => child.ns === SID && child.attrs['by'] === bob.bare)?.attrs['id'] ?? '';
  ann.send(retraction(bob.bare, 'one', 'r1') + retraction(bob.bare, 'two-origin', 'r2') + retraction(bob.bare, stanzaId, 'r3'));
  ann.send(retraction(bob.bare, 'one', 'r4'));
  await ann.settled();
  const list = await archive(bob);
  assert.deepEqual(told(list), [
    'one tombstone',
    'two tombstone',
    'three tombstone',
    'three-b tombstone',
    'three-c tombstone',
    'r1 retracted',
    'r2 retracted',
    'r3 retracted',
    'r4 retracted',
  ]);
  assert.equal(list[0]?.child('retracted')?.attrs['id'], 'r1');
  // D3: the client does not know that it was taken, and sends the second one again.
  ann.send(`<message to='${bob.bare}' type='chat' id='two'><body>2</body><origin-id xmlns='${SID}' id='two-origin'/></message>`);
  await ann.hearsNo({ name: 'message', attrs: { type: 'error' } });
  assert.equal((await archive(bob)).length, list.length);
});

test("retracting or correcting another's message: forbidden, nothing stored, nothing removed", async () => {
  const { ann, bob, annName } = await pair();
  const carl = await present(server, await newUser(server, 'carl'), 'phone');
  ann.send(`<message to='${bob.bare}' type='chat' id='hers'><body>hers</body><origin-id xmlns='${SID}' id='hers'/></message>`);
  await ann.settled();
  const heard = await bob.take({ name: 'message', attrs: { id: 'hers' } });
  const stanzaId = heard.children.find((child) => child.ns === SID && child.attrs['by'] === bob.bare)?.attrs['id'] ?? '';
  for (const [i, id] of ['hers', stanzaId].entries()) {
    bob.send(retraction(ann.bare, id, `x${i}`));
    assert.equal((await bob.take({ name: 'message', attrs: { id: `x${i}` } })).error, 'forbidden');
    bob.send(correction(ann.bare, id, `y${i}`, 'forged'));
    assert.equal((await bob.take({ name: 'message', attrs: { id: `y${i}` } })).error, 'forbidden');
    // Carl has no part in it: what he names is unknown to him, and nothing happens to it. Nor by a detour over himself, or with a forged sender.
    carl.send(retraction(bob.bare, id, `c${i}`) + retraction(carl.bare, id, `d${i}`));
    carl.send(`<message from='${ann.jid}' to='${bob.bare}' type='chat' id='f${i}'><retract xmlns='${RETRACTION}' id='${id}'/></message>`);
  }
  await carl.settled().catch(() => {});
  assert.deepEqual(told(await archive(ann)), ['hers hers']);
  assert.equal(told(await archive(bob))[0], 'hers hers');
  // Her own, but in another conversation: it stays.
  ann.send(retraction(`${annName}@localhost`, 'hers', 'self'));
  await ann.settled();
  assert.equal(told(await archive(bob))[0], 'hers hers');
});

test('by its origin-id a message is found however old it is: by its sender, and by nobody else', async () => {
  const { ann, bob } = await pair();
  ann.send(`<message to='${bob.bare}' type='chat' id='old'><body>old</body><origin-id xmlns='${SID}' id='old'/></message>`);
  for (let n = 0; n < 11; n++) {
    ann.send(Array.from({ length: 500 }, (_, i) => chat(bob.bare, `${n}-${i}`)).join(''));
    await ann.settled();
    await bob.take(says(`${n}-499`));
    bob.inbox.length = 0;
  }
  bob.send(correction(ann.bare, 'old', 'b1', 'forged') + retraction(ann.bare, 'old', 'b2'));
  for (const id of ['b1', 'b2']) assert.equal((await bob.take({ name: 'message', attrs: { id } })).error, 'forbidden');
  ann.send(correction(bob.bare, 'old', 'a1', 'new'));
  await bob.take({ name: 'message', attrs: { id: 'a1' } });
  ann.send(retraction(bob.bare, 'old', 'a2'));
  await bob.take({ name: 'message', attrs: { id: 'a2' } });
  const page = await bob.ask('set', `<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>1</max></set></query>`);
  assert.equal(page.attrs['type'], 'result');
  const [oldest] = bob.inbox.filter((one) => one.child('result') !== undefined);
  assert.match(String(oldest), /retracted/);
});

test('bad input: retractions, corrections and reactions that say nothing or too much are refused', async () => {
  const { ann, bob } = await pair();
  const react = (content: string, attributes = " id='m'"): string =>
    `<reactions xmlns='urn:xmpp:reactions:0'${attributes}>${content}</reactions>`;
  const wrong: Array<[string, string]> = [
    [`<retract xmlns='${RETRACTION}'/>`, 'bad-request'],
    [`<retract xmlns='${RETRACTION}' id='a'/><retract xmlns='${RETRACTION}' id='b'/>`, 'bad-request'],
    [`<body>x</body><replace xmlns='urn:xmpp:message-correct:0'/>`, 'bad-request'],
    [react('<reaction>👋</reaction>', ''), 'not-acceptable'],
    [react('<reaction>👋</reaction>'.repeat(33)), 'not-acceptable'],
    [react(`<reaction>${'👋'.repeat(40)}</reaction>`), 'not-acceptable'],
    [react('<reaction></reaction>'), 'not-acceptable'],
    [react('<reaction>👋</reaction>') + react('<reaction>👋</reaction>'), 'bad-request'],
  ];
  for (const [i, [content, condition]] of wrong.entries()) {
    ann.send(`<message to='${bob.bare}' type='chat' id='w${i}'>${content}</message>`);
    assert.equal((await ann.take({ name: 'message', attrs: { id: `w${i}` } })).error, condition, content);
  }
  await bob.hearsNo({ name: 'message' });
  assert.deepEqual(await archive(bob), []);
});

test('the conversation list shows the tombstone, not the text', async () => {
  const { ann, bob, bobName } = await pair();
  ann.send(`<message to='${bob.bare}' type='chat' id='last'><body>secret</body></message>`);
  ann.send(retraction(bob.bare, 'last', 'r'));
  await ann.settled();
  const fresh = await quietly(server, bobName, 'new');
  const list = await fresh.ask('get', "<conversations xmlns='urn:parley:conversations:0'/>");
  const shown = list.child('conversations')?.child('conversation')?.child('forwarded')?.child('message');
  assert.equal(shown?.attrs['id'], 'last');
  assert.ok(shown?.child('retracted', RETRACTION) !== undefined && bodyOf(shown) === undefined);
});

test('a retraction survives a kill: either both the tombstone and the retraction are there, or neither', async (t) => {
  const own = await startServer({ config: { 'auth.allowPlaintext': true } });
  t.after(() => own.stop());
  const [annName, bobName] = [await newUser(own, 'ann'), await newUser(own, 'bob')];
  const ann = await present(own, annName, 'phone');
  await ann.makeResumable();
  for (let i = 0; i < 20; i++) ann.send(`<message to='${bobName}@localhost' type='chat' id='m${i}'><body>secret ${i}</body></message>`);
  await ann.settled();
  for (let i = 0; i < 20; i++) ann.send(retraction(`${bobName}@localhost`, `m${i}`, `r${i}`));
  // The kill comes when some of them are durable.
  ann.send("<r xmlns='urn:xmpp:sm:3'/>");
  await ann.take({ name: 'a' });
  for (let i = 0; i < 20; i++) ann.send(retraction(`${bobName}@localhost`, `m${i}`, `again${i}`));
  await own.kill();
  await own.restart();
  const list = await archive(await quietly(own, bobName, 'new'));
  const retracted = new Set(list.flatMap((one) => one.child('retract', RETRACTION)?.attrs['id'] ?? []));
  const tombstones = new Set(list.flatMap((one) => (one.child('retracted', RETRACTION) === undefined ? [] : (one.attrs['id'] ?? ''))));
  assert.deepEqual(retracted, tombstones);
});

test('the file of a retracted message goes when no message shows it any more; only the files of who retracts', async () => {
  const { ann, bob } = await pair();
  const carl = await present(server, await newUser(server, 'carl'), 'phone');
  const url = await upload(ann);
  ann.send(`<message to='${bob.bare}' type='chat' id='first'>${file(url)}</message>`);
  ann.send(`<message to='${carl.bare}' type='chat' id='second'>${file(url)}</message>`);
  await ann.settled();
  // A stranger who knows the address cannot make it go by showing it and taking that back.
  carl.send(`<message to='${bob.bare}' type='chat' id='forward'>${file(url)}</message>`);
  await carl.settled();
  carl.send(retraction(bob.bare, 'forward', 'f-r'));
  await carl.settled();
  ann.send(retraction(bob.bare, 'first', 'r1'));
  await ann.settled();
  assert.equal(await status(url), 200, 'the second message shows it');
  ann.send(retraction(carl.bare, 'second', 'r2'));
  await ann.settled();
  await until('the file to be gone', async () => (await status(url)) === 404);

  // Bob forwards what is Ann's: it stays while his message is there, and goes with it.
  const other = await upload(ann);
  ann.send(`<message to='${bob.bare}' type='chat' id='third'>${file(other)}</message>`);
  await ann.settled();
  bob.send(`<message to='${carl.bare}' type='chat' id='forwarded'>${file(other)}</message>`);
  await bob.settled();
  ann.send(retraction(bob.bare, 'third', 'r3'));
  await ann.settled();
  assert.equal(await status(other), 200);
  bob.send(retraction(carl.bare, 'forwarded', 'r4'));
  await bob.settled();
  await until('the other file to be gone', async () => (await status(other)) === 404);
});

test('a file that only another account showed is not removed by retracting that message', async () => {
  const { ann, bob } = await pair();
  const url = await upload(ann);
  bob.send(`<message to='${ann.bare}' type='chat' id='borrowed'>${file(url)}</message>`);
  await bob.settled();
  bob.send(retraction(ann.bare, 'borrowed', 'r'));
  await bob.settled();
  await ann.settled();
  assert.equal(await status(url), 200);
});

test('a flood of reactions ends: refused for a while, nothing of the rest stored', async (t) => {
  const own = await startServer({ config: { 'auth.allowPlaintext': true, 'features.changes.perHour': 10 } });
  t.after(() => own.stop());
  const [ann, bob] = [await present(own, await newUser(own, 'ann'), 'a'), await present(own, await newUser(own, 'bob'), 'b')];
  for (let i = 0; i < 15; i++)
    ann.send(
      `<message to='${bob.bare}' type='chat' id='f${i}'><reactions xmlns='urn:xmpp:reactions:0' id='m'><reaction>👋</reaction></reactions></message>`,
    );
  await ann.settled();
  const refused = ann.inbox.filter((one) => one.error === 'resource-constraint').map((one) => one.attrs['id']);
  assert.deepEqual(refused, ['f10', 'f11', 'f12', 'f13', 'f14']);
  assert.equal((await archive(bob)).length, 10);
  // Other messages go on.
  ann.send(`<message to='${bob.bare}' type='chat' id='text'><body>sorry</body></message>`);
  await bob.take({ name: 'message', attrs: { id: 'text' } });
});

test("R3: who owns a room cannot make another's file go by showing it there and moderating that; what its author showed goes", async () => {
  const { ann: eve, room } = await annsRoom(server);
  const bob = await guest(server, room, 'Bob');
  const url = await upload(bob);
  let messages = 0;
  const shown = async (who: Person, what = url): Promise<string> => {
    who.send(`<message to='${room}' type='groupchat' id='s-${++messages}'>${file(what)}</message>`);
    const heard = await eve.take({
      name: 'message',
      attrs: { type: 'groupchat' },
      where: (one) => one.child('file-sharing') !== undefined,
    });
    return heard.child('stanza-id')?.attrs['id'] ?? '';
  };
  const moderate = async (id: string): Promise<void> => {
    const answer = await eve.ask(
      'set',
      `<moderate xmlns='urn:xmpp:message-moderate:1' id='${id}'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>`,
      room,
    );
    assert.equal(answer.attrs['type'], 'result');
    await eve.settled();
  };
  await moderate(await shown(eve));
  // A file of her own, which goes after it would have.
  const hers = await upload(eve);
  await moderate(await shown(eve, hers));
  await until('her own to be gone', async () => (await status(hers)) === 404);
  assert.equal(await status(url), 200);
  await moderate(await shown(bob));
  await until('the file to be gone', async () => (await status(url)) === 404);
});
