// XEP-0060 at pubsub.<domain>: Ann runs a node for the news, Bob reads it, Eve would like to be more than she is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { newUser, present } from './messages.ts';
import { type Heard, message, Person } from './people.ts';
import { field } from './rooms.ts';

const config = { 'auth.allowPlaintext': true, 'features.pep.serviceNodesPerAccount': 5, 'features.pep.maxItems': 3 };
const server = await startServer({ config });
test.after(() => server.stop());

const HOST = 'pubsub.localhost';
const NS = 'http://jabber.org/protocol/pubsub';
const DISCO = 'http://jabber.org/protocol/disco';
const ask = (who: Person, content: string, owner = false): Promise<Heard> =>
  who.ask(
    content.startsWith('<get') ? 'get' : 'set',
    `<pubsub xmlns='${NS}${owner ? '#owner' : ''}'>${content.replace(/^<get\/>/, '')}</pubsub>`,
    HOST,
  );
const get = (who: Person, content: string, owner = false): Promise<Heard> => ask(who, `<get/>${content}`, owner);
const form = (kind: string, fields: string): string =>
  `<x xmlns='jabber:x:data' type='submit'>${field('FORM_TYPE', `${NS}#${kind}`)}${fields}</x>`;
const item = (id: string, text: string): string => `<item id='${id}'><note xmlns='urn:test'>${text}</note></item>`;
const publish = (who: Person, node: string, id: string, text: string): Promise<Heard> =>
  ask(who, `<publish node='${node}'>${item(id, text)}</publish>`);
const ok = (answer: Heard): Heard => {
  assert.equal(answer.attrs['type'], 'result', String(answer));
  return answer;
};
const event = (part: string) => ({
  ...message({ from: HOST }),
  where: (heard: Heard) => heard.child('event', `${NS}#event`) !== undefined && String(heard).includes(part),
});
let count = 0;
async function annsNode(fields = ''): Promise<{ ann: Person; bob: Person; node: string }> {
  const ann = await present(server, await newUser(server, 'ann'), 'a');
  const bob = await present(server, await newUser(server, 'bob'), 'b');
  const node = `news${++count}`;
  ok(await ask(ann, `<create node='${node}'/>${fields === '' ? '' : `<configure>${form('node_config', fields)}</configure>`}`));
  return { ann, bob, node };
}
const affiliations = (...list: [string, string][]): string =>
  list.map(([jid, affiliation]) => `<affiliation jid='${jid}' affiliation='${affiliation}'/>`).join('');

test('the service is found, and says what it can; its nodes are listed in pages', async () => {
  const { ann, bob, node } = await annsNode(field('pubsub#title', 'News of the day'));
  const items = await bob.ask('get', `<query xmlns='${DISCO}#items'/>`, 'localhost');
  assert.ok(
    items
      .child('query')
      ?.all('item')
      .some((one) => one.attrs['jid'] === HOST),
  );
  const info = (await bob.ask('get', `<query xmlns='${DISCO}#info'/>`, HOST)).child('query');
  assert.deepEqual([info?.child('identity')?.attrs['category'], info?.child('identity')?.attrs['type']], ['pubsub', 'service']);
  const features = info?.all('feature').map((one) => one.attrs['var']) ?? [];
  for (const name of [
    'create-nodes',
    'publish',
    'subscribe',
    'access-open',
    'access-whitelist',
    'access-authorize',
    'publish-options',
    'modify-affiliations',
  ])
    assert.ok(features.includes(`${NS}#${name}`), name);
  for (const name of ['access-presence', 'auto-create', 'filtered-notifications']) assert.ok(!features.includes(`${NS}#${name}`), name);
  ok(await ask(ann, `<create node='${node}-2'/>`));
  const page = await bob.ask(
    'get',
    `<query xmlns='${DISCO}#items'><set xmlns='http://jabber.org/protocol/rsm'><max>1</max></set></query>`,
    HOST,
  );
  assert.equal(page.child('query')?.all('item').length, 1);
  const last = page.child('query')?.child('set')?.child('last')?.text;
  const next = await bob.ask(
    'get',
    `<query xmlns='${DISCO}#items'><set xmlns='http://jabber.org/protocol/rsm'><max>1</max><after>${last}</after></set></query>`,
    HOST,
  );
  assert.notEqual(next.child('query')?.child('item')?.attrs['node'], last);
  const about = String(await bob.ask('get', `<query xmlns='${DISCO}#info' node='${node}'/>`, HOST));
  assert.match(about, /News of the day/);
  assert.match(about, new RegExp(`pubsub#owner.*${ann.bare}`, 's'));
});

