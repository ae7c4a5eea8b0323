// Personal nodes (XEP-0163 on XEP-0060), and what clients say they want (XEP-0115).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import {
  answerCaps,
  capsOf,
  configure,
  errors,
  event,
  eventOf,
  form,
  idsIn,
  items,
  owner,
  publish,
  pubsub,
  question,
  reader,
  TUNE,
  textIn,
  tune,
  wants,
} from './nodes.ts';
import { befriend, Person, presence } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());
let people = 0;
async function name(prefix: string): Promise<string> {
  const user = `${prefix}${++people}`;
  await server.createUser(user, 'secret');
  return user;
}
const ok = (heard: { attrs: Readonly<Record<string, string>> }): void => assert.equal(heard.attrs['type'], 'result', String(heard));

test('Ann publishes a tune: it makes the node, and all her devices and her contacts that want tunes hear of it', async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  const phone = await reader(server, annName, [TUNE]);
  await wants(bob, [TUNE], false);
  const eve = await reader(server, await name('eve'), [TUNE], false);

  const answer = await ann.ask('set', publish(TUNE, undefined, tune('Intro')));
  const id = answer.child('pubsub')?.child('publish')?.child('item')?.attrs['id'];
  assert.ok(id);
  for (const one of [phone, bob]) {
    const heard = await one.take(event(TUNE, { from: ann.bare, to: one.jid, type: 'headline' }));
    assert.deepEqual(idsIn(heard), [id]);
    assert.match(textIn(heard), /Intro/);
  }
  await ann.hearsNo(event(TUNE));
  await eve.hearsNo(event(TUNE));
});

test('the server asks once for each hash, also after a restart (XEP-0115 §5)', async () => {
  const node = 'urn:test:asked-once';
  const annName = await name('ann');
  const ann = await reader(server, annName, [node]);
  const bob = await reader(server, await name('bob'), [node], false);
  await bob.hearsNo(question);
  await ann.leave();
  await server.restart();
  const back = await reader(server, annName, [node], false);
  await back.hearsNo(question);
  await back.ask('set', publish(node, 'a', '<a xmlns="urn:test:a"/>'));
  await back.take(event(node));
});

test('caps poisoning: an answer that is not what the hash says is believed of nobody else (XEP-0115 §5.4)', async () => {
  const node = 'urn:test:poison';
  const good = capsOf([node], 'good');
  const eve = await Person.signIn(server, await name('eve'), { presence: false });
  eve.send(good.presence);
  await answerCaps(eve, capsOf(['urn:test:other'], 'evil').info);
  await eve.settled();
  const ann = await Person.signIn(server, await name('ann'), { presence: false });
  ann.send(good.presence);
  await answerCaps(ann, good.info);
  await ann.settled();
  await ann.ask('set', publish(node, 'a', '<a xmlns="urn:test:a"/>'));
  await ann.take(event(node));
});

test('forged answer: only who was asked answers a question of the server', async () => {
  const caps = capsOf(['urn:test:forged'], 'forged');
  const ann = await Person.signIn(server, await name('ann'), { presence: false });
  ann.send(caps.presence);
  const asked = await ann.take(question);
  const eve = await Person.signIn(server, await name('eve'));
  for (const to of [ann.jid, server.domain])
    eve.send(`<iq type='result' id='${asked.attrs['id']}' to='${to}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`);
  await eve.settled();
  ann.send(`<iq type='result' id='${asked.attrs['id']}' to='${asked.attrs['from']}'>${caps.info}</iq>`);
  await ann.settled();
  await ann.ask('set', publish('urn:test:forged', 'a', '<a xmlns="urn:test:a"/>'));
  await ann.take(event('urn:test:forged'));
});

test('who comes online is told the last item of nodes it wants: its own and those of its contacts (XEP-0163 §4.3.4)', async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  const bobName = await name('bob');
  const bob = await Person.signIn(server, bobName);
  await befriend(ann, bob);
  await ann.ask('set', publish(TUNE, 'a', tune('Old')));
  await ann.ask('set', publish(TUNE, 'b', tune('Last')));
  await ann.leave();
  await bob.leave();
  await server.restart();

  const back = await reader(server, bobName, [TUNE], false);
  const heard = await back.take(event(TUNE, { from: ann.bare, to: back.jid }));
  assert.deepEqual(idsIn(heard), ['b']);
  assert.ok(heard.child('delay', 'urn:xmpp:delay'));
  back.send(capsOf([TUNE], `test ${TUNE}`).presence);
  await back.hearsNo(event(TUNE));
  const own = await reader(server, annName, [TUNE], false);
  assert.deepEqual(idsIn(await own.take(event(TUNE, { from: ann.bare, to: own.jid }))), ['b']);
});

