import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { type Config, makeConfig } from '@parley/server';
import { selfSignedCertificate } from '@parley/transports';
import { certificateFinding, judgeCertificate } from './certificate.ts';
import { dnsFindings, type Names } from './dns.ts';
import { doctor } from './doctor.ts';
import type { Finding } from './finding.ts';
import { judgeClock, judgeDisk, judgeNode, judgeOpenFiles } from './machine.ts';
import { directTlsFinding, portFinding } from './ports.ts';

const DAY = 86_400_000;
const GIB = 1024 ** 3;
const NOW = Date.UTC(2026, 10, 24);

function config(settings: Record<string, unknown>): Config {
  return makeConfig(new Map(Object.entries(settings)), {}, tmpdir());
}
const states = (findings: Finding[]): string[] => findings.map(({ state }) => state);

test('every finding that is not ok says what to do', () => {
  for (const finding of [judgeNode('v20.1.0'), judgeOpenFiles(1024, 50_000), judgeDisk('/x', 1, GIB, 10), judgeClock(0, undefined)])
    assert.ok(finding.state !== 'ok' && (finding.advice ?? '').length > 10, JSON.stringify(finding));
});

test('node, files, disk, clock', () => {
  assert.equal(judgeNode('v26.10.0').state, 'ok');
  assert.equal(judgeNode('v22.0.0').state, 'fail');
  assert.equal(judgeOpenFiles(undefined, 50_000).state, 'ok');
  assert.equal(judgeOpenFiles(1_048_576, 50_000).state, 'ok');
  assert.equal(judgeOpenFiles(4096, 50_000).state, 'warn');
  assert.equal(judgeOpenFiles(256, 50_000).state, 'fail');
  assert.equal(judgeDisk('/x', 20 * GIB, 100 * GIB, 100_000).state, 'ok');
  assert.equal(judgeDisk('/x', GIB / 2, 100 * GIB, 100_000).state, 'warn');
  assert.equal(judgeDisk('/x', 20 * GIB, 100 * GIB, 5).state, 'warn');
  assert.equal(judgeDisk('/x', 1024, 100 * GIB, 100_000).state, 'fail');
  assert.equal(judgeClock(NOW, NOW - DAY).state, 'ok');
  assert.equal(judgeClock(NOW, NOW + DAY).state, 'warn');
  assert.equal(judgeClock(Date.UTC(1970, 0, 2), undefined).state, 'fail');
});

test('ports: free, taken by another program, answered by the running server', async (t) => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const taken = { host: '127.0.0.1', port };
  assert.equal((await portFinding('listen.xmpp', undefined, false)).state, 'ok');
  assert.equal((await portFinding('listen.xmpp', { host: '127.0.0.1', port: 0 }, false)).state, 'ok');
  const finding = await portFinding('listen.xmpp', taken, false);
  assert.equal(finding.state, 'fail');
  assert.match(finding.text, /another program listens/);
  assert.equal((await portFinding('listen.xmpp', taken, true)).state, 'ok');
  await new Promise((resolve) => server.close(resolve));
  assert.equal((await portFinding('listen.xmpp', taken, true)).state, 'fail');
});

test('XEP-0368: direct TLS answers under the name of the domain and speaks xmpp-client', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-doctor-'));
  t.after(() => rm(folder, { recursive: true }));
  const { cert, key } = await selfSignedCertificate(folder, 'chat.example', Date.now());
  const judged = async (options: { ALPNProtocols?: string[] } | undefined, domain = 'chat.example'): Promise<Finding> => {
    const server =
      options === undefined
        ? createServer((socket) => void socket.resume().end('220 mail.example'))
        : createTlsServer({ cert, key, ...options }, (socket) => void socket.resume().end());
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const finding = await directTlsFinding(
      'listen.xmpps',
      { host: '127.0.0.1', port: (server.address() as { port: number }).port },
      domain,
    );
    await new Promise((resolve) => server.close(resolve));
    return finding;
  };
  assert.equal((await judged({ ALPNProtocols: ['xmpp-client'] })).state, 'ok');
  assert.match((await judged({ ALPNProtocols: ['xmpp-client'] }, 'other.example')).text, /does not name other.example/);
  assert.match((await judged({})).text, /does not speak xmpp-client/);
  assert.equal((await judged({ ALPNProtocols: ['h2'] })).state, 'fail', 'a web server');
  assert.equal((await judged(undefined)).state, 'fail', 'no TLS at all');
});

