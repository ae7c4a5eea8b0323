// What was read on one device is known on all (XEP-0490), with server assist.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { errors, event, idsIn, items, publish, reader, textIn, wants } from './nodes.ts';
import { befriend, type Heard, message, Person } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());
let people = 0;
async function name(prefix: string): Promise<string> {
  const user = `${prefix}${++people}`;
  await server.createUser(user, 'secret');
  return user;
}
const ok = (heard: Heard): void => assert.equal(heard.attrs['type'], 'result', String(heard));
const NODE = 'urn:xmpp:mds:displayed:0';
const OPTIONS = { persist_items: 'true', max_items: 'max', send_last_published_item: 'never', access_model: 'whitelist' };
const state = (by: string, id: string): string =>
  `<displayed xmlns='${NODE}'><stanza-id xmlns='urn:xmpp:sid:0' by='${by}' id='${id}'/></displayed>`;
const marker = (id: string): string => `<displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/>`;
const stanzaId = (heard: Heard): string => heard.child('stanza-id')?.attrs['id'] ?? '';
/** Bob writes to Ann; answers the stanza-id that Ann's server gave it. */
async function say(bob: Person, ann: Person, id: string): Promise<string> {
  bob.send(`<message to='${ann.bare}' type='chat' id='${id}'><body>hi</body></message>`);
  return stanzaId(await ann.take(message({ id })));
}

test('a device publishes what was displayed, and the others hear of it', async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  const phone = await reader(server, annName, [NODE]);
  ok(await ann.ask('set', publish(NODE, 'bob@localhost', state(ann.bare, '1'), OPTIONS)));
  assert.deepEqual(idsIn(await phone.take(event(NODE, { from: ann.bare }))), ['bob@localhost']);
});

test('server assist: one message for the sender and for the own devices; nothing of it reaches the sender (XEP-0490 §4.5)', async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  const phone = await reader(server, annName, [NODE], false);
  const bob = await Person.signIn(server, await name('bob'));
  const id = await say(bob, ann, 'm1');
  ann.send(`<message to='${bob.bare}' id='read'>${marker('m1')}${state(ann.bare, id)}</message>`);
  const heard = await bob.take(message({ id: 'read' }));
  assert.ok(heard.child('displayed', 'urn:xmpp:chat-markers:0'));
  assert.equal(heard.child('displayed', NODE), undefined);
  const told = await phone.take(event(NODE));
  assert.deepEqual(idsIn(told), [bob.bare]);
  assert.match(textIn(told), new RegExp(`id="${id}"`));
  const info = await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`);
  assert.ok(
    info
      .child('query')
      ?.all('feature')
      .some((one) => one.attrs['var'] === 'urn:xmpp:mds:server-assist:0'),
  );
});

test('server assist makes a node for nobody else, and bob cannot read it', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  await wants(bob, [NODE], false);
  const id = await say(bob, ann, 'm1');
  ann.send(`<message to='${bob.bare}' id='read'>${marker('m1')}${state(ann.bare, id)}</message>`);
  await bob.take(message({ id: 'read' }));
  await bob.hearsNo(event(NODE));
  assert.deepEqual(errors(await bob.ask('get', items(NODE), ann.bare)), ['not-allowed', 'closed-node']);
  assert.deepEqual(idsIn(await ann.ask('get', items(NODE))), [bob.bare]);
});

test('R5: server assist does not write to a node that was opened to others, and strips all the same', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  ok(await ann.ask('set', publish(NODE, 'x@localhost', state(ann.bare, '1'), { access_model: 'open' })));
  const id = await say(bob, ann, 'm1');
  ann.send(`<message to='${bob.bare}' id='read'>${marker('m1')}${state(ann.bare, id)}</message>`);
  assert.equal((await bob.take(message({ id: 'read' }))).child('displayed', NODE), undefined);
  assert.deepEqual(idsIn(await ann.ask('get', items(NODE))), ['x@localhost']);
});

test('a message that would be empty is refused, and one that says nonsense is stripped of it', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  ann.send(`<message to='${bob.bare}' id='empty'>${state(ann.bare, '1')}</message>`);
  assert.equal((await ann.take(message({ id: 'empty', type: 'error' }))).error, 'bad-request');
  ann.send(
    `<message to='${bob.bare}' id='odd' type='chat'><body>x</body><displayed xmlns='${NODE}'/><displayed xmlns='${NODE}'>y</displayed></message>`,
  );
  const heard = await bob.take(message({ id: 'odd' }));
  assert.equal(heard.child('displayed'), undefined);
  assert.equal((await ann.ask('get', items(NODE))).error, 'item-not-found');
});

test('a displayed marker (XEP-0333) moves the state of an account whose devices use it, once', async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  const phone = await reader(server, annName, [NODE], false);
  const bob = await Person.signIn(server, await name('bob'));
  const first = await say(bob, ann, 'm1');
  const second = await say(bob, ann, 'm2');
  ann.send(`<message to='${bob.bare}' id='r1'>${marker('m1')}</message>`);
  await bob.take(message({ id: 'r1' }));
  await phone.hearsNo(event(NODE));
  ok(await ann.ask('set', publish(NODE, bob.bare, state(ann.bare, first), OPTIONS)));
  await phone.take(event(NODE));
  ann.send(`<message to='${bob.bare}' id='r2'>${marker('m2')}</message>`);
  assert.match(textIn(await phone.take(event(NODE))), new RegExp(`id="${second}"`));
  ann.send(`<message to='${bob.bare}' id='r3'>${marker('m1')}</message>`);
  await bob.take(message({ id: 'r3' }));
  await ann.settled();
  await phone.hearsNo(event(NODE));
});

test('the list of conversations counts by it', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await say(bob, ann, 'm1');
  const second = await say(bob, ann, 'm2');
  await say(bob, ann, 'm3');
  const unread = async (): Promise<string | undefined> => {
    ann.send(`<iq type='get' id='inbox${people++}'><inbox xmlns='urn:xmpp:inbox:1'/></iq>`);
    const entry = await ann.take({ name: 'message', where: (heard) => heard.child('entry') !== undefined });
    return entry.child('entry')?.attrs['unread'];
  };
  assert.equal(await unread(), '3');
  ok(await ann.ask('set', publish(NODE, bob.bare, state(ann.bare, second), OPTIONS)));
  assert.equal(await unread(), '1');
});
