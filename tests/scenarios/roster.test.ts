// The contact list: changes, pushes, versions, and whose business it is (RFC 6121 §2).
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { type Heard, Person, presence, push } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());
let people = 0;
async function name(prefix: string): Promise<string> {
  const user = `${prefix}${++people}`;
  await server.createUser(user, 'secret');
  return user;
}
const query = (text: string, ver?: string): string =>
  `<query xmlns='jabber:iq:roster'${ver === undefined ? '' : ` ver='${ver}'`}>${text}</query>`;
const verOf = (iq: Heard): string => iq.child('query')?.attrs['ver'] ?? '';
const itemOf = (iq: Heard): Heard => {
  const item = iq.child('query')?.child('item');
  assert.ok(item !== undefined, `an item in ${iq}`);
  return item;
};

test('Ann adds Bob on her phone; her laptop, which asked for the roster, learns of it, her tablet, which did not, does not', async () => {
  const ann = await name('ann');
  const phone = await Person.signIn(server, ann, { resource: 'phone' });
  const laptop = await Person.signIn(server, ann, { resource: 'laptop' });
  const tablet = await Person.signIn(server, ann, { resource: 'tablet', roster: false });

  const set = await phone.ask('set', query(`<item jid='bob@localhost' name='Bob'><group>Friends</group><group>Work</group></item>`));
  assert.equal(set.attrs['type'], 'result');
  for (const device of [phone, laptop]) {
    const item = itemOf(await device.take(push('bob@localhost')));
    assert.deepEqual(item.attrs, { jid: 'bob@localhost', name: 'Bob', subscription: 'none' });
    assert.deepEqual(
      item.all('group').map((group) => group.text),
      ['Friends', 'Work'],
    );
  }
  await tablet.hearsNo(push('bob@localhost'));
  assert.equal((await tablet.roster()).length, 1);
});

test('a roster set that is wrong changes nothing', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const wrong: ReadonlyArray<readonly [items: string, condition: string]> = [
    ['', 'bad-request'],
    [`<item jid='a@localhost'/><item jid='b@localhost'/>`, 'bad-request'],
    [`<item/>`, 'bad-request'],
    [`<item jid='@'/>`, 'jid-malformed'],
    [`<item jid='a@localhost'><group/></item>`, 'not-acceptable'],
    [`<item jid='a@localhost'><group>G</group><group>G</group></item>`, 'bad-request'],
    [`<item jid='a@localhost' name='${'x'.repeat(2000)}'/>`, 'not-acceptable'],
    [`<item jid='a@localhost'><group>${'x'.repeat(2000)}</group></item>`, 'not-acceptable'],
    [`<item jid='nobody@localhost' subscription='remove'/>`, 'item-not-found'],
  ];
  for (const [items, condition] of wrong) assert.equal((await ann.ask('set', query(items))).error, condition, items);
  assert.deepEqual(await ann.roster(), []);
  await ann.hearsNo({ name: 'iq', attrs: { type: 'set' } });
});

test('a client that names the version it has gets only what changed since (XEP-0237)', async () => {
  const user = await name('ann');
  const ann = await Person.signIn(server, user, { resource: 'phone' });
  for (const contact of ['a', 'b', 'c', 'd', 'e', 'f']) await ann.ask('set', query(`<item jid='${contact}@localhost'/>`));
  const known = verOf(await ann.ask('get', query('', '')));
  assert.notEqual(known, '');
  await ann.forget();

  const same = await ann.ask('get', query('', known));
  assert.equal(same.attrs['type'], 'result');
  assert.deepEqual(same.children, [], 'nothing changed: an empty result');
  await ann.hearsNo({ name: 'iq', attrs: { type: 'set' } });
  await ann.leave();

  const laptop = await Person.signIn(server, user, { resource: 'laptop' });
  await laptop.ask('set', query(`<item jid='b@localhost' name='B'/>`));
  await laptop.ask('set', query(`<item jid='b@localhost' name='BB'/>`));
  await laptop.ask('set', query(`<item jid='d@localhost' subscription='remove'/>`));

  const back = await Person.signIn(server, user, { resource: 'phone', roster: false, presence: false });
  const changed = await back.ask('get', query('', known));
  assert.deepEqual(changed.children, []);
  const first = await back.take(push('b@localhost'));
  const second = await back.take(push('d@localhost'));
  assert.equal(itemOf(first).attrs['name'], 'BB');
  assert.equal(itemOf(second).attrs['subscription'], 'remove');
  await back.hearsNo({ name: 'iq', attrs: { type: 'set' } });
  const now = verOf(second);
  assert.deepEqual((await back.ask('get', query('', now))).children, [], 'the last push carries the version of the whole');

  const whole = await back.ask('get', query('', 'something-else'));
  assert.equal(whole.child('query')?.all('item').length, 5);
  assert.equal(verOf(whole), now);
});

