// XEP-0363: a slot, the file, and everybody who has the address reads it; what is too much is refused in words that programs know.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { waitFor } from '../support/process.ts';
import { startServer } from '../support/server.ts';
import { newUser, quietly } from './messages.ts';
import type { Heard, Person } from './people.ts';

const MAX = 100 * 1024;
const server = await startServer({ config: { 'auth.allowPlaintext': true, 'media.maxFileSize': '100KiB', 'media.quota': '250KiB' } });
test.after(() => server.stop());

const NS = 'urn:xmpp:http:upload:0';
const ask = (who: Person, filename: string, size: number | string, type?: string): Promise<Heard> =>
  who.ask(
    'get',
    `<request xmlns='${NS}' filename='${filename}' size='${size}'${type === undefined ? '' : ` content-type='${type}'`}/>`,
    'localhost',
  );
function addresses(answer: Heard): { put: string; get: string } {
  const slot = answer.child('slot', NS);
  assert.ok(slot !== undefined, answer.toString());
  return { put: slot.child('put')?.attrs['url'] ?? '', get: slot.child('get')?.attrs['url'] ?? '' };
}
const put = (url: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'PUT', body: Buffer.from(body), headers });
const some = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i % 251);
const newAnn = async (): Promise<Person> => quietly(server, await newUser(server, 'ann'), 'phone');

test('§4: the service is found, with its limit', async () => {
  const ann = await newAnn();
  const info = (await ann.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, 'localhost')).child('query');
  assert.ok(info?.children.some((child) => child.attrs['var'] === NS));
  const field = info
    ?.all('x')
    .flatMap((x) => x.all('field'))
    .find((one) => one.attrs['var'] === 'max-file-size');
  assert.equal(field?.child('value')?.text, String(MAX));
});

test('§5, §7: slot, PUT, GET: the same bytes, whole and in ranges (RFC 9110 §14); HEAD; not again', async () => {
  const ann = await newAnn();
  const { put: to, get } = addresses(await ask(ann, 'très cool picture.jpg', 5000, 'image/jpeg'));
  assert.ok(to.startsWith(`${server.httpOrigin}/`) && get.startsWith(`${server.httpOrigin}/`), to);
  assert.equal((await fetch(get)).status, 404, 'not there yet');
  const bytes = some(5000);
  assert.equal((await put(to, bytes, { 'content-type': 'image/jpeg' })).status, 201);
  const whole = await fetch(get);
  assert.equal(whole.status, 200);
  assert.deepEqual(new Uint8Array(await whole.arrayBuffer()), bytes);
  assert.equal(whole.headers.get('content-type'), 'image/jpeg');
  assert.equal(whole.headers.get('x-content-type-options'), 'nosniff');
  assert.match(whole.headers.get('content-security-policy') ?? '', /sandbox|default-src 'none'/);
  const part = await fetch(get, { headers: { range: 'bytes=100-199' } });
  assert.equal(part.status, 206);
  assert.equal(part.headers.get('content-range'), 'bytes 100-199/5000');
  assert.deepEqual(new Uint8Array(await part.arrayBuffer()), bytes.subarray(100, 200));
  const tail = await fetch(get, { headers: { range: 'bytes=-10' } });
  assert.deepEqual(new Uint8Array(await tail.arrayBuffer()), bytes.subarray(4990));
  const beyond = await fetch(get, { headers: { range: 'bytes=5000-' } });
  assert.equal(beyond.status, 416);
  assert.equal(beyond.headers.get('content-range'), 'bytes */5000');
  const head = await fetch(get, { method: 'HEAD' });
  assert.equal(head.headers.get('content-length'), '5000');
  assert.equal((await fetch(get, { headers: { 'if-none-match': whole.headers.get('etag') ?? '' } })).status, 304);
  assert.equal((await put(to, some(5000))).status, 409, 'an address is good once');
  assert.deepEqual(new Uint8Array(await (await fetch(get)).arrayBuffer()), bytes);
});

test('§8: what could run in a page of ours is not served as such', async () => {
  const ann = await newAnn();
  for (const [name, type] of [
    ['x.html', 'text/html'],
    ['x.svg', 'image/svg+xml'],
    ['x.js', 'text/javascript'],
  ] as const) {
    const { put: to, get } = addresses(await ask(ann, name, 20, type));
    assert.equal((await put(to, some(20), { 'content-type': type })).status, 201);
    const answer = await fetch(get);
    const disposition = answer.headers.get('content-disposition') ?? '';
    assert.ok(
      disposition.startsWith('attachment') || !/html|svg|javascript/.test(answer.headers.get('content-type') ?? ''),
      `${type}: ${disposition}`,
    );
    assert.match(answer.headers.get('content-security-policy') ?? '', /sandbox|default-src 'none'/);
    await answer.arrayBuffer();
  }
});

