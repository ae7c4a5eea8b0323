// Asking to see somebody's presence, granting, cancelling (RFC 6121 §3).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { type Heard, Person, presence, push } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());
let people = 0;
/** A fresh name with an account. */
async function name(prefix: string): Promise<string> {
  const user = `${prefix}${++people}`;
  await server.createUser(user, 'secret');
  return user;
}
const item = (iq: Heard): Readonly<Record<string, string>> => iq.child('query')?.child('item')?.attrs ?? {};
const has = (text: string): string => `<query xmlns='jabber:iq:roster'>${text}</query>`;

test('Ann asks, Bob grants, and Ann sees Bob', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));

  ann.send(`<presence id='q1' type='subscribe' to='${bob.jid}'><status>It is me</status></presence>`);
  const asked = item(await ann.take(push(bob.bare)));
  assert.equal(asked['ask'], 'subscribe');
  assert.equal(asked['subscription'], 'none');

  const request = await bob.take(presence({ type: 'subscribe' }));
  assert.equal(request.attrs['from'], ann.bare, 'a bare JID, so that nothing is told of the resource');
  assert.equal(request.attrs['to'], bob.bare);
  assert.equal(request.child('status')?.text, 'It is me');
  await bob.hearsNo(push(ann.bare));

  bob.send(`<presence id='a1' type='subscribed' to='${ann.bare}'/>`);
  await ann.take(presence({ type: 'subscribed', from: bob.bare }));
  assert.deepEqual(item(await ann.take(push(bob.bare))), { jid: bob.bare, subscription: 'to' });
  await ann.take(presence({ type: undefined, from: bob.jid }));
  assert.deepEqual(item(await bob.take(push(ann.bare))), { jid: ann.bare, subscription: 'from' });
  await bob.hearsNo(presence({ type: undefined, from: ann.jid }));
});

test('the request waits while Bob is away, and comes at each sign-in until he answers', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bobName = await name('bob');
  const bobJid = `${bobName}@localhost`;
  ann.send(`<presence type='subscribe' to='${bobJid}'><status>first</status></presence>`);
  ann.send(`<presence type='subscribe' to='${bobJid}'><status>second</status></presence>`);
  await ann.settled();

  for (let i = 0; i < 2; i++) {
    const bob = await Person.signIn(server, bobName);
    await bob.take(presence({ type: 'subscribe', from: ann.bare }));
    await bob.hearsNo(presence({ type: 'subscribe' }));
    assert.deepEqual(await bob.roster(), [], 'nothing is in the roster before Bob agrees');
    await bob.leave();
  }
  const bob = await Person.signIn(server, bobName);
  await bob.take(presence({ type: 'subscribe', from: ann.bare }));
  bob.send(`<presence type='unsubscribed' to='${ann.bare}'/>`);
  await ann.take(presence({ type: 'unsubscribed', from: bob.bare }));
  await bob.settled();
  await bob.leave();
  const again = await Person.signIn(server, bobName);
  await again.hearsNo(presence({ type: 'subscribe' }));
});

test('Bob cancels what he granted: Ann sees him go, then hears that it is over', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  ann.send(`<presence type='subscribe' to='${bob.bare}'/>`);
  await bob.take(presence({ type: 'subscribe' }));
  bob.send(`<presence type='subscribed' to='${ann.bare}'/>`);
  await ann.take(presence({ type: undefined, from: bob.jid }));
  await ann.forget();

  bob.send(`<presence type='unsubscribed' to='${ann.bare}'/>`);
  await ann.take(push(bob.bare));
  const heard = ann.inbox.filter((stanza) => stanza.name === 'presence').map((stanza) => `${stanza.attrs['type']} ${stanza.attrs['from']}`);
  assert.deepEqual(heard, [`unavailable ${bob.jid}`, `unsubscribed ${bob.bare}`]);
  assert.equal(item(await bob.take({ ...push(ann.bare), where: (iq) => item(iq)['subscription'] === 'none' }))['jid'], ann.bare);
  await ann.forget();
  bob.send(`<presence><show>away</show></presence>`);
  await bob.settled();
  await ann.hearsNo(presence());
});

