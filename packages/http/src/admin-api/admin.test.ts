import assert from 'node:assert/strict';
import { chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectAdmin } from './client.ts';
import { type AdminActions, AdminError, listenAdmin } from './server.ts';

const OWNER = process.getuid?.() ?? 0;

/** Actions that remember what was asked. */
function recorder(asked: unknown[][]): AdminActions {
  const note =
    <T>(name: string, answer: T) =>
    async (...args: unknown[]): Promise<T> => {
      asked.push([name, ...args]);
      return answer;
    };
  return {
    status: note('status', { accounts: 2 }),
    async addUser(name, password) {
      asked.push(['addUser', name, password]);
      if (name === 'taken') throw new AdminError('conflict', 'This user name is taken; choose another.');
      if (name === 'broken') throw new Error('a fault with secret details');
      return `${name}@chat.example`;
    },
    users: note('users', [{ jid: 'ann@chat.example', createdAt: 1, disabled: false, sessions: 0 }]),
    removeUser: note('removeUser', undefined),
    setPassword: note('setPassword', undefined),
    queues: note('queues', [{ jid: 'ann@chat.example', device: 'phone', queueLength: 3, queueAgeMs: 5 }]),
    limits: note('limits', { limits: [], ways: [], smsAlarm: false }),
    sessions: note('sessions', []),
    kick: note('kick', 1),
    reload: note('reload', ['log.level']),
    notice: note('notice', { text: 'Hello', at: 1 }),
    setNotice: note('setNotice', undefined),
    keys: note('keys', []),
    addKey: note('addKey', { key: KEY, secret: 'told once' }),
    rotateKey: note('rotateKey', { key: KEY, secret: 'another' }),
    revokeKey: note('revokeKey', undefined),
    exportTo: note('exportTo', { counts: { accounts: 1 }, missing: [] }),
    importFrom: note('importFrom', { counts: {}, there: [], withoutKeys: [], left: [], leftCount: 0 }),
    reports: note('reports', [REPORT]),
    report: note('report', REPORT),
    closeReport: note('closeReport', undefined),
  };
}

const KEY = { id: 'k1', name: 'shop', domain: 'chat.example', algorithm: 'HS256', createdAt: 1 };
const REPORT = {
  id: 'r1',
  at: 1,
  reporter: 'ann@chat.example',
  jid: 'spam@chat.example',
  reason: 'urn:xmpp:reporting:spam',
  texts: [],
  messages: [],
  state: 'open',
} as const;

interface Started {
  readonly path: string;
  readonly asked: unknown[][];
  readonly events: [string, string, Record<string, unknown> | undefined][];
}

async function start(t: TestContext): Promise<Started> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-admin-'));
  const path = join(folder, 'admin.sock');
  const asked: unknown[][] = [];
  const events: Started['events'] = [];
  const at =
    (level: string) =>
    (event: string, fields?: Record<string, unknown>): void =>
      void events.push([level, event, fields]);
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const admin = await listenAdmin(path, recorder(asked), log);
  t.after(async () => {
    await admin.close();
    await assert.rejects(stat(path), { code: 'ENOENT' }, 'the socket is gone after close');
    await rm(folder, { recursive: true });
  });
  return { path, asked, events };
}

function post(path: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath: path, method: 'POST', agent: false }, async (response) => {
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
      resolve({ status: response.statusCode ?? 0, text });
    })
      .once('error', reject)
      .end(body);
  });
}

test('what is asked at one end is done at the other', async (t) => {
  const { path, asked } = await start(t);
  const admin = connectAdmin(path, OWNER);
  assert.equal(await admin.addUser('ann', 'secret'), 'ann@chat.example');
  assert.deepEqual(await admin.users(undefined, 10), [{ jid: 'ann@chat.example', createdAt: 1, disabled: false, sessions: 0 }]);
  await admin.users('ann', 10);
  await admin.setPassword('ann', 'other');
  await admin.removeUser('ann');
  assert.equal((await admin.queues(5))[0]?.queueLength, 3);
  assert.deepEqual(await admin.sessions(), []);
  assert.equal(await admin.kick('ann@chat.example'), 1);
  assert.deepEqual(await admin.status(), { accounts: 2 });
  assert.deepEqual(asked, [
    ['addUser', 'ann', 'secret'],
    ['users', undefined, 10],
    ['users', 'ann', 10],
    ['setPassword', 'ann', 'other'],
    ['removeUser', 'ann'],
    ['queues', 5],
    ['sessions'],
    ['kick', 'ann@chat.example'],
    ['status'],
  ]);
});

test('a refusal keeps its sentence, a fault tells nothing but to the log', async (t) => {
  const { path, events } = await start(t);
  const admin = connectAdmin(path, OWNER);
  await assert.rejects(admin.addUser('taken', 'x'), { code: 'conflict', message: 'This user name is taken; choose another.' });
  await assert.rejects(admin.addUser('broken', 'x'), { code: 'unavailable', message: 'The server failed at this; its log says why.' });
  assert.deepEqual(
    events.filter(([level]) => level === 'error').map(([, event]) => event),
    ['admin_request_failed'],
  );
});

test('passwords do not reach the log', async (t) => {
  const { path, events } = await start(t);
  await connectAdmin(path, OWNER).addUser('ann', 'correct horse');
  assert.ok(events.length > 0 && !JSON.stringify(events).includes('correct horse'));
});

test('what is no request, is unknown, has more than it should or is too large', async (t) => {
  const { path, asked } = await start(t);
  for (const body of [
    '',
    '{',
    'null',
    '{"action":"shutdown"}',
    '{"action":"status","more":1}',
    '{"action":"users","limit":0}',
    '{"action":"users","limit":1e9}',
    '{"action":"addUser","name":"ann"}',
  ])
    assert.equal((await post(path, body)).status, 400, body);
  assert.equal((await post(path, JSON.stringify({ action: 'kick', jid: 'x'.repeat(20_000) }))).status, 413);
  assert.deepEqual(asked, []);
});

test('the socket is for its owner only', { skip: process.platform === 'win32' && 'needs Unix modes' }, async (t) => {
  const { path } = await start(t);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test('a socket left by a server that died is replaced', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-admin-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'admin.sock');
  await writeFile(path, '');
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const admin = await listenAdmin(path, recorder([]), log);
  assert.deepEqual(await connectAdmin(path, OWNER).status(), { accounts: 2 });
  await admin.close();
});

test('nobody there, or somebody else', async (t) => {
  const { path, asked } = await start(t);
  await assert.rejects(connectAdmin(`${path}.not`, OWNER).status(), { code: 'unavailable', message: /cannot be used/ });
  // Sockets of root are always taken: the test of root gives it away.
  if (OWNER === 0) await chown(path, 12_345, 0);
  await assert.rejects(connectAdmin(path, OWNER + 1).addUser('ann', 'secret'), {
    code: 'unavailable',
    message: /not the server of this folder/,
  });
  assert.deepEqual(asked, [], 'the password was not sent');
});
