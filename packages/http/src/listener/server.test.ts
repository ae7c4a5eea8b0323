import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import { type Registrar, RegistrationError } from '@parley/features/registration/service';
import { type Fixture, send, startFixture } from '../testing/harness.ts';
import { fromThisMachine } from './server.ts';

let fixture: Fixture;
let webRoot: string;
const registrar: Registrar = {
  open: true,
  async register({ localpart, remoteAddress }) {
    if (localpart === 'taken') throw new RegistrationError('conflict', 'This user name is taken; choose another.');
    if (localpart === 'often') throw new RegistrationError('too-many', 'Too many registrations from your address.', 61_000);
    assert.equal(remoteAddress, '127.0.0.1');
    return { id: 1, localpart, domain: 'localhost', createdAt: 0, disabled: false, credentials: '' };
  },
};

before(async () => {
  webRoot = await mkdtemp(join(tmpdir(), 'parley-web-'));
  await mkdir(join(webRoot, 'assets'));
  await writeFile(join(webRoot, 'index.html'), '<!doctype html><title>Parley</title>');
  await writeFile(join(webRoot, 'sw.js'), '// worker');
  await writeFile(join(webRoot, '.stamp'), 'hidden');
  await writeFile(join(webRoot, 'assets/main-AbCdEf12.js'), 'console.log(1);'.repeat(100));
  await writeFile(join(webRoot, 'assets/main-AbCdEf12.js.br'), brotliCompressSync('console.log(1);'.repeat(100)));
  fixture = await startFixture({ webRoot, registrar });
});
after(async () => {
  await fixture.close();
  await rm(webRoot, { recursive: true });
});

test('the web client: index fresh, hashed files for ever and packed beforehand', async () => {
  const index = await send(fixture.port, 'GET', '/?from=bookmark');
  assert.equal(index.status, 200);
  assert.equal(index.headers['cache-control'], 'no-cache');
  assert.equal((await send(fixture.port, 'GET', '/', { headers: { 'if-none-match': index.headers['etag'] } })).status, 304);
  const packed = await send(fixture.port, 'GET', '/assets/main-AbCdEf12.js', { headers: { 'accept-encoding': 'gzip, br' } });
  assert.equal(packed.headers['content-encoding'], 'br');
  assert.equal(packed.headers['cache-control'], 'public, max-age=31536000, immutable');
  assert.equal(packed.headers['content-type'], 'text/javascript; charset=utf-8');
  const plain = await send(fixture.port, 'GET', '/assets/main-AbCdEf12.js', { headers: { 'accept-encoding': 'gzip, br;q=0' } });
  assert.equal(plain.headers['content-encoding'], undefined);
  assert.notEqual(plain.headers['etag'], packed.headers['etag']);
  assert.equal((await send(fixture.port, 'GET', '/sw.js')).headers['cache-control'], 'no-cache');
  for (const path of ['/.stamp', '/assets/main-AbCdEf12.js.br', '/assets', '/assets/', '/none', '/index.html/', '/%69ndex.html'])
    assert.equal((await send(fixture.port, 'GET', path)).status, 404, path);
  assert.equal((await send(fixture.port, 'DELETE', '/')).status, 404);
});

test('every answer carries the security headers, errors too', async () => {
  for (const path of ['/', '/none', '/healthz', '/api/v1/register']) {
    const { headers } = await send(fixture.port, 'GET', path, { headers: { host: 'chat.example:8080' } });
    const policy = String(headers['content-security-policy']);
    assert.match(policy, /^default-src 'none'; script-src 'self';/);
    assert.match(policy, /connect-src [^;]* ws:\/\/chat\.example:8080 wss:\/\/chat\.example:8080;/);
    assert.match(policy, /require-trusted-types-for 'script'/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['x-frame-options'], 'DENY');
  }
  const forged = await send(fixture.port, 'GET', '/', { headers: { host: "x; script-src 'unsafe-inline'" } });
  assert.doesNotMatch(String(forged.headers['content-security-policy']), /unsafe-inline/);
});

