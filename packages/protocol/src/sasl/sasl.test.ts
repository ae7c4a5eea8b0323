import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { test } from 'node:test';
import { promisify } from 'node:util';
import {
  base64Decode,
  type base64Encode,
  buildPlain,
  type Crypto,
  deriveScramKeys,
  downgradeText,
  HtClient,
  HtServer,
  htMechanism,
  parseHashedToken,
  parsePlain,
  SaslError,
  ScramClient,
  type ScramClientOptions,
  type ScramHash,
  type ScramKeys,
  ScramServer,
  type ScramServerOptions,
} from '../index.ts';

const name = (alg: string): string => alg.replace('-', '').toLowerCase();
const derive = promisify(pbkdf2);
const crypto: Crypto = {
  hash: (alg, data) => createHash(name(alg)).update(data).digest(),
  hmac: (alg, key, data) => createHmac(name(alg), key).update(data).digest(),
  pbkdf2: (alg, password, salt, iterations, length) => derive(password, salt, iterations, length, name(alg)),
  randomBytes: (n) => randomBytes(n),
  timingSafeEqual: (a, b) => a.length === b.length && timingSafeEqual(a, b),
};
const slow: Crypto = {
  ...crypto,
  hash: async (alg, data) => crypto.hash(alg, data),
  hmac: async (alg, key, data) => crypto.hmac(alg, key, data),
};
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

function now<T>(value: T | Promise<T>): T {
  assert.ok(!(value instanceof Promise), 'a promise where the port was synchronous');
  return value;
}

function server(keys: ScramKeys | undefined, alg: ScramHash, more: Partial<ScramServerOptions> = {}): ScramServer {
  return new ScramServer({
    crypto,
    alg,
    plus: false,
    plusOffered: false,
    channelBinding: () => undefined,
    credentials: () => keys,
    fakeSecret: bytes('secret'),
    fakeKeys: (bytes) => ({ salt: bytes.slice(0, 16), iterations: 4096 }),
    ...more,
  });
}

function fails(run: () => unknown, condition: string, why?: string): void {
  assert.throws(run, (error: unknown) => error instanceof SaslError && error.condition === condition, why);
}

