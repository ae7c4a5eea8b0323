// Does the server forget those who are gone? Many clients connect, sign in and go, in several ways; then its heap is what it was.
//   node bench/churn.ts [cycles]     exits with 1 when more than 5 MB stayed
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, type Transport } from './load/connection.ts';
import { freePorts } from './servers/server.ts';

const HOST = '127.0.0.1';
const ACCOUNTS = 20;
const AT_ONCE = 20;
const MAX_GROWTH = 5_000_000;
const WARM_UP = 1000;
const cycles = Number(process.argv[2] ?? 20_000);

const folder = await mkdtemp(join(tmpdir(), 'parley-churn-'));
const [xmpp = 0, xmpps = 0, http = 0] = await freePorts(3);
const settings = {
  dataDir: folder,
  'listen.xmpp': `${HOST}:${xmpp}`,
  'listen.xmpps': `${HOST}:${xmpps}`,
  'listen.http': `${HOST}:${http}`,
  'auth.allowPlaintext': true,
  'registration.open': true,
  'registration.perAddressPerHour': 0,
  'log.level': 'warn',
  // Sessions that nobody resumes are gone before the heap is looked at.
  'limits.resumeTime': '1s',
};
const child = spawn(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--expose-gc',
    '--import',
    'data:text/javascript,process.on("SIGUSR2",()=>gc())',
    join(import.meta.dirname, '../apps/server/src/main.ts'),
    ...Object.entries(settings).map(([key, value]) => `--${key}=${value}`),
  ],
  { stdio: ['ignore', 'inherit', 'ignore'] },
);

/** What /metrics says under this name. */
async function metric(name: string): Promise<number> {
  const page = await (await fetch(`http://${HOST}:${http}/metrics`)).text();
  return Number(new RegExp(`^${name} ([\\d.e+]+)$`, 'm').exec(page)?.[1]);
}

/** Waits until the server holds nobody, collects its garbage, answers its heap. */
async function heap(): Promise<number> {
  while ((await metric('parley_connections')) > 0 || (await metric('parley_sessions')) > 0) await sleep(200);
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 4; i++) {
    child.kill('SIGUSR2');
    await sleep(300);
    least = Math.min(least, await metric('nodejs_heap_size_used_bytes'));
  }
  return least;
}

async function signIn(number: number, transport: Transport): Promise<Connection> {
  const target = { host: HOST, domain: 'localhost', port: xmpp, tlsPort: xmpps };
  const options = { target, password: 'secret', mechanism: 'SCRAM-SHA-1', streamManagement: number % 2 === 0 } as const;
  return Connection.open({ ...options, user: `user${number % ACCOUNTS}`, transport });
}

/** One visit; every seventh client says nothing that makes sense. */
async function visit(number: number): Promise<void> {
  if (number % 7 === 0) {
    const socket = connect(xmpp, HOST);
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve()).once('error', () => {});
      socket.resume();
      socket.write(number % 2 === 0 ? 'GET / HTTP/1.1\r\n\r\n' : "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns=");
      setTimeout(() => socket.destroy(), 5);
    });
    return;
  }
  const connection = await signIn(number, number % 50 === 1 ? 'tls' : 'plain').catch(() => undefined);
  if (connection === undefined) return;
  connection.sendPresence();
  connection.write(
    Buffer.from(
      `<message type='chat' to='user${(number + 1) % ACCOUNTS}@localhost'><no-store xmlns='urn:xmpp:hints'/><body>x</body></message>`,
    ),
  );
  await connection.close();
}

async function visits(count: number): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) await visit(next++);
    }),
  );
}

let code = 1;
try {
  while (
    !(await fetch(`http://${HOST}:${http}/healthz`).then(
      (answer) => answer.ok,
      () => false,
    ))
  )
    await sleep(100);
  for (let i = 0; i < ACCOUNTS; i++) {
    const body = JSON.stringify({ username: `user${i}`, password: 'secret' });
    await fetch(`http://${HOST}:${http}/api/v1/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  }
  await visits(WARM_UP);
  const before = await heap();
  const began = Date.now();
  await visits(cycles);
  const seconds = (Date.now() - began) / 1000;
  const after = await heap();
  const signIns = await metric('parley_sign_ins_total');
  const grown = after - before;
  console.log(
    `${cycles} visits in ${seconds.toFixed(0)} s (${signIns} sign-ins): heap ${(before / 1e6).toFixed(1)} MB, then ${(after / 1e6).toFixed(1)} MB`,
  );
  code = grown <= MAX_GROWTH && signIns > cycles / 2 ? 0 : 1;
  if (code !== 0) console.log('This is a leak, or too few could sign in.');
} finally {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
  await rm(folder, { recursive: true });
}
process.exit(code);
