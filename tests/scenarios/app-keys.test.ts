// App keys: who embeds the chat signs for their own users; what was not signed by a key in force, for this domain and device, opens nothing.
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign as signature } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parley } from '../support/cli.ts';
import { startServer } from '../support/server.ts';
import { bind2, byToken } from './sign-in.ts';

const HT = 'HT-SHA-256-NONE';
const server = await startServer({
  config: {
    'auth.allowPlaintext': true,
    'features.fast.rotateAfter': '0s',
    'features.app-keys.refusedPerAddressPerHour': 100_000,
    'features.administration.admins': 'boss@localhost',
  },
});
test.after(() => server.stop());

interface Made {
  readonly key: { readonly id: string; readonly algorithm: string; readonly endsAt?: number };
  readonly secret?: string;
}
async function operator<T>(...args: readonly string[]): Promise<T> {
  const { code, out, err } = await parley(server, ['key', ...args, '--json']);
  assert.equal(code, 0, err);
  return JSON.parse(out) as T;
}
const { key, secret = '' } = await operator<Made>('add', 'shop');

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const now = (): number => Math.floor(Date.now() / 1000);
const claims = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  sub: 'ann',
  aud: 'localhost',
  iat: now(),
  exp: now() + 3600,
  scope: 'chat register',
  ...more,
});
const hs256 = (payload: unknown, with_ = secret, head: Record<string, unknown> = { alg: 'HS256', kid: key.id }): string => {
  const text = `${part(head)}.${part(payload)}`;
  return `${text}.${createHmac('sha256', with_).update(text).digest('base64url')}`;
};

