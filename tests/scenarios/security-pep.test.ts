// What others must not be able to do with somebody's nodes; the threats are those of R5, R13 and R15.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { configure, errors, event, form, idsIn, items, owner, publish, pubsub, reader, tune, wants } from './nodes.ts';
import { befriend, Person } from './people.ts';

const server = await startServer({
  config: {
    'auth.allowPlaintext': true,
    'features.pep.maxNodes': 12,
    'features.pep.maxChangesPerHour': 120,
    'features.pep.maxAccountSize': '256KiB',
  },
});
test.after(() => server.stop());
let people = 0;
async function name(prefix: string): Promise<string> {
  const user = `${prefix}${++people}`;
  await server.createUser(user, 'secret');
  return user;
}
const PRIVATE = { access_model: 'whitelist', persist_items: 'true' };
const ok = (heard: { attrs: Readonly<Record<string, string>> }): void => assert.equal(heard.attrs['type'], 'result', String(heard));

/** Every request that reads or changes a node, with the whole of pubsub in it. */
const requests = (node: string, self: string): Array<['get' | 'set', string]> => [
  ['get', items(node)],
  ['get', items(node, `<item id='a'/>`)],
  ['get', pubsub('<subscriptions/>')],
  ['get', pubsub(`<affiliations node='${node}'/>`)],
  ['set', publish(node, 'a', tune('forged'))],
  ['set', pubsub(`<retract node='${node}'><item id='a'/></retract>`)],
  ['set', pubsub(`<create node='${node}-new'/>`)],
  ['set', pubsub(`<subscribe node='${node}' jid='${self}'/>`)],
  ['set', pubsub(`<unsubscribe node='${node}' jid='${self}'/>`)],
  ['get', owner(`<configure node='${node}'/>`)],
  ['get', owner(`<subscriptions node='${node}'/>`)],
  ['get', owner(`<affiliations node='${node}'/>`)],
  ['get', owner('<default/>')],
  ['set', configure(node, { access_model: 'open' })],
  ['set', owner(`<delete node='${node}'/>`)],
  ['set', owner(`<purge node='${node}'/>`)],
  ['set', owner(`<affiliations node='${node}'><affiliation jid='${self}' affiliation='publisher'/></affiliations>`)],
  ['set', owner(`<subscriptions node='${node}'><subscription jid='${self}' subscription='subscribed'/></subscriptions>`)],
];

test('R13: to a stranger a private node, a node for contacts, no node and no account are one and the same', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const eve = await Person.signIn(server, await name('eve'));
  ok(await ann.ask('set', publish('urn:test:private', 'a', tune('secret'), PRIVATE)));
  ok(await ann.ask('set', publish('urn:test:contacts', 'a', tune('secret'))));
  const answers = async (node: string, to: string): Promise<string[]> => {
    const list: string[] = [];
    for (const [type, request] of requests(node, eve.bare)) {
      const answer = await eve.ask(type, request, to);
      assert.equal(answer.attrs['type'], 'error', request);
      list.push(String(answer.child('error')));
    }
    return list;
  };
  const nobody = await answers('urn:test:private', 'nobody-here@localhost');
  assert.deepEqual(await answers('urn:test:private', ann.bare), nobody);
  assert.deepEqual(await answers('urn:test:contacts', ann.bare), nobody);
  assert.deepEqual(await answers('urn:test:missing', ann.bare), nobody);
  assert.deepEqual(idsIn(await ann.ask('get', items('urn:test:private'))), ['a'], 'and nothing has changed');
});

