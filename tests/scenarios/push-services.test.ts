// XEP-0357: the app server of somebody else's client is told that something is new. Here it is a session of an account.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { test } from 'node:test';
import { parley } from '../support/cli.ts';
import { freePorts, waitFor } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { acknowledge, chat, newUser, present, until } from './messages.ts';
import { befriend, type Heard, Person } from './people.ts';

const quick = { 'auth.allowPlaintext': true, 'features.push.grace': '1s', 'features.push.window': '0s' };
const server = await startServer({
  config: { ...quick, 'features.push-services.content': 'full', 'features.push-services.maxEnabled': 3 },
});
test.after(() => server.stop());

const PUSH = 'urn:xmpp:push:0';
const PUBSUB = 'http://jabber.org/protocol/pubsub';
const secretForm = (secret: string): string =>
  `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${PUBSUB}#publish-options</value></field><field var='secret'><value>${secret}</value></field></x>`;
const enable = (jid: string, node: string, form = ''): string => `<enable xmlns='${PUSH}' jid='${jid}' node='${node}'>${form}</enable>`;
const isPublish = { name: 'iq', where: (iq: Heard) => iq.child('pubsub', PUBSUB) !== undefined };
const fieldsOf = (form: Heard | undefined): Record<string, string> =>
  Object.fromEntries((form?.all('field') ?? []).map((field) => [field.attrs['var'] ?? '', field.child('value')?.text ?? '']));
const parts = (iq: Heard) => {
  const publish = iq.child('pubsub')?.child('publish');
  return {
    node: publish?.attrs['node'],
    summary: fieldsOf(publish?.child('item')?.child('notification', PUSH)?.child('x')),
    options: fieldsOf(iq.child('pubsub')?.child('publish-options')?.child('x')),
  };
};

async function story(on: TestServer = server) {
  const ann = await Person.signIn(on, await newUser(on, 'ann'));
  const app = await present(on, await newUser(on, 'app'), 'server');
  const bob = await Person.signIn(on, await newUser(on, 'bob'), { resource: 'phone' });
  await befriend(app, bob);
  return { ann, app, bob, user: bob.bare.split('@')[0] ?? '' };
}
const answer = (app: Person, iq: Heard, error?: string): void =>
  app.send(
    error === undefined
      ? `<iq type='result' id='${iq.attrs['id']}' to='${iq.attrs['from']}'/>`
      : `<iq type='error' id='${iq.attrs['id']}' to='${iq.attrs['from']}'><error type='cancel'><${error} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
  );

test('§5, §6: enabled with a secret; when Bob is away the server publishes in its own name, with the secret', async () => {
  const { ann, app, bob } = await story();
  const info = await bob.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, bob.bare);
  assert.ok(
    info
      .child('query')
      ?.all('feature')
      .some((feature) => feature.attrs['var'] === PUSH),
  );
  assert.equal((await bob.ask('set', enable(app.jid, 'node-1', secretForm('s3cret')))).attrs['type'], 'result');
  const bare = bob.bare;
  await bob.leave();
  ann.send(chat(bare, 'hello'));
  const iq = await app.take(isPublish);
  assert.equal(iq.attrs['from'], 'localhost');
  assert.deepEqual(parts(iq), {
    node: 'node-1',
    summary: { FORM_TYPE: 'urn:xmpp:push:summary', 'message-count': '1', 'last-message-sender': ann.bare, 'last-message-body': 'hello' },
    options: { FORM_TYPE: `${PUBSUB}#publish-options`, secret: 's3cret' },
  });
  answer(app, iq);
  ann.send(chat(bare, 'again'));
  assert.equal(parts(await app.take(isPublish)).summary['message-count'], '2');
});