type Answer = { readonly status: number; readonly body: Record<string, unknown> };
async function ask(token: string, device: string = randomUUID(), mechanism = HT): Promise<Answer> {
  const response = await fetch(`${server.httpOrigin}/api/v1/sessions/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token, device, mechanism }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
async function refused(token: string, status: number, code: string, device?: string): Promise<void> {
  const answer = await ask(token, device);
  assert.deepEqual([answer.status, answer.body['error']], [status, code], JSON.stringify(answer.body));
}
const users = async (): Promise<string[]> => {
  const { out } = await parley(server, ['user', 'list', '--json']);
  return (JSON.parse(out) as { jid: string }[]).map(({ jid }) => jid);
};

test('a user of the app comes in, with an account made on the way, for as long as the token is good', async () => {
  const device = randomUUID();
  const until = now() + 1800;
  const { status, body } = await ask(hs256(claims({ exp: until, device })), device);
  assert.deepEqual([status, body['jid'], body['mechanism']], [200, 'ann@localhost', HT], JSON.stringify(body));
  assert.equal(Date.parse(String(body['expiresAt'])), until * 1000);
  const { person, answer } = await byToken(server, { user: 'ann', id: device }, String(body['token']), { inside: bind2() });
  assert.equal(answer.name, 'success', String(answer));
  // The token that replaces it is not good for longer either.
  const next = answer.child('token', 'urn:xmpp:fast:0');
  assert.ok(next !== undefined, String(answer));
  assert.equal(Date.parse(next.attrs['expiry'] ?? ''), until * 1000);
  // Nor is one that it asks for in the name of another device.
  const grant = await person.ask('set', `<grant xmlns='urn:parley:identity:0' device='${randomUUID()}' mechanism='${HT}'/>`);
  assert.equal(Date.parse(grant.child('token')?.attrs['expiry'] ?? ''), until * 1000, String(grant));
  person.cut();
  // The same account on another device, without the word that makes accounts.
  const second = await ask(hs256(claims({ scope: 'chat' })));
  assert.deepEqual([second.status, second.body['jid']], [200, 'ann@localhost']);
  assert.deepEqual(
    (await users()).filter((jid) => jid.startsWith('ann@')),
    ['ann@localhost'],
  );
});

test('claims: another domain, device or scope, too long, over, from the future, without a name: nothing is opened or made', async () => {
  await refused(hs256(claims({ sub: 'eve', aud: 'other.example' })), 401, 'bad-token');
  await refused(hs256(claims({ sub: 'eve', aud: undefined })), 401, 'bad-token');
  await refused(hs256(claims({ sub: 'eve', exp: undefined })), 401, 'bad-token');
  await refused(hs256(claims({ sub: 'eve', iat: undefined })), 401, 'bad-token');
  await refused(hs256(claims({ sub: undefined })), 401, 'bad-token');
  await refused(hs256(claims({ sub: 'eve', exp: now() + 8 * 86_400 })), 401, 'bad-token');
  await refused(hs256(claims({ sub: 'eve', iat: now() + 7200, exp: now() + 10_000 })), 401, 'bad-token');
  await refused(hs256(claims({ sub: 'eve', nbf: now() + 7200 })), 401, 'bad-token');
  await refused(hs256(claims({ sub: 'eve', iat: now() - 7200, exp: now() - 3600 })), 401, 'expired');
  await refused(hs256(claims({ sub: 'eve', device: 'another' })), 403, 'wrong-device', randomUUID());
  await refused(hs256(claims({ sub: 'eve', scope: 'register' })), 403, 'forbidden');
  await refused(hs256(claims({ sub: 'eve', scope: 'chat' })), 404, 'no-account');
  await refused(hs256(claims({ sub: 'e v e' })), 400, 'bad-name');
  await refused(hs256(claims({ sub: 'eve@localhost' })), 400, 'bad-name');
  await refused(hs256(claims({ sub: 'eve/desk' })), 400, 'bad-name');
  await refused(hs256(claims({ sub: 'boss' })), 403, 'forbidden');
  await refused(hs256(claims({ sub: 'BOSS' })), 403, 'forbidden');
  assert.deepEqual(
    (await users()).filter((jid) => /eve|boss/.test(jid)),
    [],
  );
});

test('JWT alg tricks: none, another algorithm, a key in the header, a changed payload, another secret', async () => {
  const good = hs256(claims({ sub: 'eve' }));
  const [head = '', , mac = ''] = good.split('.');
  await refused(`${part({ alg: 'none', kid: key.id })}.${part(claims({ sub: 'eve' }))}.`, 401, 'bad-token');
  await refused(`${part({ alg: 'None', kid: key.id })}.${part(claims({ sub: 'eve' }))}.${mac}`, 401, 'bad-token');
  await refused(`${head}.${part(claims({ sub: 'eve', admin: true }))}.${mac}`, 401, 'bad-token');
  await refused(hs256(claims({ sub: 'eve' }), 'another secret'), 401, 'bad-token');
  await refused(hs256(claims({ sub: 'eve' }), ''.padEnd(1, 'x')), 401, 'bad-token');
  await refused(hs256(claims({ sub: 'eve' }), secret, { alg: 'HS256', kid: 'none-such' }), 401, 'bad-token');
  await refused(hs256(claims({ sub: 'eve' }), secret, { alg: 'HS256' }), 401, 'bad-token');
  await refused(hs256(claims({ sub: 'eve' }), secret, { alg: 'HS256', kid: key.id, crit: ['exp'], exp: 1 }), 401, 'bad-token');
  await refused('', 400, 'bad-request');
  await refused('a.b', 401, 'bad-token');
  await refused(`${good}.`, 401, 'bad-token');
  const own = generateKeyPairSync('ed25519');
  const jwk = own.publicKey.export({ format: 'jwk' });
  await refused(signed('EdDSA', own.privateKey, claims({ sub: 'eve' }), { alg: 'EdDSA', kid: key.id, jwk }), 401, 'bad-token');
  assert.ok(!(await users()).includes('eve@localhost'));
});

/** A token signed with a private key. */
function signed(alg: string, key: KeyObject, payload: unknown, head: Record<string, unknown>): string {
  const text = `${part(head)}.${part(payload)}`;
  const hash = alg === 'EdDSA' ? null : 'sha256';
  return `${text}.${signature(hash, Buffer.from(text), alg === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key).toString('base64url')}`;
}

test('public keys: the server has no secret that could leak, and a public key is no secret', async () => {
  for (const [alg, pair] of [
    ['EdDSA', generateKeyPairSync('ed25519')],
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ] as const) {
    const pem = String(pair.publicKey.export({ type: 'spki', format: 'pem' }));
    const file = join(server.dataDir, `${alg}.pem`);
    await writeFile(file, pem);
    const added = await operator<Made>('add', alg, '--public', file);
    assert.deepEqual([added.key.algorithm, added.secret], [alg, undefined]);
    const { id } = added.key;
    const good = await ask(signed(alg, pair.privateKey, claims({ sub: `by-${alg.toLowerCase()}` }), { alg, kid: id }));
    assert.equal(good.status, 200, JSON.stringify(good.body));
    // The text of the public key as if it were a shared secret.
    await refused(hs256(claims({ sub: 'eve' }), pem, { alg: 'HS256', kid: id }), 401, 'bad-token');
    await refused(
      hs256(claims({ sub: 'eve' }), JSON.stringify(pair.publicKey.export({ format: 'jwk' })), { alg: 'HS256', kid: id }),
      401,
      'bad-token',
    );
    const { privateKey } = alg === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ed25519');
    await refused(signed(alg === 'ES256' ? 'EdDSA' : alg, privateKey, claims({ sub: 'eve' }), { alg, kid: id }), 401, 'bad-token');
  }
});

test('what is no public key is refused with a sentence: private keys, short ones, other curves, nonsense', async () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const ed = generateKeyPairSync('ed25519');
  for (const text of [
    'nonsense',
    '{}',
    '{"kty":"oct","k":"c2VjcmV0"}',
    String(rsa.publicKey.export({ type: 'spki', format: 'pem' })),
    String(p384.publicKey.export({ type: 'spki', format: 'pem' })),
    String(ed.privateKey.export({ type: 'pkcs8', format: 'pem' })),
    JSON.stringify(ed.privateKey.export({ format: 'jwk' })),
  ]) {
    const file = join(server.dataDir, 'wrong.pem');
    await writeFile(file, text);
    const { code, err } = await parley(server, ['key', 'add', 'wrong', '--public', file]);
    assert.equal(code, 1, text);
    assert.match(err, /^This is no public key\. Give a PEM/);
  }
});

test('keys are listed, rotated with a time of grace, and revoked at once', async () => {
  const first = await operator<Made>('add', 'rotating');
  const token = (made: Made): string => hs256(claims({ sub: 'rob' }), made.secret, { alg: 'HS256', kid: made.key.id });
  assert.equal((await ask(token(first))).status, 200);
  const second = await operator<Made>('rotate', first.key.id, '--grace', '1h');
  assert.notEqual(second.secret, first.secret);
  assert.equal((await ask(token(second))).status, 200);
  assert.equal((await ask(token(first))).status, 200, 'in its time of grace');
  const listed = await operator<{ id: string; endsAt?: number }[]>('list');
  assert.ok((listed.find(({ id }) => id === first.key.id)?.endsAt ?? 0) > Date.now());
  assert.ok(!JSON.stringify(listed).includes(secret));
  const third = await operator<Made>('rotate', second.key.id, '--grace', '0s');
  await refused(token(second), 401, 'bad-token');
  assert.equal((await ask(token(third))).status, 200);
  await operator('revoke', third.key.id);
  await refused(token(third), 401, 'bad-token');
  await operator('revoke', first.key.id);
  await refused(token(first), 401, 'bad-token');
  assert.deepEqual(await parley(server, ['key', 'revoke', third.key.id]), { code: 1, out: '', err: `There is no key ${third.key.id}.\n` });
});

test('keys live on over a restart, also those made while the server was stopped; secrets are in no log and not in the database', async () => {
  await server.kill();
  const later = await operator<Made>('add', 'later');
  await server.restart();
  assert.equal((await ask(hs256(claims({ scope: 'chat' })))).status, 200);
  assert.equal((await ask(hs256(claims(), later.secret, { alg: 'HS256', kid: later.key.id }))).status, 200);
  const files = (await readdir(server.dataDir)).filter((name) => name.startsWith('parley.db'));
  const database = Buffer.concat(await Promise.all(files.map((name) => readFile(join(server.dataDir, name)))));
  assert.ok(database.includes('rotating') || database.includes('later'), files.join());
  for (const one of [secret, later.secret ?? '']) assert.ok(one.length >= 40 && !server.log().includes(one) && !database.includes(one));
});

test('whoever is refused too often is not looked at any more, also with a good token', async (t) => {
  const strict = await startServer({ config: { 'features.app-keys.refusedPerAddressPerHour': 3 } });
  t.after(() => strict.stop());
  const { out } = await parley(strict, ['key', 'add', 'shop', '--json']);
  const made = JSON.parse(out) as Made;
  const send = (token: string): Promise<Response> =>
    fetch(`${strict.httpOrigin}/api/v1/sessions/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token, device: randomUUID(), mechanism: HT }),
    });
  const good = hs256(claims(), made.secret, { alg: 'HS256', kid: made.key.id });
  assert.equal((await send(good)).status, 200);
  for (let i = 0; i < 3; i++) assert.equal((await send(`${good}x`)).status, 401);
  const late = await send(good);
  assert.equal(late.status, 429);
  assert.ok(Number(late.headers.get('retry-after')) > 0);
});