test('a new contact is told the last item when the subscription is granted (XEP-0163 §4.3.4)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  await ann.ask('set', publish(TUNE, 'a', tune('Hello')));
  const bob = await reader(server, await name('bob'), [TUNE], false);
  bob.send(`<presence type='subscribe' to='${ann.bare}'/>`);
  await ann.take(presence({ type: 'subscribe', from: bob.bare }));
  await bob.hearsNo(event(TUNE));
  ann.send(`<presence type='subscribed' to='${bob.bare}'/>`);
  assert.deepEqual(idsIn(await bob.take(event(TUNE, { from: ann.bare }))), ['a']);
});

test('items are read all, by id, newest, and by page; the order is that of publication', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const node = 'urn:test:list';
  for (const id of ['a', 'b', 'c', 'b']) ok(await ann.ask('set', publish(node, id, tune(id), { max_items: 'max' })));
  assert.deepEqual(idsIn(await ann.ask('get', items(node))), ['a', 'c', 'b']);
  assert.deepEqual(idsIn(await ann.ask('get', items(node, `<item id='b'/><item id='a'/><item id='none'/>`))), ['a', 'b']);
  assert.deepEqual(idsIn(await ann.ask('get', items(node, '', ` max_items='2'`))), ['c', 'b']);
  const page = await ann.ask(
    'get',
    pubsub(`<items node='${node}'/><set xmlns='http://jabber.org/protocol/rsm'><max>1</max><after>a</after></set>`),
  );
  assert.deepEqual(idsIn(page), ['c']);
  assert.equal(page.child('pubsub')?.child('set')?.child('count')?.text, '3');
  assert.deepEqual(
    idsIn(await ann.ask('get', pubsub(`<items node='${node}'/><set xmlns='http://jabber.org/protocol/rsm'><max>2</max><before/></set>`))),
    ['c', 'b'],
  );
  assert.equal((await ann.ask('get', items(node, '', ` max_items='0'`))).error, 'bad-request');
  assert.equal(
    (await ann.ask('get', pubsub(`<items node='${node}'/><set xmlns='http://jabber.org/protocol/rsm'><after>' OR 1=1 --</after></set>`)))
      .error,
    'item-not-found',
  );
  assert.deepEqual(errors(await ann.ask('get', pubsub('<items/>'))), ['bad-request', 'nodeid-required']);
  assert.equal((await ann.ask('get', items('urn:test:none'))).error, 'item-not-found');
  await ann.leave();
  await server.restart();
  const back = await Person.signIn(server, ann.bare.split('@')[0] ?? '');
  assert.deepEqual(idsIn(await back.ask('get', items(node))), ['a', 'c', 'b'], 'and all that over a restart');
});

test('items are kept over kill -9 once their publication was answered', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  ok(await ann.ask('set', publish('urn:test:kill', 'a', tune('kept'))));
  await server.kill();
  await server.restart();
  const back = await Person.signIn(server, ann.bare.split('@')[0] ?? '');
  assert.deepEqual(idsIn(await back.ask('get', items('urn:test:kill'))), ['a']);
});

test('a node keeps as many items as it was told to; the oldest goes, and others hear that it went', async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  const node = 'urn:test:few';
  const phone = await reader(server, annName, [node]);
  for (const id of ['a', 'b', 'c']) ok(await ann.ask('set', publish(node, id, tune(id), { max_items: '2' })));
  assert.deepEqual(idsIn(await ann.ask('get', items(node))), ['b', 'c']);
  for (const id of ['a', 'b', 'c']) assert.deepEqual(idsIn(await phone.take(event(node))), [id]);
  assert.equal(eventOf(await phone.take(event(node)))?.child('retract')?.attrs['id'], 'a');
  ok(await ann.ask('set', configure(node, { publish_node_full: 'reject' })));
  assert.deepEqual(errors(await ann.ask('set', publish(node, 'd', tune('d')))), ['conflict', 'node-full']);
  ok(await ann.ask('set', publish(node, 'b', tune('b again'))));
  ok(await ann.ask('set', configure(node, { max_items: '1' })));
  assert.deepEqual(idsIn(await ann.ask('get', items(node))), ['b']);
});

