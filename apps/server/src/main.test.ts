import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
let folder: string;
const children: ChildProcess[] = [];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-main-'));
});
after(async () => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

interface Started {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  readonly ended: Promise<number | null>;
}

function start(...flags: string[]): Started {
  const all = ['--listen.xmpp=127.0.0.1:0', '--listen.xmpps=127.0.0.1:0', '--listen.http=127.0.0.1:0', ...flags];
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...all], {
    cwd: folder,
    env: { PATH: process.env['PATH'] },
  });
  children.push(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, out: () => out, err: () => err, ended };
}

interface Addresses {
  readonly xmpp: { port: number };
  readonly xmpps: { port: number };
  readonly http: { port: number };
}

async function ready(started: Started): Promise<Addresses> {
  for (;;) {
    // The last piece may be the beginning of a line.
    for (const line of started.out().split('\n').slice(0, -1)) if (line.includes('"server_started"')) return JSON.parse(line) as Addresses;
    assert.equal(started.child.exitCode, null, started.err());
    await Promise.race([once(started.child.stdout as NodeJS.ReadableStream, 'data'), started.ended]);
  }
}

/** Waits until standard error says this: it comes through another pipe than the log. */
async function tells(started: Started, what: RegExp | string): Promise<void> {
  const told = (): boolean => (typeof what === 'string' ? started.err().includes(what) : what.test(started.err()));
  while (!told()) {
    assert.equal(started.child.exitCode, null, started.err());
    await Promise.race([once(started.child.stderr as NodeJS.ReadableStream, 'data'), started.ended]);
  }
}

const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>";

test('starts, says where everything is, tells its clients when it stops, and ends with 0', async () => {
  const dataDir = join(folder, 'first');
  const server = start(`--dataDir=${dataDir}`);
  const { xmpp, xmpps, http } = await ready(server);
  assert.equal((await fetch(`http://127.0.0.1:${http.port}/healthz`)).status, 200);
  await tells(server, new RegExp(`Browser +http://127\\.0\\.0\\.1:${http.port}`));
  await tells(server, new RegExp(`XMPP client +127\\.0\\.0\\.1:${xmpp.port} \\(STARTTLS\\), 127\\.0\\.0\\.1:${xmpps.port} \\(TLS\\)`));
  await tells(server, dataDir);
  for (const [name, mode] of [
    ['parley.db', 0o600],
    ['admin.sock', 0o600],
    ['keys/upload.key', 0o600],
    ['tls/selfsigned.key', 0o600],
  ] as const)
    assert.equal((await stat(join(dataDir, name))).mode & 0o777, mode, name);

  const plain = connect(xmpp.port, '127.0.0.1');
  const secure = connectTls({ port: xmpps.port, host: '127.0.0.1', rejectUnauthorized: false });
  const answered: Promise<void>[] = [];
  const heard = [plain, secure].map(async (socket) => {
    const features = Promise.withResolvers<void>();
    answered.push(features.promise);
    socket.write(HEADER);
    let text = '';
    for await (const chunk of socket) {
      text += String(chunk);
      if (text.includes('</stream:features>')) features.resolve();
    }
    return text;
  });
  const webSocket = new WebSocket(`ws://127.0.0.1:${http.port}/ws`, ['xmpp']);
  const frames: string[] = [];
  webSocket.on('message', (data) => frames.push(String(data)));
  await once(webSocket, 'open');
  webSocket.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>");
  while (frames.length < 2) await once(webSocket, 'message');
  await Promise.all(answered);

  const other = start(`--dataDir=${dataDir}`);
  assert.equal(await other.ended, 1);
  assert.match(other.err(), /^Another Parley server is running on .*first\. Stop it first/);

  server.child.kill('SIGTERM');
  const closed = once(webSocket, 'close');
  for (const text of await Promise.all(heard)) assert.match(text, /<system-shutdown [^>]*>.*<\/stream:stream>$/);
  await closed;
  assert.ok(frames.some((frame) => frame.includes('<system-shutdown')));
  assert.equal(await server.ended, 0, server.out() + server.err());
  assert.match(server.out(), /"server_stopped"/);
  assert.doesNotMatch(server.out(), /"level":(40|50)/);
});

test('both signals of one Ctrl-C are one wish, and a stopped server starts again on its data', async () => {
  const flag = `--dataDir=${join(folder, 'second')}`;
  for (let i = 0; i < 2; i++) {
    const server = start(flag);
    await ready(server);
    server.child.kill('SIGINT');
    server.child.kill('SIGINT');
    assert.equal(await server.ended, 0, server.err());
  }
});

test('--help and --version', async () => {
  const help = start('--help');
  assert.equal(await help.ended, 0);
  assert.match(help.out(), /--listen\.http=127\.0\.0\.1:8080\n/);
  const version = start('--version');
  assert.equal(await version.ended, 0);
  assert.match(version.out(), /^\d+\.\d+\.\d+\n$/);
});

describe('what keeps it from starting is said in one sentence, with exit code 1', () => {
  const refused = async (sentence: RegExp, ...flags: string[]): Promise<void> => {
    const server = start(...flags);
    assert.equal(await server.ended, 1);
    assert.match(server.err(), sentence);
    assert.equal(server.err().trim().split('\n').length, 1, server.err());
  };

  test('a taken port', async () => {
    const dataDir = `--dataDir=${join(folder, 'third')}`;
    const server = start(dataDir);
    const { http } = await ready(server);
    await refused(
      /^listen\.http: another program listens on 127\.0\.0\.1:\d+ already; /,
      `--dataDir=${join(folder, 'fourth')}`,
      `--listen.http=127.0.0.1:${http.port}`,
    );
    server.child.kill('SIGTERM');
    assert.equal(await server.ended, 0);
  });
  test('a data folder that is a file', async () => {
    await writeFile(join(folder, 'file'), '');
    await refused(/^dataDir: cannot use .*: it is a file, not a folder\.$/m, `--dataDir=${join(folder, 'file')}`);
  });
  test('something in the data folder that is of the wrong kind', async () => {
    const dataDir = join(folder, 'odd');
    await mkdir(join(dataDir, 'keys', 'upload.key'), { recursive: true });
    await refused(/^dataDir: cannot use .*upload\.key: it is a folder, not a file\.$/m, `--dataDir=${dataDir}`);
  });
  test('a certificate that is not there', () =>
    refused(
      /^tls\.cert: cannot read \/none\.pem: there is no such file\.$/m,
      `--dataDir=${join(folder, 'fifth')}`,
      '--tls.mode=files',
      '--tls.cert=/none.pem',
      '--tls.key=/none.key',
    ));
  test('a damaged database', async () => {
    const dataDir = join(folder, 'sixth');
    const server = start(`--dataDir=${dataDir}`);
    await ready(server);
    server.child.kill('SIGTERM');
    await server.ended;
    await writeFile(join(dataDir, 'parley.db'), 'this is no database, but it is long enough to look at'.repeat(100));
    await refused(/is damaged/, `--dataDir=${dataDir}`);
  });
  test('a setting that does not exist', () =>
    refused(/^The flag --listen\.htp is not known; did you mean --listen\.http\?$/m, '--listen.htp=1'));
});
