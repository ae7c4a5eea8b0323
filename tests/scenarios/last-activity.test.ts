// Since when somebody is away, and who may know (XEP-0012, XEP-0319, RFC 6121 §4.3.2); what the server tells of its limits and its people.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';
import { newUser } from './messages.ts';
import { befriend, type Heard, Person, presence } from './people.ts';

const server = await startServer({
  config: {
    'auth.allowPlaintext': true,
    'limits.stanzaSize': '100000',
    'limits.stanzaSizeBeforeSignIn': '9000',
    'features.contact-addresses.abuse': 'mailto:abuse@localhost xmpp:abuse@localhost',
    'features.contact-addresses.status': 'https://status.localhost/',
  },
});
test.after(() => server.stop());

const LAST = `<query xmlns='jabber:iq:last'/>`;
const secondsOf = (answer: Heard): number => Number(answer.child('query', 'jabber:iq:last')?.attrs['seconds'] ?? Number.NaN);
async function friends(): Promise<{ ann: Person; bob: Person; bobName: string }> {
  const bobName = await newUser(server, 'bob');
  const ann = await Person.signIn(server, await newUser(server, 'ann'), { resource: 'phone' });
  const bob = await Person.signIn(server, bobName, { resource: 'phone' });
  await befriend(ann, bob);
  return { ann, bob, bobName };
}

test('XEP-0012 §4: a friend is told how long ago Bob went and what he said; 0 while he is here', async () => {
  const { ann, bob } = await friends();
  const here = await ann.ask('get', LAST, bob.bare);
  assert.equal(secondsOf(here), 0);
  assert.equal(here.child('query')?.text, '');
  bob.send(`<presence type='unavailable'><status>Heading Home</status></presence>`);
  await ann.take(presence({ type: 'unavailable', from: bob.jid }));
  await bob.leave();
  const away = await ann.ask('get', LAST, bob.bare);
  assert.ok(secondsOf(away) >= 0 && secondsOf(away) < 60, String(away));
  assert.equal(away.child('query')?.text, 'Heading Home');
});

test('§4: with a second device here, nobody is away', async () => {
  const { ann, bob, bobName } = await friends();
  const laptop = await Person.signIn(server, bobName, { resource: 'laptop' });
  await bob.leave();
  await ann.take(presence({ type: 'unavailable', from: bob.jid }));
  assert.equal(secondsOf(await ann.ask('get', LAST, bob.bare)), 0);
  await laptop.leave();
});

test('§7 presence leak: a stranger is refused, in the same way for an account that is not there', async () => {
  const { bob } = await friends();
  const eve = await Person.signIn(server, await newUser(server, 'eve'));
  for (const resource of ['', '/phone', '/nowhere']) {
    const there = await eve.ask('get', LAST, `${bob.bare}${resource}`);
    const nobody = await eve.ask('get', LAST, `nobody-here@localhost${resource}`);
    assert.equal(there.error, 'forbidden', resource);
    assert.equal(String(there.child('error')), String(nobody.child('error')), resource);
  }
  await bob.hearsNo({ name: 'iq' });
  await bob.leave();
  assert.equal((await eve.ask('get', LAST, bob.bare)).error, 'forbidden');
});

test('§5: a request to a device is for the device to answer; one that is not here is not available', async () => {
  const { ann, bob } = await friends();
  const answer = ann.ask('get', LAST, bob.jid);
  const asked = await bob.take({ name: 'iq', where: (iq) => iq.child('query', 'jabber:iq:last') !== undefined });
  bob.send(`<iq type='result' id='${asked.attrs['id']}' to='${ann.jid}'><query xmlns='jabber:iq:last' seconds='123'/></iq>`);
  assert.equal(secondsOf(await answer), 123);
  assert.equal((await ann.ask('get', LAST, `${bob.bare}/elsewhere`)).error, 'service-unavailable');
});

test('§6: the server tells how long it runs, and that it can', async () => {
  const ann = await Person.signIn(server, await newUser(server, 'ann'));
  const up = secondsOf(await ann.ask('get', LAST, 'localhost'));
  assert.ok(up >= 0 && up < 600, String(up));
  const info = await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, 'localhost');
  assert.ok(
    info
      .child('query')
      ?.all('feature')
      .some((feature) => feature.attrs['var'] === 'jabber:iq:last'),
  );
});

