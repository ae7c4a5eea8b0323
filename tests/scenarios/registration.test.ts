// Making an account in band, changing the password, leaving (XEP-0077).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { message, Person, presence } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());
const REGISTER = `xmlns='jabber:iq:register'`;
const query = (inner: string): string => `<query ${REGISTER}>${inner}</query>`;
const wish = (user: string, password: string): string => query(`<username>${user}</username><password>${password}</password>`);
let people = 0;
const fresh = (prefix: string): string => `${prefix}${++people}`;

test('a newcomer reads what is wanted, registers, and signs in', async () => {
  const user = fresh('new');
  const guest = await Person.guest(server);
  const features = await guest.take({ name: 'features' });
  assert.ok(features.child('register', 'http://jabber.org/features/iq-register') !== undefined, 'offered in the stream features');
  const fields = (await guest.ask('get', query(''))).child('query', 'jabber:iq:register');
  assert.ok(fields?.child('username') !== undefined && fields.child('password') !== undefined && fields.child('registered') === undefined);
  assert.equal((await guest.ask('set', wish(user, 'secret'))).attrs['type'], 'result');
  const person = await Person.signIn(server, user);
  assert.equal(person.bare, `${user}@localhost`);
});

test('what is refused: a name that is taken, one that is none, no password', async () => {
  const user = fresh('taken');
  await server.createUser(user, 'secret');
  const guest = await Person.guest(server);
  assert.equal((await guest.ask('set', wish(user, 'x'))).error, 'conflict');
  assert.equal((await guest.ask('set', wish(user.toUpperCase(), 'x'))).error, 'conflict', 'the same name in capitals');
  assert.equal((await guest.ask('set', wish('a b@c', 'x'))).error, 'not-acceptable');
  assert.equal((await guest.ask('set', wish(fresh('new'), ''))).error, 'not-acceptable');
  assert.equal((await guest.ask('set', query('<remove/>'))).error, 'unexpected-request');
  await Person.signIn(server, user);
});

test('one connection makes one account', async () => {
  const guest = await Person.guest(server);
  assert.equal((await guest.ask('set', wish(fresh('one'), 'secret'))).attrs['type'], 'result');
  assert.equal((await guest.ask('set', wish(fresh('two'), 'secret'))).error, 'not-acceptable');
});

test('Ann changes her password: the old one is worth nothing from then on', async () => {
  const user = fresh('ann');
  await server.createUser(user, 'secret');
  const ann = await Person.signIn(server, user);
  const known = (await ann.ask('get', query(''), 'localhost')).child('query');
  assert.ok(known?.child('registered') !== undefined);
  assert.equal(known.child('username')?.text, user);
  assert.equal(known.child('password')?.text, '', 'never told');

  assert.equal((await ann.ask('set', wish('somebody-else', 'mine'), 'localhost')).error, 'bad-request');
  assert.equal((await ann.ask('set', wish(user, ''), 'localhost')).error, 'bad-request');
  assert.equal((await ann.ask('set', wish(user, 'better'), 'localhost')).attrs['type'], 'result');
  await assert.rejects(Person.signIn(server, user, { password: 'secret' }), /cannot sign in/);
  await Person.signIn(server, user, { password: 'better' });
});

test('Ann leaves: all her devices are signed out, and the name holds nothing of hers any more (R10)', async () => {
  const user = fresh('ann');
  await server.createUser(user, 'secret');
  const phone = await Person.signIn(server, user, { resource: 'phone' });
  const laptop = await Person.signIn(server, user, { resource: 'laptop' });
  await phone.ask('set', `<vCard xmlns='vcard-temp'><FN>Ann</FN></vCard>`);
  await phone.ask('set', `<query xmlns='jabber:iq:roster'><item jid='bob@localhost'/></query>`);
  await phone.ask('set', `<block xmlns='urn:xmpp:blocking'><item jid='eve@localhost'/></block>`);
  assert.equal((await phone.ask('set', query('<remove/><username>x</username>'))).error, 'bad-request');
  assert.equal((await phone.ask('set', query('<remove/>'))).attrs['type'], 'result');
  for (const device of [phone, laptop]) {
    const error = await device.take({ name: 'error' });
    assert.ok(error.child('not-authorized') !== undefined, String(error));
    await device.gone();
  }
  await assert.rejects(Person.signIn(server, user), /cannot sign in/);

  const writer = fresh('bob');
  await server.createUser(writer, 'secret');
  const bob = await Person.signIn(server, writer);
  bob.send(`<message type='chat' id='m' to='${user}@localhost'><body>?</body></message>`);
  assert.equal((await bob.take(message({ type: 'error', id: 'm' }))).error, 'service-unavailable');

  await server.createUser(user, 'secret');
  const namesake = await Person.signIn(server, user);
  assert.deepEqual(await namesake.roster(), []);
  assert.deepEqual((await namesake.ask('get', `<vCard xmlns='vcard-temp'/>`)).child('vCard')?.children, []);
  assert.deepEqual((await namesake.ask('get', `<blocklist xmlns='urn:xmpp:blocking'/>`)).child('blocklist')?.children, []);
  await namesake.hearsNo(message());
  await namesake.hearsNo(presence({ type: 'subscribe' }));
});

test('an address registers only so often an hour; a closed server takes nobody and offers nothing', async (t) => {
  const strict = await startServer({ config: { 'auth.allowPlaintext': true, 'registration.perAddressPerHour': 2 } });
  t.after(() => strict.stop());
  for (let i = 0; i < 2; i++)
    assert.equal((await (await Person.guest(strict)).ask('set', wish(fresh('many'), 'secret'))).attrs['type'], 'result');
  const third = await (await Person.guest(strict)).ask('set', wish(fresh('many'), 'secret'));
  assert.equal(third.error, 'resource-constraint');

  const closed = await startServer({ config: { 'auth.allowPlaintext': true, 'registration.open': false } });
  t.after(() => closed.stop());
  const guest = await Person.guest(closed);
  assert.equal((await guest.take({ name: 'features' })).child('register'), undefined);
  guest.send(`<iq type='set' id='r'>${wish('x', 'y')}</iq>`);
  await guest.gone();
});

test('without TLS, where sign-in needs it, nothing is offered either', async (t) => {
  const careful = await startServer();
  t.after(() => careful.stop());
  const guest = await Person.guest(careful);
  const features = await guest.take({ name: 'features' });
  assert.equal(features.child('register'), undefined);
  guest.send(`<iq type='set' id='r'>${wish('x', 'y')}</iq>`);
  await guest.gone();
});
