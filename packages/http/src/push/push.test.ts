import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import { isPublicAddress } from './addresses.ts';
import { encryptPush, isCurvePoint, MAX_PAYLOAD_BYTES } from './encryption.ts';
import { openWebPush, type WebPushOptions } from './web-push.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'base64url');
/** RFC 8291 Appendix A. */
const RFC = {
  text: 'When I grow up, I want to be a watermelon',
  privateKey: 'yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw',
  p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
  auth: 'BTBZMqHH6r4Tts7J_aSIgg',
  salt: 'DGv6ra1nlYgDCS1FRnbzlw',
  body:
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_' +
    'yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
};

test('RFC 8291 Appendix A: the example, byte by byte', () => {
  const body = encryptPush(
    Buffer.from(RFC.text),
    { p256dh: bytes(RFC.p256dh), auth: bytes(RFC.auth) },
    { salt: bytes(RFC.salt), privateKey: bytes(RFC.privateKey), pad: false },
  );
  assert.equal(body.toString('base64url'), RFC.body);
});

test('texts of different lengths look alike; one that does not fit is refused', () => {
  const device = { p256dh: bytes(RFC.p256dh), auth: bytes(RFC.auth) };
  const length = (n: number): number => encryptPush(Buffer.alloc(n), device).length;
  assert.equal(length(1), length(255));
  assert.notEqual(length(255), length(256));
  assert.equal(length(MAX_PAYLOAD_BYTES), 4096);
  assert.throws(() => length(MAX_PAYLOAD_BYTES + 1), RangeError);
});

test('a key that is no point of the curve is not one', () => {
  assert.ok(isCurvePoint(bytes(RFC.p256dh)));
  const off = bytes(RFC.p256dh);
  off[64] = (off[64] ?? 0) ^ 1;
  for (const wrong of [off, Buffer.alloc(65, 4), Buffer.alloc(0), bytes(RFC.p256dh).subarray(0, 64)]) assert.ok(!isCurvePoint(wrong));
});

