// Web Push from this server (RFC 8030, 8291, 8292; docs/protocol/push.md): who is told, of what, when, and who cannot make it do more.
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { PushService } from '../support/push-service.ts';
import { startServer } from '../support/server.ts';
import { acknowledge, chat, NS_SM, newUser, present, says, until } from './messages.ts';
import { befriend, type Heard, message, Person } from './people.ts';
import { groupchat, makeGroup, takeGroups } from './rooms.ts';

const service = await PushService.start();
const config = {
  'auth.allowPlaintext': true,
  'features.web-push.allowLoopback': true,
  'features.web-push.maxRegistrations': 3,
  'features.web-push.contact': 'mailto:ops@localhost',
  'features.push.grace': '1s',
  'features.push.window': '1s',
  'features.push.recoverAfter': '1s',
};
const server = await startServer({ config });
test.after(async () => {
  await server.stop();
  service.stop();
});

const PUSH = 'urn:parley:push:0';
const csi = (state: 'active' | 'inactive'): string => `<${state} xmlns='urn:xmpp:csi:0'/>`;
const localOf = (person: Person): string => person.bare.split('@')[0] ?? '';
const isMessage = (told: { payload: Record<string, unknown> }): boolean => told.payload['type'] === 'message';

/** Bob has registered his phone for push and left; Ann is there. */
async function annAndAbsentBob(content = 'full', on = { server, service }) {
  const ann = await Person.signIn(on.server, await newUser(on.server, 'ann'), { resource: 'laptop' });
  const bob = await Person.signIn(on.server, await newUser(on.server, 'bob'), { resource: 'phone' });
  const phone = await on.service.subscribe();
  assert.equal((await bob.ask('set', phone.register(content))).attrs['type'], 'result');
  const bare = bob.bare;
  await bob.leave();
  return { ann, bare, user: localOf(bob), phone };
}

