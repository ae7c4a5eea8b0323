// What must not cross from one account to another, nor outlive one (R10), and what strangers must not learn or do.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { RawClient, rawSession } from '../support/raw.ts';
import { startServer } from '../support/server.ts';
import { befriend, message, Person, presence, push } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());
let people = 0;
async function name(prefix: string): Promise<string> {
  const user = `${prefix}${++people}`;
  await server.createUser(user, 'secret');
  return user;
}
const REMOVE = `<query xmlns='jabber:iq:register'><remove/></query>`;
const SASL = `xmlns='urn:ietf:params:xml:ns:xmpp-sasl'`;
const BIND = `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`;

async function remove(user: string): Promise<void> {
  const owner = await Person.signIn(server, user);
  await owner.ask('set', REMOVE);
  await owner.gone();
}
/** The salt that SCRAM tells for a name. */
async function saltOf(user: string): Promise<string> {
  const client = await RawClient.connect(server.ports.xmpp);
  await client.open();
  const first = Buffer.from(`n,,n=${user},r=fyko+d2lbbFgONRv9qkxdawL`).toString('base64');
  client.send(`<auth ${SASL} mechanism='SCRAM-SHA-256'>${first}</auth>`);
  const challenge = Buffer.from((await client.expect(/<challenge[^>]*>([^<]*)</))[1] ?? '', 'base64').toString();
  client.cut();
  return /,s=([^,]*),/.exec(challenge)?.[1] ?? '';
}
async function canSignIn(user: string, password: string): Promise<boolean> {
  const client = await RawClient.connect(server.ports.xmpp);
  await client.open();
  client.send(`<auth ${SASL} mechanism='PLAIN'>${Buffer.from(`\0${user}\0${password}`).toString('base64')}</auth>`);
  const answer = await client.expect(/<(success|failure)/);
  client.cut();
  return answer[1] === 'success';
}
const password = (user: string, text: string) =>
  `<query xmlns='jabber:iq:register'><username>${user}</username><password>${text}</password></query>`;

test('whoever signed in before the account was removed cannot bind as its namesake (R10)', async () => {
  const ann = await name('ann');
  const old = await RawClient.connect(server.ports.xmpp);
  await old.signIn(ann, 'secret');
  await remove(ann);
  await server.createUser(ann, 'another');
  old.send(BIND);
  await old.expect(/<not-authorized/);
  await old.closed();
});

test('a pre-approval does not pass to a namesake of the account it was meant for (R10)', async () => {
  const ann = await name('ann');
  const bob = await Person.signIn(server, await name('bob'));
  bob.send(`<presence type='subscribed' to='${ann}@localhost'/>`);
  await bob.take(push(`${ann}@localhost`));
  await remove(ann);
  await server.createUser(ann, 'secret');
  await bob.forget();
  const namesake = await Person.signIn(server, ann);
  namesake.send(`<presence type='subscribe' to='${bob.bare}'/>`);
  await bob.take(presence({ type: 'subscribe', from: namesake.bare }));
  await namesake.hearsNo(presence({ type: 'subscribed' }));
});

test('a new password ends the other sessions, also those that could be resumed and those that have not bound', async () => {
  const ann = await name('ann');
  const phone = await Person.signIn(server, ann, { resource: 'phone' });
  const laptop = await Person.signIn(server, ann, { resource: 'laptop' });
  const tablet = await Person.signIn(server, ann, { resource: 'tablet' });
  const resumption = await tablet.makeResumable();
  tablet.cut();
  const unbound = await RawClient.connect(server.ports.xmpp);
  await unbound.signIn(ann, 'secret');
  assert.equal((await phone.ask('set', password(ann, 'fresh'), 'localhost')).attrs['type'], 'result');
  await laptop.take({ name: 'error', where: (error) => error.child('not-authorized') !== undefined });
  await laptop.gone();
  await phone.settled();
  unbound.send(BIND);
  await unbound.expect(/<not-authorized/);
  assert.equal(await canSignIn(ann, 'secret'), false);
  const again = await Person.authenticate(server, ann, 'fresh');
  again.send(`<resume xmlns='urn:xmpp:sm:3' previd='${resumption}' h='0'/>`);
  await again.take({ name: 'failed' });
});

