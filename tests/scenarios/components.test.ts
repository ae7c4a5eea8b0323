// XEP-0114: a program of its own answers for bot.localhost.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parley } from '../support/cli.ts';
import { freePorts, waitFor } from '../support/process.ts';
import { startServer } from '../support/server.ts';
import { message, Person, presence } from './people.ts';

const [port = 0] = await freePorts(1);
const domains = '--features.components.domains=bot.localhost irc.localhost';
const folder = await mkdtemp(join(tmpdir(), 'parley-components-'));
const settings = join(folder, 'parley.yaml');
const awayTime = (time: string): Promise<void> => writeFile(settings, `features:\n  components:\n    awayTime: ${time}\n`);
// Longer than any test takes; it is shortened where its end is waited for.
await awayTime('10m');
const server = await startServer({
  config: {
    config: settings,
    'auth.allowPlaintext': true,
    'listen.component': `127.0.0.1:${port}`,
    'features.components.domains': 'bot.localhost irc.localhost',
    'features.components.maxWaiting': 3,
  },
});
test.after(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});
const secrets = new Map<string, string>();
const secret = async (domain = 'bot.localhost'): Promise<string> => {
  const known = secrets.get(domain);
  if (known !== undefined) return known;
  const { code, out, err } = await parley(server, ['component', 'secret', domain, domains]);
  assert.equal(code, 0, err);
  secrets.set(domain, out.trim());
  return out.trim();
};
for (const name of ['ann', 'bob']) await server.createUser(name, 'secret');

/** A component that says exactly what it is told. */
class Component {
  readonly socket: Socket;
  all = '';
  ended = false;
  constructor() {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setEncoding('utf8').on('data', (text: string) => {
      this.all += text;
    });
    this.socket.on('close', () => {
      this.ended = true;
    });
    this.socket.on('error', () => {});
  }
  send(text: string): void {
    this.socket.write(text);
  }
  hears(pattern: RegExp): Promise<RegExpExecArray> {
    return waitFor(`${pattern} in ${this.all.slice(-500)}`, () => pattern.exec(this.all) ?? undefined);
  }
  async gone(): Promise<void> {
    await waitFor('the end of the stream', () => this.ended);
  }
  async open(domain: string, ns = 'jabber:component:accept'): Promise<string> {
    this.send(`<?xml version='1.0'?><stream:stream xmlns='${ns}' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}'>`);
    return (await this.hears(/<stream:stream [^>]*id="([^"]+)"[^>]*>/))[1] ?? '';
  }
  static async signIn(domain = 'bot.localhost'): Promise<Component> {
    const one = new Component();
    const id = await one.open(domain);
    one.send(
      `<handshake>${createHash('sha1')
        .update(id + (await secret(domain)))
        .digest('hex')}</handshake>`,
    );
    await one.hears(/<handshake\/>/);
    return one;
  }
  close(): void {
    this.socket.destroy();
  }
}