test('Ann no longer wants to see Bob', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  ann.send(`<presence type='subscribe' to='${bob.bare}'/>`);
  await bob.take(presence({ type: 'subscribe' }));
  bob.send(`<presence type='subscribed' to='${ann.bare}'/>`);
  await ann.take(presence({ type: undefined, from: bob.jid }));
  await bob.forget();
  ann.send(`<presence type='unsubscribe' to='${bob.bare}'/>`);
  await bob.take(presence({ type: 'unsubscribe', from: ann.bare }));
  assert.equal(item(await bob.take(push(ann.bare)))['subscription'], 'none');
  await ann.forget();
  bob.send(`<presence><show>away</show></presence>`);
  await bob.settled();
  await ann.hearsNo(presence());
});

test('Ann removes Bob from her roster: both subscriptions end (RFC 6121 §2.5)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  for (const [one, other] of [
    [ann, bob],
    [bob, ann],
  ] as const) {
    one.send(`<presence type='subscribe' to='${other.bare}'/>`);
    await other.take(presence({ type: 'subscribe' }));
    other.send(`<presence type='subscribed' to='${one.bare}'/>`);
    await one.take(presence({ type: undefined, from: other.jid }));
  }
  await ann.forget();
  await bob.forget();
  const answer = await ann.ask('set', has(`<item jid='${bob.bare}' subscription='remove'/>`));
  assert.equal(answer.attrs['type'], 'result');
  assert.deepEqual(item(await ann.take(push(bob.bare))), { jid: bob.bare, subscription: 'remove' });
  await bob.take(presence({ type: 'unsubscribe', from: ann.bare }));
  await bob.take(presence({ type: 'unavailable', from: ann.jid }));
  await bob.take(presence({ type: 'unsubscribed', from: ann.bare }));
  await bob.settled();
  const left = (await bob.roster()).map((one) => [one.attrs['jid'], one.attrs['subscription']]);
  assert.deepEqual(left, [[ann.bare, 'none']]);
  assert.deepEqual(await ann.roster(), []);
});

test('Bob agrees in advance; when Ann asks she is let in without a word (RFC 6121 §3.4)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bob = await Person.signIn(server, await name('bob'));
  bob.send(`<presence type='subscribed' to='${ann.bare}'/>`);
  assert.equal(item(await bob.take(push(ann.bare)))['approved'], 'true');
  await ann.hearsNo(presence());

  ann.send(`<presence type='subscribe' to='${bob.bare}'/>`);
  assert.equal(item(await ann.take(push(bob.bare)))['ask'], 'subscribe');
  await ann.take(presence({ type: 'subscribed', from: bob.bare }));
  assert.equal(item(await ann.take(push(bob.bare)))['subscription'], 'to');
  await ann.take(presence({ type: undefined, from: bob.jid }));
  assert.equal(item(await bob.take(push(ann.bare)))['subscription'], 'from');
  await bob.hearsNo(presence({ type: 'subscribe' }));
});

test('asking somebody who does not exist looks like asking somebody who does not answer', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  ann.send(`<presence type='subscribe' to='nobody-at-all@localhost'/>`);
  assert.deepEqual(item(await ann.take(push('nobody-at-all@localhost'))), {
    jid: 'nobody-at-all@localhost',
    subscription: 'none',
    ask: 'subscribe',
  });
  await ann.hearsNo(presence());
});

test('somebody on another server cannot be asked yet, and that is said', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  ann.send(`<presence id='far' type='subscribe' to='bob@elsewhere.example'/>`);
  assert.equal((await ann.take(presence({ type: 'error', id: 'far' }))).error, 'remote-server-not-found');
  await ann.hearsNo(push('bob@elsewhere.example'));
});

test('whoever leaves for good takes the subscriptions along: a namesake inherits nothing (R10)', async () => {
  const ann = await Person.signIn(server, await name('ann'));
  const bobName = await name('bob');
  const bob = await Person.signIn(server, bobName);
  ann.send(`<presence type='subscribe' to='${bob.bare}'/>`);
  await bob.take(presence({ type: 'subscribe' }));
  bob.send(`<presence type='subscribed' to='${ann.bare}'/>`);
  await ann.take(presence({ type: undefined, from: bob.jid }));
  await ann.forget();
  await bob.ask('set', `<query xmlns='jabber:iq:register'><remove/></query>`);
  await bob.gone();
  await ann.take(presence({ type: 'unavailable', from: bob.jid }));
  await ann.take(presence({ type: 'unsubscribed', from: bob.bare }));
  assert.deepEqual(
    (await ann.roster()).map((one) => one.attrs['subscription']),
    ['none'],
  );
  await ann.forget();
  await server.createUser(bobName, 'other');
  const namesake = await Person.signIn(server, bobName, { password: 'other' });
  await ann.hearsNo(presence());
  assert.deepEqual(await namesake.roster(), []);
});
