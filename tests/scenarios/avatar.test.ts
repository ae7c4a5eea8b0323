// One picture, whether a client keeps it in a node (XEP-0084) or in its vCard (XEP-0153, XEP-0398).
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { configure, event, eventOf, idsIn, items, publish, pubsub, reader, wants } from './nodes.ts';
import { befriend, type Heard, Person, presence } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());
let people = 0;
async function name(prefix: string): Promise<string> {
  const user = `${prefix}${++people}`;
  await server.createUser(user, 'secret');
  return user;
}
const ok = (heard: Heard): void => assert.equal(heard.attrs['type'], 'result', String(heard));
const DATA = 'urn:xmpp:avatar:data';
const METADATA = 'urn:xmpp:avatar:metadata';
const picture = (text: string): { base64: string; hash: string; bytes: number } => {
  const bytes = Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47]), Buffer.from(text)]);
  return { base64: bytes.toString('base64'), hash: createHash('sha1').update(bytes).digest('hex'), bytes: bytes.length };
};
const one = picture('one');
const two = picture('two');
const data = (from: typeof one): string => `<data xmlns='${DATA}'>${from.base64}</data>`;
const metadata = (from: typeof one): string =>
  `<metadata xmlns='${METADATA}'><info id='${from.hash}' bytes='${from.bytes}' type='image/png'/></metadata>`;
async function upload(who: Person, from: typeof one, access: string): Promise<void> {
  ok(await who.ask('set', publish(DATA, from.hash, data(from), { access_model: access })));
  ok(await who.ask('set', publish(METADATA, from.hash, metadata(from), { access_model: access })));
}
const GET = `<vCard xmlns='vcard-temp'/>`;
const photoIn = (answer: Heard): string | undefined => answer.child('vCard')?.child('PHOTO')?.child('BINVAL')?.text;
const update = (heard: Heard): string | undefined => heard.child('x', 'vcard-temp:x:update')?.child('photo')?.text;
const card = (from: typeof one | undefined, more = ''): string =>
  `<vCard xmlns='vcard-temp'>${more}${from === undefined ? '' : `<PHOTO><TYPE>image/png</TYPE><BINVAL>${from.base64}</BINVAL></PHOTO>`}</vCard>`;

test('a picture published to the node is in the vCard and in the presence; the rest of the card stays', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  const eve = await Person.signIn(server, await name('eve'));
  await befriend(ann, bob);
  ok(await ann.ask('set', card(undefined, '<FN>Ann</FN>')));
  await upload(ann, one, 'open');
  assert.equal(update(await bob.take(presence({ type: undefined, from: ann.jid }))), one.hash);
  for (const who of [bob, eve]) {
    const answer = await who.ask('get', GET, ann.bare);
    assert.equal(photoIn(answer), one.base64);
    assert.equal(answer.child('vCard')?.child('FN')?.text, 'Ann');
  }
  await upload(ann, two, 'open');
  assert.equal(update(await bob.take(presence({ type: undefined, from: ann.jid }))), two.hash);
  ok(await ann.ask('set', publish(METADATA, 'off', `<metadata xmlns='${METADATA}'/>`)));
  assert.equal(update(await bob.take(presence({ type: undefined, from: ann.jid }))), '');
  assert.equal(photoIn(await bob.ask('get', GET, ann.bare)), undefined);
});

test('a picture in the vCard is published to the nodes, and contacts that want avatars hear of it', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  await wants(bob, [METADATA]);
  ok(await ann.ask('set', card(one, '<FN>Ann</FN>')));
  const heard = await bob.take(event(METADATA, { from: ann.bare }));
  assert.deepEqual(idsIn(heard), [one.hash]);
  const info = eventOf(heard)?.child('item')?.child('metadata')?.child('info');
  assert.deepEqual([info?.attrs['id'], info?.attrs['bytes'], info?.attrs['type']], [one.hash, String(one.bytes), 'image/png']);
  const read = await bob.ask('get', items(DATA, `<item id='${one.hash}'/>`), ann.bare);
  assert.equal(read.child('pubsub')?.child('items')?.child('item')?.child('data')?.text, one.base64);
  ok(await ann.ask('set', card(one, '<FN>Anna</FN>')));
  await bob.hearsNo(event(METADATA));
  ok(await ann.ask('set', card(undefined, '<FN>Anna</FN>')));
  assert.equal(
    eventOf(await bob.take(event(METADATA)))
      ?.child('item')
      ?.child('metadata')?.children.length,
    0,
    'switched off',
  );
});

test('R13: a picture for contacts is for contacts in the vCard too; strangers get the card without it (XEP-0398 §6)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  const eve = await Person.signIn(server, await name('eve'));
  await befriend(ann, bob);
  await upload(ann, one, 'presence');
  assert.equal(update(await bob.take(presence({ type: undefined, from: ann.jid }))), one.hash);
  assert.equal(photoIn(await bob.ask('get', GET, ann.bare)), one.base64);
  const stranger = await eve.ask('get', GET, ann.bare);
  const nobody = await eve.ask('get', GET, 'nobody-here@localhost');
  assert.equal(String(stranger.child('error')), String(nobody.child('error')), 'as if there were no card, for there is nothing else in it');
  ok(await ann.ask('set', card(one, '<FN>Ann</FN>')));
  const named = await eve.ask('get', GET, ann.bare);
  assert.equal(named.child('vCard')?.child('FN')?.text, 'Ann');
  assert.equal(photoIn(named), undefined, 'the same picture in a changed card is for those that it was for');
  ann.send(`<presence to='${eve.jid}'/>`);
  assert.equal(update(await eve.take(presence({ from: ann.jid }))), undefined);
});

test('a picture that is on a whitelist is in no vCard', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  await upload(ann, one, 'open');
  assert.equal(photoIn(await bob.ask('get', GET, ann.bare)), one.base64);
  for (const node of [DATA, METADATA]) ok(await ann.ask('set', configure(node, { access_model: 'whitelist' })));
  await upload(ann, two, 'whitelist');
  assert.equal(photoIn(await bob.ask('get', GET, ann.bare)), undefined);
});

test('a picture whose hash is not its id, or that is not there, is not taken over', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  ok(await ann.ask('set', publish(DATA, two.hash, data(one), { access_model: 'open' })));
  ok(await ann.ask('set', publish(METADATA, two.hash, metadata(two), { access_model: 'open' })));
  ok(await ann.ask('set', publish(METADATA, one.hash, metadata(one))));
  ok(await ann.ask('set', publish(METADATA, 'bad', `<metadata xmlns='${METADATA}'><info id='../x' bytes='1' type='t'/></metadata>`)));
  assert.equal(photoIn(await ann.ask('get', GET)), undefined);
});

test('the last picture goes when its item is taken back; a new device is told the present one', async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  await upload(ann, one, 'open');
  const phone = await reader(server, annName, [METADATA], false);
  assert.deepEqual(idsIn(await phone.take(event(METADATA, { from: ann.bare }))), [one.hash]);
  ok(await ann.ask('set', pubsub(`<retract node='${METADATA}'><item id='${one.hash}'/></retract>`)));
  assert.equal(photoIn(await ann.ask('get', GET)), undefined);
  const info = await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`);
  assert.ok(
    info
      .child('query')
      ?.all('feature')
      .some((feature) => feature.attrs['var'] === 'urn:xmpp:pep-vcard-conversion:0'),
  );
});
