// What waits for a device that is away (XEP-0160, XEP-0203), and what proves that it arrived without stream management (D5, D7, D8).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer, type TestServer } from '../support/server.ts';
import { anyMessage, bodyOf, chat, isLate, newUser, present, quietly, says, stanzaIds, textsOf, until } from './messages.ts';
import { type Heard, Person } from './people.ts';

const server: TestServer = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());

const ann = await present(server, await newUser(server, 'ann'));

async function sendWhileAway(to: string, texts: readonly string[]): Promise<void> {
  for (const text of texts) ann.send(chat(to, text));
  await ann.settled();
}

test('XEP-0160 §2, XEP-0203 §3: what waited comes in order, with the time of the server and its stanza-id; ids sort in that order', async () => {
  const bob = await newUser(server, 'bob');
  const texts = Array.from({ length: 250 }, (_, i) => `n${i}`);
  const before = Date.now();
  await sendWhileAway(`${bob}@localhost`, texts);
  const phone = await present(server, bob, 'phone');
  await until('all of it', () => phone.inbox.filter((one) => one.name === 'message').length >= texts.length);
  const heard = phone.inbox.filter((one) => one.name === 'message');
  assert.deepEqual(heard.map(bodyOf), texts, 'more than one page, in order');
  const ids = heard.map((one) => stanzaIds(one, phone.bare));
  assert.ok(ids.every((list) => list.length === 1));
  assert.deepEqual(ids.toSorted(), ids);
  assert.equal(new Set(ids.flat()).size, texts.length);
  for (const one of heard) {
    const delays = one.children.filter((child) => child.name === 'delay');
    assert.equal(delays.length, 1);
    assert.equal(delays[0]?.attrs['from'], 'localhost');
    const at = Date.parse(delays[0]?.attrs['stamp'] ?? '');
    assert.match(delays[0]?.attrs['stamp'] ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, 'UTC (XEP-0082)');
    assert.ok(at >= before - 1000 && at <= Date.now() + 1000, one.toString());
    assert.equal(one.attrs['from'], ann.jid);
    assert.equal(one.attrs['to'], `${bob}@localhost`);
  }
});

test('XEP-0160: it is given out once; live messages behind it carry no delay', async () => {
  const bob = await newUser(server, 'bob');
  await sendWhileAway(`${bob}@localhost`, ['one', 'two']);
  const phone = await present(server, bob, 'phone');
  assert.deepEqual(await textsOf(phone), ['one', 'two']);
  ann.send(chat(phone.bare, 'live'));
  assert.equal(isLate(await phone.take(says('live'))), false);
  phone.send('<presence><show>away</show></presence>');
  assert.deepEqual(await textsOf(phone), [], 'another presence asks for nothing again');
  await phone.leave();
  const back = await present(server, bob, 'phone');
  assert.deepEqual(await textsOf(back), []);
});

test('D5: a device that was never here gets nothing old once another has it; a known one gets all that it missed', async () => {
  const bob = await newUser(server, 'bob');
  const phone = await present(server, bob, 'phone');
  await phone.leave();
  await sendWhileAway(`${bob}@localhost`, ['one', 'two']);
  const laptop = await present(server, bob, 'laptop');
  assert.deepEqual(await textsOf(laptop), ['one', 'two'], 'what no device has had');
  await laptop.leave();
  const tablet = await present(server, bob, 'tablet');
  assert.deepEqual(await textsOf(tablet), [], 'the laptop has had it');
  await sendWhileAway(`${bob}@localhost`, ['three']);
  assert.deepEqual(await textsOf(tablet), ['three']);
  const again = await present(server, bob, 'phone');
  assert.deepEqual(await textsOf(again), ['one', 'two', 'three'], 'the phone was known before');
});

test('D5: a client without a resource of its own gets what no device has had', async () => {
  const bob = await newUser(server, 'bob');
  await sendWhileAway(`${bob}@localhost`, ['one']);
  const nameless = await present(server, bob);
  assert.deepEqual(await textsOf(nameless), ['one']);
});

test('XEP-0160, D5: what waits survives a restart', async () => {
  const own = await startServer({ config: { 'auth.allowPlaintext': true } });
  try {
    const bob = await newUser(own, 'bob');
    const eve = await present(own, await newUser(own, 'eve'));
    eve.send(chat(`${bob}@localhost`, 'one') + chat(`${bob}@localhost`, 'two'));
    await eve.settled();
    await own.restart();
    const phone = await present(own, bob, 'phone');
    assert.deepEqual(await textsOf(phone), ['one', 'two']);
    await phone.leave();
    await own.restart();
    assert.deepEqual(await textsOf(await present(own, bob, 'phone')), [], 'and so does the cursor');
  } finally {
    await own.stop();
  }
});

