import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { type Fixture, pathOf, send, startFixture } from '../testing/harness.ts';
import { SLOT_MS, SlotError } from './slots.ts';

let fixture: Fixture;
const errors: string[] = [];
before(async () => {
  fixture = await startFixture({ errors });
});
after(async () => {
  await fixture.close();
  assert.deepEqual(errors, []);
});

const bytesOf = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => i % 251));
const slot = (bytes: number, contentType?: string, filename = 'photo of us.jpg', accountId = 1) =>
  fixture.media.slots.slot({ accountId, filename, bytes, contentType });

async function uploaded(content: Uint8Array, contentType: string, filename?: string): Promise<string> {
  const { put, get } = slot(content.length, contentType, filename);
  const answer = await send(fixture.port, 'PUT', pathOf(put), { body: content, headers: { 'content-type': contentType } });
  assert.equal(answer.status, 201, answer.body.toString());
  return pathOf(get);
}

/** Every file of the media folder. */
async function filesOf(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => entry.name);
}

describe('uploads', () => {
  test('come back as they were sent, cached for ever, and harmless', async () => {
    const content = bytesOf(5000);
    const path = await uploaded(content, 'image/jpeg');
    const answer = await send(fixture.port, 'GET', path);
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, content);
    const { headers } = answer;
    assert.equal(headers['content-type'], 'image/jpeg');
    assert.equal(headers['content-length'], '5000');
    assert.equal(headers['cache-control'], 'private, max-age=31536000, immutable');
    assert.equal(headers['etag'], `"${createHash('sha256').update(content).digest('hex')}"`);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'; sandbox");
    assert.equal(headers['content-disposition'], `inline; filename="photo of us.jpg"; filename*=UTF-8''photo%20of%20us.jpg`);
    assert.equal(headers['access-control-allow-origin'], '*');
    const again = await send(fixture.port, 'GET', path, { headers: { 'if-none-match': headers['etag'] } });
    assert.equal(again.status, 304);
    assert.equal(again.body.length, 0);
    const head = await send(fixture.port, 'HEAD', path);
    assert.equal(head.status, 200);
    assert.equal(head.headers['content-length'], '5000');
    assert.equal(head.body.length, 0);
  });

  for (const [type, name, shown] of [
    ['text/html', 'page.html', 'application/octet-stream'],
    ['image/svg+xml', 'drawing.svg', 'application/octet-stream'],
    ['application/xhtml+xml', 'page.xhtml', 'application/octet-stream'],
    ['text/javascript', 'code.js', 'application/octet-stream'],
    ['application/pdf', 'letter.pdf', 'application/pdf'],
  ] as const) {
    test(`${type} is saved, never shown`, async () => {
      const answer = await send(fixture.port, 'GET', await uploaded(Buffer.from('<script>alert(1)</script>'), type, name));
      assert.equal(answer.headers['content-type'], shown);
      assert.match(String(answer.headers['content-disposition']), /^attachment; /);
      assert.match(String(answer.headers['content-security-policy']), /sandbox/);
    });
  }

  test('a file name cannot break out of the header', async () => {
    const answer = await send(fixture.port, 'GET', await uploaded(Buffer.from('x'), 'image/png', '../..\\a"; x\r\ny=\u202egpj.exe'));
    assert.equal(answer.headers['content-disposition'], `inline; filename="a_; xy=gpj.exe"; filename*=UTF-8''a%22%3B%20xy%3Dgpj.exe`);
  });

  test('an address is used once, also by two at the same time', async () => {
    const content = bytesOf(200_000);
    const { put } = slot(content.length);
    const both = await Promise.all([1, 2].map(() => send(fixture.port, 'PUT', pathOf(put), { body: content })));
    assert.deepEqual(both.map((answer) => answer.status).sort(), [201, 409]);
    assert.equal((await send(fixture.port, 'PUT', pathOf(put), { body: content })).status, 409);
  });

  test('what was announced must come: length, type, digest, in time, to the same address', async () => {
    const put = (target: string, body: Uint8Array, headers = {}, chunked = false): Promise<number> =>
      send(fixture.port, 'PUT', target, { body, headers, chunked }).then((answer) => answer.status);
    const path = (): string => pathOf(slot(1000, 'image/png').put);
    const png = { 'content-type': 'image/png' };
    assert.equal(await put(path(), bytesOf(1001), png), 413);
    assert.equal(await put(path(), bytesOf(999), png), 400);
    assert.equal(await put(path(), bytesOf(1000), png, true), 411);
    assert.equal(await put(path(), bytesOf(1000), { 'content-type': 'text/html' }), 400);
    assert.equal(await put(path(), bytesOf(1000), { ...png, 'content-digest': `sha-256=:${'A'.repeat(43)}=:` }), 400);
    const digest = createHash('sha256').update(bytesOf(1000)).digest('base64');
    assert.equal(await put(path(), bytesOf(1000), { ...png, 'content-digest': `sha-256=:${digest}:` }), 201);
    for (const change of [
      (text: string) => text.replace('bytes=1000', 'bytes=1001'),
      (text: string) => text.replace('account=1', 'account=2'),
      (text: string) => text.replace('image%2Fpng', 'text%2Fhtml'),
      (text: string) => text.replace(/expires=\d+/, 'expires=99999999999999'),
      (text: string) => text.replace('photo', 'other'),
      (text: string) => text.replace(/media\/./, (start) => `media/${start.endsWith('a') ? 'b' : 'a'}`),
      (text: string) => text.replace(/mac=[^&]+/, 'mac='),
      (text: string) => text.split('?')[0] ?? '',
      (text: string) => `${text}&mac=x`,
    ])
      assert.equal(await put(change(path()), bytesOf(1000), png), 403, change.toString());
    const late = path();
    fixture.now += SLOT_MS;
    assert.equal(await put(late, bytesOf(1000), png), 403);
  });

  test('an upload that breaks off leaves nothing, and its address can be used again', async () => {
    const before = await filesOf(join(fixture.folder, 'media'));
    const { put, get } = slot(100_000);
    const socket = connect(fixture.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`PUT ${pathOf(put)} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n`);
    socket.write(bytesOf(50_000));
    const folder = join(fixture.folder, 'media');
    // Wait for the server to have begun the file, then cut.
    while ((await filesOf(folder)).length === before.length) await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    while ((await filesOf(folder)).length > before.length) await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await send(fixture.port, 'GET', pathOf(get))).status, 404);
    assert.equal((await send(fixture.port, 'PUT', pathOf(put), { body: bytesOf(100_000) })).status, 201);
  });

  test('a page of another origin may upload (XEP-0363 §11)', async () => {
    const answer = await send(fixture.port, 'OPTIONS', pathOf(slot(10).put), {
      headers: { origin: 'https://other.example', 'access-control-request-method': 'PUT' },
    });
    assert.equal(answer.status, 204);
    assert.match(String(answer.headers['access-control-allow-methods']), /PUT/);
  });
});