test('RFC 6121 §4.3.2: a probe of somebody who went is told since when, with the status and the last touch (XEP-0319)', async () => {
  const { ann, bob } = await friends();
  const before = Date.now();
  bob.send(`<presence type='unavailable'><status>zzz</status><idle xmlns='urn:xmpp:idle:1' since='2020-02-02T02:02:02Z'/></presence>`);
  await ann.take(presence({ type: 'unavailable', from: bob.jid }));
  await bob.leave();
  ann.send(`<presence type='probe' id='p1' to='${bob.bare}'/>`);
  const told = await ann.take(presence({ type: 'unavailable', from: bob.bare, id: 'p1' }));
  assert.equal(told.child('status')?.text, 'zzz');
  assert.equal(Date.parse(told.child('idle', 'urn:xmpp:idle:1')?.attrs['since'] ?? ''), Date.parse('2020-02-02T02:02:02Z'));
  const stamp = Date.parse(told.child('delay', 'urn:xmpp:delay')?.attrs['stamp'] ?? '');
  assert.ok(stamp >= before && stamp <= Date.now(), String(told));
});

test('XEP-0319: the last touch passes with presence, and is shown to who comes later', async () => {
  const { ann, bob } = await friends();
  bob.send(`<presence><show>away</show><idle xmlns='urn:xmpp:idle:1' since='2020-02-02T02:02:02Z'/></presence>`);
  const since = (heard: Heard): string | undefined => heard.child('idle', 'urn:xmpp:idle:1')?.attrs['since'];
  assert.equal(since(await ann.take(presence({ type: undefined, from: bob.jid }))), '2020-02-02T02:02:02Z');
  const laptop = await Person.signIn(server, ann.bare.split('@')[0] ?? '', { resource: 'laptop' });
  assert.equal(since(await laptop.take(presence({ type: undefined, from: bob.jid }))), '2020-02-02T02:02:02Z');
});

test('a restart does not make those who were here older than they are', async () => {
  const { ann, bob, bobName } = await friends();
  const annName = ann.bare.split('@')[0] ?? '';
  await server.restart();
  const again = await Person.signIn(server, annName, { resource: 'phone' });
  const seconds = secondsOf(await again.ask('get', LAST, bob.bare));
  assert.ok(seconds >= 0 && seconds < 120, String(seconds));
  const back = await Person.signIn(server, bobName, { resource: 'phone' });
  assert.equal(secondsOf(await again.ask('get', LAST, back.bare)), 0);
});

test('XEP-0478: the limits that hold are told, before sign-in and after', async () => {
  const user = await newUser(server, 'ann');
  const most = (features: Heard): string | undefined => features.child('limits', 'urn:xmpp:stream-limits:0')?.child('max-bytes')?.text;
  const guest = await Person.guest(server);
  assert.equal(most(await guest.take({ name: 'features' })), '9000');
  guest.send(
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${user}\0secret`).toString('base64')}</auth>`,
  );
  await guest.take({ name: 'success' });
  guest.reopen();
  assert.equal(most(await guest.take({ name: 'features' })), '100000');
  guest.cut();
  // They are true: one stanza just below passes, one above ends the stream.
  const ann = await Person.signIn(server, user);
  const sized = (bytes: number): string => {
    const [head, tail] = [`<message to='${ann.bare}' type='headline'><body>`, '</body></message>'];
    return `${head}${'x'.repeat(bytes - head.length - tail.length)}${tail}`;
  };
  ann.send(sized(99_990));
  await ann.take({ name: 'message' });
  ann.send(sized(100_010));
  assert.equal((await ann.take({ name: 'error' })).children[0]?.name, 'policy-violation');
});

test('XEP-0157: whom to write to, as the operator has set it', async () => {
  const ann = await Person.signIn(server, await newUser(server, 'ann'));
  const info = await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, 'localhost');
  const form = info
    .child('query')
    ?.all('x')
    .find((x) => x.child('field')?.child('value')?.text === 'http://jabber.org/network/serverinfo');
  const values = (name: string): string[] | undefined =>
    form
      ?.all('field')
      .find((field) => field.attrs['var'] === name)
      ?.all('value')
      .map((value) => value.text);
  assert.deepEqual(values('abuse-addresses'), ['mailto:abuse@localhost', 'xmpp:abuse@localhost']);
  assert.deepEqual(values('status-addresses'), ['https://status.localhost/']);
  assert.equal(values('sales-addresses'), undefined);
});