test('by default an app server learns only how many messages wait; while somebody sits before a device it is not told', async () => {
  // Time enough to acknowledge on a slow machine.
  const discreet = await startServer({ config: { ...quick, 'features.push.grace': '4s' } });
  try {
    const { ann, app, bob } = await story(discreet);
    await bob.ask('set', enable(app.jid, 'n'));
    const bare = bob.bare;
    await bob.leave();
    ann.send(chat(bare, 'private'));
    const iq = await app.take(isPublish);
    assert.deepEqual(parts(iq).summary, { FORM_TYPE: 'urn:xmpp:push:summary', 'message-count': '1' });
    assert.ok(!String(iq).includes('private') && !String(iq).includes(ann.bare));

    const seated = async (): Promise<Awaited<ReturnType<typeof story>>> => {
      const one = await story(discreet);
      one.bob.send(`<enable xmlns='urn:xmpp:sm:3'/>`);
      await one.bob.take({ name: 'enabled' });
      await one.bob.ask('set', enable(one.app.jid, 'n'));
      one.ann.send(chat(one.bob.bare, 'on screen'));
      await one.bob.take({ name: 'message' });
      return one;
    };
    const there = await seated();
    // The answer to the request, and the message.
    await acknowledge(there.bob, 2);
    // Somebody who only seems to be there, and later: when that is told, the other would have been.
    const asleep = await seated();
    await asleep.app.take(isPublish);
    await there.app.hearsNo(isPublish);
  } finally {
    await discreet.stop();
  }
});

test('§5.2: the last enable of a node counts; disable ends one node, or all of a service', async () => {
  const { ann, app, bob, user } = await story();
  await bob.ask('set', enable(app.jid, 'a', secretForm('old')));
  await bob.ask('set', enable(app.jid, 'a', secretForm('new')));
  await bob.ask('set', enable(app.jid, 'b'));
  assert.equal((await bob.ask('set', `<disable xmlns='${PUSH}' jid='${app.jid}' node='b'/>`)).attrs['type'], 'result');
  const bare = bob.bare;
  await bob.leave();
  ann.send(chat(bare, 'one'));
  const iq = await app.take(isPublish);
  assert.deepEqual([parts(iq).node, parts(iq).options['secret']], ['a', 'new']);
  answer(app, iq);
  await app.hearsNo(isPublish);
  const again = await present(server, user, 'phone');
  await again.ask('set', `<disable xmlns='${PUSH}' jid='${app.jid}'/>`);
  await again.leave();
  ann.send(chat(bare, 'two'));
  await ann.settled();
  await app.hearsNo(isPublish);
});

test('§7: an app server that answers with an error is not asked again', async () => {
  const { ann, app, bob } = await story();
  await bob.ask('set', enable(app.jid, 'gone'));
  const bare = bob.bare;
  await bob.leave();
  ann.send(chat(bare, 'one'));
  answer(app, await app.take(isPublish), 'item-not-found');
  await until('the end of it', () => server.log().includes('push_service_disabled'));
  ann.send(chat(bare, 'two'));
  await ann.settled();
  await app.hearsNo(isPublish);
});

test('bad input: no app server, one that cannot be reached, the server itself, endless forms', async () => {
  const { app, bob } = await story();
  for (const [payload, condition] of [
    [`<enable xmlns='${PUSH}' node='x'/>`, 'bad-request'],
    [enable('@@@', 'n'), 'jid-malformed'],
    [enable('push.elsewhere.example', 'n'), 'remote-server-not-found'],
    [enable('localhost', 'n'), 'not-acceptable'],
    [enable(app.bare, 'n'), 'not-acceptable'],
    [enable(app.jid, 'n'.repeat(2000)), 'bad-request'],
    [enable(app.jid, 'n', secretForm('s'.repeat(10_000))), 'bad-request'],
    [enable(app.jid, 'n', `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>other</value></field></x>`), 'bad-request'],
    [`<disable xmlns='${PUSH}'/>`, 'bad-request'],
  ] as const)
    assert.equal((await bob.ask('set', payload)).error, condition, payload.slice(0, 150));
});

test('foreign access: nobody enables or disables for another account, and secrets go to their app server alone', async () => {
  const { ann, app, bob } = await story();
  const eve = await present(server, await newUser(server, 'eve'), 'server');
  await befriend(eve, bob);
  await bob.ask('set', enable(app.jid, 'n', secretForm('only-for-the-app')));
  for (const payload of [enable(eve.jid, 'n'), `<disable xmlns='${PUSH}' jid='${app.jid}'/>`]) {
    const there = await eve.ask('set', payload, bob.bare);
    const nobody = await eve.ask('set', payload, 'nobody-here@localhost');
    assert.equal(there.attrs['type'], 'error');
    assert.equal(String(there.child('error')), String(nobody.child('error')));
  }
  // The same node at another app server is another one: it is not given the secret.
  await bob.ask('set', enable(eve.jid, 'n'));
  const bare = bob.bare;
  await bob.leave();
  ann.send(chat(bare, 'hi'));
  assert.equal(parts(await app.take(isPublish)).options['secret'], 'only-for-the-app');
  const heard = await eve.take(isPublish);
  assert.ok(!String(heard).includes('only-for-the-app'));
  assert.ok(!server.log().includes('only-for-the-app'));
});