test('the key is told, is the one that signs, and lives outside the database where nobody else reads it', async () => {
  const ann = await Person.signIn(server, await newUser(server, 'ann'));
  const key = (await ann.ask('get', `<key xmlns='${PUSH}'/>`)).child('key', PUSH)?.text ?? '';
  assert.equal(Buffer.from(key, 'base64url').length, 65);
  service.serverKey = key;
  assert.equal((await stat(join(server.dataDir, 'keys', 'vapid.key'))).mode & 0o777, 0o600);
  const info = await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`);
  assert.ok(
    info
      .child('query')
      ?.all('feature')
      .some((feature) => feature.attrs['var'] === PUSH),
  );
});

test('Bob is away: his phone is told who wrote what, encrypted, signed, and in the words he chose', async () => {
  for (const content of ['none', 'sender', 'full']) {
    const { ann, bare, phone } = await annAndAbsentBob(content);
    ann.send(chat(bare, 'lunch?'));
    const { payload, headers, claims } = await phone.next();
    assert.equal(payload['v'], 1);
    assert.equal(payload['type'], 'message');
    assert.equal(payload['total'], 1);
    assert.equal(payload['tag'], headers['topic']);
    assert.equal(claims['sub'], 'mailto:ops@localhost');
    assert.equal(headers['urgency'], 'high');
    if (content === 'none') assert.deepEqual(Object.keys(payload).sort(), ['tag', 'total', 'type', 'v']);
    else {
      assert.equal(payload['conversation'], ann.bare);
      assert.equal(payload['account'], bare);
      assert.equal(payload['count'], 1);
      assert.match(String(payload['id']), /./);
    }
    assert.equal(payload['body'], content === 'full' ? 'lunch?' : undefined);
  }
  assert.deepEqual(service.wrong, []);
});

test('the name that Bob has given to Ann is told', async () => {
  const { ann, bare, user, phone } = await annAndAbsentBob();
  const bob = await Person.signIn(server, user);
  await befriend(ann, bob);
  await bob.ask('set', `<query xmlns='jabber:iq:roster'><item jid='${ann.bare}' name='Annie'/></query>`);
  await bob.leave();
  ann.send(chat(bare, 'hi'));
  assert.equal((await phone.next()).payload['name'], 'Annie');
});

/** He has been sent something, and his laptop shows it, but does not answer the ping of the server. */
async function shownAndNotAcknowledged(text: string, on = { server, service }) {
  const { ann, bare, user, phone } = await annAndAbsentBob('full', on);
  const laptop = await present(on.server, user, 'laptop');
  ann.send(chat(bare, text));
  await laptop.take(message());
  return { laptop, phone };
}

test('while somebody sits before a device of his, no push is sent', async (t) => {
  // Time enough to acknowledge on a slow machine.
  const on = { server: await startServer({ config: { ...config, 'features.push.grace': '4s' } }), service: await PushService.start() };
  t.after(async () => {
    await on.server.stop();
    on.service.stop();
  });
  const { ann, bare, user, phone } = await annAndAbsentBob('full', on);
  const laptop = await present(on.server, user, 'laptop');
  laptop.send(`<enable xmlns='${NS_SM}'/>`);
  await laptop.take({ name: 'enabled' });
  ann.send(chat(bare, 'on screen'));
  await laptop.take(message());
  await acknowledge(laptop, 1);
  // Somebody else's news, later and not acknowledged: when those are told, the grace of this is over.
  const later = await shownAndNotAcknowledged('later', on);
  assert.equal((await later.phone.next()).payload['body'], 'later');
  assert.equal(phone.requests, 0, 'what decides is that it was acknowledged');
  await laptop.leave();
  ann.send(chat(bare, 'alone again'));
  assert.equal((await phone.next()).payload['body'], 'alone again');
});

test('a device that is signed in, but not looked at, does not keep the phone silent (XEP-0352, away)', async () => {
  for (const said of [csi('inactive'), '<presence><show>away</show></presence>', '<presence><show>xa</show></presence>']) {
    const { ann, bare, user, phone } = await annAndAbsentBob();
    const laptop = await present(server, user, 'laptop');
    laptop.send(said);
    await laptop.settled();
    ann.send(chat(bare, 'psst'));
    assert.equal((await phone.next()).payload['body'], 'psst', said);
    laptop.cut();
  }
});

test('a connection that only seems alive does not swallow the news: without an acknowledgement the phone is told', async () => {
  const { laptop, phone } = await shownAndNotAcknowledged('are you there?');
  assert.equal((await phone.next()).payload['body'], 'are you there?');
  laptop.cut();
});

test('XEP-0198: a session that broke and waits to be resumed counts as away, at once', async () => {
  const { ann, bare, user, phone } = await annAndAbsentBob();
  const tablet = await present(server, user, 'tablet');
  await tablet.makeResumable();
  tablet.cut();
  await until('the server to notice', async () => (await ann.ask('get', `<ping xmlns='urn:xmpp:ping'/>`)).attrs['type'] === 'result');
  ann.send(chat(bare, 'lost you?'));
  assert.equal((await phone.next()).payload['body'], 'lost you?');
});

test('messages of one conversation that come together are told together, the count tells how many', async () => {
  const { ann, bare, phone } = await annAndAbsentBob();
  const carl = await Person.signIn(server, await newUser(server, 'carl'));
  for (const text of ['one', 'two', 'three', 'four', 'five']) ann.send(chat(bare, text));
  carl.send(chat(bare, 'carl here'));
  const last = await phone.next((told) => told.payload['body'] === 'five');
  assert.equal(last.payload['count'], 5);
  assert.ok(phone.requests <= 4, `${phone.requests} requests for six messages`);
  const other =
    phone.inbox.find((told) => told.payload['body'] === 'carl here') ?? (await phone.next((told) => told.payload['body'] === 'carl here'));
  assert.notEqual(other.headers['topic'], last.headers['topic']);
  assert.equal(other.payload['conversation'], carl.bare);
});

test('read elsewhere: the notice goes from the phone (XEP-0333, or an answer)', async () => {
  for (const reading of [`<displayed xmlns='urn:xmpp:chat-markers:0' id='m-hello'/>`, '<body>hi yourself</body>']) {
    const { ann, bare, user, phone } = await annAndAbsentBob('none');
    ann.send(chat(bare, 'hello'));
    const told = await phone.next(isMessage);
    const laptop = await present(server, user, 'laptop');
    laptop.send(`<message to='${ann.bare}' type='chat'>${reading}</message>`);
    const cleared = await phone.next((one) => one.payload['type'] === 'read');
    assert.equal(cleared.payload['tag'], told.payload['tag']);
    assert.equal(cleared.headers['topic'], told.headers['topic']);
    assert.equal(cleared.payload['total'], 0);
    await laptop.leave();
  }
});

test('receipts, markers, chat states and what is not kept wake nobody', async () => {
  const { ann, bare, phone } = await annAndAbsentBob();
  for (const inner of [
    `<received xmlns='urn:xmpp:receipts' id='x'/>`,
    `<displayed xmlns='urn:xmpp:chat-markers:0' id='x'/>`,
    `<composing xmlns='http://jabber.org/protocol/chatstates'/>`,
    `<reactions xmlns='urn:xmpp:reactions:0' id='x'><reaction>+</reaction></reactions>`,
    `<body>secret</body><no-store xmlns='urn:xmpp:hints'/>`,
  ])
    ann.send(`<message to='${bare}' type='chat'>${inner}</message>`);
  ann.send(chat(bare, 'now'));
  assert.equal((await phone.next()).payload['body'], 'now');
  assert.equal(phone.requests, 1);
});

test('of an encrypted message only that it came is told; a call rings for a minute and then not', async () => {
  const { ann, bare, phone } = await annAndAbsentBob();
  ann.send(
    `<message to='${bare}' type='chat'><encrypted xmlns='eu.siacs.conversations.axolotl'/><body>I sent you an OMEMO message</body></message>`,
  );
  const { payload } = await phone.next();
  assert.equal(payload['encrypted'], true);
  assert.equal(payload['body'], undefined);
  ann.send(`<message to='${bare}' type='chat'><propose xmlns='urn:xmpp:jingle-message:0' id='c1'/></message>`);
  const call = await phone.next((told) => told.payload['kind'] === 'call');
  assert.equal(call.headers['ttl'], '60');
});

test('429 and 500 are tried again as the push service asks; 404 and 410 end the registration', async () => {
  const { ann, bare, user, phone } = await annAndAbsentBob();
  phone.answers = [{ status: 429, retryAfter: 1 }, 500, 201];
  ann.send(chat(bare, 'in the end'));
  assert.equal((await phone.next()).payload['body'], 'in the end');
  assert.equal(phone.requests, 3);
  for (const status of [404, 410]) {
    const bob = await present(server, user, 'phone');
    const other = await service.subscribe();
    assert.equal((await bob.ask('set', other.register('full', `gone-${status}`))).attrs['type'], 'result');
    await bob.leave();
    other.answers = [status];
    ann.send(chat(bare, `gone ${status}`));
    await until(`the registration to go (${status})`, () => other.requests === 1);
    const again = await present(server, user, 'phone');
    await until('the list without it', async () => {
      const list = (await again.ask('get', `<registrations xmlns='${PUSH}'/>`)).child('registrations', PUSH);
      return list?.all('registration').every((one) => one.attrs['device'] !== `gone-${status}`) === true;
    });
    await again.leave();
  }
});

test('a push service that says nothing keeps nobody else waiting', async () => {
  const slow = await annAndAbsentBob();
  slow.phone.answers = ['silence'];
  slow.ann.send(chat(slow.bare, 'into the void'));
  await until('the request', () => slow.phone.requests === 1);
  const { ann, bare, phone } = await annAndAbsentBob();
  ann.send(chat(bare, 'quick'));
  assert.equal((await phone.next()).payload['body'], 'quick');
});

test('registrations survive a restart; a device that registers anew replaces itself; the list hides the endpoints', async () => {
  const { ann, bare, user, phone } = await annAndAbsentBob();
  const annName = localOf(ann);
  await server.restart();
  const bob = await present(server, user, 'phone');
  const newer = await service.subscribe();
  await bob.ask('set', newer.register('sender'));
  const list = (await bob.ask('get', `<registrations xmlns='${PUSH}'/>`)).child('registrations', PUSH);
  assert.deepEqual(
    list?.all('registration').map(({ attrs }) => [attrs['device'], attrs['content'], attrs['service'], attrs['failures']]),
    [['phone', 'sender', service.origin.slice('http://'.length), '0']],
  );
  assert.ok(!String(list).includes('/push/'), 'the endpoint is a secret of the device');
  await bob.leave();
  const again = await Person.signIn(server, annName);
  again.send(chat(bare, 'after the restart'));
  assert.equal((await newer.next()).payload['conversation'], again.bare);
  assert.equal(phone.requests, 0);
});

test('a device that is taken off is told nothing more', async () => {
  const { ann, bare, user, phone } = await annAndAbsentBob();
  const bob = await present(server, user, 'tablet');
  assert.equal((await bob.ask('set', `<remove xmlns='${PUSH}' device='phone'/>`)).attrs['type'], 'result');
  assert.equal((await bob.ask('set', `<remove xmlns='${PUSH}' device='phone'/>`)).error, 'item-not-found');
  await bob.leave();
  ann.send(chat(bare, 'silence'));
  await ann.settled();
  const { ann: other, bare: control, phone: heard } = await annAndAbsentBob();
  other.send(chat(control, 'heard'));
  await heard.next();
  assert.equal(phone.requests, 0);
});

test('foreign access: nobody registers, lists or removes devices of another account', async () => {
  const { ann, bare, phone } = await annAndAbsentBob();
  const device = await service.subscribe();
  for (const [type, payload] of [
    ['set', device.register('full', 'evil')],
    ['get', `<registrations xmlns='${PUSH}'/>`],
    ['set', `<remove xmlns='${PUSH}' device='phone'/>`],
  ] as const) {
    const there = await ann.ask(type, payload, bare);
    const nobody = await ann.ask(type, payload, 'nobody-here@localhost');
    assert.equal(there.attrs['type'], 'error');
    assert.equal(String(there.child('error')), String(nobody.child('error')));
  }
  ann.send(chat(bare, 'still mine'));
  assert.equal((await phone.next()).payload['body'], 'still mine');
  assert.equal(device.requests, 0);
});

test('bad input: no keys, short keys, points off the curve, endless endpoints', async () => {
  const ann = await Person.signIn(server, await newUser(server, 'ann'), { resource: 'phone' });
  const device = await service.subscribe();
  const good = device.register('full');
  const off = Buffer.from(device.p256dh, 'base64url');
  off[64] = (off[64] ?? 0) ^ 1;
  for (const [wrong, condition] of [
    [good.replace(/ p256dh='[^']*'/, ''), 'bad-request'],
    [good.replace(/ auth='[^']*'/, ` auth='AAAA'`), 'bad-request'],
    [good.replace(/ p256dh='[^']*'/, ` p256dh='${'A'.repeat(5000)}'`), 'bad-request'],
    [good.replace(/ endpoint='[^']*'/, ` endpoint='https://push.example/${'x'.repeat(3000)}'`), 'bad-request'],
    [good.replace(` content='full'`, ` content='all'`), 'bad-request'],
    [good.replace('/>', ` device='${'d'.repeat(257)}'/>`), 'bad-request'],
    [good.replace(device.p256dh, off.toString('base64url')), 'not-acceptable'],
  ] as const)
    assert.equal((await ann.ask('set', wrong)).error, condition, wrong.slice(0, 200));
  assert.equal((await ann.ask('get', `<registrations xmlns='${PUSH}'/>`)).child('registrations')?.children.length, 0);
});

test('SSRF: endpoints inside are refused, and nothing is connected to', async () => {
  const hits: string[] = [];
  const canary = createServer((request, response) => {
    hits.push(request.url ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
  const { port } = canary.address() as AddressInfo;
  // As it is by default: loopback is not allowed.
  const strict = await startServer({ config: { 'auth.allowPlaintext': true } });
  try {
    await strict.createUser('eve', 'secret');
    const eve = await Person.signIn(strict, 'eve', { resource: 'phone' });
    const device = await service.subscribe();
    for (const endpoint of [
      `http://127.0.0.1:${port}/x`,
      `https://127.0.0.1:${port}/x`,
      `https://127.1:${port}/x`,
      `https://2130706433:${port}/x`,
      `https://0x7f000001:${port}/x`,
      `https://[::1]:${port}/x`,
      `https://[::ffff:127.0.0.1]:${port}/x`,
      `https://localhost:${port}/x`,
      `https://localhost.:${port}/x`,
      'https://169.254.169.254/latest/meta-data',
      'https://10.0.0.1/x',
      'https://[fd00::1]/x',
      'https://user:password@push.example/x',
      'file:///etc/passwd',
      'gopher://127.0.0.1/x',
    ]) {
      const answer = await eve.ask('set', device.register('full').replace(device.endpoint, endpoint));
      assert.equal(answer.error, 'not-acceptable', endpoint);
    }
    assert.deepEqual(hits, []);
  } finally {
    await strict.stop();
    canary.close();
  }
});