test('§5.1: a file that is too large is not-acceptable, with the limit in the error', async () => {
  const answer = await ask(await newAnn(), 'big.bin', MAX + 1);
  assert.equal(answer.error, 'not-acceptable');
  assert.equal(answer.child('error')?.attrs['type'], 'modify');
  assert.equal(answer.child('error')?.child('file-too-large', NS)?.child('max-file-size')?.text, String(MAX));
});

test('§5.1: over the quota is resource-constraint, type wait; promised bytes count', async () => {
  const ann = await newAnn();
  addresses(await ask(ann, 'a.bin', MAX));
  addresses(await ask(ann, 'b.bin', MAX));
  const answer = await ask(ann, 'c.bin', MAX);
  assert.equal(answer.error, 'resource-constraint');
  assert.equal(answer.child('error')?.attrs['type'], 'wait');
  addresses(await ask(await newAnn(), 'c.bin', MAX));
});

test('§5: requests that make no sense are refused', async () => {
  const ann = await newAnn();
  for (const size of ['0', '-1', 'x', '1e3', '', '99999999999999999999999']) {
    const answer = await ask(ann, 'x', size);
    assert.ok(['bad-request', 'not-acceptable'].includes(answer.error ?? ''), `size ${size}: ${answer}`);
  }
  assert.equal((await ask(ann, '', 5)).error, 'bad-request');
});

test('file names cannot leave their place', async () => {
  const ann = await newAnn();
  for (const name of ['../../etc/passwd', '..', 'a/b\\c', '%2e%2e%2fx', 'x'.repeat(3000), 'new&#10;line', '&quot;;&lt;x&gt;']) {
    const answer = await ask(ann, name, 4);
    if (answer.error !== undefined) continue;
    const { put: to, get } = addresses(answer);
    assert.equal(new URL(get).pathname.split('/').length, 4, get);
    assert.equal((await put(to, some(4))).status, 201, name);
    assert.equal((await fetch(get)).status, 200);
  }
});

test('§7: the body must be as long as announced, and the address is not forgeable', async () => {
  const ann = await newAnn();
  const { put: to, get } = addresses(await ask(ann, 'x.bin', 100));
  assert.equal((await put(to, some(101))).status, 413);
  assert.equal((await put(to, some(99))).status, 400);
  assert.equal((await fetch(to, { method: 'PUT' })).status, 400, 'nothing at all');
  const url = new URL(to);
  for (const [name, value] of url.searchParams) {
    const forged = new URL(to);
    forged.searchParams.set(name, /^\d+$/.test(value) ? String(Number(value) + 1) : `${value}x`);
    assert.ok([400, 403].includes((await put(forged.href, some(101))).status), name);
  }
  assert.equal((await put(to.replace('x.bin', 'y.bin'), some(100))).status, 403);
  assert.equal((await fetch(get)).status, 404);
  assert.equal((await put(to, some(100))).status, 201, 'failed tries did not use it up');
});

test('an upload that breaks off leaves nothing, and can be made again', async () => {
  const ann = await newAnn();
  const { put: to, get } = addresses(await ask(ann, 'x.bin', 50_000));
  await new Promise<void>((resolve) => {
    const sent = request(to, { method: 'PUT', headers: { 'content-length': 50_000 } });
    sent.on('error', () => resolve());
    sent.write(Buffer.alloc(1000), () => setTimeout(() => sent.destroy(new Error('cut')), 20));
  });
  await ann.settled();
  assert.equal((await fetch(get)).status, 404);
  // Until the server has seen the break, the address is in use.
  await waitFor('the broken upload to be forgotten', async () => (await put(to, some(50_000))).status === 201);
});

test('§8: slots are for members: no request without sign-in, none for another service', async () => {
  const ann = await newAnn();
  const answer = await ann.ask('get', `<request xmlns='${NS}' filename='x' size='5'/>`, 'elsewhere.example');
  assert.equal(answer.error, 'remote-server-not-found');
  assert.equal((await ann.ask('set', `<request xmlns='${NS}' filename='x' size='5'/>`, 'localhost')).attrs['type'], 'error');
});
