// Passkeys over the wire, with an authenticator in software that can also answer what none should.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { Authenticator, type Twist } from '../support/authenticator.ts';
import { startServer } from '../support/server.ts';
import { Person } from './people.ts';
import { bind2, byToken } from './sign-in.ts';

const NS = 'urn:parley:passkeys:0';
const IDENTITY = 'urn:parley:identity:0';
const ORIGIN = 'https://chat.example';
const HT = 'HT-SHA-256-NONE';
const server = await startServer({
  config: { 'auth.allowPlaintext': true, 'http.publicUrl': ORIGIN, 'features.passkeys.perAddressPerHour': 0 },
});
test.after(() => server.stop());

type Answer = { readonly status: number; readonly body: Record<string, unknown> };
async function ask(path: string, body: unknown, at = server): Promise<Answer> {
  const response = await fetch(`${at.httpOrigin}/api/v1/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const escaped = (value: unknown): string => JSON.stringify(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
/** Adds it to the account of a person; answers the condition of a refusal. */
async function add(person: Person, key: Authenticator, twist: Twist = {}, label = 'Phone'): Promise<string | undefined> {
  const offer = (await person.ask('get', `<create xmlns='${NS}'/>`)).child('create', NS);
  assert.ok(offer !== undefined);
  assert.deepEqual([offer.attrs['rp'], offer.attrs['name']], ['chat.example', person.jid.split('/')[0]]);
  const response = key.create(offer.attrs['challenge'] ?? '', ORIGIN, twist);
  const answer = await person.ask(
    'set',
    `<create xmlns='${NS}' flow='${offer.attrs['flow']}' label='${label}'>${escaped(response)}</create>`,
  );
  return answer.attrs['type'] === 'result' ? undefined : answer.error;
}
/** Tries to sign in with it. */
async function use(
  key: Authenticator,
  twist: Twist = {},
  change: (body: Record<string, unknown>) => unknown = (body) => body,
): Promise<Answer & { device: string; flow: string; response: unknown }> {
  const device = randomUUID();
  const begun = await ask('passkeys', { device });
  assert.deepEqual([begun.status, begun.body['rpId']], [200, 'chat.example']);
  const flow = String(begun.body['flow']);
  const response = change(key.use(String(begun.body['challenge']), ORIGIN, twist));
  return { ...(await ask('passkeys/finish', { flow, response })), device, flow, response };
}
async function refused(attempt: Promise<Answer>, status = 403, code = 'refused'): Promise<void> {
  const { status: got, body } = await attempt;
  assert.deepEqual([got, body['error']], [status, code], JSON.stringify(body));
}
async function person(name: string): Promise<Person> {
  await server.createUser(name, 'secret');
  return Person.signIn(server, name);
}

test('a passkey is added, signs a new device in, is listed and removed', async () => {
  const ann = await person('ann');
  const key = new Authenticator();
  assert.equal(await add(ann, key), undefined);
  const { status, body, device } = await use(key);
  assert.deepEqual([status, body['jid']], [200, 'ann@localhost'], JSON.stringify(body));
  const session = await ask('sessions', { proof: body['proof'], mechanism: HT, deviceName: 'Desk' });
  assert.deepEqual([session.status, session.body['jid']], [200, 'ann@localhost']);
  const { person: desk, answer } = await byToken(server, { user: 'ann', id: device }, String(session.body['token']), { inside: bind2() });
  assert.equal(answer.name, 'success', String(answer));
  desk.cut();
  const list = (await ann.ask('get', `<identifiers xmlns='${IDENTITY}'/>`)).child('identifiers', IDENTITY);
  assert.deepEqual(
    list?.all('identifier').map(({ attrs }) => [attrs['kind'], attrs['value'], attrs['label']]),
    [['passkey', key.id, 'Phone']],
  );
  await ann.ask('set', `<remove xmlns='${IDENTITY}' kind='passkey' value='${key.id}'/>`);
  await refused(use(key));
  ann.cut();
});

test('answers that do not fit: another challenge, origin, site, kind, key, without the person: nothing is added', async () => {
  const eve = await person('eve');
  const twists: Twist[] = [
    { challenge: Buffer.alloc(32).toString('base64url') },
    { origin: 'https://evil.example' },
    { rpId: 'evil.example' },
    { type: 'webauthn.get' },
    { unverified: true },
  ];
  for (const twist of twists) assert.equal(await add(eve, new Authenticator(), twist), 'not-acceptable', JSON.stringify(twist));
  const list = (await eve.ask('get', `<identifiers xmlns='${IDENTITY}'/>`)).child('identifiers', IDENTITY);
  assert.equal(list?.all('identifier').length, 0);
  eve.cut();
});

test('the same on signing in, and a copy that does not count on', async () => {
  const bob = await person('bob');
  const key = new Authenticator();
  assert.equal(await add(bob, key), undefined);
  for (const twist of [
    { challenge: Buffer.alloc(32).toString('base64url') },
    { origin: 'https://evil.example' },
    { rpId: 'evil.example' },
    { type: 'webauthn.create' },
    { unverified: true },
    { foreignKey: true },
  ] satisfies Twist[])
    await refused(use(key, twist));
  key.counter = 5;
  assert.equal((await use(key)).status, 200);
  await refused(use(key, { counter: 5 }));
  await refused(use(key, { counter: 0 }));
  assert.equal((await use(key, { counter: 6 })).status, 200);
  await refused(use(new Authenticator()));
  await refused(use(key, { counter: 7 }, () => ({})));
  await refused(use(key, { counter: 7 }, (body) => ({ ...body, id: 'x'.repeat(5000) })));
  await refused(use(key, { counter: 7 }, (body) => ({ ...body, response: { clientDataJSON: '!' } })));
  bob.cut();
});

test('an attempt is good once, for what it was begun for, by whom it was begun', async () => {
  const carol = await person('carol');
  const key = new Authenticator();
  assert.equal(await add(carol, key), undefined);
  const done = await use(key);
  assert.equal(done.status, 200);
  await refused(ask('passkeys/finish', { flow: done.flow, response: done.response }), 410, 'expired');
  await refused(ask('passkeys/finish', { flow: `${done.flow.slice(0, -8)}AAAAAAAA`, response: done.response }), 410, 'expired');
  // What was begun for making one is not for using one.
  const offer = (await carol.ask('get', `<create xmlns='${NS}'/>`)).child('create', NS);
  const { flow = '', challenge = '' } = offer?.attrs ?? {};
  await refused(ask('passkeys/finish', { flow, response: key.use(challenge, ORIGIN) }), 410, 'expired');
  // What one account began is not for another one, and a key of one is not another's.
  const dave = await person('dave');
  const response = new Authenticator().create(challenge, ORIGIN);
  const stolen = await dave.ask('set', `<create xmlns='${NS}' flow='${flow}' label=''>${escaped(response)}</create>`);
  assert.equal(stolen.error, 'not-acceptable');
  assert.equal(await add(dave, key), 'conflict');
  assert.equal((await use(key)).body['jid'], 'carol@localhost');
  // A proof is for the device that began.
  const proved = await use(key);
  const session = await ask('sessions', { proof: proved.body['proof'], mechanism: HT });
  const elsewhere = await byToken(server, { user: 'carol', id: randomUUID() }, String(session.body['token']), { inside: bind2() });
  assert.equal(elsewhere.answer.name, 'failure');
  carol.cut();
  dave.cut();
});

test('attempts do not outlive the server; passkeys do', async () => {
  const fay = await person('fay');
  const key = new Authenticator();
  assert.equal(await add(fay, key), undefined);
  fay.cut();
  const begun = await ask('passkeys', { device: 'd' });
  await server.restart();
  await refused(
    ask('passkeys/finish', { flow: begun.body['flow'], response: key.use(String(begun.body['challenge']), ORIGIN) }),
    410,
    'expired',
  );
  assert.equal((await use(key)).body['jid'], 'fay@localhost');
});

test('where browsers allow none, none are offered: an address instead of a name', async (t) => {
  const plain = await startServer({ config: { 'auth.allowPlaintext': true } });
  t.after(() => plain.stop());
  const offered = (await (await fetch(`${plain.httpOrigin}/api/v1/register`)).json()) as Record<string, unknown>;
  assert.equal(offered['passkeys'], false);
  assert.deepEqual((await ask('passkeys', { device: 'd' }, plain)).status, 404);
  const here = (await (await fetch(`${server.httpOrigin}/api/v1/register`)).json()) as Record<string, unknown>;
  assert.equal(here['passkeys'], true);
});
