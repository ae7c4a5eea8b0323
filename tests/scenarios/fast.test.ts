// XEP-0484: tokens. A device signs in again in one round trip, and nobody else does with what it has.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { chat, NS_SM, newUser, present, says } from './messages.ts';
import { Person, presence } from './people.ts';
import {
  askToken,
  base64,
  bind2,
  byToken,
  conditionOf,
  dial,
  NS_FAST,
  type Phone,
  phoneOf,
  scram,
  signIn,
  streamHeader,
  tokenFor,
  tokenUse,
} from './sign-in.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true, 'limits.bytesPerSecond': 0 } });
test.after(() => server.stop());

const newPhone = async (): Promise<Phone> => phoneOf(await newUser(server, 'bob'));
const refusal = async (phone: Phone, token: string, options: Parameters<typeof byToken>[3] = {}): Promise<string | undefined> => {
  const { person, answer } = await byToken(server, phone, token, options);
  person.cut();
  return answer.name === 'failure' ? conditionOf(answer) : answer.name;
};

test('§3.2-3.4: a token is asked for once and signs in from then on, in one write; the server proves it knows the token, too', async () => {
  const phone = await newPhone();
  const { person, success } = await signIn(server, phone, { inside: askToken() });
  const token = success.child('token', NS_FAST);
  assert.ok((token?.attrs['token'] ?? '').length >= 40);
  assert.ok(Date.parse(token?.attrs['expiry'] ?? '') > Date.now() + 86_400_000);
  await person.leave();
  const { person: again, answer } = await byToken(server, phone, token?.attrs['token'] ?? '', { count: 1, inside: bind2() });
  assert.equal(answer.name, 'success', String(answer));
  const proof = createHmac('sha256', token?.attrs['token'] ?? '')
    .update('Responder')
    .digest();
  assert.equal(answer.child('additional-data')?.text, base64(proof));
  assert.equal(again.jid, person.jid);
  assert.equal(answer.child('token', NS_FAST), undefined, 'it is not due');
  await again.settled();
});

test('token, resumption and the first message that waited: one write each way', async () => {
  const ann = await present(server, await newUser(server, 'ann'));
  const phone = await newPhone();
  const first = await signIn(server, phone, { inside: askToken(), binding: `<enable xmlns='${NS_SM}' resume='true'/>` });
  const token = first.success.child('token')?.attrs['token'] ?? '';
  const id = first.success.child('bound')?.child('enabled')?.attrs['id'] ?? '';
  first.person.send('<presence/>');
  await first.person.take(presence({ from: first.person.jid }));
  first.person.cut();
  ann.send(chat(`${phone.user}@localhost`, 'waiting'));
  await ann.settled();
  const { person, answer } = await byToken(server, phone, token, {
    count: 1,
    inside: `<resume xmlns='${NS_SM}' previd='${id}' h='1'/>${bind2()}`,
  });
  assert.ok(answer.child('resumed', NS_SM) !== undefined, String(answer));
  await person.take(says('waiting'));
});

test('§3.5: rotation. The old token is good until the new one is used; one that was never used is replaced', async (t) => {
  const own = await startServer({ config: { 'auth.allowPlaintext': true, 'features.fast.rotateAfter': '0s' } });
  t.after(() => own.stop());
  const phone = phoneOf(await newUser(own, 'bob'));
  const first = await tokenFor(own, phone);
  const use = async (token: string, fast?: string): Promise<{ name: string; next: string | undefined }> => {
    const { person, answer } = await byToken(own, phone, token, fast === undefined ? {} : { fast });
    person.cut();
    return { name: answer.name, next: answer.child('token', NS_FAST)?.attrs['token'] };
  };
  const lost = await use(first);
  assert.ok(lost.next !== undefined && lost.next !== first);
  // It got lost on its way: the old one still does, and gives another.
  const second = await use(first);
  assert.equal(second.name, 'success');
  assert.equal((await use(lost.next)).name, 'failure', 'never used, replaced');
  assert.equal((await use(second.next ?? '')).name, 'success');
  assert.equal((await use(first)).name, 'failure', 'the new one was used');
});