test('certificates: names, days left, who can connect', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-doctor-'));
  t.after(() => rm(folder, { recursive: true }));
  const { cert } = await selfSignedCertificate(folder, 'chat.example', NOW);
  const certificate = new X509Certificate(cert);
  const end = certificate.validToDate.getTime();
  assert.equal(judgeCertificate(certificate, 'chat.example', NOW).state, 'ok');
  assert.equal(judgeCertificate(certificate, 'other.example', NOW).state, 'fail');
  assert.equal(judgeCertificate(certificate, 'chat.example', end - 5 * DAY).state, 'warn');
  assert.equal(judgeCertificate(certificate, 'chat.example', end + DAY).state, 'fail');

  const state = async (settings: Record<string, unknown>): Promise<string> =>
    (await certificateFinding(config({ domain: 'chat.example', ...settings }), folder, NOW)).state;
  const files = { 'tls.mode': 'files', 'tls.cert': join(folder, 'selfsigned.crt'), 'tls.key': join(folder, 'selfsigned.key') };
  assert.equal(await state({}), 'ok', 'self-signed is right on one machine');
  assert.equal(await state({ 'listen.xmpp': ':5222' }), 'warn', 'but not for others');
  assert.equal(await state(files), 'ok');
  assert.equal(await state({ ...files, 'tls.key': join(folder, 'none.key') }), 'fail');
  assert.equal(await state({ 'tls.mode': 'off' }), 'ok');
  assert.equal(await state({ 'tls.mode': 'off', 'listen.http': ':8080' }), 'warn');
});

/** A name server with these records. */
function names(records: { srv?: Record<string, [string, number]>; hosts?: Record<string, string>; broken?: boolean }): Names {
  const absent = (): never => {
    throw Object.assign(new Error('queryA'), { code: records.broken ? 'ETIMEOUT' : 'ENOTFOUND' });
  };
  return {
    async resolveSrv(name) {
      const [target, port] = records.srv?.[name] ?? absent();
      return [{ name: target, port, priority: 0, weight: 5 }];
    },
    resolve4: async (name) => [records.hosts?.[name] ?? absent()],
    resolve6: async () => absent(),
  };
}

test('records of the domain', async () => {
  const outside = { domain: 'chat.example', 'listen.xmpp': ':5222', 'listen.xmpps': ':5223', 'listen.http': ':8080' };
  const find = (settings: Record<string, unknown>, records: Parameters<typeof names>[0], loopback = false): Promise<Finding[]> =>
    dnsFindings(config(settings), config(settings).domain, loopback, names(records));
  const hosts = { 'chat.example': '192.0.2.1' };
  const srv = (port = 5222): Record<string, [string, number]> => ({
    '_xmpp-client._tcp.chat.example': ['chat.example', port],
    '_xmpps-client._tcp.chat.example': ['chat.example', 5223],
  });

  assert.deepEqual(states(await find({}, { broken: true })), ['ok'], 'nobody is asked about localhost');
  assert.deepEqual(states(await find(outside, { hosts, srv: srv() })), ['ok', 'ok', 'ok']);
  assert.deepEqual(states(await find(outside, { hosts, srv: srv() }, true)), ['warn', 'ok', 'ok', 'ok'], 'only this machine');
  assert.deepEqual(states(await find(outside, { hosts })), ['ok', 'ok', 'warn'], '5222 needs no record, direct TLS does');
  assert.deepEqual(states(await find({ ...outside, 'listen.xmpp': ':15222' }, { hosts })), ['ok', 'fail', 'warn']);
  assert.deepEqual(states(await find(outside, { hosts, srv: srv(9999) })), ['ok', 'warn', 'ok'], 'another port');
  assert.deepEqual(states(await find(outside, { srv: srv() })), ['warn', 'fail', 'fail'], 'targets without an address');
  assert.deepEqual(states(await find(outside, { broken: true })), ['warn'], 'no name server');
  const none = { ...srv(), '_xmpps-client._tcp.chat.example': ['.', 0] as [string, number] };
  assert.deepEqual(states(await find(outside, { hosts, srv: none })), ['ok', 'ok', 'warn'], 'XEP-0368: no direct TLS, says the record');
  const neither = { '_xmpp-client._tcp.chat.example': ['.', 0] as [string, number] };
  assert.deepEqual(states(await find(outside, { hosts, srv: neither })), ['ok', 'fail', 'warn'], 'RFC 6120: clients must not fall back');
  assert.deepEqual(
    states(await find({ ...outside, 'listen.xmpps': 'off' }, { hosts, srv: srv() })),
    ['ok', 'ok', 'warn'],
    'a record to nowhere',
  );
  const missing = (await find({ ...outside, 'listen.xmpp': ':15222' }, { hosts }))[1];
  assert.equal(missing?.advice, 'Add: _xmpp-client._tcp.chat.example. SRV 0 5 15222 chat.example.');
});

test('a stopped server on a fresh folder has nothing to complain about', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-doctor-'));
  t.after(() => rm(folder, { recursive: true }));
  const off = { 'listen.xmpp': 'off', 'listen.xmpps': 'off', 'listen.http': '127.0.0.1:0', 'limits.connections': 10 };
  const findings = await doctor(config({ ...off, dataDir: join(folder, 'data') }), names({ broken: true }));
  const subjects = new Set(findings.map(({ subject }) => subject));
  for (const subject of ['node', 'data', 'server', 'listen.http', 'open files', 'disk', 'clock', 'certificate', 'dns'])
    assert.ok(subjects.has(subject), subject);
  assert.deepEqual(
    findings.filter(({ state, subject }) => state === 'fail' && subject !== 'disk'),
    [],
  );
});
