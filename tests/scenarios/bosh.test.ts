// XEP-0124 and XEP-0206: Ann has nothing but HTTP.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parley } from '../support/cli.ts';
import { waitFor } from '../support/process.ts';
import { startServer } from '../support/server.ts';
import { message, Person } from './people.ts';

const server = await startServer({ config: { 'auth.allowPlaintext': true } });
test.after(() => server.stop());
const url = `${server.httpOrigin}/http-bind`;
for (const name of ['ann', 'bob', 'cora', 'dora']) await server.createUser(name, 'secret');

interface Reply {
  readonly text: string;
  readonly attrs: Record<string, string>;
}

async function post(body: string, headers: Record<string, string> = {}): Promise<Reply> {
  const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'text/xml; charset=utf-8', ...headers } });
  assert.equal(answer.status, 200);
  const text = await answer.text();
  const head = /^<body ([^>]*?)\/?>/.exec(text)?.[1] ?? '';
  return { text, attrs: Object.fromEntries([...head.matchAll(/([\w:]+)="([^"]*)"/g)].map(([, name, value]) => [name, value])) };
}

const NS = `xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'`;

/** A client that sends exactly what it is told, with the right rid unless told otherwise. */
class Bosh {
  rid = 1_000_000 + Math.floor(Math.random() * 1_000_000_000);
  sid = '';
  first!: Reply;
  static async begin(attrs = `wait='2' hold='1' ver='1.6'`): Promise<Bosh> {
    const one = new Bosh();
    one.first = await post(`<body rid='${one.rid}' to='localhost' xml:lang='en' xmpp:version='1.0' ${attrs} ${NS}/>`);
    one.sid = one.first.attrs['sid'] ?? '';
    return one;
  }
  /** The text of a request; takes the next rid. */
  next(content = '', attrs = ''): string {
    this.rid++;
    return `<body rid='${this.rid}' sid='${this.sid}' ${attrs} ${NS}>${content}</body>`;
  }
  send(content = '', attrs = ''): Promise<Reply> {
    return post(this.next(content, attrs));
  }
  static async signIn(user: string, attrs?: string): Promise<Bosh> {
    const one = await Bosh.begin(attrs);
    const token = Buffer.from(`\0${user}\0secret`).toString('base64');
    await one.until(/<success /, `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
    await one.until(/<bind /, '', `to='localhost' xmpp:restart='true'`);
    await one.until(
      new RegExp(`${user}@localhost/web`),
      `<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>web</resource></bind></iq>`,
    );
    await one.until(/<presence /, `<presence xmlns='jabber:client'/>`);
    return one;
  }
  /** Sends this, and asks until something fits: on a slow machine the answer may come later than the next empty one. */
  async until(pattern: RegExp, content = '', attrs = ''): Promise<string> {
    const seen: string[] = [];
    for (let reply = await this.send(content, attrs); seen.length < 30; reply = await this.send()) {
      if (pattern.test(reply.text)) return reply.text;
      seen.push(reply.text);
      if (reply.attrs['type'] !== undefined) break;
    }
    assert.fail(`nothing fits ${pattern}: ${seen.join()}`);
  }
}

test('§7: a session says its limits, and its name cannot be guessed', async () => {
  const bosh = await Bosh.begin(`wait='3600' hold='5' ver='1.8' ack='1'`);
  const { attrs, text } = bosh.first;
  assert.deepEqual(
    [attrs['wait'], attrs['hold'], attrs['requests'], attrs['polling'], attrs['inactivity'], attrs['maxpause'], attrs['ver']],
    ['60', '1', '2', '2', '60', '120', '1.8'],
  );
  assert.equal(attrs['from'], 'localhost');
  assert.equal(attrs['ack'], String(bosh.rid));
  assert.equal(attrs['xmpp:restartlogic'], 'true');
  assert.match(text, /<stream:features .*<mechanism>SCRAM-SHA-256/);
  const sids = new Set(await Promise.all(Array.from({ length: 5 }, async () => (await Bosh.begin()).sid)));
  assert.equal(sids.size, 5);
  for (const sid of sids) assert.match(sid, /^[\w-]{27}$/);
});

/** A request is held long enough for a message to come on a slow machine. */
const PATIENT = `wait='20' hold='1' ver='1.6'`;

test('a chat both ways; a message that comes while a request is held goes out at once', async () => {
  const bosh = await Bosh.signIn('ann', PATIENT);
  const bob = await Person.signIn(server, 'bob');
  const held = bosh.send();
  bob.send(`<message to='ann@localhost' type='chat' id='b1'><body>hi &lt;ann&gt;</body></message>`);
  assert.match((await held).text, /<message xmlns="jabber:client"[^>]*><body>hi &lt;ann&gt;<\/body>/);
  await bosh.send(
    `<message xmlns='jabber:client' to='bob@localhost' type='chat' id='a1'><body>hi bob</body></message><presence xmlns='jabber:client'><show>away</show></presence>`,
  );
  assert.equal((await bob.take(message({ id: 'a1' }))).child('body')?.text, 'hi bob');
  // Clients of old leave the namespace out (XEP-0206 §2).
  const quiet = bosh.send(`<message to='bob@localhost' type='chat' id='a2'><body>old style</body></message>`);
  assert.equal((await bob.take(message({ id: 'a2' }))).child('body')?.text, 'old style');
  const over = await bosh.send('', `type='terminate'`);
  await quiet;
  assert.equal(over.attrs['type'], 'terminate', over.text);
  assert.equal((await bosh.send()).attrs['condition'], 'item-not-found');
  await bob.leave();
});

test('§8: an empty answer after `wait`; a second request frees the first', async () => {
  const bosh = await Bosh.begin(`wait='1' hold='1' ver='1.6'`);
  assert.doesNotMatch((await bosh.send()).text, /type=/);
  const slow = await Bosh.begin();
  const first = slow.send();
  const second = slow.send();
  assert.match((await first).text, /\/>$/);
  slow.send().catch(() => {});
  assert.match((await second).text, /\/>$/);
});

test('§14.2: requests that come out of order are taken in order', async () => {
  const bosh = await Bosh.signIn('ann', `wait='10' hold='2' ver='1.6'`);
  const bob = await Person.signIn(server, 'bob');
  const say = (text: string): string => `<message xmlns='jabber:client' to='bob@localhost' type='chat'><body>${text}</body></message>`;
  const [one, two] = [bosh.next(say('one')), bosh.next(say('two'))];
  void post(two);
  await bob.settled();
  assert.equal(bob.inbox.filter((heard) => heard.name === 'message').length, 0, 'nothing before its turn');
  void post(one);
  for (const text of ['one', 'two']) assert.equal((await bob.take(message({ type: 'chat' }))).child('body')?.text, text);
  await bob.leave();
});

test('§14.3: a response that got lost is sent again, and what was sent with it is not done twice', async () => {
  // Nothing waits for Dora: whoever was sent messages is asked for a proof, at a moment of its own.
  const bosh = await Bosh.signIn('dora', PATIENT);
  const bob = await Person.signIn(server, 'bob');
  const request = bosh.next(
    `<message xmlns='jabber:client' to='bob@localhost' type='chat' id='once'><body>once</body></message><iq xmlns='jabber:client' type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`,
  );
  const answer = await post(request);
  assert.match(answer.text, /id="p"/);
  assert.equal((await post(request)).text, answer.text);
  assert.equal((await bob.take(message({ id: 'once' }))).child('body')?.text, 'once');
  await bob.settled();
  assert.equal(bob.inbox.filter((heard) => heard.name === 'message').length, 0);
  // One that is held and asked for again: the first is told, the second gets the answer.
  const empty = bosh.next();
  const early = post(empty);
  // Answered on another connection: what was sent before is there.
  await fetch(`${server.httpOrigin}/healthz`);
  const late = post(empty);
  assert.equal((await early).attrs['type'], 'error');
  bob.send(`<message to='dora@localhost' type='chat'><body>for the latest</body></message>`);
  assert.match((await late).text, /for the latest/);
  await bob.leave();
});

test('sid guessing and rid replay: the same answer for what is too small, too large and unknown, and the session is over', async () => {
  const unknown = await post(`<body rid='5' sid='AAAAAAAAAAAAAAAAAAAAAAAAAAA' ${NS}/>`);
  assert.deepEqual([unknown.attrs['type'], unknown.attrs['condition']], ['terminate', 'item-not-found']);
  for (const rid of [(is: number) => is - 3, (is: number) => is + 50, () => 1]) {
    const bosh = await Bosh.signIn('ann');
    const stolen = await post(`<body rid='${rid(bosh.rid)}' sid='${bosh.sid}' ${NS}/>`);
    assert.deepEqual([stolen.attrs['type'], stolen.attrs['condition']], ['terminate', 'item-not-found']);
    assert.equal((await bosh.send()).attrs['condition'], 'item-not-found');
  }
  const bosh = await Bosh.begin();
  const held = bosh.next();
  void post(held);
  await waitFor('the end of a session whose rid is repeated again and again', async () => (await post(held)).attrs['type'] === 'terminate');
});

test('§15: with keys, a request without the next one is a stranger’s', async () => {
  const { createHash } = await import('node:crypto');
  const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');
  const keys = ['seed'];
  for (let i = 0; i < 4; i++) keys.push(sha1(keys.at(-1) ?? ''));
  const bosh = await Bosh.begin(`wait='1' hold='1' ver='1.6' newkey='${keys[4]}'`);
  assert.equal((await bosh.send('', `key='${keys[3]?.toUpperCase()}'`)).attrs['type'], undefined);
  assert.equal((await bosh.send('', `key='${keys[2]}'`)).attrs['type'], undefined);
  const stolen = await bosh.send('', `key='${keys[0]}'`);
  assert.equal(stolen.attrs['condition'], 'item-not-found');
});

test('§10: a pause frees what is held, without payloads; one that is too long ends the session', async () => {
  const bosh = await Bosh.signIn('ann');
  const held = bosh.send();
  const paused = await bosh.send('', `pause='60'`);
  assert.match(paused.text, /\/>$/);
  assert.equal(paused.attrs['type'], undefined);
  assert.equal((await held).attrs['type'], undefined);
  assert.equal((await bosh.send('', `pause='9999'`)).attrs['condition'], 'policy-violation');
});

test('§12: who polls must leave time between', async () => {
  const bosh = await Bosh.begin(`wait='0' hold='0' ver='1.6'`);
  // Both at once: no machine is too slow for that.
  const [first, second] = await Promise.all([bosh.send(), bosh.send()]);
  assert.equal(first.attrs['type'], undefined, 'answered at once');
  assert.equal(second.attrs['condition'], 'policy-violation');
});

test('errors of the stream end the session with them', async () => {
  const bosh = await Bosh.begin();
  const wrong = await bosh.send(`<message xmlns='jabber:client' to='bob@localhost'><body>not signed in</body></message>`);
  assert.equal(wrong.attrs['condition'], 'remote-stream-error');
  assert.match(wrong.text, /<stream:error [^>]*><not-authorized /);
  const host = new Bosh();
  const unknown = await post(`<body rid='${host.rid}' to='other.example' wait='5' hold='1' ${NS}/>`);
  assert.match(unknown.text, /<host-unknown /);
});

test('a message that nobody fetched waits for the next time', async () => {
  const bosh = await Bosh.signIn('cora');
  const bob = await Person.signIn(server, 'bob');
  await bosh.send('', `pause='1'`);
  bob.send(`<message to='cora@localhost' type='chat' id='w'><body>into the void</body></message>`);
  await bob.settled();
  await waitFor('the session to be given up', async () => {
    const { out } = await parley(server, ['session', 'list', '--json']);
    return !out.includes('cora@localhost');
  });
  const again = await Bosh.begin();
  const token = Buffer.from('\0cora\0secret').toString('base64');
  await again.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
  await again.send('', `to='localhost' xmpp:restart='true'`);
  await again.send(`<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`);
  const first = await again.send(`<presence xmlns='jabber:client'/>`);
  if (!first.text.includes('into the void')) await again.until(/into the void/);
  await bob.leave();
});

test('bad input: what is no body, has text, an entity, a script, a type that browsers run, a page of strangers', async () => {
  for (const body of [
    '',
    'hello',
    '<body/>',
    `<body rid='0' ${NS}/>`,
    `<body rid='-1' ${NS}/>`,
    `<body rid='99999999999999999' ${NS}/>`,
    `<body rid='1' ${NS}>text</body>`,
    `<!DOCTYPE body [<!ENTITY a "b">]><body rid='1' ${NS}>&a;</body>`,
    `<body rid='1' ${NS}><a></body>`,
    `<body rid='1' ${NS}/><body rid='2' ${NS}/>`,
    `<body rid='1' to='localhost' content='text/html' ${NS}/>`,
    `<body rid='1' to='localhost' ${NS}>${'<a>'.repeat(500)}${'</a>'.repeat(500)}</body>`,
    `<body rid='1' ${NS}>${'x'.repeat(400_000)}</body>`,
  ]) {
    const { attrs } = await post(body);
    assert.deepEqual([attrs['type'], attrs['condition']], ['terminate', 'bad-request'], body.slice(0, 80));
  }
  // Strangers are not worth the work of a large body: it is looked at only when it names a session.
  for (const sid of ['', `sid='c29tZWJvZHkgZWxzZQ'`]) {
    const { attrs } = await post(`<body rid='1' to='localhost' ${sid} ${NS}><a>${'x'.repeat(9000)}</a></body>`);
    assert.deepEqual([attrs['type'], attrs['condition']], ['terminate', 'item-not-found'], sid);
  }
  assert.equal((await fetch(`${url}?body`)).status, 405, 'script syntax');
  const strange = await fetch(url, { method: 'POST', body: '', headers: { origin: 'https://evil.example' } });
  assert.equal(strange.status, 403);
  assert.equal(strange.headers.get('access-control-allow-origin'), null);
  const preflight = await fetch(url, { method: 'OPTIONS', headers: { origin: server.httpOrigin } });
  assert.deepEqual([preflight.status, preflight.headers.get('access-control-allow-methods')], [204, 'POST']);
});

test('XEP-0156: clients find it', async () => {
  const { links } = (await (await fetch(`${server.httpOrigin}/.well-known/host-meta.json`)).json()) as {
    links: { rel: string; href: string }[];
  };
  assert.equal(links.find(({ rel }) => rel === 'urn:xmpp:alt-connections:xbosh')?.href, url);
});