test('§3.6: invalidate. The token is gone with this use, and no new one is given', async () => {
  const phone = await newPhone();
  const token = await tokenFor(server, phone);
  const { person, answer } = await byToken(server, phone, token, { fast: ` invalidate='true'`, inside: bind2() });
  assert.equal(answer.name, 'success');
  assert.equal(answer.child('token', NS_FAST), undefined);
  await person.settled();
  assert.equal(await refusal(phone, token), 'not-authorized');
});

test('§3.3: a token says until when it is good, as configured', async (t) => {
  const own = await startServer({ config: { 'auth.allowPlaintext': true, 'features.fast.lifetime': '1m' } });
  t.after(() => own.stop());
  const phone = phoneOf(await newUser(own, 'bob'));
  const before = Date.now();
  const { person, success } = await signIn(own, phone, { inside: askToken() });
  const expiry = Date.parse(success.child('token')?.attrs['expiry'] ?? '');
  // Whole seconds may be told.
  assert.ok(expiry >= before + 59_000 && expiry <= Date.now() + 60_000, `${expiry - before} ms`);
  await person.settled();
});

test('no password and no token in the data: the database alone gives nobody access', async (t) => {
  const own = await startServer({ config: { 'auth.allowPlaintext': true } });
  t.after(() => own.stop());
  const phone = phoneOf(await newUser(own, 'bob'));
  const token = await tokenFor(own, phone);
  await byToken(own, phone, token).then(({ person }) => person.leave());
  const names = ['parley.db', 'parley.db-wal'].map((name) => join(own.dataDir, name));
  for (const name of names) {
    const bytes = await readFile(name).catch(() => Buffer.alloc(0));
    assert.equal(bytes.includes(token), false, name);
    assert.equal(bytes.includes(Buffer.from(token, 'base64')), false, name);
  }
});

test('tokens survive a restart and a kill', async (t) => {
  const own = await startServer({ config: { 'auth.allowPlaintext': true } });
  t.after(() => own.stop());
  const phone = phoneOf(await newUser(own, 'bob'));
  const token = await tokenFor(own, phone);
  await own.kill();
  await own.restart();
  const { answer, person } = await byToken(own, phone, token, { count: 7 });
  assert.equal(answer.name, 'success');
  person.cut();
  await own.kill();
  await own.restart();
  const replay = await byToken(own, phone, token, { count: 7 });
  assert.equal(conditionOf(replay.answer), 'not-authorized', 'the count was durable before the answer');
  replay.person.cut();
});

// --- bad input, by the name of the threat ---

test('replay: a count that was used before is refused, and so is leaving it out', async () => {
  const phone = await newPhone();
  const token = await tokenFor(server, phone);
  assert.equal(await refusal(phone, token, { count: 5 }), 'success');
  assert.equal(await refusal(phone, token, { count: 5 }), 'not-authorized');
  assert.equal(await refusal(phone, token, { count: 4 }), 'not-authorized');
  assert.equal(await refusal(phone, token), 'not-authorized');
  assert.equal(await refusal(phone, token, { count: 6 }), 'success');
  for (const bad of ['0', '-1', '1.5', 'x', '99999999999'])
    assert.equal(await refusal(phone, token, { fast: ` count='${bad}'` }), 'malformed-request', bad);
});

test('replay: the same bytes on two connections at once get in once', async () => {
  const phone = await newPhone();
  const token = await tokenFor(server, phone);
  const bytes = `${streamHeader(`${phone.user}@localhost`)}${tokenUse(phone, token, { count: 1, inside: bind2() })}`;
  const people = await Promise.all([Person.dial(server), Person.dial(server)]);
  for (const person of people) person.send(bytes);
  const answers = await Promise.all(people.map((person) => person.take({ name: 'success' }, { name: 'failure' })));
  assert.deepEqual(answers.map((one) => one.name).sort(), ['failure', 'success']);
});

