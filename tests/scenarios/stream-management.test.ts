// XEP-0198: what was acknowledged is safe, what was not comes again, and a device that does not keep up costs no memory (D1, D4, D8, D10, D12).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rawSession } from '../support/raw.ts';
import { startServer } from '../support/server.ts';
import {
  acknowledge,
  anyMessage,
  bodyOf,
  chat,
  countOf,
  isLate,
  NS_SM,
  newUser,
  present,
  quietly,
  residentBytes,
  resume,
  says,
  stanzaIds,
  textsOf,
  until,
} from './messages.ts';
import { Person, presence } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true, 'limits.bytesPerSecond': 0 } });
test.after(() => server.stop());
const ann = await present(server, await newUser(server, 'ann'));

const numbered = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
async function annSends(to: string, texts: readonly string[]): Promise<void> {
  ann.send(texts.map((text) => chat(to, text)).join(''));
  await ann.settled();
}
const heardTexts = (person: Person): string[] => person.inbox.filter((one) => one.name === 'message').map((one) => bodyOf(one) ?? '');

test('§3: enabled with id and max when a resumption is asked for, without them when not; twice is refused', async () => {
  const user = await newUser(server, 'bob');
  const phone = await quietly(server, user, 'phone');
  phone.send(`<enable xmlns='${NS_SM}' resume='true' max='5'/>`);
  const enabled = await phone.take({ name: 'enabled' });
  assert.equal(enabled.ns, NS_SM);
  assert.equal(enabled.attrs['resume'], 'true');
  assert.ok((enabled.attrs['id'] ?? '').length >= 16, 'an id that nobody guesses');
  assert.ok(Number(enabled.attrs['max']) > 0);
  phone.send(`<enable xmlns='${NS_SM}'/>`);
  assert.equal((await phone.take({ name: 'failed' })).children[0]?.name, 'unexpected-request');

  const laptop = await quietly(server, user, 'laptop');
  laptop.send(`<enable xmlns='${NS_SM}'/>`);
  const plain = await laptop.take({ name: 'enabled' });
  assert.deepEqual(plain.attrs, {});
});

test('§3: the location to come back to is told when there is one', async () => {
  const elsewhere = await startServer({ config: { 'auth.allowPlaintext': true, 'sessions.location': '[2001:db8::1]:9222' } });
  try {
    const phone = await quietly(elsewhere, await newUser(elsewhere, 'bob'), 'phone');
    phone.send(`<enable xmlns='${NS_SM}' resume='true'/>`);
    assert.equal((await phone.take({ name: 'enabled' })).attrs['location'], '[2001:db8::1]:9222');
    const other = await quietly(server, await newUser(server, 'bob'), 'phone');
    other.send(`<enable xmlns='${NS_SM}' resume='true'/>`);
    assert.equal((await other.take({ name: 'enabled' })).attrs['location'], undefined);
  } finally {
    await elsewhere.stop();
  }
});

test('§3: enable before a resource is bound is refused and the stream lives', async () => {
  const phone = await Person.authenticate(server, await newUser(server, 'bob'));
  phone.send(`<enable xmlns='${NS_SM}' resume='true'/>`);
  assert.equal((await phone.take({ name: 'failed' })).children[0]?.name, 'unexpected-request');
  await phone.ask('set', `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>`);
});

test('§4: the server counts stanzas that came after enable, and nothing else', async () => {
  const phone = await quietly(server, await newUser(server, 'bob'), 'phone');
  await phone.settled();
  phone.send(`<enable xmlns='${NS_SM}'/>`);
  await phone.take({ name: 'enabled' });
  assert.equal(await countOf(phone), 0);
  // What a presence makes the server write down is waited for (D1).
  phone.send(`<presence/><r xmlns='${NS_SM}'/>`);
  assert.equal(Number((await phone.take({ name: 'a' })).attrs['h']), 1);
  phone.send(`<message to='nobody-there@localhost'><body>x</body></message> \n <iq type='result' id='x'/>`);
  assert.equal(await countOf(phone), 3, 'refused ones count as handled');
});

