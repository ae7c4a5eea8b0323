// New settings for a running server: what is hot counts at once, what is cold is refused by name, and nothing is half done.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { selfSignedCertificate } from '@parley/transports';
import { parley } from '../support/cli.ts';
import { waitFor } from '../support/process.ts';
import { startServer } from '../support/server.ts';
import { certificateOf } from '../support/trust.ts';
import { type Heard, message, Person } from './people.ts';

const folder = await mkdtemp(join(tmpdir(), 'parley-reload-'));
const file = join(folder, 'parley.yaml');
const cert = join(folder, 'chat.crt');
const key = join(folder, 'chat.key');

/** A new certificate where the settings look for it. */
async function renew(): Promise<void> {
  const made = await selfSignedCertificate(await mkdtemp(join(folder, 'tls-')), 'localhost', Date.now());
  await writeFile(key, made.key);
  await writeFile(cert, made.cert);
}
await renew();
await writeFile(file, '');
const server = await startServer({
  config: {
    config: file,
    'auth.allowPlaintext': true,
    'tls.mode': 'files',
    'tls.cert': cert,
    'tls.key': key,
    'registration.open': undefined,
    'registration.perAddressPerHour': undefined,
  },
});
test.after(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

const write = (lines: string[]): Promise<void> => writeFile(file, lines.join('\n'));
async function reload(): Promise<string[]> {
  const { code, out, err } = await parley(server, ['config', 'reload', '--json']);
  assert.equal(code, 0, err);
  return (JSON.parse(out) as { changed: string[] }).changed;
}
async function refused(): Promise<string> {
  const { code, err } = await parley(server, ['config', 'reload']);
  assert.equal(code, 1);
  return err.trim();
}
async function features(): Promise<Heard> {
  const guest = await Person.guest(server);
  const heard = await guest.take({ name: 'features' });
  guest.cut();
  return heard;
}
const openTo = async (): Promise<boolean> => (await features()).child('register') !== undefined;

test('registration opens and closes, in the stream features, over XMPP and over HTTP', async () => {
  assert.equal(await openTo(), true, 'everything listens on this machine');
  await server.createUser('ann', 'secret');
  await write(['registration:', '  open: false']);
  assert.deepEqual(await reload(), ['registration.open']);
  assert.equal(await openTo(), false);
  await assert.rejects(server.createUser('eve', 'secret'), /403/);
  const guest = await Person.guest(server);
  guest.send(`<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>`);
  assert.ok((await guest.take({ name: 'error' })).child('not-authorized'));
  await write(['registration:', '  open: true', '  perAddressPerHour: 1']);
  assert.deepEqual(await reload(), ['registration.open', 'registration.perAddressPerHour']);
  assert.equal(await openTo(), true);
  await server.createUser('bob', 'secret');
  await assert.rejects(server.createUser('eve', 'secret'), /429/);
  await write([]);
  await reload();
});

test('limits and options of features count for those who are signed in already', async () => {
  const ann = await Person.signIn(server, 'ann');
  const long = 'x'.repeat(5000);
  ann.send(`<message to='${ann.bare}' id='a' type='chat'><body>${long}</body></message>`);
  await ann.take(message({ id: 'a' }));
  await write(['features:', '  roster:', '    maxContacts: 1', 'limits:', '  stanzaSize: 4KiB']);
  assert.deepEqual(await reload(), ['features.roster.maxContacts', 'limits.stanzaSize']);
  const add = (jid: string): Promise<Heard> => ann.ask('set', `<query xmlns='jabber:iq:roster'><item jid='${jid}'/></query>`);
  assert.equal((await add('bob@localhost')).attrs['type'], 'result');
  assert.equal((await add('carl@localhost')).attrs['type'], 'error');
  ann.send(`<message to='${ann.bare}' id='b' type='chat'><body>${long}</body></message>`);
  assert.ok((await ann.take({ name: 'error' })).child('policy-violation'), 'too big now');
  await write([]);
  await reload();
});

test('a cold setting is refused by name, and the hot one beside it is not taken', async () => {
  await write(['listen:', '  xmpp: 127.0.0.1:1', 'domain: other.example', 'registration:', '  open: false']);
  // Flags of the command line come first: these two are given there, and say the same as before.
  assert.deepEqual(await reload(), ['registration.open']);
  await write(['log:', '  format: pretty', 'registration:', '  open: true', 'features:', '  vcard: false']);
  assert.equal(await refused(), 'Nothing was changed: this needs a restart: features.vcard, log.format.');
  assert.equal(await openTo(), false);
});

test('settings or a certificate that cannot be used change nothing', async () => {
  for (const lines of [['registration: ['], ['registration:', '  opn: true'], ['features:', '  roster:', '    maxContacts: 0']]) {
    await write(lines);
    assert.match(await refused(), /not YAML|did you mean|maxContacts must be/);
  }
  await write(['registration:', '  open: true']);
  await writeFile(cert, 'nonsense');
  assert.match(await refused(), /tls\.cert: .* holds no certificate/);
  assert.equal(await openTo(), false);
  assert.equal((await parley(server, ['config', 'reload'])).code, 1);
  await renew();
  assert.deepEqual(await reload(), ['registration.open']);
  assert.equal(await openTo(), true);
});

test('a renewed certificate is shown to new connections, over XMPP and HTTPS; who is connected stays', async () => {
  const before = await certificateOf(server.ports.xmpps, 'localhost');
  const ann = await Person.signIn(server, 'ann');
  await renew();
  assert.equal(await certificateOf(server.ports.xmpps, 'localhost'), before, 'nobody has told the server');
  assert.deepEqual(await reload(), []);
  const after = await certificateOf(server.ports.xmpps, 'localhost');
  assert.notEqual(after, before);
  assert.equal(await certificateOf(server.ports.http, 'localhost').catch(() => after), after);
  await ann.settled();
  await ann.leave();
});

test('SIGHUP does the same, and says in the log what it did or why not', async () => {
  await write(['log:', '  level: debug']);
  process.kill(server.pid, 'SIGHUP');
  await waitFor('the reload', () => /"changed":\["log\.level".*config_reloaded/.test(server.log()));
  assert.equal((await parley(server, ['status'])).code, 0);
  await waitFor('an event for debugging', () => /"level":20.*admin_request/.test(server.log()));
  const refusals = (): number => server.log().split('config_not_reloaded').length;
  const before = refusals();
  await write(['log:', '  level: chatty']);
  process.kill(server.pid, 'SIGHUP');
  await waitFor('the refusal', () => refusals() > before);
});

test('a stopped server reads its settings when it starts', async () => {
  await server.kill();
  const { code, err } = await parley(server, ['config', 'reload']);
  assert.equal(code, 1);
  assert.match(err, /The server is stopped; it reads its settings when it starts\./);
  await write([]);
  await server.restart();
});

test('an option that is wrong in meaning is refused like one that is wrong in form, and nothing has changed', async () => {
  const features = (name: string, option: string, value: string): string[] => ['features:', `  ${name}:`, `    ${option}: '${value}'`];
  for (const [name, option, value, says] of [
    ['administration', 'admins', 'olga@elsewhere.example', /must be addresses of accounts/],
    ['external-services', 'services', 'ftp://x', /must be URIs such as stun:/],
    ['contact-addresses', 'abuse', 'nobody', /must be URIs such as mailto:abuse/],
    ['web-push', 'contact', 'nobody', /must be an address such as mailto:/],
  ] as const) {
    await write([...features(name, option, value), 'registration:', '  open: false']);
    assert.match(await refused(), says);
    assert.equal(await openTo(), true, 'the setting beside it was not taken either');
  }
  await write([]);
  await reload();
});

test('XEP-0157: new contact addresses are told at once', async () => {
  const ann = await Person.signIn(server, 'ann');
  const info = async (): Promise<string> =>
    String(await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, 'localhost'));
  for (const address of ['mailto:one@example.org', 'mailto:two@example.org']) {
    await write(['features:', '  contact-addresses:', `    abuse: '${address}'`]);
    await reload();
    const now = await info();
    assert.ok(now.includes(address), now);
    assert.equal(now.split('abuse-addresses').length, 2, 'once');
  }
  await write([]);
  await reload();
  assert.ok(!(await info()).includes('abuse-addresses'));
  await ann.leave();
});

test('XEP-0215 §3.3: who has asked for TURN servers is told of changes, others are not', async () => {
  const NS = 'urn:xmpp:extdisco:2';
  const services = (uris: string, secret: string): string[] => [
    'features:',
    '  external-services:',
    `    services: '${uris}'`,
    `    secret: '${secret}'`,
  ];
  const push = {
    name: 'iq',
    attrs: { type: 'set', from: 'localhost' },
    where: (heard: Heard) => heard.child('services', NS) !== undefined,
  };
  await write(services('stun:a.example turn:a.example', 'one'));
  await reload();
  const [ann, bob] = [await Person.signIn(server, 'ann'), await Person.signIn(server, 'bob')];
  await ann.ask('get', `<services xmlns='${NS}' type='turn'/>`, 'localhost');
  const told = async (): Promise<string[]> => {
    const heard = await ann.take(push);
    ann.send(`<iq type='result' id='${heard.attrs['id']}' to='localhost'/>`);
    const list = heard.child('services')?.all('service') ?? [];
    return list.map(
      ({ attrs }) => `${attrs['action']} ${attrs['type']} ${attrs['host']} ${attrs['password'] === undefined ? '-' : 'password'}`,
    );
  };
  await write(services('stun:b.example turn:a.example turn:b.example', 'one'));
  await reload();
  assert.deepEqual(await told(), ['add turn b.example password'], 'of the type that was asked for');
  await write(services('turn:b.example', 'two'));
  await reload();
  assert.deepEqual(await told(), ['delete turn a.example -', 'modify turn b.example password']);
  await bob.settled();
  assert.ok(!bob.inbox.some((heard) => heard.child('services') !== undefined));
  await write([]);
  await reload();
  for (const person of [ann, bob]) await person.leave();
});
