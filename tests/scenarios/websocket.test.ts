// RFC 7395: XMPP over WebSocket, one element a frame; XEP-0156: where it is found.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClientOptions, WebSocket } from 'ws';
import { PATIENCE_MS } from '../support/process.ts';
import { startServer } from '../support/server.ts';
import { chat, newUser, present, says } from './messages.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true, 'http.allowedOrigins': 'https://friend.example' } });
test.after(() => server.stop());

/** Frames as they come. */
class Frames {
  readonly socket: WebSocket;
  readonly inbox: string[] = [];
  code: number | undefined;
  #wake: () => void = () => {};
  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data, isBinary) => {
      assert.equal(isBinary, false, 'RFC 7395 §3.2: text frames only');
      this.inbox.push(String(data));
      this.#wake();
    });
    socket.on('close', (code) => {
      this.code = code;
      this.#wake();
    });
    socket.on('error', () => {});
  }

  static async connect(options: ClientOptions = {}, protocols: string[] = ['xmpp']): Promise<Frames> {
    const socket = new WebSocket(server.webSocket, protocols, { rejectUnauthorized: false, ...options });
    const frames = new Frames(socket);
    await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return frames;
  }

  send(text: string | Uint8Array): void {
    this.socket.send(text);
  }
  async expect(pattern: RegExp): Promise<string> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const at = this.inbox.findIndex((frame) => pattern.test(frame));
      if (at >= 0) return this.inbox.splice(0, at + 1)[at] ?? '';
      if (this.code !== undefined || Date.now() > end)
        assert.fail(`no frame ${pattern}; closed with ${this.code}; there is ${this.inbox.join('\n')}`);
      await this.#change(end - Date.now());
    }
  }
  async closed(): Promise<number> {
    const end = Date.now() + PATIENCE_MS;
    while (this.code === undefined) {
      if (Date.now() > end) assert.fail('the server did not close');
      await this.#change(end - Date.now());
    }
    return this.code;
  }
  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, ms));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  async open(): Promise<string> {
    this.send(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>`);
    await this.expect(/^<open /);
    return this.expect(/^<stream:features/);
  }
  async signIn(user: string, resource: string): Promise<void> {
    await this.open();
    const token = Buffer.from(`\0${user}\0secret`).toString('base64');
    this.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
    await this.expect(/^<success/);
    await this.open();
    this.send(
      `<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
    );
    await this.expect(/<jid>/);
  }
}

test('§3.1: the subprotocol xmpp is agreed on', async () => {
  const frames = await Frames.connect({}, ['other', 'xmpp']);
  assert.equal(frames.socket.protocol, 'xmpp');
  frames.socket.terminate();
});

test('§3.1: without the subprotocol there is no WebSocket', async () => {
  await assert.rejects(Frames.connect({}, []), /400/);
  await assert.rejects(Frames.connect({}, ['mqtt']), /400/);
});

test('RFC 6455 §10.2: pages of other sites are refused, those of this server and of allowed ones are not', async () => {
  for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example', `http://127.0.0.1:1`])
    await assert.rejects(Frames.connect({ headers: { origin } }), /403/, origin);
  for (const origin of [server.httpOrigin, 'https://friend.example']) (await Frames.connect({ headers: { origin } })).socket.terminate();
});

test('§3.3.2, §3.4: open is answered with open, features in a frame of its own with its namespace', async () => {
  const frames = await Frames.connect();
  frames.send(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>`);
  const open = await frames.expect(/^<open/);
  assert.match(open, /xmlns="urn:ietf:params:xml:ns:xmpp-framing"/);
  assert.match(open, / id="[^"]{8,}"/);
  assert.match(open, / from="localhost"/);
  assert.match(open, / version="1.0"/);
  const features = await frames.expect(/^<stream:features/);
  assert.match(features, /xmlns:stream="http:\/\/etherx.jabber.org\/streams"/);
  assert.doesNotMatch(features, /starttls/, '§3.9: TLS is the business of the URL');
  frames.socket.terminate();
});

test('a conversation with somebody on TCP; every stanza has its namespace (§3.3)', async () => {
  const ann = await newUser(server, 'ann');
  const bob = await present(server, await newUser(server, 'bob'), 'phone');
  const frames = await Frames.connect();
  await frames.signIn(ann, 'browser');
  frames.send(`<presence xmlns='jabber:client'/>`);
  await frames.expect(/^<presence/);
  bob.send(chat(`${ann}@localhost`, 'hello ü <![CDATA[<&>]]> &#x1F600;'.replace(/[<>&]/g, '')));
  assert.match(await frames.expect(/^<message/), /^<message [^>]*xmlns="jabber:client"/);
  frames.send(`<message xmlns='jabber:client' to='${bob.bare}' type='chat'><body>from the browser 😀</body></message>`);
  await bob.take(says('from the browser 😀'));
  frames.send(`<enable xmlns='urn:xmpp:sm:3' resume='true'/>`);
  const id = / id="([^"]*)"/.exec(await frames.expect(/^<enabled/))?.[1];
  frames.socket.terminate();
  bob.send(chat(`${ann}@localhost`, 'while cut'));
  await bob.settled();
  const back = await Frames.connect();
  await back.open();
  back.send(
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${ann}\0secret`).toString('base64')}</auth>`,
  );
  await back.expect(/^<success/);
  await back.open();
  back.send(`<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='0'/>`);
  await back.expect(/^<resumed/);
  await back.expect(/while cut/);
  back.socket.terminate();
});

test('§3.6: close is answered with close, then the WebSocket is closed', async () => {
  const frames = await Frames.connect();
  await frames.open();
  frames.send(`<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>`);
  await frames.expect(/^<close [^>]*xmlns="urn:ietf:params:xml:ns:xmpp-framing"/);
  assert.equal(await frames.closed(), 1000);
});

test('§3.2: a binary frame ends it with 1003', async () => {
  const frames = await Frames.connect();
  frames.send(Buffer.from(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>`));
  assert.equal(await frames.closed(), 1003);
});