test('token theft: of no use to another device, another account, or by another mechanism', async () => {
  const phone = await newPhone();
  const token = await tokenFor(server, phone);
  const other = await newPhone();
  await tokenFor(server, other);
  assert.equal(await refusal({ user: phone.user, id: other.id }, token), 'not-authorized', 'another device of the account');
  assert.equal(await refusal({ user: other.user, id: phone.id }, token), 'not-authorized', 'another account');
  assert.equal(await refusal(other, token), 'not-authorized');
  const proof = createHmac('sha512', token).update('Initiator').digest();
  const { person } = await byToken(server, phone, token);
  person.cut();
  const longer = await dial(server, phone);
  longer.send(
    tokenUse(phone, token, { mechanism: 'HT-SHA-512-NONE' }).replace(
      /<initial-response>.*<\/initial-response>/,
      `<initial-response>${base64(Buffer.concat([Buffer.from(`${phone.user}\0`), proof]))}</initial-response>`,
    ),
  );
  assert.equal(conditionOf(await longer.take({ name: 'failure' })), 'not-authorized', 'a token is bound to its mechanism');
});

test('token after the password was changed: refused, in the same commit', async () => {
  const phone = await newPhone();
  const { person, success } = await signIn(server, phone, { inside: askToken() });
  const token = success.child('token')?.attrs['token'] ?? '';
  const answer = await person.ask(
    'set',
    `<query xmlns='jabber:iq:register'><username>${phone.user}</username><password>changed</password></query>`,
    'localhost',
  );
  assert.equal(answer.attrs['type'], 'result');
  await person.leave();
  assert.equal(await refusal(phone, token), 'not-authorized');
  const again = await dial(server, phone);
  const changed = await scram(again, phone, `${bind2()}${askToken()}`, { password: 'changed' });
  assert.ok(changed.child('token') !== undefined);
});

test('token of an account that was removed: refused, also when the name is taken again', async () => {
  const phone = await newPhone();
  const { person, success } = await signIn(server, phone, { inside: askToken() });
  const token = success.child('token')?.attrs['token'] ?? '';
  await person.ask('set', `<query xmlns='jabber:iq:register'><remove/></query>`, 'localhost');
  await person.gone();
  assert.equal(await refusal(phone, token), 'not-authorized');
  await server.createUser(phone.user, 'secret');
  assert.equal(await refusal(phone, token), 'not-authorized');
});

test('a token use without the id of the device, or without <fast/>, is malformed', async () => {
  const phone = await newPhone();
  const token = await tokenFor(server, phone);
  const whole = tokenUse(phone, token);
  for (const part of [whole.replace(/<user-agent.*<\/user-agent>/, ''), whole.replace(/<fast [^>]*\/>/, '')]) {
    const person = await dial(server, phone);
    person.send(part);
    assert.equal(conditionOf(await person.take({ name: 'failure' })), 'malformed-request', part);
    person.cut();
  }
});

test('user enumeration: unknown names, devices and wrong tokens are answered alike', async () => {
  const phone = await newPhone();
  await tokenFor(server, phone);
  const answers = new Set<string>();
  for (const one of [phone, phoneOf(phone.user), phoneOf('nobody-of-that-name')]) {
    const { person, answer } = await byToken(server, one, 'guessed');
    answers.add(String(answer));
    person.cut();
  }
  assert.equal(answers.size, 1);
});

test('no token for a mechanism that this connection cannot use', async () => {
  const phone = await newPhone();
  for (const mechanism of ['HT-SHA-256-EXPR', 'PLAIN', 'X']) {
    const { person, success } = await signIn(server, phone, { inside: askToken(mechanism) });
    assert.equal(success.child('token'), undefined, mechanism);
    await person.leave();
  }
});

test('flood: tokens of so many devices are kept, those of the newest; the ids are words of the clients', async (t) => {
  const own = await startServer({ config: { 'auth.allowPlaintext': true, 'limits.bytesPerSecond': 0, 'limits.devicesPerAccount': 2 } });
  t.after(() => own.stop());
  const user = await newUser(own, 'bob');
  const phones = [phoneOf(user), phoneOf(user), phoneOf(user)];
  const given: string[] = [];
  for (const phone of phones) given.push(await tokenFor(own, phone));
  const answers: string[] = [];
  for (const [i, phone] of phones.entries()) {
    const { person, answer } = await byToken(own, phone, given[i] ?? '');
    person.cut();
    answers.push(answer.name);
  }
  assert.deepEqual(answers, ['failure', 'success', 'success']);
});
