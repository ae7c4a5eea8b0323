// Bookmarks of group chats in all the ways that clients store them (XEP-0402, 0048, 0049, 0411), and notification settings (XEP-0492).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { configure, errors, event, eventOf, idsIn, items, publish, pubsub, reader, textIn, wants } from './nodes.ts';
import { befriend, type Heard, Person } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true, 'features.private-storage.maxElements': 5 } });
test.after(() => server.stop());
let people = 0;
async function name(prefix: string): Promise<string> {
  const user = `${prefix}${++people}`;
  await server.createUser(user, 'secret');
  return user;
}
const ok = (heard: Heard): void => assert.equal(heard.attrs['type'], 'result', String(heard));
const NODE = 'urn:xmpp:bookmarks:1';
const LEGACY = 'storage:bookmarks';
const OPTIONS = { persist_items: 'true', max_items: 'max', send_last_published_item: 'never', access_model: 'whitelist' };
const room = (attrs: string, content = ''): string => `<conference xmlns='${NODE}' ${attrs}>${content}</conference>`;
const privately = (content: string): string => `<query xmlns='jabber:iq:private'>${content}</query>`;
const storage = (content: string): string => `<storage xmlns='${LEGACY}'>${content}</storage>`;
const conferences = (holder: Heard | undefined): string[] =>
  (holder?.all('conference') ?? []).map((one) => `${one.attrs['jid']} ${one.attrs['name'] ?? ''} ${one.attrs['autojoin']}`).sort();
const fromPrivate = async (who: Person): Promise<string[]> =>
  conferences((await who.ask('get', privately(storage('')))).child('query')?.child('storage'));
const fromLegacyNode = async (who: Person): Promise<string[]> =>
  conferences((await who.ask('get', items(LEGACY))).child('pubsub')?.child('items')?.child('item')?.child('storage'));

test('a bookmark published by one client is there for those that use the older ways, and stays over a restart', async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  ok(await ann.ask('set', publish(NODE, 'play@rooms.example', room(`name='Play' autojoin='true'`, '<nick>JC</nick>'), OPTIONS)));
  ok(await ann.ask('set', publish(NODE, 'orchard@rooms.example', room(`name='Orchard'`), OPTIONS)));
  const expected = ['orchard@rooms.example Orchard false', 'play@rooms.example Play true'];
  assert.deepEqual(await fromPrivate(ann), expected);
  assert.deepEqual(await fromLegacyNode(ann), expected);
  ok(await ann.ask('set', pubsub(`<retract node='${NODE}' notify='true'><item id='orchard@rooms.example'/></retract>`)));
  assert.deepEqual(await fromPrivate(ann), expected.slice(1));
  assert.deepEqual(await fromLegacyNode(ann), expected.slice(1));
  await server.restart();
  const back = await Person.signIn(server, annName);
  assert.deepEqual(await fromPrivate(back), expected.slice(1));
});

test('a list stored in private XML becomes items: what differs is told, what is the same is not, extensions stay', async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  const phone = await reader(server, annName, [NODE]);
  const extension = `<extensions><state xmlns='urn:test:state' minimized='true'/></extensions>`;
  ok(await ann.ask('set', publish(NODE, 'a@rooms.example', room(`name='A'`, extension), OPTIONS)));
  ok(await ann.ask('set', publish(NODE, 'b@rooms.example', room(`name='B'`), OPTIONS)));
  ok(await ann.ask('set', publish(NODE, 'c@rooms.example', room(`name='C'`), OPTIONS)));
  await phone.forget();
  const list = `<conference jid='a@rooms.example' name='A2' autojoin='1'/><conference jid='b@rooms.example' name='B'/><conference jid='d@rooms.example'/><url name='x' url='http://x.example/'/>`;
  ok(await ann.ask('set', privately(storage(list))));
  const heard = [await phone.take(event(NODE)), await phone.take(event(NODE)), await phone.take(event(NODE))];
  assert.deepEqual(heard.flatMap(idsIn), ['a@rooms.example', 'd@rooms.example']);
  assert.match(textIn(heard[0] as Heard), /minimized/);
  assert.equal(eventOf(heard[2] as Heard)?.child('retract')?.attrs['id'], 'c@rooms.example');
  await phone.hearsNo(event(NODE));
  const answer = await ann.ask('get', privately(storage('')));
  assert.equal(answer.child('query')?.child('storage')?.child('url')?.attrs['url'], 'http://x.example/', 'web pages too');
});

test('a list published in the older node becomes items (#compat-pep)', async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  const phone = await reader(server, annName, [NODE], false);
  const list = storage(`<conference jid='a@rooms.example' name='A' autojoin='true'><nick>n</nick><password>p</password></conference>`);
  ok(await ann.ask('set', publish(LEGACY, 'current', list, { persist_items: 'true', access_model: 'whitelist' })));
  const heard = await phone.take(event(NODE));
  assert.deepEqual(idsIn(heard), ['a@rooms.example']);
  assert.match(textIn(heard), /<nick>n<\/nick><password>p<\/password>/);
  assert.deepEqual(await fromPrivate(ann), ['a@rooms.example A true']);
});