test("R13: a contact reads and changes nothing of somebody's private node, and is told why as XEP-0060 has it", async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  const node = 'urn:test:private';
  ok(await ann.ask('set', publish(node, 'a', tune('secret'), PRIVATE)));
  assert.deepEqual(errors(await bob.ask('get', items(node), ann.bare)), ['not-allowed', 'closed-node']);
  assert.deepEqual(errors(await bob.ask('set', pubsub(`<subscribe node='${node}' jid='${bob.bare}'/>`), ann.bare)), [
    'not-allowed',
    'closed-node',
  ]);
  for (const [type, request] of requests(node, bob.bare)) {
    const answer = await bob.ask(type, request, ann.bare);
    if (answer.attrs['type'] === 'result') assert.ok(/<(?:subscriptions|affiliations)[^>]*><\//.test(String(answer)), String(answer));
  }
  const read = await ann.ask('get', items(node));
  assert.match(String(read), /secret/);
  const list = await ann.ask('get', owner(`<affiliations node='${node}'/>`));
  assert.equal(list.child('pubsub')?.child('affiliations')?.children.length, 1);
});

test('R5: events of a private node reach the owner only, whoever says they want them', async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  const node = 'urn:test:secret-events';
  const phone = await reader(server, annName, [node]);
  await wants(bob, [node], false);
  ok(await ann.ask('set', publish(node, 'a', tune('secret'), PRIVATE)));
  await phone.take(event(node));
  await bob.hearsNo(event(node));
  await bob.leave();
  const again = await reader(server, bob.bare.split('@')[0] ?? '', [node], false);
  await again.hearsNo(event(node));
});

test('R5: whoever publishes privately to a node that is open is refused, and nothing is shown to anybody (XEP-0060 §7.1.5)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  const node = 'urn:test:was-open';
  await wants(bob, [node]);
  ok(await ann.ask('set', publish(node, 'a', tune('public'))));
  await bob.take(event(node));
  assert.deepEqual(errors(await ann.ask('set', publish(node, 'b', tune('secret'), PRIVATE))), ['conflict', 'precondition-not-met']);
  await bob.hearsNo(event(node));
  ok(await ann.ask('set', configure(node, { access_model: 'whitelist' })));
  ok(await ann.ask('set', publish(node, 'b', tune('secret'), PRIVATE)));
  await bob.hearsNo(event(node));
  assert.deepEqual(errors(await bob.ask('get', items(node), ann.bare)), ['not-allowed', 'closed-node']);
  const odd = await ann.ask('set', publish(node, 'c', tune('x'), { ...PRIVATE, 'no-such-option': '1' }));
  assert.equal(odd.error, 'not-acceptable', 'what is not understood is no met precondition');
});

test('R13: an end of the subscription is the end of events and of reading', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  const node = 'urn:test:was-friend';
  await wants(bob, [node]);
  ok(
    await bob.ask('set', pubsub(`<subscribe node='urn:test:was-friend' jid='${bob.bare}'/>`), ann.bare).then(async (answer) => {
      assert.equal(answer.error, 'item-not-found');
      await ann.ask('set', publish(node, 'a', tune('x')));
      await bob.take(event(node));
      return bob.ask('set', pubsub(`<subscribe node='${node}' jid='${bob.bare}'/>`), ann.bare);
    }),
  );
  await bob.forget();
  ann.send(`<presence type='unsubscribed' to='${bob.bare}'/>`);
  await ann.settled();
  await ann.ask('set', publish(node, 'b', tune('y')));
  await bob.hearsNo(event(node));
  assert.notEqual((await bob.ask('get', items(node), ann.bare)).attrs['type'], 'result');
});

test('R13: whom the owner blocks gets no events (XEP-0163 §4.3.3)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  await wants(bob, ['urn:test:blocked']);
  await ann.ask('set', `<block xmlns='urn:xmpp:blocking'><item jid='${bob.bare}'/></block>`);
  await ann.ask('set', publish('urn:test:blocked', 'a', tune('x')));
  await bob.hearsNo(event('urn:test:blocked'));
});