test('SSRF: only addresses of the public Internet', () => {
  const inside =
    '0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.1.2.3 169.254.169.254 172.16.0.1 172.31.255.255 192.168.1.1 198.18.0.1 224.0.0.1 255.255.255.255 ' +
    ':: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 fc00::1 fd00::1 fe80::1 ff02::1 2001:db8::1 2002:7f00:1:: localhost 1 0x7f000001';
  for (const address of inside.split(' ')) assert.ok(!isPublicAddress(address), address);
  for (const address of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::1'])
    assert.ok(isPublicAddress(address), address);
});

const options: WebPushOptions = {
  key: Buffer.alloc(32, 7),
  subject: () => 'mailto:ops@a.example',
  allowLoopback: false,
  timeoutMs: 60_000,
  now: Date.now,
};
const message = (endpoint: string) =>
  ({ endpoint, p256dh: RFC.p256dh, auth: RFC.auth, payload: Buffer.from('{}'), ttlSeconds: 60, urgency: 'normal', topic: 't' }) as const;

test('SSRF: endpoints that lead inside, or are none, are refused in whatever way they are written', () => {
  const push = openWebPush(options);
  const refused = [
    'http://push.example/x',
    'https://127.0.0.1/x',
    'https://127.1/x',
    'https://0x7f000001/x',
    'https://2130706433/x',
    'https://0177.0.0.1/x',
    'https://[::1]/x',
    'https://[::ffff:127.0.0.1]/x',
    'https://[::]/x',
    'https://169.254.169.254/latest/meta-data/',
    'https://localhost/x',
    'https://localhost./x',
    'https://printer.local/x',
    'https://db.internal/x',
    'https://intranet/x',
    'https://user:password@push.example/x',
    'https://push.example:22/x',
    'https://push.example/x#y',
    'file:///etc/passwd',
    'gopher://push.example/',
    'ws://push.example/',
    'not a url',
    '',
  ];
  for (const endpoint of refused) assert.ok(push.refusal(message(endpoint)) !== undefined, endpoint);
  for (const endpoint of ['https://push.example/x', 'https://push.example:8443/x?y=z', 'https://8.8.8.8/x', 'https://[2606:4700::1111]/x'])
    assert.equal(push.refusal(message(endpoint)), undefined, endpoint);
  push.close();
});

test('SSRF: a name that resolves to an address inside is not connected to', async () => {
  const hits: string[] = [];
  const canary = createServer((request, response) => {
    hits.push(request.url ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
  const { port } = canary.address() as AddressInfo;
  // The name of a public service that an attacker lets point here: at once, or only beside an address that is fine (DNS rebinding).
  for (const addresses of [['127.0.0.1'], ['8.8.8.8', '127.0.0.1'], ['::1'], []]) {
    const push = openWebPush({
      ...options,
      resolve: (_name, _options, callback) =>
        callback(
          null,
          addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
        ),
    });
    const answer = await push.send(message(`https://push.example:${port}/x`));
    assert.deepEqual(answer, { status: 0, failure: 'ENOTPUBLIC' }, addresses.join());
    assert.equal((await push.send(message(`https://127.0.0.1:${port}/x`))).status, 410);
    push.close();
  }
  assert.deepEqual(hits, []);
  canary.close();
});

test('RFC 8292: one token for each push service, for twelve hours; the headers of RFC 8030', async () => {
  const seen: Record<string, string | string[] | undefined>[] = [];
  const service = createServer((request, response) => {
    seen.push(request.headers);
    request.resume();
    request.once('end', () => response.writeHead(201).end());
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  const push = openWebPush({ ...options, allowLoopback: true });
  assert.deepEqual(await push.send(message(`${origin}/a`)), { status: 201, retryAfterMs: undefined });
  await push.send(message(`${origin}/b`));
  const [first, second] = seen;
  assert.equal(first?.['authorization'], second?.['authorization']);
  const [, token = '', key] = /^vapid t=(.+), k=(.+)$/.exec(String(first?.['authorization'])) ?? [];
  assert.equal(key, push.publicKey);
  const claims = decodeJwt(token);
  assert.equal(claims.aud, origin);
  assert.equal(claims.sub, 'mailto:ops@a.example');
  const hours = (Number(claims.exp) * 1000 - Date.now()) / 3_600_000;
  assert.ok(hours > 11 && hours <= 12, String(hours));
  assert.deepEqual(
    ['ttl', 'urgency', 'topic', 'content-encoding'].map((name) => first?.[name]),
    ['60', 'normal', 't', 'aes128gcm'],
  );
  push.close();
  service.close();
});

test('a redirect is not followed, a slow or endless answer is cut off', async () => {
  const hits: string[] = [];
  const service = createServer((request, response) => {
    hits.push(request.url ?? '');
    request.resume();
    if (request.url === '/moved') response.writeHead(307, { location: '/stolen' }).end();
    else if (request.url === '/busy') response.writeHead(429, { 'retry-after': '120' }).end();
    else if (request.url === '/endless') {
      response.writeHead(201);
      const more = setInterval(() => response.write('x'.repeat(65_536)), 1);
      response.once('close', () => clearInterval(more));
    }
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  const push = openWebPush({ ...options, allowLoopback: true });
  assert.equal((await push.send(message(`${origin}/moved`))).status, 307);
  assert.deepEqual(await push.send(message(`${origin}/busy`)), { status: 429, retryAfterMs: 120_000 });
  assert.equal((await push.send(message(`${origin}/endless`))).status, 201);
  const hasty = openWebPush({ ...options, allowLoopback: true, timeoutMs: 300 });
  assert.deepEqual(await hasty.send(message(`${origin}/silent`)), { status: 0, failure: 'ETIMEDOUT' });
  // On a slow machine the time is up before the last request has gone out.
  assert.deepEqual(
    hits.filter((path) => path !== '/silent'),
    ['/moved', '/busy', '/endless'],
  );
  push.close();
  hasty.close();
  service.closeAllConnections();
  service.close();
});