test('an account has so many devices and no more: the one told longest ago makes room', async () => {
  const bob = await Person.signIn(server, await newUser(server, 'bob'), { resource: 'phone' });
  for (let i = 1; i <= 5; i++) await bob.ask('set', (await service.subscribe()).register('none', `device-${i}`));
  const list = (await bob.ask('get', `<registrations xmlns='${PUSH}'/>`)).child('registrations', PUSH);
  assert.deepEqual(
    list?.all('registration').map(({ attrs }) => attrs['device']),
    ['device-3', 'device-4', 'device-5'],
  );
});

test('neither bodies nor endpoints are in the log', async () => {
  const { ann, bare, phone } = await annAndAbsentBob();
  phone.answers = [500, 410];
  ann.send(chat(bare, 'not-for-the-log'));
  await until('the end of the registration', () => server.log().includes('push_registration_over'));
  assert.ok(!server.log().includes('not-for-the-log'));
  assert.ok(!server.log().includes(phone.endpoint) && !server.log().includes(phone.auth));
});

test('XEP-0490: displayed on another device, also without a marker', async () => {
  const { ann, bare, user, phone } = await annAndAbsentBob('none');
  ann.send(chat(bare, 'hello'));
  const told = await phone.next(isMessage);
  const laptop = await present(server, user, 'laptop');
  laptop.send('<presence><show>away</show></presence>');
  await laptop.settled();
  const item = `<item id='${ann.bare}'><displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' by='${bare}' id='x'/></displayed></item>`;
  await laptop.ask(
    'set',
    `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:mds:displayed:0'>${item}</publish></pubsub>`,
  );
  assert.equal((await phone.next((one) => one.payload['type'] === 'read')).payload['tag'], told.payload['tag']);
});

