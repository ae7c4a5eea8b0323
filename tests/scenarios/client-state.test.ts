// XEP-0352: while nobody looks, what can wait waits, and what matters comes at once with everything before it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { chat, NS_SM, newUser, present, resume, says } from './messages.ts';
import { befriend, message, Person, presence } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());

const csi = (state: 'active' | 'inactive'): string => `<${state} xmlns='urn:xmpp:csi:0'/>`;
const show = (text: string): string => `<presence><show>${text}</show></presence>`;
async function friends(): Promise<{ ann: Person; bob: Person }> {
  const ann = await Person.signIn(server, await newUser(server, 'ann'), { resource: 'phone' });
  const bob = await Person.signIn(server, await newUser(server, 'bob'), { resource: 'phone' });
  await befriend(ann, bob);
  return { ann, bob };
}
/** What has come so far without asking for anything (an answer to a ping would be a reason to wake up). */
const heard = (person: Person, name: string): number => person.inbox.filter((one) => one.name === name).length;

test('§3: offered after sign-in, not before', async () => {
  const user = await newUser(server, 'ann');
  const guest = await Person.guest(server);
  assert.equal((await guest.take({ name: 'features' })).child('csi'), undefined);
  const token = Buffer.from(`\0${user}\0secret`).toString('base64');
  guest.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
  await guest.take({ name: 'success' });
  guest.reopen();
  assert.ok((await guest.take({ name: 'features' })).child('csi', 'urn:xmpp:csi:0'));
  guest.cut();
});

test('§5.1: presence waits while inactive, and comes before the message that wakes the client; typing is dropped', async () => {
  const { ann, bob } = await friends();
  bob.send(csi('inactive'));
  await bob.settled();
  ann.send(show('away'));
  ann.send(`<message to='${bob.jid}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`);
  ann.send(show('dnd'));
  await ann.settled();
  assert.equal(heard(bob, 'presence'), 0);
  assert.equal(heard(bob, 'message'), 0);
  ann.send(chat(bob.bare, 'wake up'));
  await bob.take(says('wake up'));
  const shows = bob.inbox.filter((one) => one.name === 'presence').map((one) => one.child('show')?.text);
  assert.equal(shows.at(-1), 'dnd', 'the presence before the message is there already');
  await bob.hearsNo(message());
});

test('§5.1: becoming active brings what was held', async () => {
  const { ann, bob } = await friends();
  bob.send(csi('inactive'));
  await bob.settled();
  ann.send(show('xa'));
  await ann.settled();
  assert.equal(heard(bob, 'presence'), 0);
  bob.send(csi('active'));
  await bob.take(presence({ from: ann.jid }));
  ann.send(show('chat'));
  await bob.take(presence({ from: ann.jid }));
});

test('a request wakes the client; a receipt waits, and comes with the next message, before it', async () => {
  const { ann, bob } = await friends();
  bob.send(csi('inactive'));
  await bob.settled();
  ann.send(`<iq type='get' id='v' to='${bob.jid}'><query xmlns='jabber:iq:version'/></iq>`);
  await bob.take({ name: 'iq', attrs: { id: 'v' } });
  ann.send(`<message to='${bob.bare}' id='r'><received xmlns='urn:xmpp:receipts' id='x'/></message>`);
  await ann.settled();
  await bob.settled();
  assert.equal(heard(bob, 'message'), 0);
  ann.send(chat(bob.bare, 'and now'));
  await bob.take(says('and now'));
  assert.ok(bob.inbox.some((one) => one.attrs['id'] === 'r'));
});

test('§5.1: of many presences only the newest of each contact arrives, and only of who writes before the message', async () => {
  const { ann, bob } = await friends();
  const carl = await Person.signIn(server, await newUser(server, 'carl'), { resource: 'phone' });
  await befriend(carl, bob);
  await bob.forget();
  bob.send(csi('inactive'));
  await bob.settled();
  for (const text of ['away', 'xa', 'dnd', 'chat']) {
    ann.send(show(text));
    carl.send(show(text));
  }
  await ann.settled();
  await carl.settled();
  ann.send(chat(bob.bare, 'hello'));
  await bob.take(says('hello'));
  const shows = (): string[] =>
    bob.inbox.filter((one) => one.name === 'presence').map((one) => `${one.attrs['from']} ${one.child('show')?.text}`);
  assert.deepEqual(shows(), [`${ann.jid} chat`]);
  bob.send(csi('active'));
  await bob.settled();
  assert.deepEqual(shows(), [`${ann.jid} chat`, `${carl.jid} chat`]);
});

test('a receipt that is held when the connection breaks comes after the resumption, and to another session when there is none (D5)', async () => {
  const { ann, bob } = await friends();
  const id = await bob.makeResumable();
  bob.send(csi('inactive'));
  await bob.settled();
  ann.send(`<message to='${bob.bare}' id='kept'><received xmlns='urn:xmpp:receipts' id='x'/></message>`);
  await ann.settled();
  assert.equal(heard(bob, 'message'), 0);
  bob.cut();
  const { person } = await resume(server, bob.bare.split('@')[0] ?? '', id, 1);
  await person.take(message({ id: 'kept' }));
  person.send(csi('inactive'));
  await person.settled();
  ann.send(`<message to='${bob.bare}' id='kept2'><received xmlns='urn:xmpp:receipts' id='y'/></message>`);
  await ann.settled();
  await person.leave();
  const again = await Person.signIn(server, bob.bare.split('@')[0] ?? '', { resource: 'phone' });
  await again.take(message({ id: 'kept2' }));
});

test('§5.2, XEP-0198: what was held when the connection broke is not lost, and after a resumption the client is active', async () => {
  const { ann, bob } = await friends();
  const id = await bob.makeResumable();
  bob.send(csi('inactive'));
  await bob.settled();
  ann.send(show('away'));
  await ann.settled();
  bob.cut();
  ann.send(chat(bob.bare, 'hello'));
  await ann.settled();
  const { person } = await resume(server, bob.bare.split('@')[0] ?? '', id, 1);
  await person.take(presence({ from: ann.jid }));
  await person.take(says('hello'));
  ann.send(show('dnd'));
  await person.take(presence({ from: ann.jid }));
});

test('§4: it is not a stanza and is not counted (XEP-0198 §4); unknown words of the namespace end the stream', async () => {
  const bob = await present(server, await newUser(server, 'bob'), 'phone');
  bob.send(`<enable xmlns='${NS_SM}'/>${csi('inactive')}${csi('active')}<r xmlns='${NS_SM}'/>`);
  assert.equal((await bob.take({ name: 'a' })).attrs['h'], '0');
  bob.send(`<sleepy xmlns='urn:xmpp:csi:0'/>`);
  assert.equal((await bob.take({ name: 'error' })).children[0]?.name, 'unsupported-stanza-type');
  await bob.gone();
});

test('D14: what is held when the server restarts follows when the session is resumed', async () => {
  const { ann, bob } = await friends();
  const id = await bob.makeResumable();
  bob.send(csi('inactive'));
  await bob.settled();
  ann.send(`<message to='${bob.bare}' id='held'><received xmlns='urn:xmpp:receipts' id='x'/></message>`);
  await ann.settled();
  assert.equal(heard(bob, 'message'), 0);
  // The client has read nothing of what the server writes last.
  await server.restart();
  const { person } = await resume(server, bob.bare.split('@')[0] ?? '', id, 1);
  await person.take(message({ id: 'held' }));
});
