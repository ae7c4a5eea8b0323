// XEP-0494: the devices of an account, and signing them out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { NS_SM, newUser, quietly } from './messages.ts';
import type { Heard, Person } from './people.ts';
import { askToken, bind2, byToken, conditionOf, dial, phoneOf, scram, signIn } from './sign-in.ts';

const NS = 'urn:xmpp:cam:0';
const server = await startServer({ config: { 'auth.allowPlaintext': true, 'limits.bytesPerSecond': 0 } });
test.after(() => server.stop());

const listed = async (person: Person): Promise<Heard[]> =>
  (await person.ask('get', `<list xmlns='${NS}'/>`)).child('clients', NS)?.all('client') ?? [];
const named = (clients: Heard[], device: string): Heard | undefined =>
  clients.find((one) => one.child('user-agent')?.child('device')?.text === device);

test('§3.1: every device with its name, when it was here, and how it gets in', async () => {
  const user = await newUser(server, 'bob');
  const phone = phoneOf(user);
  const { person } = await signIn(server, phone, { inside: askToken() });
  const old = await quietly(server, user, 'old client');
  old.send('<presence/>');
  await old.settled();
  const clients = await listed(person);
  assert.equal(clients.length, 2, clients.join('\n'));
  const own = named(clients, 'Desk');
  assert.equal(own?.attrs['connected'], 'true');
  // docs/protocol/devices.md: which of them asks.
  assert.deepEqual(clients.map((one) => [one === own, one.child('this') !== undefined]).toSorted(), [
    [false, false],
    [true, true],
  ]);
  assert.equal(own?.attrs['type'], 'session');
  assert.deepEqual(
    own?.child('auth')?.children.map((one) => one.name),
    ['password', 'fast'],
  );
  assert.equal(own?.child('permission')?.attrs['status'], 'unrestricted');
  assert.ok(Math.abs(Date.parse(own?.child('last-seen')?.text ?? '') - Date.now()) < 60_000);
  assert.ok(!clients.join('').includes(phone.id), 'its id is half of what it signs in with');
  await person.leave();
  const later = named(await listed(old), 'Desk');
  assert.equal(later?.attrs['connected'], 'false');
});

test('§3.2: sign-out ends the session, its resumption and its token', async () => {
  const user = await newUser(server, 'bob');
  const lost = phoneOf(user);
  const { person, success } = await signIn(server, lost, { inside: askToken(), binding: `<enable xmlns='${NS_SM}' resume='true'/>` });
  const token = success.child('token')?.attrs['token'] ?? '';
  const resumption = success.child('bound')?.child('enabled')?.attrs['id'] ?? '';
  const laptop = await quietly(server, user, 'laptop');
  const id = named(await listed(laptop), 'Desk')?.attrs['id'] ?? '';
  const answer = await laptop.ask('set', `<revoke xmlns='${NS}' id='${id}'/>`);
  // It has signed in with the password once, so it may know it.
  assert.equal(answer.error, 'service-unavailable');
  assert.ok(answer.child('error')?.child('password-reset-required', NS) !== undefined);
  assert.equal((await person.take({ name: 'error' })).children[0]?.name, 'not-authorized');
  await person.gone();
  const byOld = await byToken(server, lost, token);
  assert.equal(conditionOf(byOld.answer), 'not-authorized');
  const again = await dial(server, lost);
  const back = await scram(again, lost, `<resume xmlns='${NS_SM}' previd='${resumption}' h='0'/>${bind2()}`);
  assert.equal(back.child('failed', NS_SM)?.children[0]?.name, 'item-not-found');
});

test('a device that only has a token is signed out for good', async () => {
  const user = await newUser(server, 'bob');
  const phone = phoneOf(user);
  const first = await signIn(server, phone, { inside: askToken() });
  // Another password: the devices of before know none any more.
  const laptop = phoneOf(user);
  const other = await signIn(server, laptop);
  await other.person.ask(
    'set',
    `<query xmlns='jabber:iq:register'><username>${user}</username><password>secret</password></query>`,
    'localhost',
  );
  await first.person.gone();
  const id = (await listed(other.person)).find((one) => one.attrs['connected'] === 'false')?.attrs['id'] ?? '';
  assert.equal((await other.person.ask('set', `<revoke xmlns='${NS}' id='${id}'/>`)).attrs['type'], 'result');
  assert.equal((await listed(other.person)).length, 1);
});

test('foreign access: nobody sees or signs out the devices of another account', async () => {
  const victim = phoneOf(await newUser(server, 'ann'));
  const { person } = await signIn(server, victim);
  const id = (await listed(person))[0]?.attrs['id'] ?? '';
  const eve = await quietly(server, await newUser(server, 'eve'), 'phone');
  assert.equal((await eve.ask('get', `<list xmlns='${NS}'/>`, person.bare)).attrs['type'], 'error');
  assert.equal((await eve.ask('set', `<revoke xmlns='${NS}' id='${id}'/>`)).error, 'item-not-found');
  assert.equal((await eve.ask('set', `<revoke xmlns='${NS}' id='${id}'/>`, person.bare)).attrs['type'], 'error');
  await person.settled();
});
