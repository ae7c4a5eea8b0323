// XEP-0388 with XEP-0386, 0440, 0474, 0480 and 0509: everything a client needs at the start in one sign-in.
import assert from 'node:assert/strict';
import { createHash, pbkdf2Sync } from 'node:crypto';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { bodyOf, chat, NS_SM, newUser, present, quietly, says } from './messages.ts';
import { Person, presence } from './people.ts';
import {
  agent,
  authenticate,
  base64,
  bind2,
  conditionOf,
  dial,
  identifierOf,
  NS_BIND2,
  NS_SASL2,
  phoneOf,
  scram,
  signIn,
  streamHeader,
} from './sign-in.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true, 'limits.bytesPerSecond': 0 } });
test.after(() => server.stop());
const NS_CARBONS = 'urn:xmpp:carbons:2';
const NS_CSI = 'urn:xmpp:csi:0';
const NS_MAM = 'urn:xmpp:mam:2';

test('§2.1: what is offered, and what can be enabled in the same step', async () => {
  const guest = await Person.guest(server);
  const features = await guest.take({ name: 'features' });
  const offer = features.child('authentication', NS_SASL2);
  assert.deepEqual(
    offer?.all('mechanism').map((one) => one.text),
    ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1'],
    'PLAIN under TLS only',
  );
  const inline = offer?.child('inline');
  assert.ok(inline?.child('sm', NS_SM) !== undefined);
  const vars =
    inline
      ?.child('bind', NS_BIND2)
      ?.child('inline')
      ?.all('feature')
      .map((one) => one.attrs['var']) ?? [];
  for (const one of [NS_SM, NS_CARBONS, NS_CSI]) assert.ok(vars.includes(one), one);
  assert.deepEqual(
    inline
      ?.child('fast', 'urn:xmpp:fast:0')
      ?.all('mechanism')
      .map((one) => one.text),
    ['HT-SHA-512-NONE', 'HT-SHA-256-NONE'],
    'no channel to bind to without TLS',
  );
  assert.deepEqual(
    offer?.all('upgrade').map((one) => one.text),
    ['UPGR-SCRAM-SHA-256', 'UPGR-SCRAM-SHA-512'],
  );
  guest.cut();
});

test('one sign-in gives a session with stream management, carbons and the state of the archive; no stream restart', async () => {
  const ann = await present(server, await newUser(server, 'ann'));
  const user = await newUser(server, 'bob');
  const other = await present(server, user, 'laptop');
  ann.send(chat(other.bare, 'before'));
  await other.take(says('before'));
  const phone = phoneOf(user);
  const { person, success } = await signIn(server, phone, {
    binding: `<enable xmlns='${NS_CARBONS}'/><enable xmlns='${NS_SM}' resume='true'/>`,
  });
  assert.match(person.jid, new RegExp(`^${user}@localhost/Test/[\\w-]{12}$`), 'tag and a part of the server');
  assert.ok(!person.jid.includes(phone.id), 'the id of the client stays a secret (§3.2.1)');
  const bound = success.child('bound', NS_BIND2);
  assert.ok((bound?.child('enabled', NS_SM)?.attrs['id'] ?? '').length >= 16);
  const end = bound?.child('metadata', NS_MAM)?.child('end')?.attrs['id'];
  assert.ok(end !== undefined);
  const features = await person.take({ name: 'features' });
  assert.equal(features.child('mechanisms'), undefined);
  assert.equal(features.child('bind'), undefined);
  // Carbons are on.
  other.send(chat(ann.bare, 'from the laptop'));
  const carbon = await person.take({ name: 'message', where: (one) => one.child('sent', NS_CARBONS) !== undefined });
  assert.equal(bodyOf(carbon.children[0]?.children[0]?.child('message') ?? carbon), 'from the laptop');
  person.send('<presence/>');
  await person.take(presence({ from: person.jid }));
  ann.send(chat(other.bare, 'after'));
  await person.take(says('after'));
});

test('§3.2: a device that reads the archive is not given what waits as well; one that never did misses nothing', async () => {
  const ann = await present(server, await newUser(server, 'ann'));
  const phone = phoneOf(await newUser(server, 'bob'));
  const address = `${phone.user}@localhost`;
  ann.send(chat(address, 'one'));
  await ann.settled();
  const first = await signIn(server, phone);
  first.person.send('<presence/>');
  await first.person.take(says('one'));
  await first.person.ask('set', `<query xmlns='${NS_MAM}'/>`);
  await first.person.leave();
  ann.send(chat(address, 'two'));
  await ann.settled();
  const second = await signIn(server, phone);
  second.person.send('<presence/>');
  await second.person.hearsNo(says('two'));
  await second.person.ask('set', `<query xmlns='${NS_MAM}'/>`);
  await second.person.take({ name: 'message', where: (one) => String(one).includes('two') });
  ann.send(chat(address, 'three'));
  await second.person.take(says('three'));
});

