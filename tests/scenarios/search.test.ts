// XEP-0431: finding messages by their text, in the own archive and nowhere else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { bodyOf, newUser, present, quietly } from './messages.ts';
import type { Heard, Person } from './people.ts';
import { groupchat, makeGroup, takeGroups } from './rooms.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());

const MAM = 'urn:xmpp:mam:2';
const FULLTEXT = '{urn:xmpp:fulltext:0}fulltext';
const ORDER = '{urn:parley:mam:search:0}order';
const rsm = (content: string): string => `<set xmlns='http://jabber.org/protocol/rsm'>${content}</set>`;

interface Found {
  readonly texts: Array<string | undefined>;
  readonly ids: string[];
  readonly scores: number[];
  readonly complete: boolean;
  readonly error: string | undefined;
}
async function search(who: Person, fields: Record<string, string>, content = '', to?: string): Promise<Found> {
  await who.settled();
  who.inbox.length = 0;
  const form = Object.entries({ FORM_TYPE: MAM, ...fields }).map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`);
  const query = `<query xmlns='${MAM}'><x xmlns='jabber:x:data' type='submit'>${form.join('')}</x>${content}</query>`;
  const answer = await who.ask('set', query, to);
  const results = who.inbox.flatMap((one) => one.child('result', MAM) ?? []);
  who.inbox.length = 0;
  return {
    texts: results.map((one) => bodyOf(one.child('forwarded')?.child('message') as Heard)),
    ids: results.map((one) => one.attrs['id'] ?? ''),
    scores: results.flatMap((one) => Number(one.child('rank')?.attrs['score'] ?? Number.NaN)),
    complete: answer.child('fin')?.attrs['complete'] === 'true',
    error: answer.error,
  };
}
const say = (to: string, text: string, more = '', id = text): string =>
  `<message to='${to}' type='chat' id='${id}'><body>${text}</body>${more}</message>`;

const annName = await newUser(server, 'ann');
const ann = await present(server, annName, 'phone');
const bob = await present(server, await newUser(server, 'bob'), 'phone');
const carl = await present(server, await newUser(server, 'carl'), 'phone');
for (const text of [
  'We should bake a cake',
  'Cake? Great idea',
  'nothing',
  'Über Kuchen: Käsekuchen',
  '今天天气很好',
  'cake recipe '.repeat(20).trim(),
]) {
  bob.send(say(ann.bare, text));
  await bob.settled();
}
ann.send(say(carl.bare, 'Carl, do you like cake?'));
await ann.settled();
bob.send(say(carl.bare, 'Ann wants cake, but that is a secret'));
await bob.settled();

test('it is announced, and the form has its fields', async () => {
  const info = await ann.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", ann.bare);
  const features = info.child('query')?.children.map((child) => child.attrs['var']);
  assert.ok(features?.includes('urn:xmpp:fulltext:0') && features.includes('urn:parley:mam:search:0'));
  const form = await ann.ask('get', `<query xmlns='${MAM}'/>`);
  const fields = form.child('query')?.child('x')?.all('field');
  assert.deepEqual(
    fields?.map((field) => field.attrs['var']).filter((name) => name?.startsWith('{')),
    [FULLTEXT, ORDER],
  );
});

test('found by words, beginnings, without case and diacritics, in both directions of a conversation', async () => {
  assert.deepEqual((await search(ann, { [FULLTEXT]: 'CAKE' })).texts, [
    'We should bake a cake',
    'Cake? Great idea',
    'cake recipe '.repeat(20).trim(),
    'Carl, do you like cake?',
  ]);
  assert.deepEqual((await search(ann, { [FULLTEXT]: 'great cak' })).texts, ['Cake? Great idea']);
  assert.deepEqual((await search(ann, { [FULLTEXT]: 'kasekuchen' })).texts, ['Über Kuchen: Käsekuchen']);
  assert.deepEqual((await search(ann, { [FULLTEXT]: '天气' })).texts, ['今天天气很好']);
  assert.deepEqual((await search(ann, { [FULLTEXT]: 'cake', with: carl.bare })).texts, ['Carl, do you like cake?']);
  assert.deepEqual((await search(ann, { [FULLTEXT]: 'recipe carl' })).texts, []);
});

test('pages: by id as in any query of the archive', async () => {
  const first = await search(ann, { [FULLTEXT]: 'cake' }, rsm('<max>2</max>'));
  assert.deepEqual([first.texts.length, first.complete], [2, false]);
  const rest = await search(ann, { [FULLTEXT]: 'cake' }, rsm(`<max>5</max><after>${first.ids[1]}</after>`));
  assert.deepEqual([rest.texts.length, rest.complete], [2, true]);
  const last = await search(ann, { [FULLTEXT]: 'cake' }, rsm('<max>3</max><before/>'));
  assert.deepEqual(last.ids, [...first.ids, ...rest.ids].slice(1));
});

test('best first when asked for', async () => {
  const { texts, scores, complete } = await search(ann, { [FULLTEXT]: 'cake', [ORDER]: 'rank' });
  assert.equal(texts.length, 4);
  assert.equal(complete, true);
  assert.deepEqual(
    scores.toSorted((a, b) => b - a),
    scores,
  );
  assert.ok(scores.every((score) => score > 0));
  assert.notEqual(texts[3], 'Cake? Great idea');
  assert.equal((await search(ann, { [FULLTEXT]: 'cake', [ORDER]: 'rank' }, rsm('<max>2</max>'))).texts.length, 2);
});

test("searching another's archive: refused, and nothing of it is found in one's own", async () => {
  assert.equal((await search(carl, { [FULLTEXT]: 'bake' }, '', ann.bare)).error, 'service-unavailable');
  assert.deepEqual((await search(carl, { [FULLTEXT]: 'bake' })).texts, []);
  assert.deepEqual((await search(ann, { [FULLTEXT]: 'secret' })).texts, []);
  assert.deepEqual((await search(carl, { [FULLTEXT]: 'secret' })).texts, ['Ann wants cake, but that is a secret']);
});

test('bad input: what means something to a database means nothing here; what is too much is refused', async () => {
  for (const text of ['&quot;', '* OR *', "x' OR 1=1 --", 'NEAR(cake bake)', 'text:cake', '^cake -bake', '{', '()'])
    assert.equal((await search(ann, { [FULLTEXT]: text })).error, undefined, text);
  assert.deepEqual((await search(ann, { [FULLTEXT]: '&quot; OR *' })).texts, []);
  assert.equal((await search(ann, { [FULLTEXT]: 'x'.repeat(1025) })).error, 'bad-request');
  assert.equal((await search(ann, { [FULLTEXT]: 'cake', [ORDER]: 'random' })).error, 'bad-request');
  assert.equal((await search(ann, { [ORDER]: 'rank' })).error, 'bad-request');
  assert.equal(
    (await search(ann, { [FULLTEXT]: 'cake', [ORDER]: 'rank' }, rsm('<after>00000000000</after>'))).error,
    'feature-not-implemented',
  );
  assert.ok((await search(ann, { [FULLTEXT]: '' })).texts.length > 4, 'an empty search is none');
});

test('a retracted message is found no more; one that is hidden from the archive neither', async () => {
  const [dora, eve] = [await present(server, await newUser(server, 'dora'), 'd'), await present(server, await newUser(server, 'eve'), 'e')];
  dora.send(say(eve.bare, 'marzipan for you', '', 'm1') + say(eve.bare, 'marzipan for me', '', 'm2'));
  await dora.settled();
  assert.equal((await search(eve, { [FULLTEXT]: 'marzipan' })).texts.length, 2);
  dora.send(
    `<message to='${eve.bare}' type='chat' id='r'><retract xmlns='urn:xmpp:message-retract:1' id='m1'/><body>marzipan retracted</body></message>`,
  );
  await dora.settled();
  assert.deepEqual((await search(eve, { [FULLTEXT]: 'marzipan' })).texts, ['marzipan for me']);
  assert.deepEqual((await search(dora, { [FULLTEXT]: 'marzipan' })).texts, ['marzipan for me']);
  await eve.ask('set', `<prefs xmlns='${MAM}' default='never'><always/><never/></prefs>`);
  dora.send(say(eve.bare, 'marzipan again', '', 'm3'));
  await dora.settled();
  await eve.settled();
  assert.deepEqual((await search(eve, { [FULLTEXT]: 'marzipan' })).texts, ['marzipan for me']);
});

test('who searches before the initial presence is still given what waits', async () => {
  const [fayName, gus] = [await newUser(server, 'fay'), await present(server, await newUser(server, 'gus'), 'g')];
  gus.send(say(`${fayName}@localhost`, 'waiting for you'));
  await gus.settled();
  const fay = await quietly(server, fayName, 'f');
  assert.equal((await search(fay, { [FULLTEXT]: 'waiting' })).texts.length, 1);
  fay.send('<presence/>');
  await fay.take({ name: 'message', where: (heard) => bodyOf(heard) === 'waiting for you' });
});

test('after a restart and a kill everything is found as before', async (t) => {
  const own = await startServer({ config: { 'auth.allowPlaintext': true } });
  t.after(() => own.stop());
  const [hugoName, ida] = [await newUser(own, 'hugo'), await present(own, await newUser(own, 'ida'), 'i')];
  for (let i = 0; i < 50; i++) ida.send(say(`${hugoName}@localhost`, `number ${i} of many`));
  await ida.settled();
  await own.restart();
  const found = async (): Promise<number> =>
    (await search(await quietly(own, hugoName, 'h'), { [FULLTEXT]: 'many' }, rsm('<max>100</max>'))).texts.length;
  assert.equal(await found(), 50);
  await own.kill();
  await own.restart();
  assert.equal(await found(), 50);
});

test('without an index nothing of it is offered', async (t) => {
  const own = await startServer({ config: { 'auth.allowPlaintext': true, 'history.search': false } });
  t.after(() => own.stop());
  const jim = await quietly(own, await newUser(own, 'jim'), 'j');
  assert.equal((await search(jim, { [FULLTEXT]: 'x' })).error, 'feature-not-implemented');
  const info = await jim.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", jim.bare);
  assert.ok(!info.child('query')?.children.some((child) => child.attrs['var'] === 'urn:xmpp:fulltext:0'));
});

test('the archive of a group is searched by its members, and by nobody else', async () => {
  const [kim, lea, max] = await Promise.all(['kim', 'lea', 'max'].map(async (name) => present(server, await newUser(server, name), 'x')));
  if (kim === undefined || lea === undefined || max === undefined) throw new Error('nobody is there');
  await takeGroups(kim);
  const room = await makeGroup(kim, [lea.bare]);
  for (const text of ['we meet at the harbour', 'bring the harbour map', 'and cake']) kim.send(groupchat(room, text));
  await kim.settled();
  const info = await lea.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", room);
  assert.ok(info.child('query')?.children.some((child) => child.attrs['var'] === 'urn:xmpp:fulltext:0'));
  assert.deepEqual((await search(lea, { [FULLTEXT]: 'harbour' }, '', room)).texts, ['we meet at the harbour', 'bring the harbour map']);
  assert.deepEqual((await search(lea, { [FULLTEXT]: 'harbour map' }, rsm('<max>1</max><before/>'), room)).texts, ['bring the harbour map']);
  const refused = await search(max, { [FULLTEXT]: 'harbour' }, '', room);
  assert.deepEqual([refused.error !== undefined, refused.texts], [true, []]);
  assert.deepEqual((await search(max, { [FULLTEXT]: 'harbour' })).texts, []);
  assert.equal((await search(lea, { [FULLTEXT]: 'harbour', [ORDER]: 'rank' }, '', room)).error, 'feature-not-implemented');
});
