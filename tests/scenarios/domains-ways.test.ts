// Two domains on one server, by every way in and out: HTTPS, WebSocket, BOSH, components; events of personal nodes, and resumption in a room of the other.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { selfSignedCertificate } from '@parley/transports';
import { type ClientOptions, WebSocket } from 'ws';
import { parley } from '../support/cli.ts';
import { freePorts, PATIENCE_MS, waitFor } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { EVENT, wants } from './nodes.ts';
import { befriend, type Heard, Person, presence } from './people.ts';

const OTHER = 'other.example';
const folder = await mkdtemp(join(tmpdir(), 'parley-domains-ways-'));
test.after(() => rm(folder, { recursive: true }));
async function certificate(domain: string): Promise<{ cert: string; key: string }> {
  const cert = join(folder, `${domain}.crt`);
  const key = join(folder, `${domain}.key`);
  const made = await selfSignedCertificate(await mkdtemp(join(folder, 'tls-')), domain, Date.now());
  await writeFile(cert, made.cert);
  await writeFile(key, made.key, { mode: 0o600 });
  return { cert, key };
}
const [own, others] = [await certificate('localhost'), await certificate(OTHER)];
const [componentPort = 0] = await freePorts(1);
const file = join(folder, 'parley.yaml');
await writeFile(
  file,
  `
auth: {allowPlaintext: true}
tls: {mode: files, cert: ${own.cert}, key: ${own.key}}
features:
  components: {domains: bot.localhost}
domains:
  ${OTHER}:
    tls: {cert: ${others.cert}, key: ${others.key}}
    features:
      components: {domains: bot.${OTHER}}
`,
);
const first = await startServer({
  config: { config: file, 'tls.mode': undefined, 'listen.component': `127.0.0.1:${componentPort}` },
});
test.after(() => first.stop());
const second = Object.create(first, { domain: { value: OTHER } }) as TestServer;
const command = (args: readonly string[], input?: string) => parley(first, [...args, `--config=${file}`], input);
// Ann is on both, Eve on the first only; each account has a password of its own.
const PASSWORDS: Readonly<Record<string, string>> = {
  'ann@localhost': 'secret',
  'eve@localhost': 'secret',
  [`ann@${OTHER}`]: 'other secret',
};
for (const [jid, password] of Object.entries(PASSWORDS))
  assert.equal((await command(['user', 'add', jid, '--password-stdin'], `${password}\n`)).code, 0);
const person = (server: TestServer, name: string, resource?: string): Promise<Person> =>
  Person.signIn(server, name, {
    password: PASSWORDS[`${name}@${server.domain}`] ?? '',
    ...(resource === undefined ? {} : { resource }),
  });
const plain = (name: string, password: string): string => Buffer.from(`\0${name}\0${password}`).toString('base64');
const text = (body: string) => ({ name: 'message', where: (one: Heard): boolean => one.child('body')?.text === body });

interface Answer {
  readonly status: number;
  readonly names: string;
  readonly text: string;
}
/** A request as a browser makes it that was told this name. */
function https(path: string, name: string, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: first.host,
        port: first.ports.http,
        path,
        servername: name,
        method: body === undefined ? 'GET' : 'POST',
        headers: { host: name, ...(body === undefined ? {} : { 'content-type': 'text/xml; charset=utf-8' }) },
        rejectUnauthorized: false,
        agent: false,
      },
      (response) => {
        const names = (response.socket as TLSSocket).getPeerX509Certificate()?.subjectAltName ?? '';
        let all = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          all += chunk;
        });
        response.once('end', () => resolve({ status: response.statusCode ?? 0, names, text: all }));
        response.once('error', reject);
      },
    );
    sent.once('error', reject);
    sent.end(body);
  });
}

test('HTTPS: the certificate is that of the name in the handshake, what is served that of the Host header', async () => {
  for (const [name, certified] of [
    ['localhost', /^DNS:localhost/],
    [OTHER, /^DNS:other\.example/],
    ['unknown.example', /^DNS:localhost/],
  ] as const) {
    const answer = await https('/api/v1/register', name);
    assert.match(answer.names, certified, name);
    assert.equal((JSON.parse(answer.text) as { domain: string }).domain, name === OTHER ? OTHER : 'localhost');
  }
  assert.match((await https('/.well-known/host-meta', OTHER)).text, /<XRD/);
});