test('§6.1, §7.1: subscribe, publish, be told; a new subscriber is told the last item; unsubscribe', async () => {
  const { ann, bob, node } = await annsNode();
  assert.equal((await publish(ann, `${node}-none`, 'x', 'x')).error, 'item-not-found');
  const subscribed = ok(await ask(bob, `<subscribe node='${node}' jid='${bob.bare}'/>`));
  assert.equal(subscribed.child('pubsub')?.child('subscription')?.attrs['subscription'], 'subscribed');
  assert.equal(
    ok(await publish(ann, node, 'i1', 'first'))
      .child('pubsub')
      ?.child('publish')
      ?.child('item')?.attrs['id'],
    'i1',
  );
  const told = await bob.take(event('first'));
  assert.match(String(told), new RegExp(`publisher="${ann.bare}"`));
  assert.equal(told.attrs['type'], 'headline');
  ok(await publish(ann, node, 'i2', 'second'));
  await bob.take(event('second'));
  const cora = await present(server, await newUser(server, 'cora'), 'c');
  ok(await ask(cora, `<subscribe node='${node}' jid='${cora.bare}/c'/>`));
  assert.ok((await cora.take(event('second'))).child('delay') !== undefined);
  const mine = ok(await get(bob, '<subscriptions/>'));
  assert.deepEqual(
    mine
      .child('pubsub')
      ?.child('subscriptions')
      ?.all('subscription')
      .map((one) => one.attrs['node']),
    [node],
  );
  ok(await ask(bob, `<unsubscribe node='${node}' jid='${bob.bare}'/>`));
  ok(await publish(ann, node, 'i3', 'third'));
  await cora.take(event('third'));
  await bob.settled();
  assert.ok(!bob.inbox.some((heard) => String(heard).includes('third')));
  // Items stay, as many as are allowed; one is taken back.
  ok(await publish(ann, node, 'i4', 'fourth'));
  const ids = async (): Promise<(string | undefined)[]> =>
    ok(await get(bob, `<items node='${node}'/>`))
      .child('pubsub')
      ?.child('items')
      ?.all('item')
      .map((one) => one.attrs['id']) ?? [];
  assert.deepEqual(await ids(), ['i2', 'i3', 'i4']);
  ok(await ask(ann, `<retract node='${node}' notify='true'><item id='i3'/></retract>`));
  await cora.take(event('<retract id="i3"'));
  assert.deepEqual(await ids(), ['i2', 'i4']);
  ok(await ask(ann, `<purge node='${node}'/>`, true));
  await cora.take(event('<purge'));
  assert.deepEqual(await ids(), []);
  ok(await ask(ann, `<delete node='${node}'/>`, true));
  await cora.take(event('<delete'));
  assert.equal((await get(bob, `<items node='${node}'/>`)).error, 'item-not-found');
});