test('§3.2: the same device has the same resource, and one session at a time', async () => {
  const phone = phoneOf(await newUser(server, 'bob'));
  const first = await signIn(server, phone);
  const second = await signIn(server, phone);
  assert.equal(second.person.jid, first.person.jid);
  assert.equal((await first.person.take({ name: 'error' })).children[0]?.name, 'conflict');
  const tablet = await signIn(server, phoneOf(phone.user));
  assert.notEqual(tablet.person.jid, first.person.jid);
  await second.person.settled();
});

test('a session begins inactive when the client says so (XEP-0352)', async () => {
  const ann = await present(server, await newUser(server, 'ann'));
  const { person } = await signIn(server, phoneOf(await newUser(server, 'bob')), { binding: `<inactive xmlns='${NS_CSI}'/>` });
  person.send('<presence/>');
  ann.send(`<message type='chat' to='${person.jid}'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`);
  await ann.settled();
  await person.hearsNo({ name: 'message' });
});

test('resumption in the same step, and bind when it cannot be had', async () => {
  const ann = await present(server, await newUser(server, 'ann'));
  const phone = phoneOf(await newUser(server, 'bob'));
  const first = await signIn(server, phone, { binding: `<enable xmlns='${NS_SM}' resume='true'/>` });
  const id = first.success.child('bound')?.child('enabled')?.attrs['id'] ?? '';
  first.person.send('<presence/>');
  await first.person.take(presence({ from: first.person.jid }));
  first.person.cut();
  ann.send(chat(`${phone.user}@localhost`, 'meanwhile'));
  await ann.settled();
  const again = await dial(server, phone);
  const success = await scram(again, phone, `<resume xmlns='${NS_SM}' previd='${id}' h='1'/>${bind2()}`);
  const resumed = success.child('resumed', NS_SM);
  assert.deepEqual(resumed?.attrs, { previd: id, h: '1' });
  assert.equal(identifierOf(success), first.person.jid);
  assert.equal(success.child('bound'), undefined, 'a resumed session has a resource');
  assert.ok(again.inbox.findIndex((one) => one.name === 'features') <= again.inbox.findIndex((one) => one.name === 'message'));
  await again.take(says('meanwhile'));

  const fresh = await dial(server, phone);
  const bound = await scram(fresh, phone, `<resume xmlns='${NS_SM}' previd='nothing' h='0'/>${bind2()}`);
  assert.equal(bound.child('failed', NS_SM)?.children[0]?.name, 'item-not-found');
  assert.ok(bound.child('bound', NS_BIND2) !== undefined);
});

test('without Bind2 the resource is bound as before, without a new stream; the device is the same', async () => {
  const phone = phoneOf(await newUser(server, 'bob'));
  const person = await dial(server, phone);
  const success = await scram(person, phone, '');
  assert.equal(identifierOf(success), `${phone.user}@localhost`);
  await person.take({ name: 'features', where: (one) => one.child('bind') !== undefined });
  const bound = await person.ask('set', `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>mine</resource></bind>`);
  assert.equal(bound.child('bind')?.child('jid')?.text, `${phone.user}@localhost/mine`);
  await person.settled();
});