test('the conversation list: displayed there counts as well; a muted conversation wakes nobody', async () => {
  const { ann, bare, user, phone } = await annAndAbsentBob('full');
  const carl = await Person.signIn(server, await newUser(server, 'carl'));
  ann.send(chat(bare, 'hello'));
  const { payload } = await phone.next(isMessage);
  const laptop = await present(server, user, 'laptop', '<presence><show>away</show></presence>');
  const change = (jid: string, attrs: string): string => `<conversation xmlns='urn:parley:conversations:0' jid='${jid}' ${attrs}/>`;
  assert.equal((await laptop.ask('set', change(ann.bare, `displayed='${payload['id']}'`))).attrs['type'], 'result');
  assert.equal((await phone.next((one) => one.payload['type'] === 'read')).payload['tag'], payload['tag']);
  assert.equal((await laptop.ask('set', change(ann.bare, `muted='true'`))).attrs['type'], 'result');
  await laptop.leave();
  ann.send(chat(bare, 'unheard'));
  await ann.settled();
  carl.send(chat(bare, 'heard'));
  assert.equal((await phone.next(isMessage)).payload['body'], 'heard');
});

/** A group that Ann has made, of which Bob, who is away, is a member without ever having joined. */
async function annsGroup() {
  const { ann, bare, user, phone } = await annAndAbsentBob('full');
  await takeGroups(ann);
  const room = await makeGroup(ann, [bare]);
  return { ann, bare, user, phone, room };
}