test('a component gets what is sent to any address of its domain, and answers as any of them', async () => {
  const bot = await Component.signIn();
  const ann = await Person.signIn(server, 'ann', { resource: 'phone' });
  ann.send(`<message to='echo@bot.localhost/x' id='m1' type='chat'><body>hello &amp; hi</body><x xmlns='urn:example'/></message>`);
  const heard = await bot.hears(
    /<message [^>]*from="ann@localhost\/phone"[^>]*><body>hello &amp; hi<\/body><x xmlns=["']urn:example["']\/><\/message>/,
  );
  assert.match(heard[0], /to="echo@bot.localhost\/x"/);
  bot.send(
    `<message from='echo@bot.localhost/x' to='ann@localhost/phone' id='m2' type='chat'><body>you said <![CDATA[<hi>]]></body></message>`,
  );
  const answer = await ann.take(message({ id: 'm2', from: 'echo@bot.localhost/x' }));
  assert.equal(answer.child('body', 'jabber:client')?.text, 'you said <hi>');
  ann.send(`<presence to='echo@bot.localhost'/>`);
  await bot.hears(/<presence [^>]*from="ann@localhost\/phone"/);
  bot.send(`<presence from='echo@bot.localhost/x' to='ann@localhost'/>`);
  await ann.take(presence({ from: 'echo@bot.localhost/x' }));
  ann.cut();
  await bot.hears(/<presence [^>]*type="unavailable"/);
  bot.close();
});

test('requests go both ways', async () => {
  const bot = await Component.signIn();
  const ann = await Person.signIn(server, 'ann', { resource: 'phone' });
  const asked = ann.ask('get', `<query xmlns='jabber:iq:version'/>`, 'bot.localhost');
  const [, id] = await bot.hears(/<iq [^>]*id="([^"]+)"[^>]*><query xmlns=["']jabber:iq:version["']\/><\/iq>/);
  bot.send(
    `<iq type='result' id='${id}' from='bot.localhost' to='ann@localhost/phone'><query xmlns='jabber:iq:version'><name>Bot</name></query></iq>`,
  );
  assert.equal((await asked).child('query')?.child('name')?.text, 'Bot');
  bot.send(`<iq type='get' id='q1' from='bot.localhost' to='ann@localhost/phone'><ping xmlns='urn:xmpp:ping'/></iq>`);
  const request = await ann.take({ name: 'iq', attrs: { id: 'q1', from: 'bot.localhost' } });
  assert.ok(request.child('ping', 'urn:xmpp:ping'));
  ann.send(`<iq type='result' id='q1' to='bot.localhost'/>`);
  await bot.hears(/<iq [^>]*id="q1" type="result"/);
  bot.close();
  await ann.leave();
});