/** Frames of RFC 7395. */
class Frames {
  readonly #socket: WebSocket;
  readonly inbox: string[] = [];
  #closed = false;
  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => void this.inbox.push(String(data)));
    socket.on('close', () => {
      this.#closed = true;
    });
  }
  static async connect(name: string): Promise<Frames> {
    const options: ClientOptions & ConnectionOptions = { rejectUnauthorized: false, servername: name, headers: { host: name } };
    const socket = new WebSocket(first.webSocket, ['xmpp'], options);
    await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return new Frames(socket);
  }
  async say(frame: string, answer: RegExp): Promise<string> {
    this.#socket.send(frame);
    return this.hears(answer);
  }
  hears(pattern: RegExp): Promise<string> {
    return waitFor(`a frame like ${pattern}; there is ${this.inbox.join()}`, () => {
      const at = this.inbox.findIndex((frame) => pattern.test(frame));
      if (at < 0 && this.#closed) assert.fail(`closed; no ${pattern} in ${this.inbox.join()}`);
      return at < 0 ? undefined : this.inbox.splice(at, 1)[0];
    });
  }
  close(): void {
    this.#socket.terminate();
  }
}

test('WebSocket: each domain has its own people, whatever name the connection was made to', async () => {
  const open = (to: string): string => `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${to}' version='1.0'/>`;
  const auth = (password: string): string =>
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain('ann', password)}</auth>`;
  const sockets: Frames[] = [];
  try {
    for (const name of [OTHER, 'localhost']) {
      const wrong = await Frames.connect(name);
      sockets.push(wrong);
      assert.match(await wrong.say(open(OTHER), /^<open /), /from="other\.example"/);
      await wrong.hears(/^<stream:features/);
      await wrong.say(auth('secret'), /^<failure[^>]*>.*not-authorized/);
      const frames = await Frames.connect(name);
      sockets.push(frames);
      await frames.say(open(OTHER), /^<stream:features/);
      await frames.say(auth('other secret'), /^<success/);
      await frames.say(open(OTHER), /^<stream:features/);
      const bound = await frames.say(
        `<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`,
        /<bind/,
      );
      assert.match(bound, /<jid>ann@other\.example\//);
      const eve = await person(first, 'eve');
      await frames.say(`<presence xmlns='jabber:client'/>`, /^<presence/);
      eve.send(`<message to='ann@${OTHER}' type='chat'><body>over ${name}</body></message>`);
      await frames.hears(new RegExp(`from="${eve.jid}".*over ${name}`));
      await eve.leave();
    }
    const stranger = await Frames.connect('localhost');
    sockets.push(stranger);
    await stranger.say(open('nowhere.example'), /host-unknown/);
  } finally {
    for (const frames of sockets) frames.close();
  }
});

test('BOSH: a session is at the domain that it was opened for', async () => {
  const NS = `xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'`;
  let rid = 7_000_000;
  let sid = '';
  const send = async (content = '', attrs = ''): Promise<string> => {
    rid++;
    const { status, text: answer } = await https('/http-bind', OTHER, `<body rid='${rid}' sid='${sid}' ${attrs} ${NS}>${content}</body>`);
    assert.equal(status, 200);
    return answer;
  };
  const until = async (pattern: RegExp, content = '', attrs = ''): Promise<string> => {
    const end = Date.now() + PATIENCE_MS;
    for (let answer = await send(content, attrs); ; answer = await send()) {
      if (pattern.test(answer)) return answer;
      assert.ok(Date.now() < end && !answer.includes("type='terminate'") && !answer.includes('type="terminate"'), `${pattern}: ${answer}`);
    }
  };
  const begin = async (): Promise<string> => {
    const { text: answer } = await https(
      '/http-bind',
      OTHER,
      `<body rid='${rid}' to='${OTHER}' xml:lang='en' xmpp:version='1.0' wait='2' hold='1' ver='1.6' ${NS}/>`,
    );
    sid = /sid="([^"]+)"/.exec(answer)?.[1] ?? '';
    return answer;
  };
  assert.match(await begin(), /from="other\.example"/);
  const auth = (password: string): string =>
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain('ann', password)}</auth>`;
  await until(/<failure/, auth('secret'));
  await until(/<success /, auth('other secret'));
  await until(/<bind /, '', `to='${OTHER}' xmpp:restart='true'`);
  await until(
    /ann@other\.example\/web/,
    `<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>web</resource></bind></iq>`,
  );
  await until(/<presence /, `<presence xmlns='jabber:client'/>`);
  const eve = await person(first, 'eve');
  eve.send(`<message to='ann@${OTHER}' type='chat'><body>by letter</body></message>`);
  assert.match(await until(/by letter/), new RegExp(`from="${eve.jid}"`));
  await send(`<message xmlns='jabber:client' to='${eve.jid}' type='chat'><body>answered</body></message>`);
  assert.equal((await eve.take(text('answered'))).attrs['from'], `ann@${OTHER}/web`);
  await send('', `type='terminate'`);
  await eve.leave();
});

test('PEP: events of a personal node go to contacts of the other domain who want them, and to nobody else', async () => {
  const node = 'urn:test:across';
  const here = await person(first, 'ann', 'here');
  const there = await person(second, 'ann', 'there');
  const eve = await person(first, 'eve');
  await befriend(here, there);
  await wants(there, [node]);
  // She wants them as well, and is no contact.
  await wants(eve, [node], false);
  const publish = async (id: string): Promise<void> => {
    const answer = await here.ask(
      'set',
      `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='${node}'><item id='${id}'><x xmlns='urn:test'/></item></publish></pubsub>`,
    );
    assert.equal(answer.attrs['type'], 'result');
  };
  const event = (id: string) => ({
    name: 'message',
    where: (one: Heard): boolean => one.child('event', EVENT)?.child('items')?.child('item')?.attrs['id'] === id,
  });
  await publish('one');
  assert.equal((await there.take(event('one'))).attrs['from'], here.bare);
  // The last item comes with presence, also to a device that comes later.
  const tablet = await person(second, 'ann', 'tablet');
  await wants(tablet, [node], false);
  await tablet.take(event('one'));
  here.send(`<presence to='${there.bare}' type='unsubscribed'/>`);
  await there.take(presence({ from: here.bare, type: 'unsubscribed' }));
  await publish('two');
  await there.hearsNo(event('two'));
  await eve.hearsNo({ name: 'message', where: (one) => one.child('event', EVENT) !== undefined });
  for (const one of [here, there, tablet, eve]) await one.leave();
});

test('who is in a room of the other domain stays in it over a broken connection, and misses nothing', async () => {
  const room = 'harbour@conference.localhost';
  const here = await person(first, 'ann', 'here');
  const there = await person(second, 'ann', 'there');
  const join = `<x xmlns='http://jabber.org/protocol/muc'/>`;
  here.send(`<presence to='${room}/host'>${join}</presence>`);
  await here.take(presence({ from: `${room}/host` }));
  const instant = `<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>`;
  assert.equal((await here.ask('set', instant, room)).attrs['type'], 'result');
  const id = await there.makeResumable();
  there.send(`<presence to='${room}/guest'>${join}</presence>`);
  await there.take({ name: 'message', where: (one) => one.child('subject') !== undefined });
  await here.take(presence({ from: `${room}/guest` }));
  there.send(`<r xmlns='urn:xmpp:sm:3'/>`);
  await there.take({ name: 'a' });
  await here.forget();
  there.cut();
  await there.gone();
  for (const body of ['one', 'two']) here.send(`<message to='${room}' type='groupchat'><body>while you were away ${body}</body></message>`);
  await here.take(text('while you were away two'));
  await here.hearsNo(presence({ from: `${room}/guest`, type: 'unavailable' }));
  // Somebody else's session is nobody's, also with the id in hand: not that of the namesake.
  const thief = await Person.authenticate(first, 'ann');
  thief.send(`<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='0'/>`);
  assert.ok((await thief.take({ name: 'failed' }, { name: 'resumed' })).child('item-not-found'));
  thief.cut();
  const again = await Person.authenticate(second, 'ann', PASSWORDS[`ann@${OTHER}`]);
  again.send(`<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='0'/>`);
  assert.equal((await again.take({ name: 'resumed' }, { name: 'failed' })).name, 'resumed');
  for (const body of ['one', 'two']) assert.equal((await again.take(text(`while you were away ${body}`))).attrs['from'], `${room}/host`);
  again.send(`<message to='${room}' type='groupchat'><body>here again</body></message>`);
  assert.equal((await here.take(text('here again'))).attrs['from'], `${room}/guest`);
  again.cut();
  await here.leave();
});

/** XEP-0114, said exactly as told. */
class Component {
  readonly #socket: Socket;
  #all = '';
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      this.#all += chunk;
    });
    socket.on('error', () => {});
  }
  static async signIn(domain: string): Promise<Component> {
    const { code, out, err } = await command(['component', 'secret', domain]);
    assert.equal(code, 0, err);
    const one = new Component(connect(componentPort, '127.0.0.1'));
    one.send(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}'>`,
    );
    const [, id = ''] = await one.hears(/<stream:stream [^>]*id="([^"]+)"[^>]*>/);
    one.send(`<handshake>${createHash('sha1').update(`${id}${out.trim()}`).digest('hex')}</handshake>`);
    await one.hears(/<handshake\/>/);
    return one;
  }
  send(xml: string): void {
    this.#socket.write(xml);
  }
  hears(pattern: RegExp): Promise<RegExpExecArray> {
    return waitFor(`${pattern} in ${this.#all.slice(-500)}`, () => pattern.exec(this.#all) ?? undefined);
  }
  heard(pattern: RegExp): boolean {
    return pattern.test(this.#all);
  }
  close(): void {
    this.#socket.destroy();
  }
}

test('a component of one domain and the people of the other: messages, requests, presence; nothing in another’s name', async () => {
  const bots: Component[] = [];
  try {
    const bot = await Component.signIn('bot.localhost');
    bots.push(bot);
    const far = await Component.signIn(`bot.${OTHER}`);
    bots.push(far);
    const there = await person(second, 'ann', 'there');
    there.send(`<message to='echo@bot.localhost' id='m1' type='chat'><body>across to a bot</body></message>`);
    await bot.hears(/<message [^>]*from="ann@other\.example\/there"[^>]*><body>across to a bot/);
    bot.send(`<message from='echo@bot.localhost' to='ann@${OTHER}' id='m2' type='chat'><body>and back</body></message>`);
    assert.equal((await there.take(text('and back'))).attrs['from'], 'echo@bot.localhost');
    const asked = there.ask('get', `<query xmlns='jabber:iq:version'/>`, 'bot.localhost');
    const [, id = ''] = await bot.hears(/<iq [^>]*id="([^"]+)"[^>]*><query xmlns=["']jabber:iq:version["']\/><\/iq>/);
    bot.send(
      `<iq type='result' id='${id}' from='bot.localhost' to='${there.jid}'><query xmlns='jabber:iq:version'><name>Bot</name></query></iq>`,
    );
    assert.equal((await asked).child('query')?.child('name')?.text, 'Bot');
    there.send(`<presence to='echo@bot.localhost'/>`);
    await bot.hears(/<presence [^>]*from="ann@other\.example\/there"/);
    // What is kept for somebody who is away comes later, across as within.
    await there.leave();
    bot.send(`<message from='echo@bot.localhost' to='ann@${OTHER}' id='m3' type='chat'><body>kept for you</body></message>`);
    bot.send(`<message from='echo@bot.localhost' to='echo@bot.${OTHER}' type='chat'><body>bot to bot</body></message>`);
    await far.hears(/from="echo@bot\.localhost"[^>]*>.*bot to bot/);
    const back = await person(second, 'ann', 'there');
    assert.equal((await back.take(text('kept for you'))).attrs['from'], 'echo@bot.localhost');
    // It speaks for its own name only: not for the other domain, its people, or its component.
    for (const from of [OTHER, `ann@${OTHER}`, `echo@bot.${OTHER}`, 'localhost']) {
      const forger = await Component.signIn('bot.localhost');
      bots.push(forger);
      forger.send(`<message from='${from}' to='ann@${OTHER}' type='chat'><body>forged</body></message>`);
      await forger.hears(/invalid-from|<\/stream:stream>/);
    }
    await back.hearsNo(text('forged'));
    await back.leave();
    // Each domain tells of its own.
    const items = async (at: string): Promise<string> => {
      const one = await person(first, 'eve');
      const answer = String(await one.ask('get', `<query xmlns='http://jabber.org/protocol/disco#items'/>`, at));
      await one.leave();
      return answer;
    };
    assert.match(await items(OTHER), /bot\.other\.example/);
    assert.doesNotMatch(await items(OTHER), /bot\.localhost/);
  } finally {
    for (const bot of bots) bot.close();
  }
});