const PING = `<iq xmlns='jabber:client' type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`;
for (const [what, frame, condition] of [
  ['two stanzas in a frame', PING + PING, /<(not-well-formed|bad-format|invalid-xml|restricted-xml)/],
  ['half a stanza', `<iq xmlns='jabber:client' type='get'`, /<(not-well-formed|bad-format)/],
  [
    'a stream header of TCP',
    `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>`,
    /<(not-well-formed|bad-format)/,
  ],
  ['an empty frame', '', /<(not-well-formed|bad-format)/],
  ['text', 'hello', /<(not-well-formed|bad-format)/],
  ['a comment', '<!-- x -->', /<(restricted-xml|not-well-formed|bad-format)/],
  ['an entity', `<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>`, /<(restricted-xml|not-well-formed|bad-format)/],
] as const) {
  test(`§3.3.3, §3.5: ${what} ends the stream with an error, close, and a closed WebSocket`, async () => {
    const frames = await Frames.connect();
    await frames.signIn(await newUser(server, 'ann'), 'x');
    frames.send(frame);
    assert.match(await frames.expect(/^<stream:error/), condition);
    await frames.expect(/^<close/);
    await frames.closed();
  });
}

test('a stanza before open, and a second open, end the stream', async () => {
  const early = await Frames.connect();
  early.send(PING);
  await early.expect(/^<stream:error/);
  await early.closed();
  const twice = await Frames.connect();
  await twice.open();
  twice.send(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>`);
  await twice.expect(/^<stream:error/);
  await twice.closed();
});

test('a frame that is too long ends it (RFC 6455 §7.4.1: 1009) and the server lives', async () => {
  const frames = await Frames.connect();
  await frames.open();
  frames.send(`<x>${'x'.repeat(20 * 1024 * 1024)}</x>`);
  const code = await frames.closed();
  assert.ok(code === 1009 || code === 1006, String(code));
  (await Frames.connect()).socket.terminate();
});

test('a guest gets little room before sign-in, and more after', async () => {
  const guest = await Frames.connect();
  await guest.open();
  guest.send(`<iq xmlns='jabber:client' type='get' id='r'><query xmlns='jabber:iq:register'><x>${'x'.repeat(20_000)}</x></query></iq>`);
  assert.match(await guest.expect(/^<stream:error/), /policy-violation/);
  const bob = await present(server, await newUser(server, 'bob'), 'phone');
  const member = await Frames.connect();
  await member.signIn(await newUser(server, 'ann'), 'x');
  const long = 'y'.repeat(100_000);
  member.send(`<message xmlns='jabber:client' to='${bob.bare}' type='chat'><body>${long}</body></message>`);
  await bob.take(says(long));
  member.socket.terminate();
});

test('XEP-0156 §3: host-meta in both forms names the WebSocket, readable by any page', async () => {
  const xml = await fetch(`${server.httpOrigin}/.well-known/host-meta`);
  assert.equal(xml.status, 200);
  assert.match(xml.headers.get('content-type') ?? '', /application\/xrd\+xml/);
  assert.equal(xml.headers.get('access-control-allow-origin'), '*');
  const href = /<Link rel="urn:xmpp:alt-connections:websocket" href="([^"]*)"\/>/.exec(await xml.text())?.[1];
  const json = await fetch(`${server.httpOrigin}/.well-known/host-meta.json`);
  assert.match(json.headers.get('content-type') ?? '', /application\/json/);
  assert.equal(json.headers.get('access-control-allow-origin'), '*');
  const { links } = (await json.json()) as { links: { rel: string; href: string }[] };
  assert.deepEqual(
    links.filter((link) => link.rel.endsWith('websocket')),
    [{ rel: 'urn:xmpp:alt-connections:websocket', href }],
  );
  assert.equal(href, server.webSocket);
});