test('salts do not tell whether there is an account: other spellings of a name have the same one (U3)', async () => {
  const ann = await name('ann');
  assert.equal(await saltOf(ann.toUpperCase()), await saltOf(ann));
  assert.equal(await saltOf('NOBODY'), await saltOf('nobody'));
  assert.notEqual(await saltOf('nobody'), await saltOf('nobody2'));
});

test('answers that nobody can have asked for are not handed on (R6)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const eve = await Person.signIn(server, await name('eve'));
  for (const type of ['result', 'error']) eve.send(`<iq type='${type}' id='push-1' to='${ann.jid}'><x xmlns='urn:example'/></iq>`);
  await eve.settled();
  await ann.hearsNo({ name: 'iq', attrs: { from: eve.jid } });
});

test('a contact answers a request, and is not heard any more once blocked (XEP-0191 §4)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  ann.send(`<iq type='get' id='q1' to='${bob.jid}'><query xmlns='jabber:iq:version'/></iq>`);
  await bob.take({ name: 'iq', attrs: { type: 'get', id: 'q1' } });
  bob.send(`<iq type='result' id='q1' to='${ann.jid}'><query xmlns='jabber:iq:version'/></iq>`);
  await ann.take({ name: 'iq', attrs: { type: 'result', id: 'q1', from: bob.jid } });
  await ann.ask('set', `<block xmlns='urn:xmpp:blocking'><item jid='${bob.bare}'/></block>`);
  bob.send(`<iq type='result' id='q2' to='${ann.jid}'><query xmlns='jabber:iq:version'/></iq>`);
  await bob.settled();
  await ann.hearsNo({ name: 'iq', attrs: { from: bob.jid } });
});

test('presence does not overtake a message that the same device sent before it (D4)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  await befriend(ann, bob);
  await bob.forget();
  for (let i = 0; i < 5; i++)
    ann.send(`<message type='chat' to='${bob.bare}'><body>${i}</body></message><presence><status>${i}</status></presence>`);
  for (let i = 0; i < 10; i++) await bob.take(message(), presence({ from: ann.jid }));
  for (let i = 0; i < 5; i++)
    ann.send(`<message type='chat' to='${bob.bare}'><body>${i}</body></message><presence to='${bob.jid}'><status>${i}</status></presence>`);
  const heard: string[] = [];
  for (let i = 0; i < 10; i++) heard.push((await bob.take(message(), presence({ from: ann.jid }))).name);
  assert.deepEqual(
    heard,
    Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? 'message' : 'presence')),
  );
});

test('a device that reads nothing is not answered without end: the server stops reading from it', async () => {
  const user = await name('ann');
  const ann = await rawSession(server, user);
  const photo = 'A'.repeat(100_000);
  ann.send(`<iq type='set' id='v'><vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>${photo}</BINVAL></PHOTO></vCard></iq>`);
  await ann.expect(/<iq [^>]*id="v"[^>]*>/);
  ann.socket.pause();
  for (let i = 0; i < 3000; i++) ann.send(`<iq type='get' id='g${i}'><vCard xmlns='vcard-temp'/></iq>`);
  const watcher = await rawSession(server, user);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await watcher.settled();
  const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
  const rssMiB = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  assert.ok(rssMiB < 350, `${rssMiB} MiB`);
  // Whoever reads again gets all of it.
  let tail = '';
  ann.socket.removeAllListeners('data');
  await new Promise<void>((resolve) => {
    ann.socket.on('data', (text: string) => {
      tail = tail.slice(-200) + text;
      if (tail.includes('id="g2999"')) resolve();
    });
    ann.socket.resume();
  });
  ann.cut();
  watcher.cut();
});
