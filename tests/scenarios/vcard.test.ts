// The card of an account and its picture (XEP-0054, XEP-0153).
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { befriend, Person, presence } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());
let people = 0;
async function name(prefix: string): Promise<string> {
  const user = `${prefix}${++people}`;
  await server.createUser(user, 'secret');
  return user;
}
const GET = `<vCard xmlns='vcard-temp'/>`;
const card = (inner: string): string => `<vCard xmlns='vcard-temp'>${inner}</vCard>`;
const picture = Buffer.from('not really a picture, but bytes');
const photo = `<PHOTO><TYPE>image/png</TYPE><BINVAL>${picture.toString('base64')}</BINVAL></PHOTO>`;
const hash = createHash('sha1').update(picture).digest('hex');
const update = (heard: {
  child(name: string, ns?: string): { child(name: string): { text: string } | undefined } | undefined;
}): string | undefined => heard.child('x', 'vcard-temp:x:update')?.child('photo')?.text;

test('Ann stores her card; she and others read it', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  assert.deepEqual((await ann.ask('get', GET)).child('vCard', 'vcard-temp')?.children, [], 'empty at first');
  assert.equal((await ann.ask('set', card('<FN>Ann &amp; Co</FN><N><GIVEN>Ann</GIVEN></N>'))).attrs['type'], 'result');
  for (const answer of [await ann.ask('get', GET), await ann.ask('get', GET, ann.bare), await bob.ask('get', GET, ann.bare)])
    assert.equal(answer.child('vCard', 'vcard-temp')?.child('FN')?.text, 'Ann & Co');
});

test('R13: no card and no account are the same to others', async () => {
  const bob = await Person.signIn(server, await name('bob'));
  const eve = await Person.signIn(server, await name('eve'));
  const none = await eve.ask('get', GET, bob.bare);
  const nobody = await eve.ask('get', GET, 'nobody-here@localhost');
  assert.equal(none.error, 'service-unavailable');
  assert.equal(String(none.child('error')), String(nobody.child('error')));
});

test('R13: nobody writes the card of somebody else', async () => {
  const bob = await Person.signIn(server, await name('bob'));
  const eve = await Person.signIn(server, await name('eve'));
  assert.equal((await eve.ask('set', card('<FN>Fool</FN>'), bob.bare)).attrs['type'], 'error');
  assert.deepEqual((await bob.ask('get', GET)).child('vCard')?.children, []);
});

test('a card that is too large, or whose picture is no base64, is refused', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  assert.equal((await ann.ask('set', card(`<DESC>${'x'.repeat(140_000)}</DESC>`))).error, 'not-acceptable');
  assert.equal((await ann.ask('set', card('<PHOTO><BINVAL>%%%</BINVAL></PHOTO>'))).error, 'bad-request');
  assert.deepEqual((await ann.ask('get', GET)).child('vCard')?.children, []);
});

test('a new picture shows in the presence of clients that say nothing of pictures, at once and at the next sign-in', async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  await ann.ask('set', card(photo));
  assert.equal(update(await bob.take(presence({ type: undefined, from: ann.jid }))), hash);
  ann.send('<presence><show>away</show></presence>');
  const changed = await bob.take(presence({ type: undefined, from: ann.jid }));
  assert.deepEqual([changed.child('show')?.text, update(changed)], ['away', hash]);
  await ann.leave();
  await server.restart();

  const back = await Person.signIn(server, annName, { presence: false });
  back.send('<presence/>');
  assert.equal(update(await back.take(presence({ from: back.jid }))), hash);
  const bobBack = await Person.signIn(server, bob.bare.split('@')[0] ?? '');
  assert.equal(update(await bobBack.take(presence({ type: undefined, from: back.jid }))), hash, 'and for those who come later');
  await back.ask('set', card('<FN>Ann</FN>'));
  assert.equal(update(await bobBack.take(presence({ type: undefined, from: back.jid }))), '', 'no picture any more');
});

test('a client that says which picture it has, or that it shows none, is left alone; one that says nothing is helped (XEP-0398 §3.3)', async () => {
  const annName = await name('ann');
  const ann = await Person.signIn(server, annName);
  await ann.ask('set', card(photo));
  for (const [said, shown] of [
    ['<photo/>', ''],
    [`<photo>${'0'.repeat(40)}</photo>`, '0'.repeat(40)],
    ['', hash],
  ] as const) {
    const other = await Person.signIn(server, annName, { presence: false });
    other.send(`<presence><x xmlns='vcard-temp:x:update'>${said}</x></presence>`);
    const echo = await other.take(presence({ from: other.jid }));
    assert.equal(echo.all('x').length, 1);
    assert.equal(update(echo), shown);
    await other.leave();
  }
});

test('the hash is in directed presence too (XEP-0398 §3.3)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await ann.ask('set', card(photo));
  ann.send(`<presence to='${bob.jid}'><show>chat</show></presence>`);
  const heard = await bob.take(presence({ from: ann.jid }));
  assert.deepEqual([heard.child('show')?.text, update(heard)], ['chat', hash]);
  ann.send(`<presence to='${bob.jid}'><x xmlns='vcard-temp:x:update'><photo/></x></presence>`);
  assert.equal(update(await bob.take(presence({ from: ann.jid }))), '');
});
