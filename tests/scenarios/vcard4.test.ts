// The card of an account in both formats (XEP-0292, XEP-0054).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { configure, event, items, publish, wants } from './nodes.ts';
import { befriend, type Heard, Person } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());
let people = 0;
async function name(prefix: string): Promise<string> {
  const user = `${prefix}${++people}`;
  await server.createUser(user, 'secret');
  return user;
}
const ok = (heard: Heard): void => assert.equal(heard.attrs['type'], 'result', String(heard));
const NODE = 'urn:xmpp:vcard4';
const GET = `<vCard xmlns='vcard-temp'/>`;
const card4 = (content: string): string => `<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'>${content}</vcard>`;
const fullName = (answer: Heard): string | undefined =>
  answer.child('pubsub')?.child('items')?.child('item')?.child('vcard')?.child('fn')?.child('text')?.text;

test('a card set the old way is read the new way by anyone, and contacts that want it hear of it', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  const eve = await Person.signIn(server, await name('eve'));
  await befriend(ann, bob);
  await wants(bob, [NODE]);
  ok(await ann.ask('set', `<vCard xmlns='vcard-temp'><FN>Ann</FN><TEL><CELL/><NUMBER>+1</NUMBER></TEL></vCard>`));
  await bob.take(event(NODE, { from: ann.bare }));
  assert.equal(fullName(await eve.ask('get', items(NODE), ann.bare)), 'Ann');
});

test('a card published the new way is read the old way; the picture stays', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const eve = await Person.signIn(server, await name('eve'));
  ok(await ann.ask('set', `<vCard xmlns='vcard-temp'><FN>Old</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>AQID</BINVAL></PHOTO></vCard>`));
  ok(await ann.ask('set', publish(NODE, 'current', card4('<fn><text>New</text></fn>'))));
  const answer = (await eve.ask('get', GET, ann.bare)).child('vCard');
  assert.equal(answer?.child('FN')?.text, 'New');
  assert.equal(answer?.child('PHOTO')?.child('BINVAL')?.text, 'AQID');
});

test('R13: a card that its owner shows to contacts or to nobody is not copied to where anyone reads', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const eve = await Person.signIn(server, await name('eve'));
  ok(await ann.ask('set', publish(NODE, 'current', card4('<fn><text>Secret</text></fn>'), { access_model: 'presence' })));
  assert.equal((await eve.ask('get', GET, ann.bare)).error, 'service-unavailable');
  ok(await ann.ask('set', configure(NODE, { access_model: 'whitelist' })));
  ok(await ann.ask('set', publish(NODE, 'current', card4('<fn><text>Secret</text></fn>'))));
  assert.equal((await eve.ask('get', GET, ann.bare)).error, 'service-unavailable');
  ok(await ann.ask('set', `<vCard xmlns='vcard-temp'><FN>Public</FN></vCard>`));
  assert.equal((await eve.ask('get', items(NODE), ann.bare)).error, 'service-unavailable');
  assert.equal(fullName(await ann.ask('get', items(NODE))), 'Public');
});

test('what is no card is not taken for one', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  ok(await ann.ask('set', `<vCard xmlns='vcard-temp'><FN>Ann</FN></vCard>`));
  ok(await ann.ask('set', publish(NODE, 'current', '<other xmlns="urn:test:other"/>')));
  assert.equal((await ann.ask('get', GET)).child('vCard')?.child('FN')?.text, 'Ann');
});