describe('ranges', () => {
  let path: string;
  before(async () => {
    path = await uploaded(bytesOf(1000), 'video/mp4');
  });
  for (const [range, status, from, to] of [
    ['bytes=0-0', 206, 0, 1],
    ['bytes=10-19', 206, 10, 20],
    ['bytes=990-', 206, 990, 1000],
    ['bytes=-10', 206, 990, 1000],
    ['bytes=-5000', 206, 0, 1000],
    ['bytes=500-99999', 206, 500, 1000],
    ['bytes=20-10', 200, 0, 1000],
    ['bytes=0-1,5-6', 200, 0, 1000],
    ['items=0-1', 200, 0, 1000],
    ['bytes=-', 200, 0, 1000],
  ] as const) {
    test(`${range} → ${status}`, async () => {
      const answer = await send(fixture.port, 'GET', path, { headers: { range } });
      assert.equal(answer.status, status);
      assert.deepEqual(answer.body, bytesOf(1000).subarray(from, to));
      if (status === 206) assert.equal(answer.headers['content-range'], `bytes ${from}-${to - 1}/1000`);
    });
  }
  for (const range of ['bytes=1000-', 'bytes=5000-6000', 'bytes=-0']) {
    test(`${range} → 416`, async () => {
      const answer = await send(fixture.port, 'GET', path, { headers: { range } });
      assert.equal(answer.status, 416);
      assert.equal(answer.headers['content-range'], 'bytes */1000');
    });
  }
  test('If-Range of another version gets the whole file', async () => {
    assert.equal((await send(fixture.port, 'GET', path, { headers: { range: 'bytes=0-1', 'if-range': '"other"' } })).status, 200);
  });
});