test('groups: a member who never joined is told, by the name of the group and of who wrote; read on another device, it goes', async () => {
  const { ann, user, phone, room, bare } = await annsGroup();
  ann.send(groupchat(room, 'lunch, all?'));
  const { payload, headers } = await phone.next((told) => told.payload['kind'] === 'group');
  assert.deepEqual(
    [payload['conversation'], payload['from'], payload['body'], payload['account']],
    [room, localOf(ann), 'lunch, all?', bare],
  );
  assert.equal(payload['mention'], undefined);
  ann.send(groupchat(room, `hey ${user}, you too`));
  assert.equal((await phone.next((told) => told.payload['kind'] === 'group')).payload['mention'], true);
  const laptop = await present(server, user, 'laptop', '<presence><show>away</show></presence>');
  laptop.send(`<message type='groupchat' to='${room}'><displayed xmlns='urn:xmpp:chat-markers:0' id='${payload['id']}'/></message>`);
  assert.equal((await phone.next((told) => told.payload['type'] === 'read')).payload['tag'], headers['topic']);
});

test('groups: who sits before a device that takes its groups is not told by push', async () => {
  const { ann, user, phone, room } = await annsGroup();
  const laptop = await Person.signIn(server, user, { resource: 'laptop', roster: false, presence: false });
  await laptop.makeResumable();
  await takeGroups(laptop);
  laptop.send('<presence/>');
  await laptop.settled();
  const before = phone.requests;
  ann.send(groupchat(room, 'on screen'));
  await laptop.take(says('on screen'));
  await ann.settled();
  assert.equal(phone.requests, before);
});

