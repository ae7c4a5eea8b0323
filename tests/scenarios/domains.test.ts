// Two domains on one server: each with its own certificate, accounts, groups, features and limits; nothing of one is the other's.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { parley } from '../support/cli.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { befriend, type Heard, message, Person, presence } from './people.ts';
import { Wire } from './wire.ts';

const OTHER = 'other.example';
const folder = await mkdtemp(join(tmpdir(), 'parley-domains-'));
test.after(() => rm(folder, { recursive: true }));
const file = join(folder, 'parley.yaml');
await writeFile(
  file,
  `
auth: {allowPlaintext: true}
features:
  administration: {admins: boss@localhost}
domains:
  ${OTHER}:
    registration: {open: false}
    limits: {sessionsPerAccount: 1}
    http: {publicUrl: 'http://${OTHER}'}
    features:
      carbons: false
      administration: {admins: boss@${OTHER}}
`,
);
const first = await startServer({ config: { config: file } });
test.after(() => first.stop());
const at = (server: TestServer, domain: string): TestServer => Object.create(server, { domain: { value: domain } }) as TestServer;
const second = at(first, OTHER);

const command = (args: readonly string[], input?: string) => parley(first, [...args, `--config=${file}`], input);
// The names of administrators are not for whoever registers first, so all but one are made by the operator.
await first.createUser('ann', 'secret');
for (const [jid, password] of [
  ['boss@localhost', 'secret'],
  [`ann@${OTHER}`, 'other secret'],
  [`boss@${OTHER}`, 'other secret'],
] as const)
  assert.deepEqual(await command(['user', 'add', jid, '--password-stdin'], `${password}\n`), {
    code: 0,
    out: `${jid} was added.\n`,
    err: '',
  });
const ann = (server: TestServer, resource?: string): Promise<Person> =>
  Person.signIn(server, 'ann', {
    password: server.domain === OTHER ? 'other secret' : 'secret',
    ...(resource === undefined ? {} : { resource }),
  });

/** The names in the certificate that a client sees who asks for this name. */
async function shown(socket: TLSSocket): Promise<string> {
  const names = socket.getPeerX509Certificate()?.subjectAltName ?? '';
  socket.destroy();
  return names;
}
const tls = (port: number, servername: string): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connectTls({ host: first.host, port, servername, ALPNProtocols: ['xmpp-client'], rejectUnauthorized: false });
    socket.once('secureConnect', () => resolve(socket)).once('error', reject);
  });

test('each domain shows its own certificate: by the name in the handshake, else by the stream', async () => {
  assert.match(await shown(await tls(first.ports.xmpps, 'localhost')), /^DNS:localhost,/);
  assert.match(await shown(await tls(first.ports.xmpps, OTHER)), /^DNS:other\.example,/);
  assert.match(await shown(await tls(first.ports.xmpps, 'unknown.example')), /^DNS:localhost,/);
  for (const [to, servername, wanted] of [
    ['localhost', 'localhost', /^DNS:localhost,/],
    [OTHER, OTHER, /^DNS:other\.example,/],
    [OTHER, '', /^DNS:other\.example,/],
    ['localhost', '', /^DNS:localhost,/],
  ] as const) {
    const wire = await Wire.plain(at(first, to));
    wire.send(`<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${to}' version='1.0'>`);
    assert.equal((await wire.expect(/<stream:stream[^>]* from="([^"]*)"/))[1], to);
    await wire.expect(/<\/stream:features>/);
    wire.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
    await wire.expect(/<proceed[^>]*\/>/);
    assert.match(await shown((await wire.secure({ servername })).socket), wanted, `${to} asked as "${servername}"`);
  }
});

test('host-unknown for any other name; sign-in at another domain than the stream’s is refused', async () => {
  const wire = await Wire.plain(first);
  wire.send(`<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='nowhere.example' version='1.0'>`);
  await wire.expect(/host-unknown/);
  await wire.closed();
  const tried = await Person.guest(second);
  await tried.take({ name: 'features' });
  tried.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from('\0ann\0secret').toString('base64')}</auth>`);
  assert.ok((await tried.take({ name: 'failure' })).child('not-authorized'), 'the password of the namesake');
  tried.cut();
  const moved = await Wire.plain(first);
  await moved.open();
  moved.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from('\0ann\0secret').toString('base64')}</auth>`);
  await moved.expect(/<success[^>]*\/>/);
  moved.send(`<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${OTHER}' version='1.0'>`);
  await moved.expect(/not-authorized/);
  await moved.closed();
});

