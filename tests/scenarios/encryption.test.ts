// TLS and what is built on it: RFC 7590 and RFC 6120 §5 (STARTTLS), XEP-0368 (direct TLS), SCRAM with channel binding (RFC 5802, RFC 9266, XEP-0440).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { base64Decode, base64Encode, ScramClient, type ScramClientOptions, type ScramHash } from '@parley/protocol';
import { nodeCrypto } from '../../apps/server/src/ports/crypto.ts';
import { startServer } from '../support/server.ts';
import { Wire } from './wire.ts';

const server = await startServer({ config: { 'limits.signInTries': 3 } });
test.after(() => server.stop());
await server.createUser('ann', 'secret');

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const STARTTLS = `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`;
const plain = Buffer.from('\0ann\0secret').toString('base64');
const mechanisms = (features: string): string[] =>
  [...features.matchAll(/<mechanism>([^<]*)<\/mechanism>/g)].map((match) => match[1] ?? '');

async function startTls(wire: Wire): Promise<Wire<TLSSocket>> {
  wire.send(STARTTLS);
  await wire.expect(/<proceed[^>]*\/>/);
  return wire.secure();
}

test('A5, RFC 6120 §5.3.1: in the clear STARTTLS is required and nothing else is offered', async () => {
  const wire = await Wire.plain(server);
  const features = await wire.open();
  assert.match(features, /<starttls[^>]*><required\/><\/starttls>/);
  assert.doesNotMatch(features, /mechanism/);
  assert.doesNotMatch(features, /register/);
  wire.cut();
});

test('A5: nobody signs in or registers in the clear, whatever they send', async () => {
  const wire = await Wire.plain(server);
  await wire.open();
  wire.send(`<auth xmlns='${SASL}' mechanism='PLAIN'>${plain}</auth>`);
  await wire.expect(/<failure[^>]*><encryption-required/);
  wire.send(`<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>`);
  await wire.expect(/not-authorized|encryption-required|policy-violation/);
  wire.cut();
});

test('RFC 6120 §5.4: after STARTTLS a new stream with sign-in and without STARTTLS', async () => {
  const wire = await Wire.plain(server);
  await wire.open();
  const secure = await startTls(wire);
  const features = await secure.open();
  assert.doesNotMatch(features, /starttls/);
  assert.ok(mechanisms(features).includes('PLAIN'));
  secure.send(STARTTLS);
  await secure.expect(/<stream:error/);
  await secure.closed();
});

for (const [what, injected] of [
  ['a message', `<message to='ann@localhost'><body>injected</body></message>`],
  ['a sign-in', `<auth xmlns='${SASL}' mechanism='PLAIN'>${plain}</auth>`],
  [
    'a stream and a sign-in',
    `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'><auth xmlns='${SASL}' mechanism='PLAIN'>${plain}</auth>`,
  ],
  ['half a stanza', `<iq type='get' id='half`],
] as const) {
  test(`A5: ${what} injected behind <starttls/> in the same packet is never taken for something said under TLS`, async () => {
    const wire = await Wire.plain(server);
    await wire.open();
    wire.send(STARTTLS + injected);
    await wire.expect(/<proceed[^>]*\/>/);
    let secure: Wire<TLSSocket>;
    try {
      secure = await wire.secure();
    } catch {
      // To give up on such a connection is as good as to forget the bytes.
      return;
    }
    const features = await secure.open();
    assert.ok(mechanisms(features).includes('PLAIN'), 'a fresh stream of a guest');
    assert.equal(secure.rest, '');
    secure.send(`<auth xmlns='${SASL}' mechanism='PLAIN'>${plain}</auth>`);
    await secure.expect(/^<success/);
    secure.cut();
  });
}

test("A5: PLAIN with the wrong password, an unknown user, somebody else's identity", async () => {
  const wire = await Wire.direct(server);
  await wire.open();
  const tries: ReadonlyArray<readonly [string, RegExp]> = [
    ['\0ann\0wrong', /^<failure[^>]*><not-authorized\/>(<text[^>]*>[^<]*<\/text>)?<\/failure>/],
    ['\0nobody\0secret', /^<failure[^>]*><not-authorized\/>(<text[^>]*>[^<]*<\/text>)?<\/failure>/],
    ['bob@localhost\0ann\0secret', /^<failure[^>]*><invalid-authzid\/>/],
  ];
  for (const [token, answer] of tries) {
    wire.send(`<auth xmlns='${SASL}' mechanism='PLAIN'>${Buffer.from(token).toString('base64')}</auth>`);
    await wire.expect(answer);
  }
  await wire.expect(/<stream:error[^>]*><policy-violation/);
  await wire.closed();
});

test('XEP-0368 §2: direct TLS with ALPN xmpp-client, with none, and with another one (RFC 7301 §3.2)', async () => {
  const agreed = await Wire.direct(server);
  assert.equal(agreed.socket.alpnProtocol, 'xmpp-client');
  assert.equal(agreed.socket.getProtocol(), 'TLSv1.3');
  assert.ok(mechanisms(await agreed.open()).length > 0);
  agreed.cut();
  const silent = await Wire.direct(server, { ALPNProtocols: [] });
  assert.equal(silent.socket.alpnProtocol, false);
  await silent.open();
  silent.cut();
  await assert.rejects(Wire.direct(server, { ALPNProtocols: ['h2', 'http/1.1'] }), /alert|ECONNRESET|no_application_protocol/i);
});