test('items are taken back, nodes emptied and deleted; subscribers hear of it', async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  const node = 'urn:test:going';
  const phone = await reader(server, annName, [node]);
  for (const id of ['a', 'b', 'c']) ok(await ann.ask('set', publish(node, id, tune(id), { max_items: 'max' })));
  for (const _ of 'abc') await phone.take(event(node));
  const retract = (id: string): string => pubsub(`<retract node='${node}' notify='true'><item id='${id}'/></retract>`);
  ok(await ann.ask('set', retract('c')));
  assert.equal(eventOf(await phone.take(event(node)))?.child('retract')?.attrs['id'], 'c');
  assert.equal((await ann.ask('set', retract('c'))).error, 'item-not-found');
  assert.deepEqual(errors(await ann.ask('set', pubsub(`<retract node='${node}'/>`))), ['bad-request', 'item-required']);
  ok(await ann.ask('set', owner(`<purge node='${node}'/>`)));
  assert.equal(eventOf(await phone.take(event(node)))?.name, 'purge');
  assert.deepEqual(idsIn(await ann.ask('get', items(node))), []);
  ok(await ann.ask('set', owner(`<delete node='${node}'/>`)));
  assert.equal(eventOf(await phone.take(event(node)))?.name, 'delete');
  assert.equal((await ann.ask('get', items(node))).error, 'item-not-found');
  assert.equal((await ann.ask('set', owner(`<delete node='${node}'/>`))).error, 'item-not-found');
});

test('nodes are created, also with a configuration and without a name; their configuration is read and changed', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  ok(await ann.ask('set', pubsub(`<create node='urn:test:made'/><configure/>`)));
  assert.equal((await ann.ask('set', pubsub(`<create node='urn:test:made'/>`))).error, 'conflict');
  const instant = (await ann.ask('set', pubsub('<create/>'))).child('pubsub')?.child('create')?.attrs['node'];
  assert.ok(instant);
  const value = async (field: string): Promise<string | undefined> => {
    const answer = await ann.ask('get', owner(`<configure node='urn:test:made'/>`));
    const x = answer.child('pubsub')?.child('configure')?.child('x');
    return x
      ?.all('field')
      .find((one) => one.attrs['var'] === `pubsub#${field}`)
      ?.child('value')?.text;
  };
  assert.equal(await value('access_model'), 'presence');
  ok(await ann.ask('set', configure('urn:test:made', { access_model: 'open', title: 'Mine', max_items: '7' })));
  assert.deepEqual([await value('access_model'), await value('title'), await value('max_items')], ['open', 'Mine', '7']);
  assert.deepEqual(errors(await ann.ask('set', configure('urn:test:made', { access_model: 'nobody' }))), [
    'not-acceptable',
    'unsupported-access-model',
  ]);
  assert.equal((await ann.ask('set', configure('urn:test:made', { max_items: '-1' }))).error, 'not-acceptable');
  const defaults = await ann.ask('get', owner('<default/>'));
  assert.ok(defaults.child('pubsub')?.child('default')?.child('x'));
});

test('disco: an account is a pubsub service with the nodes that the asker may read (XEP-0163 §6)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  await ann.ask('set', publish(TUNE, 'a', tune('x')));
  await ann.ask('set', publish('urn:test:private', 'a', tune('x'), { access_model: 'whitelist' }));
  const info = await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, ann.bare);
  const query = info.child('query');
  assert.ok(query?.all('identity').some((one) => one.attrs['category'] === 'pubsub' && one.attrs['type'] === 'pep'));
  assert.ok(query?.all('feature').some((one) => one.attrs['var'] === 'http://jabber.org/protocol/pubsub#publish-options'));
  const nodes = async (who: Person): Promise<Array<string | undefined>> => {
    const answer = await who.ask('get', `<query xmlns='http://jabber.org/protocol/disco#items'/>`, ann.bare);
    return (
      answer
        .child('query')
        ?.all('item')
        .map((item) => item.attrs['node'])
        .sort() ?? [answer.error]
    );
  };
  assert.deepEqual(await nodes(ann), [TUNE, 'urn:test:private'].sort());
  assert.deepEqual(await nodes(bob), [TUNE]);
  const leaf = await bob.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info' node='${TUNE}'/>`, ann.bare);
  assert.equal(leaf.child('query')?.child('identity')?.attrs['type'], 'leaf');
  const hidden = await bob.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info' node='urn:test:private'/>`, ann.bare);
  assert.equal(hidden.error, 'item-not-found');
  const eve = await Person.signIn(server, await name('eve'));
  assert.deepEqual(await nodes(eve), ['service-unavailable']);
});