test('no path leads out of the media folder', async () => {
  await mkdir(join(fixture.folder, 'media'), { recursive: true });
  await writeFile(join(fixture.folder, 'secret.txt'), 'treasure');
  const key = pathOf(await Promise.resolve(slot(1).get)).split('/')[2] ?? '';
  for (const path of [
    '/media/..%2fsecret.txt/x',
    '/media/%2e%2e/secret.txt',
    '/media/../secret.txt',
    '/media/%u002e%u002e/secret.txt',
    '/media/..\\secret.txt/x',
    '/media/%00/x',
    '/media//secret.txt',
    `/media/${'a'.repeat(4096)}/x`,
    '/media/CON/x',
    '/media/a/../../secret.txt',
    `/media/${key}/../../../secret.txt`,
    `/media/${key}%00/x`,
    `/media/${key.toUpperCase()}/x`,
    '/media/incoming/x',
    '/../secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e/secret.txt',
    '//etc/passwd',
  ]) {
    const answer = await send(fixture.port, 'GET', path);
    assert.ok([400, 404, 414].includes(answer.status), `${path} was answered with ${answer.status}`);
    assert.ok(!answer.body.includes('treasure'), path);
  }
});

describe('room', () => {
  test('a slot is refused for files that are too large, empty, or over the quota, promised bytes included', async () => {
    const refused = (code: SlotError['code']) => (error: unknown) => error instanceof SlotError && error.code === code;
    assert.throws(() => slot(1_000_001), refused('too-large'));
    assert.throws(() => slot(0), refused('bad-size'));
    assert.throws(() => slot(1.5), refused('bad-size'));
    for (let i = 0; i < 3; i++) slot(1_000_000, undefined, 'x', 7);
    assert.throws(() => slot(1, undefined, 'x', 7), refused('quota'));
    fixture.now += SLOT_MS;
    slot(1_000_000, undefined, 'x', 7);
    for (let i = 0; i < 200; i++) slot(1, undefined, 'x', 8);
    assert.throws(() => slot(1, undefined, 'x', 8), refused('too-many'));
  });

  test('files go when their time is over, and make room', async () => {
    const own = await startFixture({ keepMs: 60_000, quotaBytes: 1000 });
    const make = () => own.media.slots.slot({ accountId: 1, filename: 'a', bytes: 1000 });
    const { put, get } = make();
    assert.equal((await send(own.port, 'PUT', pathOf(put), { body: bytesOf(1000) })).status, 201);
    assert.throws(make, SlotError);
    own.now += 59_000;
    assert.equal(await own.media.expire(), 0);
    own.now += 1000;
    assert.equal(await own.media.expire(), 1);
    assert.equal((await send(own.port, 'GET', pathOf(get))).status, 404);
    assert.deepEqual(await filesOf(join(own.folder, 'media')), []);
    make();
    await own.close();
  });
});