// RFC 5802 §5 and RFC 7677 §3.
const VECTORS: [ScramHash, string, string, string, string, string, string][] = [
  [
    'SHA-1',
    'fyko+d2lbbFgONRv9qkxdawL',
    '3rfcNHYJY1ZVvWVs7j',
    'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL',
    'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  ],
  [
    'SHA-256',
    'rOprNGfwEbeRWgbNEkqO',
    '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  ],
];

test('the examples of RFC 5802 §5 and RFC 7677 §3, without a promise on the server', async () => {
  for (const [alg, cnonce, snonce, first, serverFirst, final, serverFinal] of VECTORS) {
    const salt = base64Decode(/s=([^,]+)/.exec(serverFirst)![1]!)!;
    const keys = await deriveScramKeys(crypto, alg, 'pencil', salt, 4096);
    const client = new ScramClient({ crypto, alg, username: 'user', password: 'pencil', binding: 'n', nonce: cnonce });
    const side = server(keys, alg, { nonce: snonce });
    assert.equal(text(client.first()), first);
    assert.equal(text(now(side.first(bytes(first)))), serverFirst);
    assert.equal(text(await client.final(bytes(serverFirst))), final);
    const done = now(side.final(bytes(final)));
    assert.equal(text(done.message), serverFinal);
    assert.equal(done.username, 'user');
    client.verify(done.message);
  }
});

const salt = bytes('0123456789abcdef');
const ALGS: ScramHash[] = ['SHA-1', 'SHA-256', 'SHA-512'];

async function exchange(
  alg: ScramHash,
  client: Partial<ScramClientOptions>,
  more: Partial<ScramServerOptions>,
  stored?: ScramKeys,
): Promise<{ username: string; authzid: string }> {
  const keys = stored ?? (await deriveScramKeys(crypto, alg, 'pencil', salt, 4096));
  const a = new ScramClient({ crypto, alg, username: 'user', password: 'pencil', binding: 'n', ...client });
  const b = server(keys, alg, more);
  const done = await b.final(await a.final(await b.first(a.first())));
  a.verify(done.message);
  return done;
}

test('each hash, with synchronous and asynchronous ports, with and without binding', async () => {
  const data = bytes('exported keying material');
  for (const alg of ALGS) {
    await exchange(alg, {}, {});
    await exchange(alg, { crypto: slow }, { crypto: slow });
    await exchange(
      alg,
      { binding: { type: 'tls-exporter', data } },
      { plus: true, plusOffered: true, channelBinding: (type) => (type === 'tls-exporter' ? data : undefined) },
    );
  }
});

test('names with comma and equals, authzid to the caller, y without an offer', async () => {
  let asked = '';
  const keys = await deriveScramKeys(crypto, 'SHA-256', 'pencil', salt, 4096);
  const credentials = (username: string): ScramKeys => {
    asked = username;
    return keys;
  };
  const done = await exchange('SHA-256', { username: 'a,b=c', authzid: 'other@example.org', binding: 'y' }, { credentials });
  assert.equal(asked, 'a,b=c');
  assert.equal(done.authzid, 'other@example.org');
});

test('cached client keys make the second sign-in synchronous', async () => {
  const cache = new Map();
  await exchange('SHA-256', { cache }, {});
  assert.equal(cache.size, 1);
  const keys = await deriveScramKeys(crypto, 'SHA-256', 'pencil', salt, 4096);
  const a = new ScramClient({ crypto, alg: 'SHA-256', username: 'user', password: '', binding: 'n', cache });
  const b = server(keys, 'SHA-256');
  a.verify(now(b.final(now(a.final(now(b.first(a.first())))))).message);
});

test('client-first messages that are refused', () => {
  const table: [string, string, Partial<ScramServerOptions>?][] = [
    ['', 'malformed-request'],
    ['n,,n=user', 'malformed-request'],
    ['n,,n=,r=abc', 'malformed-request'],
    ['n,,n=user,r=', 'malformed-request'],
    ['n,,n=user,r=a b', 'malformed-request'],
    ['n,,r=abc,n=user', 'malformed-request'],
    ['n,,m=x,n=user,r=abc', 'malformed-request'],
    ['n,,n=user,r=abc,m=x', 'malformed-request'],
    ['n,,n=us=er,r=abc', 'malformed-request'],
    ['n,,n=us=2cer,r=abc', 'malformed-request'],
    ['n,,n=us\0er,r=abc', 'malformed-request'],
    ['x,,n=user,r=abc', 'malformed-request'],
    ['n,b=x,n=user,r=abc', 'malformed-request'],
    ['p=tls-exporter,,n=user,r=abc', 'malformed-request'],
    [`n,,n=${'a'.repeat(5000)},r=abc`, 'malformed-request'],
    ['n,,n=user,r=abc', 'malformed-request', { plus: true }],
    ['p=tls-unique,,n=user,r=abc', 'malformed-request', { plus: true }],
    ['y,,n=user,r=abc', 'not-authorized', { plusOffered: true }],
  ];
  for (const [message, condition, more] of table) fails(() => server(undefined, 'SHA-1', more).first(bytes(message)), condition, message);
  fails(() => server(undefined, 'SHA-1').first(Uint8Array.of(0x6e, 0xff, 0x2c)), 'malformed-request');
});

test('client-final messages that are refused, and nothing after', async () => {
  const keys = await deriveScramKeys(crypto, 'SHA-256', 'pencil', salt, 4096);
  const table: [string, (final: string) => string, string][] = [
    ['other binding', (m) => m.replace('c=biws', 'c=eSws'), 'not-authorized'],
    ['binding with loose bits', (m) => m.replace('c=biws', 'c=bix='), 'malformed-request'],
    ['other nonce', (m) => m.replace(/r=([^,]+)/, 'r=$1x'), 'not-authorized'],
    ['no proof', (m) => m.replace(/,p=.*/, ''), 'malformed-request'],
    ['empty proof', (m) => m.replace(/,p=.*/, ',p='), 'not-authorized'],
    ['short proof', (m) => m.replace(/,p=.*/, ',p=AAAA'), 'not-authorized'],
    ['wrong proof', (m) => m.replace(/,p=.*/, `,p=${'A'.repeat(43)}=`), 'not-authorized'],
    ['mandatory extension', (m) => m.replace(',p=', ',m=x,p='), 'malformed-request'],
    ['white space', (m) => `${m}\n`, 'malformed-request'],
  ];
  for (const [why, change, condition] of table) {
    const a = new ScramClient({ crypto, alg: 'SHA-256', username: 'user', password: 'pencil', binding: 'n' });
    const b = server(keys, 'SHA-256');
    const final = text(await a.final(now(b.first(a.first()))));
    fails(() => b.final(bytes(change(final))), condition, why);
    fails(() => b.final(bytes(final)), 'malformed-request', `${why}, again`);
  }
});

test('a proof that was heard does not fit the next exchange', async () => {
  const keys = await deriveScramKeys(crypto, 'SHA-256', 'pencil', salt, 4096);
  const a = new ScramClient({ crypto, alg: 'SHA-256', username: 'user', password: 'pencil', binding: 'n' });
  const b = server(keys, 'SHA-256');
  const first = a.first();
  const final = await a.final(now(b.first(first)));
  now(b.final(final));
  fails(() => b.final(final), 'malformed-request');
  const c = server(keys, 'SHA-256');
  now(c.first(first));
  fails(() => c.final(final), 'not-authorized');
});

test('a name without an account looks like one with another password', async () => {
  const ask = (): string => text(now(server(undefined, 'SHA-256', { nonce: 'N' }).first(bytes('n,,n=nobody,r=abc'))));
  assert.equal(ask(), ask());
  assert.match(ask(), /^r=abcN,s=[A-Za-z0-9+/]{22}==,i=4096$/);
  const a = new ScramClient({ crypto, alg: 'SHA-256', username: 'nobody', password: 'pencil', binding: 'n' });
  const b = server(undefined, 'SHA-256');
  const final = await a.final(now(b.first(a.first())));
  fails(() => b.final(final), 'not-authorized');
});

test('what a client refuses of a server', async () => {
  const table: [string, string][] = [
    ['r=zzz,s=QSXCR+Q6sek8bf92,i=4096', 'not-authorized'],
    ['r=abc,s=QSXCR+Q6sek8bf92,i=4096', 'not-authorized'],
    ['r=abcd,s=QSXCR+Q6sek8bf92,i=1000001', 'not-authorized'],
    ['r=abcd,s=QSXCR+Q6sek8bf92,i=0', 'malformed-request'],
    ['r=abcd,s=QSXCR+Q6sek8bf92,i=-1', 'malformed-request'],
    ['r=abcd,s=QSXCR+Q6sek8bf92,i=4096x', 'malformed-request'],
    ['r=abcd,s=,i=4096', 'malformed-request'],
    ['r=abcd,s=QSX,i=4096', 'malformed-request'],
    ['m=x,r=abcd,s=QSXCR+Q6sek8bf92,i=4096', 'malformed-request'],
    ['r=abcd,s=QSXCR+Q6sek8bf92,i=4096,m=x', 'malformed-request'],
    ['r=abcd,s=QSXCR+Q6sek8bf92,i=100', 'mechanism-too-weak'],
  ];
  for (const [message, condition] of table) {
    const a = new ScramClient({
      crypto,
      alg: 'SHA-1',
      username: 'user',
      password: 'pencil',
      binding: 'n',
      nonce: 'abc',
      minIterations: 4096,
    });
    a.first();
    fails(() => a.final(bytes(message)), condition, message);
  }
  for (const last of ['v=AAAA', 'v=', 'e=other-error', '', `v=${'A'.repeat(27)}=`]) {
    const a = new ScramClient({ crypto, alg: 'SHA-1', username: 'user', password: 'pencil', binding: 'n', nonce: 'abc' });
    a.first();
    await a.final(bytes('r=abcd,s=QSXCR+Q6sek8bf92,i=10'));
    fails(() => a.verify(bytes(last)), 'not-authorized', last);
  }
  const early = new ScramClient({ crypto, alg: 'SHA-1', username: 'user', password: 'pencil', binding: 'n' });
  fails(() => early.verify(bytes('v=AAAA')), 'malformed-request');
});

test('PLAIN (RFC 4616)', () => {
  assert.deepEqual(parsePlain(bytes('\0tim\0tanstaaftanstaaf')), { authzid: '', username: 'tim', password: 'tanstaaftanstaaf' });
  assert.deepEqual(parsePlain(buildPlain('kurt', 'xipj3plmq', 'Ursel')), { authzid: 'Ursel', username: 'kurt', password: 'xipj3plmq' });
  for (const bad of ['', 'tim', '\0tim', '\0tim\0', '\0\0pw', '\0tim\0pw\0', 'a\0b\0c\0d', `\0tim\0${'x'.repeat(4000)}`])
    fails(() => parsePlain(bytes(bad)), 'malformed-request', JSON.stringify(bad));
  fails(() => parsePlain(Uint8Array.of(0, 0xff, 0, 0x61)), 'malformed-request');
  fails(() => buildPlain('a\0b', 'c'), 'malformed-request');
});

/** The module as it is in a runtime whose Uint8Array knows no base64. */
async function withoutNativeBase64(): Promise<{ base64Encode: typeof base64Encode; base64Decode: typeof base64Decode }> {
  const saved = Object.getOwnPropertyDescriptor(Uint8Array.prototype, 'toBase64');
  Reflect.deleteProperty(Uint8Array.prototype, 'toBase64');
  try {
    const other: string = './base64.ts?without-native';
    return await import(other);
  } finally {
    if (saved) Object.defineProperty(Uint8Array.prototype, 'toBase64', saved);
  }
}

for (const native of [true, false])
  test(`base64 is strict (RFC 4648 §3.5, §10), ${native ? "with the runtime's own" : 'with our own'}`, async () => {
    const { base64Encode, base64Decode } = native ? await import('./base64.ts') : await withoutNativeBase64();
    for (const plain of ['', 'f', 'fo', 'foo', 'foob', 'fooba', 'foobar']) {
      assert.equal(base64Encode(bytes(plain)), Buffer.from(plain).toString('base64'));
      assert.deepEqual(text(base64Decode(base64Encode(bytes(plain)))!), plain);
    }
    const every = Uint8Array.from({ length: 770 }, (_, i) => i & 255);
    assert.deepEqual(base64Decode(base64Encode(every)), every);
    for (const bad of ['Zg', 'Zg=', 'Zh==', 'Zm9=', 'Zg== ', ' Zg==', 'Zg==\n', 'Z===', '====', '=', 'Zm9v=', 'Zm-_', 'Zg==Zg==', 'Zm9vZ'])
      assert.equal(base64Decode(bad), undefined, bad);
  });

test('XEP-0474: the hash of what was advertised', async () => {
  const advertised = downgradeText(['SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1'], ['tls-server-end-point', 'tls-exporter']);
  assert.equal(advertised, 'SCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS\x1ftls-exporter\x1etls-server-end-point');
  const hash = Buffer.from(await crypto.hash('SHA-1', bytes(advertised))).toString('base64');
  assert.equal(hash, 'G6k/rBLDqgOhRRaCuuatSDFkJ08=');
  const first = bytes(`r=abcdef,s=QSXCR+Q6sek8bf92,i=4096,h=${hash}`);
  const client = (list: string): ScramClient => {
    const one = new ScramClient({
      crypto,
      alg: 'SHA-1',
      username: 'user',
      password: 'pencil',
      binding: 'n',
      nonce: 'abc',
      advertised: list,
    });
    one.first();
    return one;
  };
  await client(advertised).final(first);
  await assert.rejects(
    async () => client('SCRAM-SHA-1').final(first),
    (error: SaslError) => error.condition === 'mechanism-too-weak',
  );
});

test('hashed tokens: both sides prove the token, over their channel only', async () => {
  const name = htMechanism('HT-SHA-256-EXPR');
  assert.ok(name !== undefined);
  assert.equal(htMechanism('HT-SHA-1-NONE'), undefined);
  const channel = new Uint8Array([1, 2, 3]);
  const client = new HtClient(crypto, name, 'secret', channel);
  const { username, hash } = parseHashedToken(await client.first('ann'));
  assert.equal(username, 'ann');
  const server = new HtServer(crypto, name, channel);
  assert.equal(await server.matches('secret', hash), true);
  assert.equal(await server.matches('other', hash), false);
  assert.equal(await new HtServer(crypto, name, new Uint8Array([9])).matches('secret', hash), false);
  await client.verify(await server.answer('secret'));
  await assert.rejects(async () => client.verify(await server.answer('other')));
  for (const bad of ['', '\0x', 'ann\0', 'ann'])
    assert.throws(
      () => parseHashedToken(bytes(bad)),
      (error: SaslError) => error.condition === 'malformed-request',
    );
});