test('subscriptions: explicit ones to open nodes, without presence in between', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  const node = 'urn:test:blog';
  ok(await ann.ask('set', publish(node, 'a', tune('first'), { access_model: 'open', max_items: 'max' })));
  const subscribe = (jid: string): string => pubsub(`<subscribe node='${node}' jid='${jid}'/>`);
  const answer = await bob.ask('set', subscribe(bob.bare), ann.bare);
  assert.equal(answer.child('pubsub')?.child('subscription')?.attrs['subscription'], 'subscribed');
  assert.deepEqual(idsIn(await bob.take(event(node))), ['a'], 'with the last item');
  await ann.ask('set', publish(node, 'b', tune('second')));
  assert.deepEqual(idsIn(await bob.take(event(node, { to: bob.bare }))), ['b']);
  const mine = await bob.ask('get', pubsub('<subscriptions/>'), ann.bare);
  assert.equal(mine.child('pubsub')?.child('subscriptions')?.child('subscription')?.attrs['node'], node);
  const all = await ann.ask('get', owner(`<subscriptions node='${node}'/>`));
  assert.equal(all.child('pubsub')?.child('subscriptions')?.child('subscription')?.attrs['jid'], bob.bare);
  assert.deepEqual(errors(await bob.ask('set', subscribe(ann.bare), ann.bare)), ['bad-request', 'invalid-jid']);
  ok(await bob.ask('set', pubsub(`<unsubscribe node='${node}' jid='${bob.bare}'/>`), ann.bare));
  await ann.ask('set', publish(node, 'c', tune('third')));
  await bob.hearsNo(event(node));
  assert.deepEqual(errors(await bob.ask('set', pubsub(`<unsubscribe node='${node}' jid='${bob.bare}'/>`), ann.bare)), [
    'service-unavailable',
    undefined,
  ]);
});

test('authorize: a subscription waits until the owner grants it (XEP-0060 §8.6)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  const node = 'urn:test:authorize';
  ok(await ann.ask('set', publish(node, 'a', tune('x'), { access_model: 'authorize' })));
  assert.deepEqual(errors(await bob.ask('get', items(node), ann.bare)), ['not-authorized', 'not-subscribed']);
  const subscribe = pubsub(`<subscribe node='${node}' jid='${bob.bare}'/>`);
  assert.equal((await bob.ask('set', subscribe, ann.bare)).child('pubsub')?.child('subscription')?.attrs['subscription'], 'pending');
  await ann.take({ name: 'message', where: (heard) => heard.child('x', 'jabber:x:data') !== undefined });
  assert.deepEqual(errors(await bob.ask('set', subscribe, ann.bare)), ['not-authorized', 'pending-subscription']);
  ok(
    await ann.ask(
      'set',
      owner(`<subscriptions node='${node}'><subscription jid='${bob.bare}' subscription='subscribed'/></subscriptions>`),
    ),
  );
  assert.equal(eventOf(await bob.take(event(node)))?.attrs['subscription'], 'subscribed');
  assert.deepEqual(idsIn(await bob.ask('get', items(node), ann.bare)), ['a']);
});

test('authorize: the owner answers the request as it came, with a form; nobody else can (XEP-0060 §8.6)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  const node = 'urn:test:asked';
  ok(await ann.ask('set', publish(node, 'a', tune('x'), { access_model: 'authorize' })));
  const subscribe = async (): Promise<void> => {
    await bob.ask('set', pubsub(`<subscribe node='${node}' jid='${bob.bare}'/>`), ann.bare);
    await ann.take({ name: 'message', where: (heard) => heard.child('x', 'jabber:x:data') !== undefined });
  };
  const answer = (allow: string): string =>
    `<message to='${ann.bare}' id='answer'>${form('subscribe_authorization', { node, subscriber_jid: bob.bare, allow })}</message>`;
  await subscribe();
  bob.send(answer('true'));
  await bob.settled();
  assert.deepEqual(errors(await bob.ask('get', items(node), ann.bare)), ['not-authorized', 'not-subscribed']);
  ann.send(answer('false'));
  assert.equal(eventOf(await bob.take(event(node)))?.attrs['subscription'], 'none');
  await subscribe();
  ann.send(answer('1'));
  assert.equal(eventOf(await bob.take(event(node)))?.attrs['subscription'], 'subscribed');
  assert.deepEqual(idsIn(await bob.ask('get', items(node), ann.bare)), ['a']);
  ann.send(answer('1'));
  assert.equal((await ann.take({ name: 'message', attrs: { type: 'error' } })).error, 'item-not-found');
});