test('health, metrics and host-meta (XEP-0156)', async () => {
  const health = await send(fixture.port, 'GET', '/healthz');
  assert.deepEqual([health.status, health.body.toString()], [200, '{"status":"ok"}']);
  assert.match((await send(fixture.port, 'GET', '/metrics')).body.toString(), /^parley_sessions 3$/m);
  const json = await send(fixture.port, 'GET', '/.well-known/host-meta.json');
  const webSocket = `ws://127.0.0.1:${fixture.port}/ws`;
  const bosh = `http://127.0.0.1:${fixture.port}/http-bind`;
  assert.deepEqual(JSON.parse(json.body.toString()), {
    links: [
      { rel: 'urn:xmpp:alt-connections:xbosh', href: bosh },
      { rel: 'urn:xmpp:alt-connections:websocket', href: webSocket },
    ],
  });
  assert.equal(json.headers['access-control-allow-origin'], '*');
  const xml = await send(fixture.port, 'GET', '/.well-known/host-meta');
  assert.match(xml.body.toString(), new RegExp(`<Link rel="urn:xmpp:alt-connections:websocket" href="${webSocket}"/>`));
});

test('registration: made, refused, limited, malformed', async () => {
  const post = async (body: string, type = 'application/json') => {
    const answer = await send(fixture.port, 'POST', '/api/v1/register', { body, headers: { 'content-type': type } });
    return {
      status: answer.status,
      retry: answer.headers['retry-after'],
      body: JSON.parse(answer.body.toString()) as Record<string, unknown>,
    };
  };
  const wish = (username: string) => post(JSON.stringify({ username, password: 'secret' }));
  assert.deepEqual(await wish('ann'), { status: 201, retry: undefined, body: { jid: 'ann@localhost' } });
  assert.deepEqual(await wish('taken'), {
    status: 409,
    retry: undefined,
    body: { error: 'conflict', message: 'This user name is taken; choose another.' },
  });
  const limited = await wish('often');
  assert.deepEqual([limited.status, limited.retry, limited.body['error']], [429, '61', 'too-many']);
  for (const body of [
    '',
    '{',
    '[]',
    '{"username":"ann"}',
    '{"username":"ann","password":""}',
    '{"username":1,"password":"x"}',
    '{"username":"a","password":"b","admin":true}',
  ])
    assert.equal((await post(body)).status, 400, body);
  assert.equal((await post(JSON.stringify({ username: 'a', password: 'b'.repeat(20_000) }))).status, 413);
  assert.equal((await post('username=ann&password=x', 'application/x-www-form-urlencoded')).status, 415);
});

test('an upgrade elsewhere than /ws is refused', async () => {
  const answer = await new Promise<number>((resolve, reject) => {
    import('node:http').then(({ request }) =>
      request(
        { host: '127.0.0.1', port: fixture.port, path: '/other', headers: { connection: 'upgrade', upgrade: 'websocket' } },
        (response) => resolve(response.statusCode ?? 0),
      )
        .on('error', reject)
        .end(),
    );
  });
  assert.equal(answer, 404);
});

test('/metrics is for programs on this machine, not for whom a proxy passes on', async () => {
  const ask = async (headers: Record<string, string>): Promise<number> => (await send(fixture.port, 'GET', '/metrics', { headers })).status;
  assert.equal(await ask({}), 200);
  assert.equal(await ask({ host: 'localhost:9' }), 200);
  assert.equal(await ask({ host: '[::1]:9' }), 200);
  assert.equal(await ask({ host: 'chat.example' }), 404);
  assert.equal(await ask({ host: '127.0.0.1.evil.example' }), 404);
  for (const name of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via']) assert.equal(await ask({ [name]: '203.0.113.7' }), 404, name);
  const from = (remoteAddress: string) => ({ socket: { remoteAddress }, headers: { host: 'localhost' } }) as IncomingMessage;
  assert.equal(fromThisMachine(from('::ffff:127.0.0.1')), true);
  assert.equal(fromThisMachine(from('203.0.113.7')), false);
});

test('who registers is the peer, or with trustProxy the last address that a proxy of this machine names', async () => {
  const register = async (trustProxy: boolean, forwarded: string): Promise<string | undefined> => {
    let seen: string | undefined;
    const own = await startFixture({
      trustProxy,
      registrar: {
        open: true,
        async register({ localpart, remoteAddress }) {
          seen = remoteAddress;
          return { id: 1, localpart, domain: 'localhost', createdAt: 0, disabled: false, credentials: '' };
        },
      },
    });
    const headers = { 'content-type': 'application/json', 'x-forwarded-for': forwarded };
    await send(own.port, 'POST', '/api/v1/register', { headers, body: JSON.stringify({ username: 'a', password: 'b' }) });
    await own.close();
    return seen;
  };
  assert.equal(await register(false, '203.0.113.7'), '127.0.0.1');
  assert.equal(await register(true, '198.51.100.1, 203.0.113.7'), '203.0.113.7');
});