test('R12: the server does not write to somebody because a stranger calls them an app server, and does not say who is there', async () => {
  const { ann, app, bob } = await story();
  const eve = await Person.signIn(server, await newUser(server, 'eve'));
  for (const jid of [bob.jid, `${bob.bare}/not-there`, 'nobody-here@localhost/x'])
    assert.equal((await eve.ask('set', enable(jid, 'read this'))).error, 'forbidden', jid);
  // Who was one, and ends it, is one no more.
  await bob.ask('set', enable(app.jid, 'n'));
  app.send(`<presence type='unsubscribed' to='${bob.bare}'/>`);
  await app.settled();
  const bare = bob.bare;
  await bob.leave();
  ann.send(chat(bare, 'hi'));
  await ann.settled();
  await app.hearsNo(isPublish);
});

test('a forged answer does not count: only the app server itself can disable itself', async () => {
  const { ann, app, bob } = await story();
  const eve = await present(server, await newUser(server, 'eve'), 'x');
  await bob.ask('set', enable(app.jid, 'n'));
  const bare = bob.bare;
  await bob.leave();
  ann.send(chat(bare, 'one'));
  const iq = await app.take(isPublish);
  answer(eve, iq, 'forbidden');
  await eve.settled();
  answer(app, iq);
  ann.send(chat(bare, 'two'));
  await app.take(isPublish);
});

test('what is enabled survives a restart', async () => {
  const { ann, app, bob } = await story();
  await bob.ask('set', enable(app.jid, 'kept', secretForm('kept-secret')));
  const [bare, annName, appName] = [bob.bare, ann.bare.split('@')[0] ?? '', app.bare.split('@')[0] ?? ''];
  await bob.leave();
  await server.restart();
  const appAgain = await present(server, appName, 'server');
  const annAgain = await Person.signIn(server, annName);
  annAgain.send(chat(bare, 'after'));
  assert.equal(parts(await appAgain.take(isPublish)).options['secret'], 'kept-secret');
});

test('an app server that is a component (XEP-0114): published in the name of the server, answered, and disabled by its error', async () => {
  const [port = 0] = await freePorts(1);
  const domains = 'push.localhost';
  const own = await startServer({ config: { ...quick, 'listen.component': `127.0.0.1:${port}`, 'features.components.domains': domains } });
  try {
    const { code, out, err } = await parley(own, ['component', 'secret', domains, `--features.components.domains=${domains}`]);
    assert.equal(code, 0, err);
    let all = '';
    const socket = connect(port, '127.0.0.1').setEncoding('utf8');
    socket.on('data', (text: string) => (all += text));
    const hears = (pattern: RegExp): Promise<RegExpExecArray> =>
      waitFor(`${pattern} in ${all.slice(-500)}`, () => pattern.exec(all) ?? undefined);
    socket.write(`<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='${domains}'>`);
    const [, id = ''] = await hears(/<stream:stream [^>]*id="([^"]+)"/);
    socket.write(`<handshake>${createHash('sha1').update(`${id}${out.trim()}`).digest('hex')}</handshake>`);
    await hears(/<handshake\/>/);
    const { ann, bob } = await story(own);
    assert.equal((await bob.ask('set', enable(domains, 'node-1', secretForm('for-the-component')))).attrs['type'], 'result');
    const bare = bob.bare;
    await bob.leave();
    ann.send(chat(bare, 'hello'));
    const publish = /<iq [^>]*from="localhost"[^>]*>.*?<\/iq>/;
    const [first] = await hears(publish);
    assert.ok(first.includes('node="node-1"') && first.includes('for-the-component') && !first.includes('hello'), first);
    const answerTo = (iq: string, rest: string): void =>
      void socket.write(`<iq from='${domains}' to='localhost' id='${/ id="([^"]+)"/.exec(iq)?.[1]}' ${rest}`);
    answerTo(first, `type='result'/>`);
    all = '';
    ann.send(chat(bare, 'again'));
    const [second] = await hears(publish);
    answerTo(second, `type='error'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`);
    await until('the end of it', () => own.log().includes('push_service_disabled'));
    socket.destroy();
  } finally {
    await own.stop();
  }
});