test('R13: who takes the name of a removed account inherits neither its nodes nor its place on the lists of others', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bobName = await name('bob');
  const bob = await Person.signIn(server, bobName);
  const node = 'urn:test:listed';
  ok(await bob.ask('set', publish('urn:test:own', 'a', tune('mine'))));
  ok(await ann.ask('set', publish(node, 'a', tune('x'), PRIVATE)));
  ok(await ann.ask('set', owner(`<affiliations node='${node}'><affiliation jid='${bob.bare}' affiliation='member'/></affiliations>`)));
  assert.deepEqual(idsIn(await bob.ask('get', items(node), ann.bare)), ['a']);
  await bob.ask('set', `<query xmlns='jabber:iq:register'><remove/></query>`);
  await bob.gone();
  await server.createUser(bobName, 'secret');
  const again = await Person.signIn(server, bobName);
  assert.equal((await again.ask('get', items(node), ann.bare)).error, 'service-unavailable');
  assert.equal((await again.ask('get', items('urn:test:own'))).error, 'item-not-found');
});

test('oversize: payloads, forms, names, ids and odd items are refused by name', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const node = 'urn:test:sizes';
  assert.deepEqual(errors(await ann.ask('set', publish(node, 'a', tune('x'.repeat(200_000))))), ['not-acceptable', 'payload-too-big']);
  assert.equal((await ann.ask('get', items(node))).error, 'item-not-found', 'nothing was made');
  assert.equal((await ann.ask('set', publish('n'.repeat(600), 'a', tune('x')))).error, 'not-acceptable');
  assert.equal((await ann.ask('set', publish(node, 'i'.repeat(600), tune('x')))).error, 'not-acceptable');
  assert.deepEqual(errors(await ann.ask('set', publish('', 'a', tune('x')))), ['bad-request', 'nodeid-required']);
  assert.deepEqual(errors(await ann.ask('set', publish(node, 'a', `${tune('x')}${tune('y')}`))), ['bad-request', 'invalid-payload']);
  assert.deepEqual(errors(await ann.ask('set', publish(node, 'a', ''))), ['bad-request', 'payload-required']);
  assert.deepEqual(errors(await ann.ask('set', pubsub(`<publish node='${node}'/>`))), ['bad-request', 'item-required']);
  assert.equal((await ann.ask('set', pubsub(`<publish node='${node}'><item/><item/></publish>`))).error, 'bad-request');
  const many = Array.from({ length: 400 }, (_, i) => `<field var='pubsub#x${i}'><value>1</value></field>`).join('');
  ok(await ann.ask('set', publish(node, 'a', tune('x'))));
  const big = owner(`<configure node='${node}'><x xmlns='jabber:x:data' type='submit'>${many}</x></configure>`);
  assert.equal((await ann.ask('set', big)).error, 'bad-request');
  const wrong = owner(`<configure node='${node}'>${form('publish-options', {})}</configure>`);
  assert.equal((await ann.ask('set', wrong)).error, 'bad-request');
  assert.equal((await ann.ask('set', pubsub('<nonsense/>'))).error, 'bad-request');
});

test('node name abuse: names with anything in them are names and nothing else', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  for (const [index, node] of [`' OR 1=1 --`, '../../etc/passwd', '__proto__', 'constructor', '%', '\u{1F600}\u202e'].entries()) {
    const written = node.replaceAll("'", '&apos;');
    ok(await ann.ask('set', publish(written, '__proto__', tune(String(index)))));
    const read = await ann.ask('get', items(written));
    assert.deepEqual(idsIn(read), ['__proto__'], node);
    assert.match(String(read), new RegExp(`<title>${index}</title>`));
  }
});

test('a flood of nodes, of bytes and of items ends with an error, and with nothing else', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  for (let i = 0; i < 12; i++) ok(await ann.ask('set', publish(`urn:test:n${i}`, 'a', tune('x'))));
  assert.deepEqual(errors(await ann.ask('set', publish('urn:test:n12', 'a', tune('x')))), ['policy-violation', 'max-nodes-exceeded']);
  ok(await ann.ask('set', publish('urn:test:n0', 'a', tune('x'.repeat(150_000)))));
  assert.equal((await ann.ask('set', publish('urn:test:n1', 'a', tune('x'.repeat(150_000))))).error, 'resource-constraint');
  let refused = 0;
  for (let i = 0; i < 130; i++)
    if ((await ann.ask('set', publish('urn:test:n2', 'a', tune(String(i))))).error === 'resource-constraint') refused++;
  assert.ok(refused > 0);
  const bob = await Person.signIn(server, await name('bob'));
  ok(await bob.ask('set', publish('urn:test:n0', 'a', tune('x'))));
});