test('XEP-0474: the server-first message holds a hash of what was offered', async () => {
  const user = await newUser(server, 'bob');
  const person = await Person.guest(server);
  person.send(authenticate('SCRAM-SHA-1', base64(`n,,n=${user},r=abc`), ''));
  const first = Buffer.from((await person.take({ name: 'challenge' })).text, 'base64').toString();
  const offered = ['SCRAM-SHA-1', 'SCRAM-SHA-256', 'SCRAM-SHA-512'].join('\x1e');
  assert.equal(/,h=(.*)$/.exec(first)?.[1], createHash('sha1').update(offered).digest('base64'));
  // The same in the older profile, with its own list.
  const old = await Person.guest(server);
  old.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>${base64(`n,,n=${user},r=abc`)}</auth>`);
  const older = Buffer.from((await old.take({ name: 'challenge' })).text, 'base64').toString();
  assert.equal(/,h=(.*)$/.exec(older)?.[1], createHash('sha1').update(`PLAIN\x1e${offered}`).digest('base64'));
});

test('XEP-0480: an upgrade of keys that are up to date is not asked for', async () => {
  const phone = phoneOf(await newUser(server, 'bob'));
  const person = await dial(server, phone);
  const success = await scram(person, phone, `<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade>${bind2()}`);
  assert.equal(success.name, 'success');
});

test('XEP-0480: keys of fewer rounds are replaced by those that the client computes', async (t) => {
  const own = await startServer({ config: { 'auth.allowPlaintext': true, 'auth.scramIterations': 4096 } });
  const phone = phoneOf(await newUser(own, 'bob'));
  // The operator asks for more rounds from now on.
  await own.kill();
  const stronger = await startServer({ config: { 'auth.allowPlaintext': true, 'auth.scramIterations': 6000 }, dataDir: own.dataDir });
  t.after(async () => {
    await stronger.stop();
    await own.stop();
  });
  const person = await dial(stronger, phone);
  const asked = await scram(person, phone, `<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade>${bind2()}`);
  assert.equal(asked.name, 'continue');
  assert.deepEqual(
    asked
      .child('tasks')
      ?.all('task')
      .map((one) => one.text),
    ['UPGR-SCRAM-SHA-256'],
  );
  assert.ok(asked.child('additional-data') !== undefined, 'the proof of the server');
  person.send(`<next xmlns='${NS_SASL2}' task='UPGR-SCRAM-SHA-256'/>`);
  const salt = (await person.take({ name: 'task-data' })).child('salt', 'urn:xmpp:scram-upgrade:0');
  assert.equal(salt?.attrs['iterations'], '6000');
  const salted = pbkdf2Sync('secret', Buffer.from(salt?.text ?? '', 'base64'), 6000, 32, 'sha256');
  person.send(`<task-data xmlns='${NS_SASL2}'><hash xmlns='urn:xmpp:scram-upgrade:0'>${base64(salted)}</hash></task-data>`);
  const success = await person.take({ name: 'success' });
  assert.ok(success.child('bound') !== undefined, 'bound after the last task');
  const again = await dial(stronger, phone);
  assert.equal((await scram(again, phone, bind2())).name, 'success', 'with the new keys');
  const third = await dial(stronger, phone);
  const wrong = await scram(third, phone, bind2(), { password: 'wrong' });
  assert.equal(conditionOf(wrong), 'not-authorized');
});

test('XEP-0509: a sign-in behind the stream header, and what happens when the server has changed meanwhile', async () => {
  const phone = phoneOf(await newUser(server, 'bob'));
  const guest = await Person.guest(server);
  const version = (await guest.take({ name: 'features' })).child('config-version', 'urn:xmpp:iap:0');
  assert.equal(version?.attrs['scheme'], 'opaque');
  guest.cut();
  const believe = (value: string): string => `<config-version xmlns='urn:xmpp:iap:0' scheme='opaque' value='${value}'/>`;
  const first = base64(`n,,n=${phone.user},r=abc`);
  const person = await Person.dial(server);
  person.send(`${streamHeader()}${authenticate('SCRAM-SHA-256', first, believe('of-yesterday'))}`);
  const failure = await person.take({ name: 'failure' });
  assert.equal(conditionOf(failure), 'aborted');
  assert.ok(failure.child('config-version-mismatch', 'urn:xmpp:iap:0') !== undefined);
  // Without prejudice: more often than sign-ins may fail.
  for (let i = 0; i < 5; i++) {
    person.send(authenticate('SCRAM-SHA-256', first, believe('of-yesterday')));
    await person.take({ name: 'failure' });
  }
  person.send(authenticate('SCRAM-SHA-256', first, believe(version?.attrs['value'] ?? '')));
  await person.take({ name: 'challenge' });
});

// --- bad input, by the name of the threat ---

test('downgrade: SASL2 before TLS is refused where TLS is a must', async (t) => {
  const strict = await startServer({});
  t.after(() => strict.stop());
  const person = await Person.guest(strict);
  const features = await person.take({ name: 'features' });
  assert.equal(features.child('authentication'), undefined);
  person.send(authenticate('PLAIN', base64('\0bob\0secret'), ''));
  assert.equal(conditionOf(await person.take({ name: 'failure' })), 'encryption-required');
});

test('downgrade: a mechanism that was not offered is refused, PLAIN without TLS too', async () => {
  const user = await newUser(server, 'bob');
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256-PLUS', 'HT-SHA-256-EXPR', 'X-NOTHING']) {
    const person = await Person.guest(server);
    person.send(authenticate(mechanism, base64(`\0${user}\0secret`), agent(phoneOf(user))));
    assert.equal(conditionOf(await person.take({ name: 'failure' })), 'invalid-mechanism', mechanism);
    person.cut();
  }
});

test('identity confusion: the stream header names somebody else', async () => {
  const phone = phoneOf(await newUser(server, 'bob'));
  const victim = await newUser(server, 'ann');
  const person = await Person.dial(server);
  person.send(streamHeader(`${victim}@localhost`));
  assert.equal(conditionOf(await scram(person, phone, bind2())), 'invalid-authzid');
  const elsewhere = await Person.dial(server);
  elsewhere.send(streamHeader('bob@elsewhere.example'));
  assert.equal((await elsewhere.take({ name: 'error' })).children[0]?.name, 'invalid-from');
});

test('session theft: the resumption of another account is refused, inside SASL2 too', async () => {
  const victim = await quietly(server, await newUser(server, 'ann'), 'phone');
  const id = await victim.makeResumable();
  const thief = phoneOf(await newUser(server, 'bob'));
  const person = await dial(server, thief);
  const success = await scram(person, thief, `<resume xmlns='${NS_SM}' previd='${id}' h='0'/>${bind2()}`);
  assert.equal(success.child('failed', NS_SM)?.children[0]?.name, 'item-not-found');
  assert.equal(success.child('resumed'), undefined);
  await victim.settled();
});

test('oversize and malformed user agents are refused', async () => {
  const user = await newUser(server, 'bob');
  const first = base64(`n,,n=${user},r=abc`);
  for (const bad of [
    `<user-agent id='not-a-uuid'/>`,
    `<user-agent id='d4565fa7-4d72-1749-b3d3-740edbf87770'/>`,
    `<user-agent><software>${'x'.repeat(300)}</software></user-agent>`,
    `<user-agent><device>${'x'.repeat(300)}</device></user-agent>`,
  ]) {
    const person = await Person.guest(server);
    person.send(authenticate('SCRAM-SHA-256', first, bad));
    assert.equal(conditionOf(await person.take({ name: 'failure' })), 'malformed-request', bad);
    person.cut();
  }
  const flood = await Person.guest(server);
  flood.send(authenticate('SCRAM-SHA-256', first, `<user-agent><software>${'x'.repeat(9000)}</software></user-agent>`));
  await flood.gone();
});

test('pipelined garbage: whatever else comes during a sign-in ends the connection, and nothing of it is done', async () => {
  const user = await newUser(server, 'bob');
  const watcher = await present(server, user, 'watcher');
  const start = authenticate('SCRAM-SHA-256', base64(`n,,n=${user},r=abc`), bind2());
  for (const garbage of [
    '<presence/>',
    chat(`${user}@localhost`, 'smuggled'),
    `<iq type='set' id='x'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`,
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${base64(`\0${user}\0secret`)}</auth>`,
    start,
    `<next xmlns='${NS_SASL2}' task='UPGR-SCRAM-SHA-256'/>`,
    `<task-data xmlns='${NS_SASL2}'/>`,
  ]) {
    const person = await Person.guest(server);
    person.send(`${start}${garbage}`);
    assert.equal((await person.take({ name: 'error' })).children[0]?.name, 'policy-violation', garbage);
    await person.gone();
  }
  await watcher.hearsNo(says('smuggled'));
});