test('the account says that it keeps them in step', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const info = await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`);
  const features =
    info
      .child('query')
      ?.all('feature')
      .map((one) => one.attrs['var']) ?? [];
  for (const feature of [`${NODE}#compat`, `${NODE}#compat-pep`, 'urn:xmpp:bookmarks-conversion:0', 'jabber:iq:private'])
    assert.ok(features.includes(feature), feature);
});

test('R5: bookmarks are private also when a client forgets to say so', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  await wants(bob, [NODE, LEGACY]);
  ok(await ann.ask('set', publish(NODE, 'a@rooms.example', room(`name='A'`))));
  for (const node of [NODE, LEGACY]) {
    assert.deepEqual(errors(await bob.ask('get', items(node), ann.bare)), ['not-allowed', 'closed-node']);
    await bob.hearsNo(event(node));
  }
});

test('R5: what is private is not copied to a node that others read (XEP-0411 §6)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  await wants(bob, [NODE, LEGACY], false);
  ok(await ann.ask('set', publish(LEGACY, 'current', storage(''), { access_model: 'open' })));
  await bob.forget();
  ok(await ann.ask('set', publish(NODE, 'secret@rooms.example', room(`name='A'`), OPTIONS)));
  await bob.hearsNo(event(LEGACY));
  assert.doesNotMatch(String(await bob.ask('get', items(LEGACY), ann.bare)), /secret/);
  ok(await ann.ask('set', configure(NODE, { access_model: 'presence' })));
  await bob.forget();
  const answer = await ann.ask('set', privately(storage(`<conference jid='other@rooms.example'/>`)));
  assert.equal(answer.error, 'conflict');
  await bob.hearsNo(event(NODE));
});

test('bookmarks that are none are refused', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  assert.equal((await ann.ask('set', privately(storage(`<conference name='x'/>`)))).error, 'bad-request');
  assert.equal((await ann.ask('set', privately(storage(`<conference jid='a@b@c'/>`)))).error, 'bad-request');
  assert.deepEqual(await fromPrivate(ann), []);
});

test('flood: one list in the older form is not worth thousands of publications', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const list = (count: number): string => storage(Array.from({ length: count }, (_, i) => `<conference jid='r${i}@rooms'/>`).join(''));
  assert.equal((await ann.ask('set', privately(list(501)))).error, 'policy-violation');
  assert.deepEqual(await fromPrivate(ann), []);
  await ann.ask('set', publish(LEGACY, 'current', list(501)));
  assert.deepEqual(idsIn(await ann.ask('get', items(NODE))), []);
  assert.doesNotMatch(String(await ann.ask('get', items(LEGACY))), /r7@rooms/, 'what is in force is told anew');
  assert.equal((await ann.ask('set', privately(list(40)))).attrs['type'], 'result');
  assert.equal((await fromPrivate(ann)).length, 40);
});

test("private XML: stored and read by its owner's devices, and by nobody else (XEP-0049)", async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  const eve = await Person.signIn(server, await name('eve'));
  const prefs = `<exodus xmlns='exodus:prefs'><defaultnick>Hamlet &amp; Co</defaultnick></exodus>`;
  const ask = privately(`<exodus xmlns='exodus:prefs'/>`);
  assert.equal((await ann.ask('get', ask)).child('query')?.child('exodus')?.children.length, 0, 'empty at first');
  ok(await ann.ask('set', privately(prefs)));
  await server.restart();
  const back = await Person.signIn(server, annName);
  assert.equal((await back.ask('get', ask)).child('query')?.child('exodus')?.child('defaultnick')?.text, 'Hamlet & Co');
  const eveBack = await Person.signIn(server, eve.bare.split('@')[0] ?? '');
  for (const to of [back.bare, 'nobody-here@localhost']) {
    assert.equal((await eveBack.ask('get', ask, to)).error, 'forbidden');
    assert.equal((await eveBack.ask('set', privately(prefs), to)).error, 'forbidden');
  }
});

test('private XML is bounded, and its errors are those of XEP-0049 §3', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  assert.equal((await ann.ask('get', privately(''))).error, 'bad-request');
  assert.equal((await ann.ask('set', privately(''))).error, 'bad-request');
  assert.equal((await ann.ask('set', privately('<a/>'))).error, 'not-acceptable');
  assert.equal((await ann.ask('get', privately(`<a xmlns='urn:a'/><b xmlns='urn:b'/>`))).error, 'not-acceptable');
  assert.equal((await ann.ask('set', privately(`<a xmlns='urn:a'>${'x'.repeat(70_000)}</a>`))).error, 'not-acceptable');
  for (let i = 0; i < 5; i++) ok(await ann.ask('set', privately(`<a xmlns='urn:a${i}'/>`)));
  assert.equal((await ann.ask('set', privately(`<a xmlns='urn:a5'/>`))).error, 'resource-constraint');
  ok(await ann.ask('set', privately(`<a xmlns='urn:a4'>again</a>`)));
});