test('what is stored is still there after a restart, version and all', async () => {
  const user = await name('ann');
  const ann = await Person.signIn(server, user);
  await ann.ask('set', query(`<item jid='bob@localhost' name='B&amp;b &lt;3'><group>&quot;G&apos;</group></item>`));
  const before = await ann.ask('get', query('', ''));
  await ann.leave();
  await server.restart();
  const again = await Person.signIn(server, user);
  const after = await again.ask('get', query('', ''));
  assert.equal(String(after.child('query')), String(before.child('query')));
  assert.equal(itemOf(after).attrs['name'], 'B&b <3');
});

test('R2: nobody changes the roster of somebody else, whether or not they exist', async () => {
  const bob = await Person.signIn(server, await name('bob'));
  const eve = await Person.signIn(server, await name('eve'));
  const item = `<item jid='eve@localhost' subscription='both'/>`;
  for (const to of [bob.bare, bob.jid, `${bob.bare}/elsewhere`, 'nobody-there@localhost', 'nobody-there@localhost/x']) {
    for (const type of ['set', 'get'] as const) {
      const answer = await eve.ask(type, query(type === 'set' ? item : ''), to);
      assert.equal(answer.error, 'forbidden', `${type} to ${to}`);
    }
  }
  await bob.hearsNo({ name: 'iq' });
  assert.deepEqual(await bob.roster(), []);
});

test('R2: not even a contact gets a forged roster push through', async () => {
  const bob = await Person.signIn(server, await name('bob'));
  const eve = await Person.signIn(server, await name('eve'));
  eve.send(`<presence type='subscribe' to='${bob.bare}'/>`);
  await bob.take(presence({ type: 'subscribe' }));
  bob.send(`<presence type='subscribed' to='${eve.bare}'/>`);
  await eve.take(presence({ type: undefined, from: bob.jid }));
  await bob.forget();
  assert.equal((await eve.ask('set', query(`<item jid='mallory@localhost'/>`), bob.jid)).error, 'forbidden');
  await bob.hearsNo({ name: 'iq' });
});

test('the answer of a client to a push is nobody else’s business and does no harm', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  await ann.ask('set', query(`<item jid='bob@localhost'/>`));
  const pushed = await ann.take(push('bob@localhost'));
  ann.send(`<iq type='result' id='${pushed.attrs['id']}'/>`);
  ann.send(
    `<iq type='error' id='${pushed.attrs['id']}'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
  );
  await ann.hearsNo({ name: 'iq' });
});

test('while the store refuses writes nothing changes, nobody is told of a change, and it is said; afterwards all goes on', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await ann.ask('set', query(`<item jid='old@localhost' name='Old'/>`));
  await ann.forget();
  const before = String(await ann.ask('get', query('', '')).then((iq) => iq.child('query')));

  const lock = new DatabaseSync(join(server.dataDir, 'parley.db'));
  lock.exec('BEGIN IMMEDIATE');
  try {
    assert.equal((await ann.ask('set', query(`<item jid='new@localhost'/>`))).error, 'resource-constraint');
    assert.equal((await ann.ask('set', query(`<item jid='old@localhost' subscription='remove'/>`))).error, 'resource-constraint');
    assert.equal((await ann.ask('set', `<block xmlns='urn:xmpp:blocking'><item jid='${bob.bare}'/></block>`)).error, 'resource-constraint');
    assert.equal((await ann.ask('set', `<vCard xmlns='vcard-temp'><FN>Ann</FN></vCard>`)).error, 'resource-constraint');
    ann.send(`<presence id='ask' type='subscribe' to='${bob.bare}'/>`);
    assert.equal((await ann.take(presence({ type: 'error', id: 'ask' }))).error, 'resource-constraint');
    await ann.hearsNo({ name: 'iq', attrs: { type: 'set' } });
    await bob.hearsNo(presence({ type: 'subscribe' }));
  } finally {
    lock.exec('ROLLBACK');
    lock.close();
  }
  assert.equal(String(await ann.ask('get', query('', '')).then((iq) => iq.child('query'))), before);
  assert.deepEqual((await ann.ask('get', `<blocklist xmlns='urn:xmpp:blocking'/>`)).child('blocklist')?.children, []);
  ann.send(`<presence id='again' type='subscribe' to='${bob.bare}'/>`);
  await bob.take(presence({ type: 'subscribe', from: ann.bare }));
  assert.equal(itemOf(await ann.take(push(bob.bare))).attrs['ask'], 'subscribe');
});
