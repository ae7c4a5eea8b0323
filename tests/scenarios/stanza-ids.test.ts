// XEP-0359: the server's ids are its own, and a resend is known by its origin-id (D3, R7).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { bodyOf, chat, countOf, NS_SID, NS_SM, newUser, present, quietly, says, stanzaIds, textsOf } from './messages.ts';
import { type Heard, message, type Person } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());
const ann = await present(server, await newUser(server, 'ann'), 'phone');

const origin = (id: string): string => `<origin-id xmlns='${NS_SID}' id='${id}'/>`;
const allIds = (heard: Heard): Heard[] => heard.children.filter((child) => child.name === 'stanza-id');
async function archived(person: Person): Promise<Heard[]> {
  await person.ask('set', `<query xmlns='urn:xmpp:mam:2'/>`);
  const results = person.inbox.filter((one) => one.child('result', 'urn:xmpp:mam:2') !== undefined);
  person.inbox.length = 0;
  return results.map((one) => one.child('result') as Heard);
}

test('§3: a kept message has one id by the account of the reader, and the archive knows it by the same', async () => {
  const bob = await present(server, await newUser(server, 'bob'), 'phone');
  ann.send(chat(bob.bare, 'hello'));
  const heard = await bob.take(says('hello'));
  assert.equal(allIds(heard).length, 1);
  const [id] = stanzaIds(heard, bob.bare);
  assert.deepEqual(
    (await archived(bob)).map((one) => one.attrs['id']),
    [id],
  );
  assert.ok(
    (await archived(ann)).some((one) => one.attrs['id'] === id),
    'K3: at the same position for the sender',
  );
});

test('§3: what is not kept has no id', async () => {
  const bob = await present(server, await newUser(server, 'bob'), 'phone');
  ann.send(chat(bob.bare, 'passing', `<no-store xmlns='urn:xmpp:hints'/>`));
  assert.deepEqual(allIds(await bob.take(says('passing'))), []);
});

for (const type of ['chat', 'headline'])
  test(`R7, §5: ids and delays that claim to be of this server are stripped, those of others stay (${type})`, async () => {
    const bob = await present(server, await newUser(server, 'bob'), 'phone');
    const forged = [bob.bare, ann.bare, 'localhost', bob.jid, 'LOCALHOST', bob.bare.toUpperCase()]
      .map(
        (by) =>
          `<stanza-id xmlns='${NS_SID}' by='${by}' id='forged'/><delay xmlns='urn:xmpp:delay' from='${by}' stamp='2001-01-01T00:00:00Z'/>`,
      )
      .join('');
    const foreign = `<stanza-id xmlns='${NS_SID}' by='room@muc.example.org' id='theirs'/>`;
    ann.send(chat(bob.bare, 'x', `${forged}<stanza-id xmlns='${NS_SID}' id='no-by'/>${foreign}${origin('mine')}`, type));
    const heard = await bob.take(says('x'));
    assert.ok(!allIds(heard).some((one) => one.attrs['id'] === 'forged' || one.attrs['id'] === 'no-by'), heard.toString());
    assert.ok(!heard.children.some((one) => one.name === 'delay'), heard.toString());
    assert.ok(allIds(heard).some((one) => one.attrs['id'] === 'theirs'));
    assert.equal(stanzaIds(heard, bob.bare).length, type === 'chat' ? 1 : 0);
    assert.equal(heard.child('origin-id', NS_SID)?.attrs['id'], 'mine', '§6: origin-ids stay');
  });

test('D3: the same message sent again under its origin-id is delivered once, archived once, and acknowledged', async () => {
  const bob = await present(server, await newUser(server, 'bob'), 'phone');
  const eveName = await newUser(server, 'eve');
  const eve = await quietly(server, eveName, 'phone');
  eve.send(`<enable xmlns='${NS_SM}'/>`);
  await eve.take({ name: 'enabled' });
  const it = chat(bob.bare, 'once', origin('o-1'));
  eve.send(it + it);
  await eve.settled();
  eve.send(it);
  assert.equal(await countOf(eve), 4);
  await eve.hearsNo(message({ type: 'error' }));
  eve.cut();
  const again = await quietly(server, eveName, 'phone');
  again.send(it);
  await again.settled();
  const tablet = await quietly(server, eveName, 'tablet');
  tablet.send(it);
  await tablet.settled();
  assert.deepEqual(await textsOf(bob), ['once']);
  assert.equal((await archived(bob)).length, 1);
  await again.hearsNo(message({ type: 'error' }));
});

test('D3: it stays once over a restart', async () => {
  const own = await startServer({ config: { 'auth.allowPlaintext': true } });
  try {
    const bob = await newUser(own, 'bob');
    const eveName = await newUser(own, 'eve');
    const it = chat(`${bob}@localhost`, 'once', origin('o-1'));
    const eve = await quietly(own, eveName, 'phone');
    eve.send(it);
    await eve.settled();
    await own.restart();
    const again = await quietly(own, eveName, 'phone');
    again.send(it);
    await again.settled();
    assert.deepEqual(await textsOf(await present(own, bob, 'phone')), ['once']);
  } finally {
    await own.stop();
  }
});

test('D3: another content, or another recipient, under the same origin-id is a conflict; the first one stands', async () => {
  const bob = await present(server, await newUser(server, 'bob'), 'phone');
  const carl = await present(server, await newUser(server, 'carl'), 'phone');
  const eve = await quietly(server, await newUser(server, 'eve'), 'phone');
  eve.send(chat(bob.bare, 'first', origin('o')));
  eve.send(chat(bob.bare, 'second', origin('o')));
  assert.equal((await eve.take(message({ type: 'error' }))).error, 'conflict');
  eve.send(chat(carl.bare, 'first', origin('o')));
  assert.equal((await eve.take(message({ type: 'error' }))).error, 'conflict');
  await carl.hearsNo(message());
  assert.deepEqual(await textsOf(bob), ['first']);
});

test('D3: two people may use the same origin-id', async () => {
  const bob = await present(server, await newUser(server, 'bob'), 'phone');
  for (const prefix of ['eve', 'carl']) {
    const one = await quietly(server, await newUser(server, prefix), 'phone');
    one.send(chat(bob.bare, prefix, origin('same')));
    await one.settled();
  }
  assert.deepEqual(await textsOf(bob), ['eve', 'carl']);
});

test('D3: an origin-id in a message to oneself', async () => {
  const eve = await present(server, await newUser(server, 'eve'), 'phone');
  const it = chat(eve.bare, 'note', origin('o'));
  eve.send(it + it);
  assert.deepEqual(await textsOf(eve), ['note']);
  assert.deepEqual(
    (await archived(eve)).map((one) => bodyOf(one.child('forwarded')?.child('message') as Heard)),
    ['note'],
  );
});