test('§4: what the server sends can be acknowledged up to the last stanza; one more ends the stream with handled-count-too-high', async () => {
  const phone = await quietly(server, await newUser(server, 'bob'), 'phone');
  phone.send(`<enable xmlns='${NS_SM}'/>`);
  await phone.take({ name: 'enabled' });
  await phone.settled();
  await phone.settled();
  await acknowledge(phone, 2);
  phone.send(`<a xmlns='${NS_SM}' h='2'/>`);
  await phone.settled();
  phone.send(`<a xmlns='${NS_SM}' h='5'/>`);
  const error = await phone.take({ name: 'error' });
  assert.equal(error.children[0]?.name, 'undefined-condition');
  const high = error.child('handled-count-too-high', NS_SM);
  assert.deepEqual(high?.attrs, { h: '5', 'send-count': '4' });
  await phone.gone();
});

test('D1: the ack covers messages only when they are durable: kill -9 right behind it loses none', async () => {
  const own = await startServer({ config: { 'auth.allowPlaintext': true } });
  try {
    const bob = await newUser(own, 'bob');
    const eve = await quietly(own, await newUser(own, 'eve'), 'phone');
    eve.send(`<enable xmlns='${NS_SM}'/>`);
    await eve.take({ name: 'enabled' });
    eve.send(
      numbered('n', 40)
        .map((text) => chat(`${bob}@localhost`, text))
        .join(''),
    );
    assert.equal(await countOf(eve), 40);
    await own.kill();
    await own.restart();
    const phone = await present(own, bob, 'phone');
    await until('all 40', () => heardTexts(phone).length >= 40);
    assert.deepEqual(heardTexts(phone), numbered('n', 40));
  } finally {
    await own.stop();
  }
});

test('§5, D4, D8: a resumption brings what was not acknowledged, then what came meanwhile: in order, nothing lost, nothing twice', async () => {
  const user = await newUser(server, 'bob');
  const phone = await quietly(server, user, 'phone');
  const id = await phone.makeResumable();
  phone.send('<presence/>');
  await phone.take(presence({ from: phone.jid }));
  await annSends(phone.bare, numbered('a', 5));
  const a4 = await phone.take(says('a4'));
  // The own presence and three messages are acknowledged, two messages are not.
  phone.send(`<a xmlns='${NS_SM}' h='4'/>`);
  phone.send(chat(ann.bare, 'from the phone'));
  await ann.take(says('from the phone'));
  phone.cut();
  await annSends(phone.bare, numbered('b', 5));
  const { person, h } = await resume(server, user, id, 4);
  assert.equal(h, 2, 'presence and message');
  await annSends(phone.bare, ['live']);
  await person.take({ ...says('b4') });
  const texts = heardTexts(person);
  assert.deepEqual(texts.slice(0, 6), ['a3', 'a4', 'b0', 'b1', 'b2', 'b3']);
  assert.equal(isLate(await person.take(says('live'))), false);
  assert.deepEqual(stanzaIds(await person.take(says('a4')), phone.bare), stanzaIds(a4, phone.bare));
  assert.ok(isLate(await person.take(says('a3'))), 'D8: sent again');
  assert.ok(isLate(await person.take(says('b0'))));
  await person.settled();
  // Everything is acknowledged: presence, 5, 5, 1, and pings.
  await annSends(phone.bare, ['last']);
  await person.take(says('last'));
  assert.ok(h <= 2);
});

test('§5: what arrives just before the connection breaks counts, so that the client need not send it again', async () => {
  const user = await newUser(server, 'bob');
  const phone = await quietly(server, user, 'phone');
  const id = await phone.makeResumable();
  phone.send(
    numbered('n', 20)
      .map((text) => chat(ann.bare, text))
      .join(''),
  );
  await ann.take(says('n19'));
  phone.cut();
  const { h } = await resume(server, user, id, 0);
  assert.equal(h, 20);
  const texts = await textsOf(ann);
  assert.deepEqual(
    texts.filter((text) => text.startsWith('n')),
    numbered('n', 19),
  );
});

