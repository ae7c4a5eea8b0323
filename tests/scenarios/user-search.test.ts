// XEP-0055: people are found who want to be found, where it is allowed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { newUser, quietly } from './messages.ts';
import type { Heard, Person } from './people.ts';

const server = await startServer({
  config: { 'auth.allowPlaintext': true, 'features.user-search.allowed': true, 'features.user-search.perHour': 40 },
});
test.after(() => server.stop());

const SEARCH = 'jabber:iq:search';
const OWN = 'urn:parley:user-search:0';
const look = (who: Person, content: string, type: 'get' | 'set' = 'set'): Promise<Heard> =>
  who.ask(type, `<query xmlns='${SEARCH}'>${content}</query>`, 'localhost');
const found = (answer: Heard): string[] =>
  answer
    .child('query')
    ?.all('item')
    .map((item) => item.attrs['jid'] ?? '') ?? [];
const beFound = (who: Person, attributes: string): Promise<Heard> => who.ask('set', `<searchable xmlns='${OWN}' ${attributes}/>`);
const someone = async (name: string): Promise<Person> => quietly(server, await newUser(server, name), 'x');

test('off by default: nothing is announced, nothing answered', async (t) => {
  const own = await startServer({ config: { 'auth.allowPlaintext': true } });
  t.after(() => own.stop());
  const ann = await quietly(own, await newUser(own, 'ann'), 'x');
  const info = await ann.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", 'localhost');
  assert.ok(!info.child('query')?.children.some((child) => child.attrs['var'] === SEARCH));
  assert.equal((await ann.ask('get', `<query xmlns='${SEARCH}'/>`, 'localhost')).error, 'service-unavailable');
  assert.equal((await beFound(ann, "visible='true' nick='ann'")).error, 'service-unavailable');
});

test('announced, with its fields; who opted in is found, by fields and by form; nobody else is', async () => {
  const [ann, bob, carl] = [await someone('ann'), await someone('bob'), await someone('carl')];
  const info = await carl.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>", 'localhost');
  assert.ok(info.child('query')?.children.some((child) => child.attrs['var'] === SEARCH));
  const fields = (await look(carl, '', 'get')).child('query');
  assert.deepEqual(
    fields?.children.map((child) => child.name),
    ['instructions', 'first', 'last', 'nick', 'x'],
  );
  assert.deepEqual(found(await look(carl, '<nick>julic</nick>')), []);
  assert.equal((await beFound(ann, "visible='true' first='Juliet' last='Capulet' nick='JuliC'")).attrs['type'], 'result');
  await beFound(bob, "visible='1' first='Tybalt' last='Capulet'");
  const answer = await look(carl, '<last>capu</last>');
  assert.deepEqual(found(answer).sort(), [ann.bare, bob.bare].sort());
  assert.deepEqual(found(await look(carl, '<last>capulet</last><first>jul</first>')), [ann.bare]);
  const item = answer.child('query')?.children.find((one) => one.attrs['jid'] === ann.bare);
  assert.deepEqual(
    item?.children.map((child) => `${child.name} ${child.text}`),
    ['first Juliet', 'last Capulet', 'nick JuliC'],
  );
  const form = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${SEARCH}</value></field><field var='nick'><value>juli</value></field></x>`;
  const items = (await look(carl, form)).child('query')?.child('x')?.all('item') ?? [];
  assert.deepEqual(
    items.map((one) => one.all('field').at(-1)?.child('value')?.text),
    [ann.bare],
  );
  const own = await ann.ask('get', `<searchable xmlns='${OWN}'/>`);
  assert.deepEqual(own.child('searchable')?.attrs, { visible: 'true', first: 'Juliet', last: 'Capulet', nick: 'JuliC' });
  await beFound(ann, "visible='false'");
  assert.deepEqual(found(await look(carl, '<nick>julic</nick>')), []);
});

test('enumeration: too few letters, wildcards and nothing at all are refused; searches are limited', async () => {
  const [dora, eve] = [await someone('dora'), await someone('eve')];
  await beFound(dora, "visible='true' nick='Dora'");
  for (const content of [
    '',
    '<nick>do</nick>',
    '<nick>*</nick>',
    '<nick>***</nick>',
    '<nick>%%%</nick>',
    '<nick>dora</nick><last>x</last>',
  ])
    assert.equal((await look(eve, content)).error, 'not-acceptable', content);
  let refused: string | undefined;
  for (let i = 0; i < 60 && refused === undefined; i++) refused = (await look(eve, '<nick>dora</nick>')).error;
  assert.equal(refused, 'resource-constraint');
});

test('who blocked somebody is not found by them; nor can somebody opt another in', async () => {
  const [fay, gus] = [await someone('fay'), await someone('gus')];
  await beFound(fay, "visible='true' nick='Fayette'");
  assert.deepEqual(found(await look(gus, '<nick>fayette</nick>')), [fay.bare]);
  await fay.ask('set', `<block xmlns='urn:xmpp:blocking'><item jid='${gus.bare}'/></block>`);
  assert.deepEqual(found(await look(gus, '<nick>fayette</nick>')), []);
  const forged = await gus.ask('set', `<searchable xmlns='${OWN}' visible='true' nick='Foo'/>`, fay.bare);
  assert.equal(forged.error, 'service-unavailable');
  assert.equal((await beFound(gus, "visible='true'")).error, 'bad-request');
  assert.equal((await beFound(gus, `visible='true' nick='${'x'.repeat(129)}'`)).error, 'bad-request');
});
