// Blocking (XEP-0191): for the one who is blocked the other is simply never there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { befriend, message, Person, presence, push } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());
let people = 0;
async function name(prefix: string): Promise<string> {
  const user = `${prefix}${++people}`;
  await server.createUser(user, 'secret');
  return user;
}
const NS = `xmlns='urn:xmpp:blocking'`;
const items = (jids: readonly string[]): string => jids.map((jid) => `<item jid='${jid}'/>`).join('');
const block = (who: Person, ...jids: string[]) => who.ask('set', `<block ${NS}>${items(jids)}</block>`);
const unblock = (who: Person, ...jids: string[]) => who.ask('set', `<unblock ${NS}>${items(jids)}</unblock>`);
const list = async (who: Person): Promise<string[]> =>
  ((await who.ask('get', `<blocklist ${NS}/>`)).child('blocklist', 'urn:xmpp:blocking')?.all('item') ?? [])
    .map((item) => item.attrs['jid'] ?? '')
    .sort();

test('the list: devices that asked for it are told of changes, others are not (§3.2 to §3.5)', async () => {
  const user = await name('ann');
  const phone = await Person.signIn(server, user, { resource: 'phone' });
  const laptop = await Person.signIn(server, user, { resource: 'laptop' });
  const tablet = await Person.signIn(server, user, { resource: 'tablet' });
  assert.deepEqual(await list(phone), []);
  assert.deepEqual(await list(laptop), []);
  const told = (action: string) => ({
    name: 'iq',
    attrs: { type: 'set' },
    where: (iq: { child(name: string, ns?: string): unknown }) => iq.child(action, 'urn:xmpp:blocking') !== undefined,
  });

  assert.equal((await block(phone, 'eve@localhost', 'mallory@localhost')).attrs['type'], 'result');
  for (const device of [phone, laptop]) assert.equal((await device.take(told('block'))).child('block')?.all('item').length, 2);
  assert.deepEqual(await list(tablet), ['eve@localhost', 'mallory@localhost']);
  assert.equal((await unblock(phone, 'eve@localhost')).attrs['type'], 'result');
  assert.equal((await laptop.take(told('unblock'))).child('unblock')?.child('item')?.attrs['jid'], 'eve@localhost');
  assert.equal((await unblock(phone)).attrs['type'], 'result');
  assert.deepEqual(
    (await laptop.take({ ...told('unblock'), where: (iq) => iq.child('unblock')?.children.length === 0 })).child('unblock')?.children,
    [],
  );
  assert.deepEqual(await list(phone), []);
});

test('a block command that names nobody, or nothing sensible, is refused', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  assert.equal((await block(ann)).error, 'bad-request');
  assert.equal((await block(ann, '@')).error, 'jid-malformed');
  assert.equal((await block(ann, ann.bare)).error, 'not-allowed');
  assert.deepEqual(await list(ann), []);
});

test('Ann blocks Bob, a friend: he sees her go, and nothing of his arrives any more; unblocked they see each other again', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  await block(ann, bob.bare);
  await bob.take(presence({ type: 'unavailable', from: ann.jid }));

  bob.send(`<message type='chat' id='m1' to='${ann.bare}'><body>hi</body></message>`);
  assert.equal((await bob.take(message({ type: 'error', id: 'm1' }))).error, 'service-unavailable');
  assert.equal((await bob.ask('get', `<ping xmlns='urn:xmpp:ping'/>`, ann.jid)).error, 'service-unavailable');
  assert.equal((await bob.ask('get', `<vCard xmlns='vcard-temp'/>`, ann.bare)).error, 'service-unavailable');
  bob.send(
    `<presence><show>away</show></presence><presence to='${ann.jid}'/><presence type='probe' to='${ann.bare}'/><presence type='subscribe' to='${ann.bare}'/>`,
  );
  await bob.settled();
  await ann.hearsNo(message());
  await ann.hearsNo(presence());
  ann.send(`<presence><show>dnd</show></presence>`);
  await ann.take(presence({ from: ann.jid }));
  await ann.settled();
  await bob.hearsNo(presence({ from: ann.jid }));
  await bob.hearsNo(presence({ from: ann.bare }));

  await unblock(ann, bob.bare);
  assert.equal((await bob.take(presence({ type: undefined, from: ann.jid }))).child('show')?.text, 'dnd');
  assert.equal((await ann.take(presence({ type: undefined, from: bob.jid }))).child('show')?.text, 'away');
  bob.send(`<message type='chat' id='m2' to='${ann.bare}'><body>hi again</body></message>`);
  await ann.take(message({ id: 'm2' }));
});

test('Ann cannot write to somebody she has blocked, and is told why', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await block(ann, bob.bare);
  ann.send(`<message type='chat' id='m1' to='${bob.jid}'><body>hi</body></message>`);
  const refused = await ann.take(message({ type: 'error', id: 'm1' }));
  assert.equal(refused.error, 'not-acceptable');
  assert.ok(refused.child('error')?.child('blocked', 'urn:xmpp:blocking:errors') !== undefined);
  assert.equal((await ann.ask('get', `<ping xmlns='urn:xmpp:ping'/>`, bob.jid)).error, 'not-acceptable');
  ann.send(`<presence id='p1' to='${bob.bare}'/>`);
  assert.equal((await ann.take(presence({ type: 'error', id: 'p1' }))).error, 'not-acceptable');
  await bob.hearsNo(message());
  await bob.hearsNo(presence({ from: ann.jid }));
});

test('what was blocked while Ann was away does not come when she returns', async () => {
  const user = await name('ann');
  const ann = await Person.signIn(server, user);
  const eve = await Person.signIn(server, await name('eve'));
  await block(ann, eve.bare);
  await ann.leave();
  eve.send(`<message type='chat' id='m1' to='${ann.bare}'><body>psst</body></message><presence type='subscribe' to='${ann.bare}'/>`);
  assert.equal((await eve.take(message({ type: 'error', id: 'm1' }))).error, 'service-unavailable');
  assert.equal(
    (await eve.take(push(ann.bare))).child('query')?.child('item')?.attrs['ask'],
    'subscribe',
    'as with anybody who does not answer',
  );
  await eve.settled();
  const back = await Person.signIn(server, user);
  await back.hearsNo(message());
  await back.hearsNo(presence({ type: 'subscribe' }));
  assert.deepEqual(await list(back), [eve.bare]);
});

test('the block outlives a restart, a blocked full JID stops only that device, and own devices are never cut off', async () => {
  const user = await name('ann');
  const eveName = await name('eve');
  let ann = await Person.signIn(server, user, { resource: 'phone' });
  await block(ann, `${eveName}@localhost/bad`, 'localhost.example');
  await ann.leave();
  await server.restart();
  ann = await Person.signIn(server, user, { resource: 'phone' });
  const laptop = await Person.signIn(server, user, { resource: 'laptop' });
  const bad = await Person.signIn(server, eveName, { resource: 'bad' });
  const good = await Person.signIn(server, eveName, { resource: 'good' });
  bad.send(`<message type='chat' id='m1' to='${ann.jid}'><body>x</body></message>`);
  assert.equal((await bad.take(message({ type: 'error', id: 'm1' }))).error, 'service-unavailable');
  good.send(`<message type='chat' id='m2' to='${ann.jid}'><body>x</body></message>`);
  await ann.take(message({ id: 'm2' }));
  laptop.send(`<message type='chat' id='m3' to='${ann.jid}'><body>x</body></message>`);
  await ann.take(message({ id: 'm3' }));
});