test('roster groups and affiliations decide who reads', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  const cat = await Person.signIn(server, await name('cat'));
  await befriend(ann, bob);
  await befriend(ann, cat);
  await ann.ask('set', `<query xmlns='jabber:iq:roster'><item jid='${bob.bare}'><group>Friends</group></item></query>`);
  const node = 'urn:test:friends';
  ok(await ann.ask('set', publish(node, 'a', tune('x'), { access_model: 'roster', roster_groups_allowed: 'Friends' })));
  await wants(bob, [node]);
  await wants(cat, [node], false);
  assert.deepEqual(idsIn(await bob.ask('get', items(node), ann.bare)), ['a']);
  assert.deepEqual(errors(await cat.ask('get', items(node), ann.bare)), ['not-authorized', 'not-in-roster-group']);
  assert.deepEqual(idsIn(await bob.take(event(node))), ['a']);
  await cat.hearsNo(event(node));
  const set = (jid: string, affiliation: string): string =>
    owner(`<affiliations node='${node}'><affiliation jid='${jid}' affiliation='${affiliation}'/></affiliations>`);
  ok(await ann.ask('set', set(bob.bare, 'outcast')));
  ok(await ann.ask('set', set(cat.bare, 'publisher')));
  assert.equal((await bob.ask('get', items(node), ann.bare)).error, 'forbidden');
  ok(await cat.ask('set', publish(node, 'c', tune('from cat')), ann.bare));
  const read = await ann.ask('get', items(node));
  assert.equal(read.child('pubsub')?.child('items')?.child('item')?.attrs['publisher'], cat.bare);
  assert.equal((await ann.ask('set', set(ann.bare, 'none'))).error, 'not-acceptable');
  const list = await ann.ask('get', owner(`<affiliations node='${node}'/>`));
  assert.deepEqual(
    list
      .child('pubsub')
      ?.child('affiliations')
      ?.all('affiliation')
      .map((one) => one.attrs['affiliation'])
      .sort(),
    ['outcast', 'owner', 'publisher'],
  );
});

test('what a device that is away could not take follows when it is back', async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  const node = 'urn:test:away';
  const phone = await reader(server, annName, [node]);
  const id = await phone.makeResumable();
  phone.cut();
  for (let i = 0; i < 230; i++) await ann.ask('set', publish(node, `i${i}`, tune('x'), { max_items: 'max' }));
  await ann.ask('set', pubsub(`<retract node='${node}' notify='true'><item id='i5'/></retract>`));
  const back = await Person.authenticate(server, annName);
  back.send(`<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='0'/>`);
  await back.take({ name: 'resumed' });
  let retracted = 0;
  for (let i = 0; i < 230; ) {
    const heard = await back.take(event(node));
    if (eventOf(heard)?.child('retract')?.attrs['id'] === 'i5') retracted = i;
    else assert.deepEqual(idsIn(heard), [`i${i++}`]);
  }
  assert.ok(retracted > 5, 'what was taken back is known to be so');
});

test('D10: a device that does not read is not sent events without end; it is told what is true when it reads on', async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  const node = 'urn:test:slow';
  const slow = await reader(server, annName, [node]);
  slow.pause();
  const large = tune('x'.repeat(100_000));
  // More than the buffers on the way hold.
  for (let i = 0; i < 150; i++) ok(await ann.ask('set', publish(node, `i${i % 10}`, large, { max_items: '10' })));
  ok(await ann.ask('set', publish(node, 'last', tune('last'), { max_items: '10' })));
  slow.resume();
  let events = 1;
  while (idsIn(await slow.take(event(node)))[0] !== 'last') events++;
  assert.ok(events < 151, `${events} events`);
  await slow.settled();
});