test('brute force: the stream ends after as many tries as with the older profile', async () => {
  const phone = phoneOf(await newUser(server, 'bob'));
  const person = await dial(server, phone);
  for (let i = 0; i < 3; i++) assert.equal(conditionOf(await scram(person, phone, bind2(), { password: 'wrong' })), 'not-authorized');
  await person.gone();
});

test('user enumeration: a name without an account is answered like one with another password', async () => {
  const known = phoneOf(await newUser(server, 'bob'));
  const unknown = phoneOf('nobody-of-that-name');
  const answers: string[] = [];
  for (const phone of [known, unknown]) {
    const person = await dial(server, phone);
    answers.push(String(await scram(person, phone, bind2(), { password: 'wrong' })));
    person.cut();
  }
  assert.equal(answers[0], answers[1]);
});

test('abort ends the attempt, not the stream', async () => {
  const phone = phoneOf(await newUser(server, 'bob'));
  const person = await dial(server, phone);
  person.send(authenticate('SCRAM-SHA-256', base64(`n,,n=${phone.user},r=abc`), bind2()));
  await person.take({ name: 'challenge' });
  person.send(`<abort xmlns='${NS_SASL2}'><text>never mind</text></abort>`);
  assert.equal(conditionOf(await person.take({ name: 'failure' })), 'aborted');
  assert.equal((await scram(person, phone, bind2())).name, 'success');
});