test('RFC 7590 §3.1: nothing older than TLS 1.2', async () => {
  await assert.rejects(Wire.direct(server, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' }));
  const older = await Wire.direct(server, { maxVersion: 'TLSv1.2' });
  assert.equal(older.socket.getProtocol(), 'TLSv1.2');
  assert.match(older.socket.getCipher().standardName, /ECDHE.*(GCM|CHACHA20)/, 'forward secrecy (RFC 9325)');
  older.cut();
});

interface Outcome {
  readonly ok: boolean;
  readonly condition: string;
}
async function scram(wire: Wire<TLSSocket>, mechanism: string, options: Partial<ScramClientOptions> = {}): Promise<Outcome> {
  const alg = mechanism.replace('SCRAM-', '').replace('-PLUS', '') as ScramHash;
  const client = new ScramClient({ crypto: nodeCrypto, alg, username: 'ann', password: 'secret', binding: 'n', ...options });
  const encode = (bytes: Uint8Array): string => base64Encode(bytes);
  wire.send(`<auth xmlns='${SASL}' mechanism='${mechanism}'>${encode(client.first())}</auth>`);
  const [, name, content] = await wire.expect(/<(challenge|failure)[^>]*>(.*?)<\/\1>/s);
  if (name === 'failure') return { ok: false, condition: /<([a-z-]+)/.exec(content ?? '')?.[1] ?? '' };
  const final = await client.final(base64Decode(content ?? '') as Uint8Array);
  wire.send(`<response xmlns='${SASL}'>${encode(final)}</response>`);
  const [, end, data] = await wire.expect(/<(success|failure)[^>]*>(.*?)<\/\1>/s);
  if (end === 'failure') return { ok: false, condition: /<([a-z-]+)/.exec(data ?? '')?.[1] ?? '' };
  client.verify(base64Decode(data ?? '') as Uint8Array);
  return { ok: true, condition: '' };
}
const exporter = (wire: Wire<TLSSocket>): { type: string; data: Uint8Array } => ({
  type: 'tls-exporter',
  data: wire.socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)),
});

for (const alg of ['SHA-1', 'SHA-256', 'SHA-512']) {
  test(`SCRAM-${alg}: both sides prove that they know the password, and the new stream can bind`, async () => {
    const wire = await Wire.direct(server);
    assert.ok(mechanisms(await wire.open()).includes(`SCRAM-${alg}`));
    assert.deepEqual(await scram(wire, `SCRAM-${alg}`), { ok: true, condition: '' });
    assert.match(await wire.open(), /<bind/);
    wire.cut();
  });

  test(`SCRAM-${alg}-PLUS with tls-exporter over TLS 1.3 (RFC 9266)`, async () => {
    const wire = await Wire.direct(server);
    const features = await wire.open();
    assert.ok(mechanisms(features).includes(`SCRAM-${alg}-PLUS`));
    assert.match(features, /<sasl-channel-binding[^>]*>.*tls-exporter/s, 'XEP-0440');
    assert.deepEqual(await scram(wire, `SCRAM-${alg}-PLUS`, { binding: exporter(wire) }), { ok: true, condition: '' });
    wire.cut();
  });
}

test('-PLUS works after STARTTLS, too', async () => {
  const wire = await Wire.plain(server);
  await wire.open();
  const secure = await startTls(wire);
  await secure.open();
  assert.equal((await scram(secure, 'SCRAM-SHA-256-PLUS', { binding: exporter(secure) })).ok, true);
  secure.cut();
});

test('RFC 5802 §6: the binding of another connection, a binding where none was asked, and a stripped offer are refused', async () => {
  const other = await Wire.direct(server);
  const wire = await Wire.direct(server);
  await wire.open();
  assert.equal((await scram(wire, 'SCRAM-SHA-256-PLUS', { binding: exporter(other) })).ok, false);
  assert.equal((await scram(wire, 'SCRAM-SHA-256', { binding: 'y' })).ok, false, 'the server did offer -PLUS: somebody removed it');
  other.cut();
  wire.cut();
});

test('A1: wrong password and unknown user fail in the same way, at the end', async () => {
  const wire = await Wire.direct(server);
  await wire.open();
  assert.deepEqual(await scram(wire, 'SCRAM-SHA-256', { password: 'wrong' }), { ok: false, condition: 'not-authorized' });
  assert.deepEqual(await scram(wire, 'SCRAM-SHA-256', { username: 'nobody' }), { ok: false, condition: 'not-authorized' });
  wire.cut();
});

test('RFC 6120 §6.4.5: a failed try can be followed by a good one; a mechanism that is not there is refused', async () => {
  const wire = await Wire.direct(server);
  await wire.open();
  wire.send(`<auth xmlns='${SASL}' mechanism='DIGEST-MD5'/>`);
  await wire.expect(/<failure[^>]*><invalid-mechanism/);
  assert.equal((await scram(wire, 'SCRAM-SHA-1')).ok, true);
  wire.cut();
});