test('XEP-0313 §6.2: who asks the archive before the first presence is not given the same again', async () => {
  const bob = await newUser(server, 'bob');
  await sendWhileAway(`${bob}@localhost`, ['one', 'two']);
  const phone = await quietly(server, bob, 'phone');
  await phone.ask('set', `<query xmlns='urn:xmpp:mam:2'/>`);
  assert.equal(phone.inbox.filter((one) => one.child('result', 'urn:xmpp:mam:2')).length, 2);
  phone.inbox.length = 0;
  phone.send('<presence/>');
  assert.deepEqual(await textsOf(phone), []);
  ann.send(chat(phone.bare, 'live'));
  await phone.take(says('live'));
});

/** Waits for the server's ping behind the messages (XEP-0199). */
const ping = { name: 'iq', attrs: { type: 'get' }, where: (iq: Heard) => iq.child('ping', 'urn:xmpp:ping') !== undefined };

test('D7: the answer to the ping behind the messages proves them', async () => {
  const bob = await newUser(server, 'bob');
  await sendWhileAway(`${bob}@localhost`, ['one', 'two']);
  const phone = await present(server, bob, 'phone');
  const asked = await phone.take(ping);
  assert.equal(asked.attrs['from'], 'localhost');
  assert.ok(
    phone.inbox.some((one) => bodyOf(one) === 'two'),
    'it comes behind them',
  );
  phone.send(`<iq type='result' id='${asked.attrs['id']}' to='localhost'/>`);
  await phone.settled();
  phone.cut();
  const back = await present(server, bob, 'phone');
  assert.deepEqual(await textsOf(back), []);
});

test('D7: an error is an answer, too (XEP-0199 §4.2: a client without pings)', async () => {
  const bob = await newUser(server, 'bob');
  await sendWhileAway(`${bob}@localhost`, ['one']);
  const phone = await present(server, bob, 'phone');
  const asked = await phone.take(ping);
  phone.send(
    `<iq type='error' id='${asked.attrs['id']}' to='localhost'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
  );
  await phone.settled();
  phone.cut();
  assert.deepEqual(await textsOf(await present(server, bob, 'phone')), []);
});

test('D7, D8: without an answer, a cut connection proves nothing: it comes again, with the same stanza-id and a delay', async () => {
  const bob = await newUser(server, 'bob');
  await sendWhileAway(`${bob}@localhost`, ['old']);
  const phone = await present(server, bob, 'phone');
  ann.send(chat(phone.bare, 'live'));
  const live = await phone.take(says('live'));
  const old = await phone.take(says('old'));
  phone.cut();
  const back = await present(server, bob, 'phone');
  const oldAgain = await back.take(says('old'));
  const liveAgain = await back.take(says('live'));
  assert.deepEqual(stanzaIds(oldAgain, phone.bare), stanzaIds(old, phone.bare));
  assert.deepEqual(stanzaIds(liveAgain, phone.bare), stanzaIds(live, phone.bare));
  assert.ok(isLate(oldAgain) && isLate(liveAgain));
});

test('D7: a forged answer proves nothing beyond what was asked', async () => {
  const bob = await newUser(server, 'bob');
  await sendWhileAway(`${bob}@localhost`, ['one']);
  const phone = await present(server, bob, 'phone');
  await phone.take(says('one'));
  phone.send(`<iq type='result' id='proof-zzzzzzzzzzz' to='localhost'/><iq type='result' id='proof-' to='localhost'/>`);
  await phone.settled();
  phone.cut();
  assert.deepEqual(await textsOf(await present(server, bob, 'phone')), ['one']);
});

for (const farewell of ['', `<presence type='unavailable'/>`]) {
  test(`D7: a clean end of the stream proves them${farewell === '' ? '' : ', with a farewell before it, too'}`, async () => {
    const bob = await newUser(server, 'bob');
    await sendWhileAway(`${bob}@localhost`, ['one']);
    const phone = await present(server, bob, 'phone');
    await phone.take(says('one'));
    phone.send(farewell);
    await phone.leave();
    assert.deepEqual(await textsOf(await present(server, bob, 'phone')), []);
  });
}

test('a message to oneself from a device is not given to it again when it comes back', async () => {
  const bob = await newUser(server, 'bob');
  const phone = await present(server, bob, 'phone');
  phone.send(chat(phone.bare, 'note'));
  await phone.take(says('note'));
  await phone.leave();
  const back = await Person.signIn(server, bob, { resource: 'phone', roster: false });
  await back.hearsNo(anyMessage);
});