test('§5: a session is resumed any number of times, and stays the same one for others', async () => {
  const user = await newUser(server, 'bob');
  const phone = await quietly(server, user, 'phone');
  const id = await phone.makeResumable();
  phone.send('<presence/>');
  await phone.take(presence({ from: phone.jid }));
  let current = phone;
  let handled = 1;
  for (const text of ['one', 'two', 'three']) {
    current.cut();
    ann.send(chat(phone.jid, text));
    await ann.settled();
    const next = await resume(server, user, id, handled);
    await next.person.take(says(text));
    await next.person.hearsNo(anyMessage);
    handled += 2;
    current = next.person;
  }
  await ann.hearsNo({ name: 'presence', attrs: { from: phone.jid, type: 'unavailable' } });
});

test('D12: a resumption while the old stream is open ends that one with conflict, and nothing is lost or doubled', async () => {
  const user = await newUser(server, 'bob');
  const phone = await quietly(server, user, 'phone');
  const id = await phone.makeResumable();
  phone.send('<presence/>');
  await phone.take(presence({ from: phone.jid }));
  await annSends(phone.bare, ['one', 'two']);
  await phone.take(says('two'));
  const { person } = await resume(server, user, id, 2);
  assert.equal((await phone.take({ name: 'error' })).children[0]?.name, 'conflict');
  await phone.gone();
  await annSends(phone.bare, ['three']);
  await person.take(says('three'));
  assert.deepEqual(heardTexts(person), ['two']);
  await ann.hearsNo(presence({ type: 'unavailable', from: phone.jid }));
});

test('D12: the id of somebody else, an unknown one, and one of a session that is over: item-not-found, and a resource can be bound', async () => {
  const user = await newUser(server, 'bob');
  const phone = await quietly(server, user, 'phone');
  const id = await phone.makeResumable();
  phone.cut();
  const other = await newUser(server, 'eve');
  const eve = await Person.authenticate(server, other);
  for (const previd of [id, 'nonsense', '', 'x'.repeat(3000)]) {
    eve.send(`<resume xmlns='${NS_SM}' previd='${previd}' h='0'/>`);
    assert.equal((await eve.take({ name: 'failed' })).children[0]?.name, 'item-not-found', previd.slice(0, 30));
  }
  await eve.ask('set', `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>`);
  // The attempt did not harm the session.
  const { person } = await resume(server, user, id, 0);
  await person.leave();
  const late = await Person.authenticate(server, user);
  late.send(`<resume xmlns='${NS_SM}' previd='${id}' h='0'/>`);
  assert.equal((await late.take({ name: 'failed' })).children[0]?.name, 'item-not-found');
  const bound = await late.ask('set', `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>phone</resource></bind>`);
  assert.equal(bound.attrs['type'], 'result');
});

test('§5: a resumption without or with a wrong h is refused; one that claims too much ends the stream, and the session stays', async () => {
  const user = await newUser(server, 'bob');
  const phone = await quietly(server, user, 'phone');
  const id = await phone.makeResumable();
  phone.cut();
  const back = await Person.authenticate(server, user);
  for (const h of ['', ` h='x'`, ` h='-1'`, ` h='4294967296'`]) {
    back.send(`<resume xmlns='${NS_SM}' previd='${id}'${h}/>`);
    assert.equal((await back.take({ name: 'failed' })).children[0]?.name, 'bad-request');
  }
  back.send(`<resume xmlns='${NS_SM}' previd='${id}' h='7'/>`);
  assert.ok((await back.take({ name: 'error' })).child('handled-count-too-high', NS_SM));
  await back.gone();
  await resume(server, user, id, 0);
});