test('R5: a forged event is a message like any other, from who sent it', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const eve = await Person.signIn(server, await name('eve'));
  const forged = `<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:bookmarks:1'><item id='evil@room'/></items></event>`;
  eve.send(`<message to='${ann.bare}' type='headline'>${forged}</message>`);
  assert.equal((await ann.take(event('urn:xmpp:bookmarks:1'))).attrs['from'], eve.jid);
  eve.send(`<message from='${ann.bare}' to='${ann.bare}' type='headline'>${forged}</message>`);
  await eve.gone();
  await ann.hearsNo(event('urn:xmpp:bookmarks:1'));
});

const subscribeOthers = (node: string, state: string, ...jids: string[]): string =>
  owner(
    `<subscriptions node='${node}'>${jids.map((jid) => `<subscription jid='${jid}' subscription='${state}'/>`).join('')}</subscriptions>`,
  );

test('spam: nobody is subscribed who has not asked, and nobody hears from one whom they block', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const eve = await Person.signIn(server, await name('eve'));
  const node = 'buy pills here';
  ok(await eve.ask('set', publish(node, 'a', tune('x'), { access_model: 'open' })));
  assert.equal((await eve.ask('set', subscribeOthers(node, 'subscribed', ann.bare))).error, 'forbidden');
  ok(await eve.ask('set', publish(node, 'b', tune('y'))));
  await ann.hearsNo({ name: 'message' });
  // Who asked is told when it ends, unless they have had enough.
  ok(await ann.ask('set', pubsub(`<subscribe node='${node}' jid='${ann.bare}'/>`), eve.bare));
  await ann.take(event(node));
  await ann.ask('set', `<block xmlns='urn:xmpp:blocking'><item jid='${eve.bare}'/></block>`);
  ok(await eve.ask('set', subscribeOthers(node, 'none', ann.bare)));
  await ann.hearsNo({ name: 'message' });
  assert.equal((await eve.ask('set', subscribeOthers(node, 'subscribed', ann.bare))).error, 'forbidden');
});

test('flood: each change of a subscription counts, however many are in one request', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  ok(await ann.ask('set', publish('urn:test:toggled', 'a', tune('x'))));
  const addresses = Array.from({ length: 60 }, (_, i) => `${bob.bare}/r${i}`);
  let refused = 0;
  for (const state of ['subscribed', 'none', 'subscribed', 'none'])
    if ((await ann.ask('set', subscribeOthers('urn:test:toggled', state, ...addresses))).error === 'resource-constraint') refused++;
  assert.ok(refused >= 2, `${refused} of 4`);
});

test("R5: who may publish cannot put something in the place of another's item", async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  const eve = await Person.signIn(server, await name('eve'));
  await befriend(ann, bob);
  await befriend(ann, eve);
  const node = 'urn:test:comments';
  ok(await ann.ask('set', publish(node, 'post', tune('by ann'), { publish_model: 'open', max_items: '10' })));
  ok(await bob.ask('set', publish(node, 'comment', tune('by bob')), ann.bare));
  for (const id of ['post', 'comment'])
    assert.equal((await eve.ask('set', publish(node, id, tune('forged')), ann.bare)).error, 'forbidden', id);
  ok(await bob.ask('set', publish(node, 'comment', tune('by bob, better')), ann.bare));
  ok(await ann.ask('set', publish(node, 'comment', tune('by ann, the owner'))));
  assert.doesNotMatch(String(await ann.ask('get', items(node))), /forged/);
});