test('XEP-0492: of a group that is set to mentions only those are told, and nothing of one that is silenced', async () => {
  const { ann, user, phone, room } = await annsGroup();
  const laptop = await present(server, user, 'laptop', '<presence><show>away</show></presence>');
  const want = (level: string): Promise<Heard> =>
    laptop.ask(
      'set',
      `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'><item id='${room}'><conference xmlns='urn:xmpp:bookmarks:1'><extensions><notify xmlns='urn:xmpp:notification-settings:1'><${level}/></notify></extensions></conference></item></publish></pubsub>`,
    );
  const told = (text: string) => phone.next((one) => one.payload['body'] === text);
  assert.equal((await want('on-mention')).attrs['type'], 'result');
  ann.send(groupchat(room, 'nothing for him'));
  ann.send(groupchat(room, `${user}: for you`));
  await told(`${user}: for you`);
  ann.send(groupchat(room, 'by reference', `<reference xmlns='urn:xmpp:reference:0' type='mention' uri='xmpp:${laptop.bare}'/>`));
  await told('by reference');
  // A muted group still tells of mentions when that is its level, and of nothing when it is not.
  const mute = `<conversation xmlns='urn:parley:conversations:0' jid='${room}' muted='true'/>`;
  assert.equal((await laptop.ask('set', mute)).attrs['type'], 'result');
  ann.send(groupchat(room, 'muted, nothing for him'));
  ann.send(groupchat(room, `${user}: muted, for you`));
  await told(`${user}: muted, for you`);
  const always = `<conversation xmlns='urn:parley:conversations:0' jid='${room}' notify='always'/>`;
  assert.equal((await laptop.ask('set', always)).attrs['type'], 'result');
  ann.send(groupchat(room, `${user}: muted, nothing for him either`));
  const unmute = `<conversation xmlns='urn:parley:conversations:0' jid='${room}' muted='false' notify='never'/>`;
  await ann.settled();
  assert.equal((await laptop.ask('set', unmute)).attrs['type'], 'result');
  assert.equal((await want('never')).attrs['type'], 'result');
  ann.send(groupchat(room, `${user}: not even this`));
  ann.send(chat(laptop.bare, 'but this'));
  await told('but this');
  assert.ok(!phone.inbox.some((one) => /nothing for him|not even this/.test(String(one.payload['body']))));
});

test('P1: what was kept and not told when the server was killed is told after the restart, once', async () => {
  const { ann, bare, phone } = await annAndAbsentBob();
  ann.send(chat(bare, 'told before'));
  await phone.next();
  await ann.settled();
  phone.answers = ['silence'];
  ann.send(chat(bare, 'kept and not told'));
  await until('the attempt', () => phone.requests >= 2);
  await server.kill();
  phone.answers = [201];
  await server.restart();
  const { payload } = await phone.next();
  assert.equal(payload['body'], 'kept and not told');
  await server.restart();
  // Another one, behind the time after which it would have been told again.
  const { phone: control } = await shownAndNotAcknowledged('x');
  await control.next();
  assert.deepEqual(phone.inbox, []);
});
