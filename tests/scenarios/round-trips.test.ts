// How often a client has to wait for the server before the first message that waited for it is in its hands: counted, not timed.
// PARLEY_LINK_MS=50 makes the link 50 ms long each way, and tells what that comes to.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ChatClient, memoryStore } from '@parley/sdk/node';
import { Relay } from '../support/relay.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { certificateOf, trust } from '../support/trust.ts';
import { chat, NS_SM, newUser, present, quietly, says } from './messages.ts';
import { Person, presence } from './people.ts';
import { askToken, byToken, dial, phoneOf, scram, signIn } from './sign-in.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true, 'limits.bytesPerSecond': 0 } });
test.after(() => server.stop());
trust(await certificateOf(server.ports.xmpps, server.domain));

const delayMs = Number(process.env['PARLEY_LINK_MS'] ?? 0);
const relayTo = (port: number): Promise<Relay> => Relay.to(port, delayMs);
/** Starts counting and timing; the answer tells. */
function watch(relay: Relay, t: TestContext): () => void {
  relay.countTurns();
  const start = performance.now();
  return () =>
    t.diagnostic(
      `${relay.turns} round trips, ${Math.round(performance.now() - start)} ms to the first message on a link of ${delayMs} ms each way`,
    );
}

/** The server as it is seen through a relay. */
function through(relay: Relay): TestServer {
  return Object.create(server, { ports: { value: { ...server.ports, xmpp: relay.port } } }) as TestServer;
}
async function waitingFor(user: string): Promise<void> {
  const ann = await present(server, await newUser(server, 'ann'));
  ann.send(chat(`${user}@localhost`, 'waiting'));
  await ann.settled();
  ann.cut();
}

test('RFC 6120: SCRAM, a new stream, bind and presence: six round trips', async (t) => {
  const relay = await relayTo(server.ports.xmpp);
  const phone = phoneOf(await newUser(server, 'bob'));
  await (await quietly(server, phone.user, 'phone')).leave();
  await waitingFor(phone.user);
  const told1 = watch(relay, t);
  const person = await Person.guest(through(relay));
  await person.take({ name: 'features' });
  await oldScram(person, phone.user);
  person.reopen();
  await person.take({ name: 'features' });
  await person.ask('set', `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>phone</resource></bind>`);
  person.send('<presence/>');
  await person.take(says('waiting'));
  told1();
  assert.equal(relay.turns, 6);
  relay.close();
});

test('SASL2 with Bind2: SCRAM and presence: four round trips, and three with a resumption', async (t) => {
  const relay = await relayTo(server.ports.xmpp);
  const phone = phoneOf(await newUser(server, 'bob'));
  await waitingFor(phone.user);
  const told2 = watch(relay, t);
  const first = await signIn(through(relay), phone, { binding: `<enable xmlns='${NS_SM}' resume='true'/>` });
  first.person.send('<presence/>');
  await first.person.take(says('waiting'));
  told2();
  assert.equal(relay.turns, 4);
  const id = first.success.child('bound')?.child('enabled')?.attrs['id'] ?? '';
  first.person.cut();
  await waitingFor(phone.user);
  const told3 = watch(relay, t);
  const again = await dial(through(relay), phone);
  await again.take({ name: 'features' });
  await scram(again, phone, `<resume xmlns='${NS_SM}' previd='${id}' h='2'/>`);
  await again.take(says('waiting'));
  told3();
  assert.equal(relay.turns, 3);
  relay.close();
});

test('a token with a resumption: one round trip', async (t) => {
  const relay = await relayTo(server.ports.xmpp);
  const phone = phoneOf(await newUser(server, 'bob'));
  const first = await signIn(server, phone, { inside: askToken(), binding: `<enable xmlns='${NS_SM}' resume='true'/>` });
  first.person.send('<presence/>');
  await first.person.take(presence({ from: first.person.jid }));
  const token = first.success.child('token')?.attrs['token'] ?? '';
  const id = first.success.child('bound')?.child('enabled')?.attrs['id'] ?? '';
  first.person.cut();
  await waitingFor(phone.user);
  const told4 = watch(relay, t);
  const { person } = await byToken(through(relay), phone, token, { count: 1, inside: `<resume xmlns='${NS_SM}' previd='${id}' h='1'/>` });
  await person.take(says('waiting'));
  told4();
  assert.equal(relay.turns, 1);
  relay.close();
});

for (const kind of ['TCP', 'WebSocket'] as const)
  test(`the SDK over ${kind} comes back with one round trip once the connection is there`, async (t) => {
    const user = await newUser(server, 'bob');
    const relay = await relayTo(kind === 'TCP' ? server.ports.xmpps : server.ports.http);
    const address = kind === 'TCP' ? `xmpps://127.0.0.1:${relay.port}` : `ws://127.0.0.1:${relay.port}/ws`;
    const client = ChatClient.create({ server: address, domain: 'localhost', store: memoryStore() });
    t.after(async () => {
      await client.close();
      relay.close();
    });
    const heard = (text: string): Promise<void> =>
      new Promise((resolve) => {
        const stop = client.on('message.new', ({ message }) => {
          if (message.body !== text) return;
          stop();
          resolve();
        });
      });
    const synced = new Promise<void>((resolve) => client.on('sync.done', () => resolve()));
    await client.signIn({ username: user, password: 'secret' });
    await synced;
    relay.cut();
    await waitingFor(user);
    const waited = heard('waiting');
    const told5 = watch(relay, t);
    relay.mend();
    await waited;
    told5();
    // The upgrade of HTTP is a round trip of the connection; TLS is one, too, and its session tickets may come in between.
    if (kind === 'WebSocket') assert.equal(relay.turns, 2);
    else assert.ok(relay.turns === 2 || relay.turns === 3, String(relay.turns));
  });

async function oldScram(person: Person, user: string): Promise<void> {
  const { createHash, createHmac, pbkdf2Sync } = await import('node:crypto');
  const sasl = `xmlns='urn:ietf:params:xml:ns:xmpp-sasl'`;
  const base64 = (data: string | Uint8Array): string => Buffer.from(data).toString('base64');
  const bare = `n=${user},r=abcdefgh`;
  person.send(`<auth ${sasl} mechanism='SCRAM-SHA-1'>${base64(`n,,${bare}`)}</auth>`);
  const first = Buffer.from((await person.take({ name: 'challenge' })).text, 'base64').toString();
  const [, r = '', s = '', i = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)/.exec(first) ?? [];
  const key = createHmac('sha1', pbkdf2Sync('secret', Buffer.from(s, 'base64'), Number(i), 20, 'sha1'))
    .update('Client Key')
    .digest();
  const signed = createHmac('sha1', createHash('sha1').update(key).digest()).update(`${bare},${first},c=biws,r=${r}`).digest();
  person.send(`<response ${sasl}>${base64(`c=biws,r=${r},p=${base64(key.map((byte, at) => byte ^ (signed[at] as number)))}`)}</response>`);
  await person.take({ name: 'success' });
}