test('§8: owners configure, appoint and dismiss; a node has at least one', async () => {
  const { ann, bob, node } = await annsNode(field('pubsub#access_model', 'whitelist'));
  assert.equal((await get(bob, `<items node='${node}'/>`)).error, 'not-allowed');
  assert.equal((await ask(bob, `<subscribe node='${node}' jid='${bob.bare}'/>`)).error, 'not-allowed');
  const options = String(ok(await get(ann, `<configure node='${node}'/>`, true)));
  assert.match(options, /whitelist/);
  assert.doesNotMatch(options, /<value>presence|<value>roster/);
  ok(await ask(ann, `<affiliations node='${node}'>${affiliations([bob.bare, 'publisher'])}</affiliations>`, true));
  ok(await ask(bob, `<subscribe node='${node}' jid='${bob.bare}'/>`));
  ok(await publish(bob, node, 'b1', 'by Bob'));
  await bob.take(event('by Bob'));
  assert.equal((await get(bob, `<configure node='${node}'/>`, true)).error, 'forbidden');
  // A second owner, and the first goes.
  ok(await ask(ann, `<affiliations node='${node}'>${affiliations([bob.bare, 'owner'])}</affiliations>`, true));
  ok(await ask(bob, `<affiliations node='${node}'>${affiliations([ann.bare, 'none'])}</affiliations>`, true));
  assert.equal(
    (await ask(bob, `<affiliations node='${node}'>${affiliations([bob.bare, 'none'])}</affiliations>`, true)).error,
    'not-acceptable',
  );
  assert.equal((await publish(ann, node, 'a1', 'no more')).error, 'forbidden');
  ok(await ask(bob, `<configure node='${node}'>${form('node_config', field('pubsub#access_model', 'open'))}</configure>`, true));
  ok(await get(ann, `<items node='${node}'/>`));
  assert.equal(
    (await ask(bob, `<configure node='${node}'>${form('node_config', field('pubsub#access_model', 'presence'))}</configure>`, true)).error,
    'not-acceptable',
  );
});

test('§6.1.3.4, §8.6: a subscription that an owner has to approve', async () => {
  const { ann, bob, node } = await annsNode(field('pubsub#access_model', 'authorize'));
  const asked = ok(await ask(bob, `<subscribe node='${node}' jid='${bob.bare}'/>`));
  assert.equal(asked.child('pubsub')?.child('subscription')?.attrs['subscription'], 'pending');
  const request = await ann.take({ ...message({ from: HOST }), where: (heard) => heard.child('x', 'jabber:x:data') !== undefined });
  assert.match(String(request), new RegExp(bob.bare));
  const answer = (who: Person, allow: string): void =>
    who.send(
      `<message to='${HOST}' id='ok-${allow}'>${form('subscribe_authorization', field('pubsub#node', node) + field('pubsub#subscriber_jid', bob.bare) + field('pubsub#allow', allow))}</message>`,
    );
  answer(bob, '1');
  assert.equal((await bob.take(message({ type: 'error' }))).error, 'forbidden', 'nobody lets themselves in');
  answer(ann, '1');
  await bob.take(event('subscription="subscribed"'));
  ok(await publish(ann, node, 'x', 'for the approved'));
  await bob.take(event('for the approved'));
});

test('§7.1.5: publish-options are preconditions', async () => {
  const { ann, node } = await annsNode();
  const with_ = (fields: string): string =>
    `<publish node='${node}'>${item('p', 'x')}</publish><publish-options>${form('publish-options', fields)}</publish-options>`;
  ok(await ask(ann, with_(field('pubsub#access_model', 'open'))));
  assert.equal((await ask(ann, with_(field('pubsub#access_model', 'whitelist')))).error, 'conflict');
});

test('privilege escalation, forged publishers, enumeration: Eve gets what the specification says, and changes nothing', async () => {
  const { ann, node } = await annsNode(field('pubsub#access_model', 'whitelist'));
  ok(await publish(ann, node, 'secret', 'for members'));
  const eve = await present(server, await newUser(server, 'eve'), 'e');
  const refused: [string, string, boolean][] = [
    [`<publish node='${node}'>${item('secret', 'mine now')}</publish>`, 'forbidden', false],
    [`<retract node='${node}'><item id='secret'/></retract>`, 'forbidden', false],
    [`<delete node='${node}'/>`, 'forbidden', true],
    [`<purge node='${node}'/>`, 'forbidden', true],
    [`<affiliations node='${node}'>${affiliations([eve.bare, 'owner'])}</affiliations>`, 'forbidden', true],
    [`<subscriptions node='${node}'><subscription jid='${eve.bare}' subscription='subscribed'/></subscriptions>`, 'forbidden', true],
    [`<create node='${node}'/>`, 'conflict', false],
    [`<subscribe node='${node}' jid='${ann.bare}'/>`, 'not-allowed', false],
    [`<subscribe jid='${eve.bare}'/>`, 'bad-request', false],
  ];
  for (const [content, error, owner] of refused) assert.equal((await ask(eve, content, owner)).error, error, content);
  for (const content of [`<affiliations node='${node}'/>`, `<subscriptions node='${node}'/>`, `<configure node='${node}'/>`])
    assert.equal((await get(eve, content, true)).error, 'forbidden', content);
  const items = await eve.ask('get', `<query xmlns='${DISCO}#items'/>`, HOST);
  assert.ok(!String(items).includes(`"${node}"`), 'what she may not read is not listed');
  assert.equal((await eve.ask('get', `<query xmlns='${DISCO}#info' node='${node}'/>`, HOST)).error, 'item-not-found');
  const kept = String(ok(await get(ann, `<items node='${node}'/>`)));
  assert.match(kept, /for members/);
  // A member of an open node forges nobody: the publisher is who asks.
  const { bob, node: open, ann: owner } = await annsNode(field('pubsub#publish_model', 'open'));
  ok(await ask(bob, `<publish node='${open}'><item id='f' publisher='${owner.bare}'><note xmlns='urn:test'/></item></publish>`));
  assert.match(String(ok(await get(owner, `<items node='${open}'/>`))), new RegExp(`publisher="${bob.bare}"`));
  // Nobody is subscribed to what they did not ask for.
  assert.equal(
    (await ask(owner, `<subscriptions node='${open}'><subscription jid='${eve.bare}' subscription='subscribed'/></subscriptions>`, true))
      .error,
    'forbidden',
  );
});