describe('thumbnails', () => {
  test('a photo gets a thumbhash and a small WebP, once, turned upright and without its metadata', async () => {
    const photo = await sharp({ create: { width: 800, height: 400, channels: 3, background: '#c04020' } })
      .withExif({ IFD0: { Copyright: 'do not tell' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const path = await uploaded(photo, 'image/jpeg');
    const ask = () => send(fixture.port, 'POST', `${path.split('/').slice(0, 3).join('/')}/thumbnail`);
    const [answer, twin] = await Promise.all([ask(), ask()]);
    assert.equal(answer.status, 200, answer.body.toString());
    assert.deepEqual(twin.body, answer.body);
    const made = JSON.parse(answer.body.toString()) as {
      width: number;
      height: number;
      thumbhash: string;
      thumbnail: { path: string; width: number; height: number; bytes: number; mediaType: string };
    };
    assert.deepEqual([made.width, made.height], [400, 800]);
    assert.deepEqual([made.thumbnail.width, made.thumbnail.height, made.thumbnail.mediaType], [160, 320, 'image/webp']);
    assert.ok(Buffer.from(made.thumbhash, 'base64').length <= 25);
    const small = await send(fixture.port, 'GET', made.thumbnail.path);
    assert.equal(small.status, 200);
    assert.equal(small.headers['content-type'], 'image/webp');
    assert.equal(small.body.length, made.thumbnail.bytes);
    const meta = await sharp(small.body).metadata();
    assert.deepEqual([meta.format, meta.width, meta.height, meta.exif], ['webp', 160, 320, undefined]);
  });

  for (const [what, type, content] of [
    ['text that calls itself a picture', 'image/png', Buffer.from('not a picture')],
    [
      'SVG that calls itself PNG',
      'image/png',
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect width="5" height="5"/></svg>'),
    ],
    ['a file that is no picture', 'text/plain', Buffer.from('hello')],
  ] as const) {
    test(`none for ${what}`, async () => {
      const path = await uploaded(content, type);
      assert.equal((await send(fixture.port, 'POST', `${path.split('/').slice(0, 3).join('/')}/thumbnail`)).status, 415);
    });
  }

  test('none for a picture with more pixels than a photo has', async () => {
    const bomb = await sharp({ create: { width: 12_000, height: 12_000, channels: 3, background: '#000' }, limitInputPixels: false })
      .png({ compressionLevel: 9 })
      .toBuffer();
    const path = await uploaded(bomb, 'image/png');
    assert.equal((await send(fixture.port, 'POST', `${path.split('/').slice(0, 3).join('/')}/thumbnail`)).status, 415);
  });

  test('none for what is not there', async () => {
    assert.equal((await send(fixture.port, 'POST', `/media/${'a'.repeat(32)}/thumbnail`)).status, 404);
  });
});

describe('files and their records stay together', () => {
  test('two PUTs at once: one takes the address, the other is refused and does no harm', async () => {
    const content = bytesOf(50_000);
    const { put, get } = slot(content.length);
    const digest = { 'content-digest': `sha-256=:${createHash('sha256').update('other').digest('base64')}:` };
    const answers = await Promise.all([
      send(fixture.port, 'PUT', pathOf(put), { body: content }),
      send(fixture.port, 'PUT', pathOf(put), { body: content, headers: digest }),
      send(fixture.port, 'PUT', pathOf(put), { body: content }),
    ]);
    assert.equal(answers.filter((answer) => answer.status === 409).length, 2);
    const taken = answers.find((answer) => answer.status !== 409)?.status;
    const answer = await send(fixture.port, 'GET', pathOf(get));
    assert.equal(answer.status, taken === 201 ? 200 : 404);
  });

  test('a file that was written without its record goes at the next start', async () => {
    const own = await startFixture();
    const key = 'a'.repeat(32);
    const { blobs } = own;
    own.storage.keyValue('media_loose').set(0, key, '');
    await blobs.put(key, Readable.from([bytesOf(100)]), { expectBytes: 100 });
    await blobs.put(`${key}-thumbnail`, Readable.from([bytesOf(10)]), { expectBytes: 10 });
    await (await own.reopenMedia()).close();
    assert.deepEqual(await filesOf(join(own.folder, 'media')), []);
    assert.deepEqual(await own.storage.keyValue('media_loose').list(0), []);
    await own.close();
  });

  test('nothing is announced any more after an upload, refused or not', async () => {
    const own = await startFixture();
    const make = () => own.media.slots.slot({ accountId: 1, filename: 'a', bytes: 1000 });
    assert.equal((await send(own.port, 'PUT', pathOf(make().put), { body: bytesOf(1000) })).status, 201);
    const digest = { 'content-digest': `sha-256=:${createHash('sha256').update('other').digest('base64')}:` };
    assert.equal((await send(own.port, 'PUT', pathOf(make().put), { body: bytesOf(1000), headers: digest })).status, 400);
    assert.deepEqual(await own.storage.keyValue('media_loose').list(0), []);
    assert.equal((await filesOf(join(own.folder, 'media'))).length, 1);
    await own.close();
  });

  test('an upload under way counts towards the quota after its slot has expired', async () => {
    const own = await startFixture({ quotaBytes: 1000 });
    const make = () => own.media.slots.slot({ accountId: 1, filename: 'a', bytes: 800 });
    const path = pathOf(make().put);
    const socket = connect(own.port, '127.0.0.1');
    const answered = new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(bytes.toString())));
    socket.write(`PUT ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 800\r\n\r\n`);
    socket.write(bytesOf(400));
    while ((await own.storage.keyValue('media_loose').list(0)).length === 0) await new Promise((resolve) => setImmediate(resolve));
    own.now += SLOT_MS + 1;
    assert.throws(make, SlotError);
    socket.write(bytesOf(400));
    assert.match(await answered, /^HTTP\/1.1 201 /);
    socket.destroy();
    assert.throws(make, SlotError);
    await own.close();
  });

  test('with an account go its files, and its upload addresses are void', async () => {
    const own = await startFixture();
    const make = (accountId: number) => own.media.slots.slot({ accountId, filename: 'a.png', bytes: 100 });
    const mine = [make(1), make(1)];
    const other = make(2);
    for (const { put } of [...mine, other]) assert.equal((await send(own.port, 'PUT', pathOf(put), { body: bytesOf(100) })).status, 201);
    const late = make(1);
    await own.media.removeAccount(1);
    for (const { get } of mine) assert.equal((await send(own.port, 'GET', pathOf(get))).status, 404);
    assert.equal((await send(own.port, 'GET', pathOf(other.get))).status, 200);
    assert.equal((await send(own.port, 'PUT', pathOf(late.put), { body: bytesOf(100) })).status, 403);
    const again = await own.reopenMedia();
    await again.close();
    assert.equal((await filesOf(join(own.folder, 'media'))).length, 1);
    await own.close();
  });
});