test('a feature that is off on one domain is not there, and not told', async () => {
  const here = await ann(first);
  const there = await ann(second);
  const features = async (person: Person): Promise<string[]> =>
    (await person.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, person.server.domain))
      .child('query')
      ?.all('feature')
      .map((one) => one.attrs['var'] ?? '') ?? [];
  const enable = `<enable xmlns='urn:xmpp:carbons:2'/>`;
  assert.ok((await features(here)).includes('urn:xmpp:carbons:2'));
  assert.ok(!(await features(there)).includes('urn:xmpp:carbons:2'));
  assert.equal((await here.ask('set', enable)).attrs['type'], 'result');
  assert.equal((await there.ask('set', enable)).error, 'service-unavailable');
  await here.leave();
  await there.leave();
});

test('each domain has limits of its own', async () => {
  const here = [await ann(first, 'one'), await ann(first, 'two')];
  const there = await ann(second, 'one');
  const more = await Person.authenticate(second, 'ann', 'other secret');
  const bound = await more.ask('set', `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>`);
  assert.equal(bound.error, 'resource-constraint');
  more.cut();
  for (const person of [...here, there]) await person.leave();
});

const items = (person: Person): Promise<Heard> =>
  person.ask('get', `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='mine'/></pubsub>`);

test('isolation: the same name on both domains is two people, with archives, nodes, uploads and groups of their own', async () => {
  const here = await ann(first, 'here');
  const there = await ann(second, 'there');
  here.send(`<message to='${here.bare}' type='chat' id='n1'><body>a note to myself</body></message>`);
  await here.take(message({ id: 'n1' }));
  const archive = async (person: Person): Promise<string[]> => {
    const answer = await person.ask('set', `<query xmlns='urn:xmpp:mam:2' queryid='q'/>`);
    assert.equal(answer.attrs['type'], 'result');
    return person.inbox.filter((one) => one.child('result') !== undefined).map(String);
  };
  assert.ok((await archive(here)).some((one) => one.includes('a note to myself')));
  assert.deepEqual(await archive(there), []);

  await here.ask(
    'set',
    `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='mine'><item id='1'><x xmlns='y'/></item></publish></pubsub>`,
  );
  assert.equal((await items(here)).attrs['type'], 'result');
  assert.equal((await items(there)).error, 'item-not-found');

  const slot = async (person: Person): Promise<string> =>
    (
      await person.ask(
        'get',
        `<request xmlns='urn:xmpp:http:upload:0' filename='a.txt' size='5' content-type='text/plain'/>`,
        person.server.domain,
      )
    )
      .child('slot')
      ?.child('get')?.attrs['url'] ?? '';
  assert.match(await slot(here), /^http:\/\/127\.0\.0\.1:\d+\/media\//);
  assert.match(await slot(there), /^http:\/\/other\.example\/media\//);

  for (const [person, subject] of [
    [here, 'ours'],
    [there, 'theirs'],
  ] as const) {
    const room = `tea@conference.${person.server.domain}`;
    person.send(`<presence to='${room}/ann'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    await person.take({ name: 'presence', attrs: { from: `${room}/ann` } });
    const form = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field var='muc#roomconfig_roomname'><value>${subject}</value></field><field var='muc#roomconfig_persistentroom'><value>1</value></field></x>`;
    assert.equal(
      (await person.ask('set', `<query xmlns='http://jabber.org/protocol/muc#owner'>${form}</query>`, room)).attrs['type'],
      'result',
    );
  }
  const nameOf = async (person: Person): Promise<string | undefined> =>
    (await person.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, `tea@conference.${person.server.domain}`))
      .child('query')
      ?.child('identity')?.attrs['name'];
  assert.equal(await nameOf(here), 'ours');
  assert.equal(await nameOf(there), 'theirs');
  const rooms = async (person: Person): Promise<string> =>
    String(await person.ask('get', `<query xmlns='http://jabber.org/protocol/disco#items'/>`, person.server.domain));
  assert.match(await rooms(here), /conference\.localhost/);
  assert.match(await rooms(there), /conference\.other\.example/);
  assert.doesNotMatch(await rooms(there), /localhost/);
  await here.leave();
  await there.leave();
});

test('affiliation escalation: the administrator of one domain is nobody on the other', async () => {
  const NS = 'http://jabber.org/protocol/commands';
  const run = (person: Person): Promise<Heard> =>
    person.ask(
      'set',
      `<command xmlns='${NS}' node='http://jabber.org/protocol/admin#get-registered-users-num' action='execute'/>`,
      person.server.domain,
    );
  const here = await Person.signIn(first, 'boss');
  const there = await Person.signIn(second, 'boss', { password: 'other secret' });
  for (const boss of [here, there]) {
    const answer = await run(boss);
    assert.equal(answer.attrs['type'], 'result');
    assert.match(String(answer), /<value>2<\/value>/, 'the accounts of its own domain');
  }
  const plain = await ann(second);
  assert.equal((await run(plain)).error, 'forbidden');
  // Somebody of the other domain cannot even be named.
  const form = (jid: string): string =>
    `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/admin</value></field><field var='accountjids'><value>${jid}</value></field></x>`;
  const remove = await there.ask(
    'set',
    `<command xmlns='${NS}' node='http://jabber.org/protocol/admin#delete-user' action='execute'/>`,
    OTHER,
  );
  const session = remove.child('command')?.attrs['sessionid'] ?? '';
  await there.ask(
    'set',
    `<command xmlns='${NS}' node='http://jabber.org/protocol/admin#delete-user' sessionid='${session}' action='complete'>${form('ann@localhost')}</command>`,
    OTHER,
  );
  const still = await ann(first);
  for (const person of [here, there, plain, still]) await person.leave();
});

const text = (body: string) => ({ name: 'message', where: (one: Heard): boolean => one.child('body')?.text === body });

test('people of both domains write to each other: in order, once, in both archives under one id; other devices get copies', async () => {
  const here = await ann(first, 'phone');
  const tablet = await ann(first, 'tablet');
  const there = await ann(second, 'there');
  await tablet.ask('set', `<enable xmlns='urn:xmpp:carbons:2'/>`);
  for (let n = 1; n <= 5; n++)
    here.send(
      `<message to='${there.bare}' type='chat' id='x${n}'><body>across ${n}</body><origin-id xmlns='urn:xmpp:sid:0' id='across-${n}'/></message>`,
    );
  // D3: the same again is the same message.
  here.send(
    `<message to='${there.bare}' type='chat' id='x5'><body>across 5</body><origin-id xmlns='urn:xmpp:sid:0' id='across-5'/></message>`,
  );
  await here.settled();
  const got: Heard[] = [];
  for (let n = 1; n <= 5; n++) got.push(await there.take(message({ from: here.jid })));
  assert.deepEqual(
    got.map((one) => one.child('body')?.text),
    [1, 2, 3, 4, 5].map((n) => `across ${n}`),
  );
  await there.hearsNo(message({ from: here.jid }));
  for (let n = 1; n <= 5; n++)
    await tablet.take({ name: 'message', where: (one) => String(one).includes(`>across ${n}<`) && one.child('sent') !== undefined });
  const idsOf = async (person: Person): Promise<string[]> => {
    await person.ask('set', `<query xmlns='urn:xmpp:mam:2' queryid='across'/>`);
    const found = person.inbox.filter((one) => one.child('result') !== undefined && String(one).includes('>across '));
    return found.map((one) => one.child('result')?.attrs['id'] ?? '');
  };
  const ids = got.map((one) => one.child('stanza-id')?.attrs['id'] ?? '');
  assert.deepEqual(await idsOf(here), ids);
  assert.deepEqual(await idsOf(there), ids);
  assert.equal(got[0]?.child('stanza-id')?.attrs['by'], there.bare);
  there.send(
    `<message to='${here.bare}' type='chat' id='back'><body>and back</body></message><message to='${here.jid}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`,
  );
  assert.equal((await here.take(text('and back'))).attrs['from'], there.jid);
  await here.take({ name: 'message', where: (one) => one.child('composing') !== undefined });
  there.send(`<message to='nobody@localhost' type='chat' id='no'><body>x</body></message>`);
  assert.equal((await there.take(message({ id: 'no', type: 'error' }))).error, 'service-unavailable');
  for (const person of [here, tablet, there]) await person.leave();
});

test('forged from: nobody speaks for the other domain, nor for its namesake there', async () => {
  for (const from of [`ann@${OTHER}`, OTHER, `conference.${OTHER}`]) {
    const here = await ann(first);
    here.send(`<message from='${from}' to='ann@${OTHER}' type='chat'><body>forged</body></message>`);
    await here.take({ name: 'error' });
    await here.gone();
  }
  const here = await ann(first);
  const there = await ann(second);
  here.send(
    `<message to='${there.bare}' type='chat'><body>stamped</body><stanza-id xmlns='urn:xmpp:sid:0' by='${there.bare}' id='forged'/><delay xmlns='urn:xmpp:delay' from='${OTHER}' stamp='2020-01-01T00:00:00Z'/></message>`,
  );
  const got = await there.take(text('stamped'));
  assert.equal(got.all('stanza-id').length, 1);
  assert.notEqual(got.child('stanza-id')?.attrs['id'], 'forged');
  assert.equal(got.child('delay'), undefined);
  await there.hearsNo(text('forged'));
  await here.leave();
  await there.leave();
});

test('subscriptions, presence and personal nodes go from one domain to the other as within one', async () => {
  const here = await ann(first);
  const there = await ann(second);
  await befriend(here, there);
  assert.deepEqual(
    (await here.roster()).map((item) => [item.attrs['jid'], item.attrs['subscription']]),
    [[there.bare, 'both']],
  );
  there.send(`<presence><show>away</show></presence>`);
  assert.equal((await here.take(presence({ from: there.jid }))).child('show')?.text, 'away');
  const read = (person: Person, of: string): Promise<Heard> =>
    person.ask('get', `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='mine'/></pubsub>`, of);
  assert.match(String(await read(there, here.bare)), /<item id="1"/);
  here.send(`<presence to='${there.bare}' type='unsubscribed'/>`);
  await there.take(presence({ from: here.bare, type: 'unsubscribed' }));
  assert.equal((await read(there, here.bare)).attrs['type'], 'error');
  there.send(`<presence to='${here.bare}' type='subscribe'/>`);
  await here.take(presence({ from: there.bare, type: 'subscribe' }));
  here.send(`<presence to='${there.bare}' type='subscribed'/>`);
  await there.take(presence({ from: here.jid }));
  await there.forget();
  await here.leave();
  await there.take(presence({ from: here.jid, type: 'unavailable' }));
  await there.leave();
});

test('what belongs to an account of one domain is not asked of the other: only what servers tell strangers', async () => {
  const here = await ann(first);
  const ask = (type: 'get' | 'set', payload: string): Promise<Heard> => here.ask(type, payload, OTHER);
  assert.ok(String(await ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`)).includes('type="im"'));
  assert.match(String(await ask('get', `<query xmlns='http://jabber.org/protocol/disco#items'/>`)), /conference\.other\.example/);
  assert.equal((await ask('get', `<ping xmlns='urn:xmpp:ping'/>`)).attrs['type'], 'result');
  for (const [type, payload] of [
    ['set', `<query xmlns='jabber:iq:register'><remove/></query>`],
    ['set', `<query xmlns='jabber:iq:register'><username>ann</username><password>stolen</password></query>`],
    ['get', `<request xmlns='urn:xmpp:http:upload:0' filename='a.txt' size='5'/>`],
    [
      'set',
      `<command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#get-registered-users-num' action='execute'/>`,
    ],
  ] as const)
    assert.equal((await ask(type, payload)).error, 'service-unavailable', payload);
  for (const [payload, condition] of [
    [`<query xmlns='jabber:iq:roster'/>`, 'forbidden'],
    [`<query xmlns='urn:xmpp:mam:2'/>`, 'service-unavailable'],
    [`<blocklist xmlns='urn:xmpp:blocking'/>`, 'service-unavailable'],
  ] as const)
    assert.equal((await here.ask('get', payload, `boss@${OTHER}`)).error, condition, payload);
  assert.equal((await here.ask('get', `<query xmlns='jabber:iq:last'/>`, `boss@${OTHER}`)).error, 'forbidden');
  assert.equal((await here.ask('get', `<query xmlns='jabber:iq:version'/>`, `boss@${OTHER}/x`)).error, 'service-unavailable');
  await (await ann(second)).leave();
  await here.leave();
});

test('who is blocked on one domain is blocked from the other', async () => {
  const here = await ann(first);
  const there = await ann(second);
  assert.equal((await there.ask('set', `<block xmlns='urn:xmpp:blocking'><item jid='${here.bare}'/></block>`)).attrs['type'], 'result');
  here.send(`<message to='${there.bare}' type='chat' id='b1'><body>blocked</body></message>`);
  assert.equal((await here.take(message({ id: 'b1', type: 'error' }))).error, 'service-unavailable');
  there.send(`<message to='${here.bare}' type='chat' id='b2'><body>blocked</body></message>`);
  assert.equal((await there.take(message({ id: 'b2', type: 'error' }))).error, 'not-acceptable');
  assert.equal((await there.ask('set', `<unblock xmlns='urn:xmpp:blocking'><item jid='${here.bare}'/></unblock>`)).attrs['type'], 'result');
  here.send(`<message to='${there.bare}' type='chat' id='b3'><body>free again</body></message>`);
  await there.take(text('free again'));
  await here.leave();
  await there.leave();
});

test('people of one domain come into the groups of the other, and make none there', async () => {
  const room = 'tea@conference.localhost';
  const here = await ann(first);
  const there = await ann(second);
  here.send(`<presence to='${room}/host'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await here.take(presence({ from: `${room}/host` }));
  there.send(`<presence to='${room}/guest'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await there.take({ name: 'presence', attrs: { from: `${room}/guest` }, where: (one) => String(one).includes('code="110"') });
  await here.take(presence({ from: `${room}/guest` }));
  there.send(`<message to='${room}' type='groupchat' id='g1'><body>hello from there</body></message>`);
  assert.equal((await here.take(text('hello from there'))).attrs['from'], `${room}/guest`);
  here.send(`<message to='${room}' type='groupchat' id='g2'><body>hello from here</body></message>`);
  const said = await there.take(text('hello from here'));
  assert.equal(said.child('stanza-id')?.attrs['by'], room);
  await there.leave();
  await here.take(presence({ from: `${room}/guest`, type: 'unavailable' }));
  here.send(`<presence to='new@conference.${OTHER}/ann'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  assert.equal((await here.take(presence({ from: `new@conference.${OTHER}/ann`, type: 'error' }))).error, 'not-allowed');
  await here.leave();
});

test('over HTTP the Host header says which domain is meant', async () => {
  const get = (path: string, host: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const sent = request({ host: first.host, port: first.ports.http, path, headers: { host }, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.once('end', () => resolve(text));
      });
      sent.once('error', reject);
      sent.end();
    });
  const registration = async (host: string): Promise<unknown[]> => {
    const { open, domain } = JSON.parse(await get('/api/v1/register', host)) as { open: boolean; domain: string };
    return [open, domain];
  };
  assert.deepEqual(await registration(OTHER), [false, OTHER]);
  assert.deepEqual(await registration(`127.0.0.1:${first.ports.http}`), [true, 'localhost']);
  assert.match(await get('/.well-known/host-meta', '127.0.0.1'), /ws:\/\/127\.0\.0\.1:/);
  assert.doesNotMatch(await get('/.well-known/host-meta', OTHER), /<Link/, 'http://other.example is neither HTTPS nor this machine');
});

test('the commands know every domain', async () => {
  const users = JSON.parse((await command(['user', 'list', '--json'])).out) as Array<{ jid: string }>;
  assert.deepEqual(users.map(({ jid }) => jid).sort(), ['ann@localhost', `ann@${OTHER}`, 'boss@localhost', `boss@${OTHER}`].sort());
  assert.match(
    (await command(['user', 'add', 'eve@nowhere.example', '--password-stdin'], 'x\n')).err,
    /is not a user of localhost or other\.example/,
  );
  const there = await ann(second, 'listed');
  assert.match((await command(['session', 'list'])).out, /ann@other\.example\/listed/);
  assert.equal((await command(['session', 'kick', `ann@${OTHER}/listed`])).code, 0);
  await there.gone();
  const path = join(folder, 'all.xml');
  assert.equal((await command(['export', '--to', path])).code, 0);
  const text = await readFile(path, 'utf8');
  assert.match(text, /<host jid="localhost">[\s\S]*a note to myself[\s\S]*<\/host>\s*<host jid="other\.example">[\s\S]*<user name="ann">/);
  assert.match((await command(['config', 'check'])).out, /registration at other\.example/);
  assert.match((await command(['doctor'])).out, /Direct TLS answers for other\.example/);
});

test('kill -9: both domains are what they were, and what is exported goes to its own domain', async () => {
  const sender = await ann(first);
  sender.send(`<enable xmlns='urn:xmpp:sm:3'/>`);
  await sender.take({ name: 'enabled' });
  sender.send(`<message to='ann@${OTHER}' type='chat'><body>kept over a kill</body></message><r xmlns='urn:xmpp:sm:3'/>`);
  await sender.take({ name: 'a' });
  await first.kill();
  await first.restart();
  const here = await ann(first);
  const there = await ann(second);
  assert.equal((await there.take(text('kept over a kill'))).attrs['from'], sender.jid);
  assert.equal((await items(here)).attrs['type'], 'result');
  assert.equal((await items(there)).error, 'item-not-found');
  const info = (person: Person): Promise<Heard> =>
    person.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, `tea@conference.${person.server.domain}`);
  assert.match(String(await info(here)), /name="ours"/);
  assert.match(String(await info(there)), /name="theirs"/);
  await here.leave();
  await there.leave();
  assert.equal((await command(['user', 'remove', `ann@${OTHER}`, '--yes'])).code, 0);
  const imported = JSON.parse((await command(['import', join(folder, 'all.xml'), '--json'])).out) as {
    counts: { accounts: number; rooms: number };
    there: string[];
  };
  // With her account its room went, of which she was the only member.
  assert.deepEqual([imported.counts.accounts, imported.counts.rooms], [1, 1]);
  assert.deepEqual(imported.there.sort(), ['ann@localhost', 'boss@localhost', `boss@${OTHER}`, 'tea@conference.localhost'].sort());
  await (await ann(second)).leave();
});