test('resource exhaustion: nodes of one account, items of one node, oversize payloads, names without end', async () => {
  const { ann, bob, node } = await annsNode();
  for (let i = 0; i < 4; i++) ok(await ask(ann, `<create node='${node}-${i}'/>`));
  assert.equal((await ask(ann, `<create node='${node}-5'/>`)).error, 'policy-violation');
  for (let i = 0; i < 6; i++) ok(await publish(ann, node, `i${i}`, 'x'));
  assert.equal(
    ok(await get(ann, `<items node='${node}'/>`))
      .child('pubsub')
      ?.child('items')
      ?.all('item').length,
    3,
  );
  assert.equal((await publish(ann, node, 'big', 'x'.repeat(200_000))).error, 'not-acceptable');
  assert.equal((await publish(ann, node, 'i'.repeat(1000), 'x')).error, 'not-acceptable');
  assert.equal((await ask(bob, `<create node='${'n'.repeat(1000)}'/>`)).error, 'not-acceptable');
});

test('items and lists are there after a kill; a namesake inherits nothing, and a node goes with its last owner (R10)', async (t) => {
  const own = await startServer({ config });
  for (const name of ['ann', 'bob']) await own.createUser(name, 'secret');
  const [ann, bob] = [await Person.signIn(own, 'ann'), await Person.signIn(own, 'bob')];
  for (const node of ['mine', 'ours']) ok(await ask(ann, `<create node='${node}'/>`));
  ok(await ask(ann, `<affiliations node='ours'>${affiliations(['bob@localhost', 'owner'])}</affiliations>`, true));
  ok(await ask(bob, `<subscribe node='mine' jid='bob@localhost'/>`));
  for (let i = 0; i < 5; i++) ok(await publish(ann, 'mine', `i${i}`, `text ${i}`));
  await own.kill();
  const again = await startServer({ config, dataDir: own.dataDir });
  t.after(() => again.stop());
  const [later, reader] = [await Person.signIn(again, 'ann'), await Person.signIn(again, 'bob')];
  const items = ok(await get(reader, `<items node='mine'/>`))
    .child('pubsub')
    ?.child('items');
  assert.deepEqual(
    items?.all('item').map((one) => one.attrs['id']),
    ['i2', 'i3', 'i4'],
  );
  ok(await publish(later, 'mine', 'i5', 'after the kill'));
  await reader.take(event('after the kill'));
  await later.ask('set', `<query xmlns='jabber:iq:register'><remove/></query>`);
  await later.gone();
  await again.createUser('ann', 'secret');
  const namesake = await Person.signIn(again, 'ann');
  assert.equal((await get(reader, `<items node='mine'/>`)).error, 'item-not-found');
  assert.equal((await get(namesake, `<affiliations node='ours'/>`, true)).error, 'forbidden');
  ok(await get(reader, `<affiliations node='ours'/>`, true));
});