test('§5: after max the session is over: the id is of no use, and what was not acknowledged comes as offline messages', async () => {
  const own = await startServer({ config: { 'auth.allowPlaintext': true, 'limits.resumeTime': '1s' } });
  try {
    const user = await newUser(own, 'bob');
    const phone = await quietly(own, user, 'phone');
    const id = await phone.makeResumable();
    phone.send('<presence/>');
    await phone.take(presence({ from: phone.jid }));
    const eve = await present(own, await newUser(own, 'eve'));
    eve.send(chat(phone.bare, 'one'));
    await phone.take(says('one'));
    phone.cut();
    await until('the session to end', async () => {
      const probe = await Person.authenticate(own, user);
      probe.send(`<resume xmlns='${NS_SM}' previd='${id}' h='99'/>`);
      const answer = await probe.take({ name: 'failed' }, { name: 'error' });
      probe.cut();
      return answer.name === 'failed';
    });
    assert.deepEqual(await textsOf(await present(own, user, 'phone')), ['one']);
  } finally {
    await own.stop();
  }
});

test('a stream error keeps the session resumable, a clean close does not', async () => {
  const user = await newUser(server, 'bob');
  const phone = await quietly(server, user, 'phone');
  const id = await phone.makeResumable();
  phone.send('<not-well-formed');
  phone.send('<');
  await phone.take({ name: 'error' });
  await phone.gone();
  const { person } = await resume(server, user, id, 0);
  await person.leave();
  const late = await Person.authenticate(server, user);
  late.send(`<resume xmlns='${NS_SM}' previd='${id}' h='0'/>`);
  await late.take({ name: 'failed' });
});

const FLOOD = 3000;
test('D10: a device that never acknowledges while 3,000 messages come costs bounded memory, lives, and gets all in order', async () => {
  const user = await newUser(server, 'bob');
  const phone = await quietly(server, user, 'phone');
  await phone.makeResumable();
  phone.send('<presence/>');
  await phone.take(presence({ from: phone.jid }));
  const padding = `<x xmlns='urn:example:x'>${'x'.repeat(4096)}</x>`;
  const before = await residentBytes(server.pid);
  for (let i = 0; i < FLOOD; i += 100) ann.send(Array.from({ length: 100 }, (_, k) => chat(phone.bare, `f${i + k}`, padding)).join(''));
  await ann.settled();
  await phone.settled();
  const first = heardTexts(phone).length;
  assert.ok(first < FLOOD, `it left ${first} unacknowledged`);
  assert.ok(first >= 100, `only ${first} came`);
  assert.ok((await residentBytes(server.pid)) - before < 150 * 1024 * 1024);
  // It lives, and acknowledges at last.
  await until('all of it', async () => {
    const count = phone.inbox.filter((one) => one.name === 'message' || one.name === 'iq' || one.name === 'presence').length;
    await acknowledge(phone, Math.min(count + 1, FLOOD));
    return heardTexts(phone).length >= FLOOD;
  });
  assert.deepEqual(heardTexts(phone), numbered('f', FLOOD));
  const ids = phone.inbox.filter((one) => one.name === 'message').flatMap((one) => stanzaIds(one, phone.bare));
  assert.deepEqual(ids.toSorted(), ids);
});

test('D10: a device that does not read its socket holds up nobody and gets all in order later', async () => {
  const user = await newUser(server, 'bob');
  const phone = await rawSession(server, user, { resource: 'phone' });
  const other = await present(server, await newUser(server, 'carl'), 'phone');
  phone.socket.pause();
  const before = await residentBytes(server.pid);
  const padding = `<x xmlns='urn:example:x'>${'x'.repeat(8192)}</x>`;
  const count = 2000;
  for (let i = 0; i < count; i += 100)
    ann.send(Array.from({ length: 100 }, (_, k) => chat(`${user}@localhost`, `s${i + k}.`, padding)).join(''));
  ann.send(chat(other.bare, 'meanwhile'));
  await ann.settled();
  await other.take(says('meanwhile'));
  assert.ok((await residentBytes(server.pid)) - before < 100 * 1024 * 1024);
  phone.socket.resume();
  await phone.expect(`<body>s${count - 1}.</body>`);
  const texts = [...phone.all.matchAll(/<body>(s\d+\.)<\/body>/g)].map((match) => match[1]);
  assert.deepEqual(
    texts,
    numbered('s', count).map((text) => `${text}.`),
  );
  phone.cut();
});