test('it is among the services of the server while it is there', async () => {
  const ann = await Person.signIn(server, 'ann');
  const items = async (): Promise<string[]> =>
    ((await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#items'/>`, 'localhost')).child('query')?.all('item') ?? []).map(
      (item) => item.attrs['jid'] ?? '',
    );
  await waitFor('nobody there', async () => !(await items()).includes('bot.localhost'));
  const bot = await Component.signIn();
  assert.ok((await items()).includes('bot.localhost') && !(await items()).includes('irc.localhost'));
  bot.close();
  await ann.leave();
});

test('a message to somebody who is away waits in the mailbox, once', async () => {
  const bot = await Component.signIn();
  bot.send(`<message from='news@bot.localhost' to='bob@localhost' id='n1' type='chat'><body>while you were out</body></message>`);
  bot.send(`<message from='news@bot.localhost' to='nobody@localhost' id='n2' type='chat'><body>x</body></message>`);
  assert.match((await bot.hears(/<message [^>]*id="n2" type="error".*?<\/message>/))[0], /service-unavailable/);
  const bob = await Person.signIn(server, 'bob');
  const heard = await bob.take(message({ from: 'news@bot.localhost' }));
  assert.equal(heard.child('body')?.text, 'while you were out');
  await bob.leave();
  bot.close();
});

test('what comes while it is away for a moment follows when it is back; then it is refused, and the wait is bounded', async () => {
  const ann = await Person.signIn(server, 'ann', { resource: 'phone' });
  let bot = await Component.signIn();
  const leave = async (): Promise<void> => {
    const seen = server.log().split('component_gone').length;
    bot.close();
    await waitFor('the server to see it go', () => server.log().split('component_gone').length > seen);
  };
  await leave();
  for (const id of ['w1', 'w2', 'w3', 'w4']) ann.send(`<message to='bot.localhost' id='${id}'><body>${id}</body></message>`);
  const full = await ann.take(message({ id: 'w4', type: 'error' }));
  assert.equal(full.error, 'remote-server-timeout');
  bot = await Component.signIn();
  for (const id of ['w1', 'w2', 'w3']) await bot.hears(new RegExp(`<body>${id}</body>`));
  assert.ok(bot.all.indexOf('w1') < bot.all.indexOf('w3'), 'in order');
  await leave();
  await awayTime('1s');
  assert.equal((await parley(server, ['config', 'reload'])).code, 0);
  ann.send(`<message to='bot.localhost' id='late'><body>late</body></message>`);
  assert.equal((await ann.take(message({ id: 'late', type: 'error' }))).error, 'remote-server-timeout');
  assert.equal((await ann.ask('get', `<query xmlns='jabber:iq:version'/>`, 'irc.localhost')).error, 'remote-server-timeout');
  await ann.leave();
});

test('a new connection of the same component takes the place of the old one', async () => {
  const old = await Component.signIn();
  const fresh = await Component.signIn();
  await old.hears(/<conflict /);
  await old.gone();
  const ann = await Person.signIn(server, 'ann');
  ann.send(`<message to='bot.localhost'><body>to the new one</body></message>`);
  await fresh.hears(/to the new one/);
  fresh.close();
  await ann.leave();
});

test('forged sender: a component that speaks for another domain, a person or the server is cut off, and nobody hears it', async () => {
  const bob = await Person.signIn(server, 'bob');
  for (const from of ['ann@localhost', 'localhost', 'irc.localhost', 'x@bot.localhost.evil', 'bot.localhost@localhost']) {
    const bot = await Component.signIn();
    bot.send(`<message from='${from}' to='bob@localhost' type='chat'><body>forged</body></message>`);
    await bot.hears(/<invalid-from /);
    await bot.gone();
  }
  for (const lacks of [`to='bob@localhost'`, `from='x@bot.localhost'`]) {
    const bot = await Component.signIn();
    bot.send(`<message ${lacks}><body>forged</body></message>`);
    await bot.hears(/<improper-addressing /);
  }
  assert.deepEqual(
    (await bob.settled().then(() => bob.inbox)).filter((heard) => heard.name === 'message'),
    [],
  );
  await bob.leave();
});

test('secret guessing: a wrong handshake, one for another stream, stanzas before it, a name that is not served', async () => {
  const right = await secret();
  const words = (id: string, key: string): string =>
    `<handshake>${createHash('sha1')
      .update(id + key)
      .digest('hex')}</handshake>`;
  const first = new Component();
  const firstId = await first.open('bot.localhost');
  for (const say of [
    (id: string) => words(id, 'guess'),
    (id: string) => words(id, ''),
    () => words(firstId, right),
    () => '<handshake/>',
    (id: string) => words(id, right).toUpperCase().replaceAll('HANDSHAKE', 'handshake'),
    () => `<message from='bot.localhost' to='bob@localhost'><body>early</body></message>`,
  ]) {
    const bot = new Component();
    bot.send(say(await bot.open('bot.localhost')));
    await bot.hears(/<not-authorized /);
    await bot.gone();
    assert.doesNotMatch(bot.all, /<handshake\/>/);
  }
  first.close();
  for (const domain of ['localhost', 'other.localhost', '']) {
    const bot = new Component();
    await bot.open(domain);
    await bot.hears(/<host-unknown /);
    await bot.gone();
  }
  const bot = new Component();
  await bot.open('bot.localhost', 'jabber:client');
  await bot.hears(/<invalid-namespace /);
  assert.doesNotMatch(server.log(), new RegExp(right), 'no secret in the log');
});

test('bad input: no XML, an entity, too much before the handshake', async () => {
  for (const text of ['GET / HTTP/1.1\r\n\r\n', '<!DOCTYPE x [<!ENTITY a "b">]>', `<a>${'x'.repeat(20_000)}`]) {
    const bot = new Component();
    if (!text.startsWith('G')) await bot.open('bot.localhost');
    bot.send(text);
    await bot.hears(/<stream:error>/);
    await bot.gone();
  }
});

test('bad input: an address that is none, or nobody, comes back as an error; the server and the stream live on', async () => {
  const bot = await Component.signIn();
  for (const [id, to, condition] of [
    ['a1', '@@@', 'jid-malformed'],
    ['a2', 'a@b@c', 'jid-malformed'],
    ['a3', 'x@elsewhere.example', 'remote-server-not-found'],
  ]) {
    bot.send(`<message from='x@bot.localhost' to='${to}' id='${id}'><body>x</body></message>`);
    assert.match((await bot.hears(new RegExp(`<message [^>]*id="${id}" type="error".*?</message>`)))[0], new RegExp(condition as string));
  }
  bot.send(`<iq type='error' from='x@bot.localhost' to='@@@' id='e1'/><presence from='x@bot.localhost' to='@' type='error'/>`);
  const ann = await Person.signIn(server, 'ann');
  bot.send(`<message from='x@bot.localhost' to='${ann.jid}' id='after' type='chat'><body>still here</body></message>`);
  await ann.take(message({ id: 'after' }));
  bot.close();
  await ann.leave();
});

test('R7: what only the server may say is not believed of a component: stanza-ids of accounts here, delays of the server', async () => {
  const bot = await Component.signIn();
  const ann = await Person.signIn(server, 'ann');
  bot.send(
    `<message from='x@bot.localhost' to='${ann.bare}' id='f1' type='chat'><body>x</body>` +
      `<stanza-id xmlns='urn:xmpp:sid:0' by='${ann.bare}' id='forged'/><stanza-id xmlns='urn:xmpp:sid:0' by='x@bot.localhost' id='its own'/>` +
      `<delay xmlns='urn:xmpp:delay' from='localhost' stamp='2020-01-01T00:00:00Z'/></message>`,
  );
  const heard = await ann.take(message({ id: 'f1' }));
  const ids = heard.all('stanza-id');
  assert.deepEqual(ids.map((id) => id.attrs['by']).sort(), [ann.bare, 'x@bot.localhost']);
  assert.doesNotMatch(String(heard), /="forged"|2020-01-01T/);
  bot.close();
  await ann.leave();
});

test('a component asks the host and bare addresses of accounts, and is answered what a stranger is; nothing else', async () => {
  const bot = await Component.signIn();
  const ask = async (id: string, to: string, payload: string, type = 'get'): Promise<string> => {
    bot.send(`<iq type='${type}' id='${id}' from='x@bot.localhost' to='${to}'>${payload}</iq>`);
    return (await bot.hears(new RegExp(`<iq [^>]*id="${id}"[^>]*(?:/>|>.*?</iq>)`)))[0];
  };
  const INFO = `<query xmlns='http://jabber.org/protocol/disco#info'/>`;
  assert.match(await ask('q1', 'localhost', INFO), /category="server"/);
  assert.match(await ask('q2', 'localhost', `<ping xmlns='urn:xmpp:ping'/>`), /type="result"/);
  assert.match(await ask('q3', 'localhost', `<query xmlns='jabber:iq:version'/>`), /<name>/);
  const ann = await Person.signIn(server, 'ann');
  await ann.ask('set', `<vCard xmlns='vcard-temp'><FN>Ann Example</FN></vCard>`);
  assert.match(await ask('q4', 'ann@localhost', `<vCard xmlns='vcard-temp'/>`), /Ann Example/);
  // A private node, an upload address, a change, a name that nobody has: the answers of strangers.
  const node = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>`;
  assert.match(await ask('q5', 'ann@localhost', node), /service-unavailable/);
  assert.match(await ask('q6', 'nobody@localhost', node), /service-unavailable/);
  assert.match(await ask('q7', 'localhost', `<request xmlns='urn:xmpp:http:upload:0' filename='a' size='1'/>`), /service-unavailable/);
  assert.match(await ask('q8', 'ann@localhost', `<query xmlns='jabber:iq:roster'/>`), /service-unavailable/);
  assert.match(
    await ask('q9', 'localhost', `<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>`),
    /type="(error|result)"/,
  );
  assert.doesNotMatch(bot.all, /admin#/);
  assert.match(
    await ask(
      'q10',
      'ann@localhost',
      `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='x'><item/></publish></pubsub>`,
      'set',
    ),
    /service-unavailable/,
  );
  await ann.leave();
  bot.close();
});

test('contacts behind a gateway: subscriptions of both sides, presence, probes, and their end (RFC 6121 §3, §4)', async () => {
  const irc = await Component.signIn('irc.localhost');
  const bob = await Person.signIn(server, 'bob', { resource: 'desk' });
  const other = 'carl@irc.localhost';
  const item = async (): Promise<string> => {
    const found = (await bob.roster()).find((one) => one.attrs['jid'] === other);
    return found === undefined ? 'none' : `${found.attrs['subscription']} ${found.attrs['ask'] ?? '-'}`;
  };
  // Bob asks, Carl lets him.
  bob.send(`<presence type='subscribe' to='${other}'/>`);
  await irc.hears(/<presence (?=[^>]*type="subscribe")(?=[^>]*from="bob@localhost")(?=[^>]*to="carl@irc\.localhost")/);
  assert.equal(await item(), 'none subscribe');
  irc.send(`<presence type='subscribed' from='${other}' to='bob@localhost'/>`);
  await bob.take(presence({ type: 'subscribed', from: other }));
  assert.equal(await item(), 'to -');
  irc.send(`<presence from='${other}/irc' to='bob@localhost'><status>on IRC</status></presence>`);
  assert.equal((await bob.take(presence({ from: `${other}/irc` }))).child('status')?.text, 'on IRC');
  // Carl asks, Bob lets him, and Carl sees him.
  irc.send(`<presence type='subscribe' from='${other}' to='bob@localhost'/>`);
  await bob.take(presence({ type: 'subscribe', from: other }));
  bob.send(`<presence type='subscribed' to='${other}'/>`);
  await irc.hears(/<presence [^>]*type="subscribed"/);
  await irc.hears(/<presence (?=[^>]*from="bob@localhost\/desk")(?=[^>]*to="carl@irc\.localhost")(?![^>]*type=)/);
  assert.equal(await item(), 'both -');
  bob.send(`<presence><show>dnd</show></presence>`);
  await irc.hears(/<show>dnd<\/show>/);
  // Strangers on the same component see nothing; who is known does, also when it comes back.
  irc.send(`<presence type='probe' from='eve@irc.localhost' to='bob@localhost'/>`);
  await irc.hears(/<presence (?=[^>]*to="eve@irc\.localhost")(?=[^>]*type="unsubscribed")/);
  irc.close();
  const back = await Component.signIn('irc.localhost');
  back.send(`<presence type='probe' from='${other}' to='bob@localhost'/>`);
  await back.hears(/<presence (?=[^>]*from="bob@localhost\/desk").*?<show>dnd<\/show>/);
  // Bob goes and comes: Carl is told, and asked.
  await bob.leave();
  await back.hears(/<presence (?=[^>]*from="bob@localhost\/desk")(?=[^>]*to="carl@irc\.localhost")(?=[^>]*type="unavailable")/);
  const again = await Person.signIn(server, 'bob', { resource: 'pda' });
  await back.hears(/<presence (?=[^>]*from="bob@localhost")(?=[^>]*to="carl@irc\.localhost")(?=[^>]*type="probe")/);
  await back.hears(/<presence (?=[^>]*from="bob@localhost\/pda")(?![^>]*type=)/);
  // Bob takes him off the list: both subscriptions end.
  await again.ask('set', `<query xmlns='jabber:iq:roster'><item jid='${other}' subscription='remove'/></query>`);
  await back.hears(/<presence (?=[^>]*type="unsubscribe")(?=[^>]*from="bob@localhost")/);
  await back.hears(/<presence (?=[^>]*type="unsubscribed")(?=[^>]*from="bob@localhost")(?=[^>]*to="carl)/);
  back.send(`<presence type='probe' from='${other}' to='bob@localhost'/>`);
  await back.hears(/type="unsubscribed".*type="unsubscribed"/s);
  // A forged grant that nobody asked for changes nothing (RFC 6121 §3.1.6).
  back.send(`<presence type='subscribed' from='mallory@irc.localhost' to='bob@localhost'/>`);
  await again.settled();
  assert.deepEqual(await again.roster(), []);
  await again.leave();
  back.close();
});

test('a subscription to a component that is not there is refused, and the roster stays as it was', async () => {
  await awayTime('0s');
  const { code, err } = await parley(server, ['config', 'reload', `--config=${settings}`]);
  assert.equal(code, 0, err);
  const bob = await Person.signIn(server, 'bob');
  bob.send(`<presence type='subscribe' to='x@irc.localhost' id='s1'/>`);
  assert.equal((await bob.take(presence({ type: 'error' }))).error, 'remote-server-timeout');
  assert.deepEqual(await bob.roster(), []);
  await bob.leave();
});
