// The SDK inside of somebody's app: its server says who the user is, at the first time and whenever what was got is over.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { ChatClient, type ChatError, type ChatStore, memoryStore, type TokenProvider } from '@parley/sdk/node';
import { parley } from '../support/cli.ts';
import { startServer } from '../support/server.ts';
import { until } from './messages.ts';

const server = await startServer({ kind: 'parley' });
const clients: ChatClient[] = [];
test.after(async () => {
  for (const client of clients) await client.close();
  await server.stop();
});
const { out } = await parley(server, ['key', 'add', 'shop', '--json']);
const { key, secret } = JSON.parse(out) as { key: { id: string }; secret: string };

/** What the app's server does for a user who is signed in to it. */
function tokenFor(user: string, device: string): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const text = `${part({ alg: 'HS256', kid: key.id })}.${part({ sub: user, aud: 'localhost', iat: now, exp: now + 3600, scope: 'chat register', device })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

function newClient(token: TokenProvider, store: ChatStore = memoryStore()): ChatClient {
  const client = ChatClient.create({ server: server.httpOrigin, domain: server.domain, store, token });
  clients.push(client);
  return client;
}
const online = (client: ChatClient): Promise<void> => until('online', () => client.connection.snapshot().state === 'online');
/** What the client keeps of its token, changed. */
async function changeToken(store: ChatStore, change: (token: Record<string, unknown>) => unknown): Promise<void> {
  const kept = (await store.value('device.sign-in')) as { token: Record<string, unknown> };
  await store.commit({ values: { 'device.sign-in': { ...kept, token: change(kept.token) } as never } });
}

test('two users of an app chat; their devices come back without asking the app, and ask it when their token is gone or refused', async () => {
  const asked: string[] = [];
  const store = memoryStore();
  const provider: TokenProvider = async ({ deviceId }) => {
    asked.push(deviceId);
    return tokenFor('ann', deviceId);
  };
  let ann = newClient(provider, store);
  await ann.connect();
  assert.equal(ann.user.snapshot()?.id, 'ann@localhost');
  const bob = newClient(async ({ deviceId }) => tokenFor('bob', deviceId));
  await bob.connect();
  await (await ann.conversation('bob').send('hello from the shop')).sent;
  await until('the message', () => bob.conversations.snapshot().some(({ lastMessage }) => lastMessage?.body === 'hello from the shop'));
  assert.equal(asked.length, 1);

  const again = async (): Promise<void> => {
    await ann.disconnect();
    ann = newClient(provider, store);
    await ann.connect();
    await online(ann);
  };
  await again();
  assert.equal(asked.length, 1, 'the token of the device is enough');
  await ann.disconnect();
  await changeToken(store, () => null);
  await again();
  assert.equal(asked.length, 2, 'gone');
  await ann.disconnect();
  await changeToken(store, (token) => ({ ...token, token: 'not what the server gave', offer: {} }));
  await again();
  assert.deepEqual([asked.length, new Set(asked).size], [3, 1], 'refused; and it is one device all the time');
});

test('nobody is signed in to the app any more, or somebody else is: the session has expired, and nobody is let in', async () => {
  const store = memoryStore();
  let user: string | undefined = 'carol';
  const provider: TokenProvider = async ({ deviceId }) => (user === undefined ? undefined : tokenFor(user, deviceId));
  let carol = newClient(provider, store);
  await carol.connect();
  for (const next of [undefined, 'mallory']) {
    await carol.disconnect();
    await changeToken(store, () => null);
    user = next;
    carol = newClient(provider, store);
    const expired: ChatError[] = [];
    carol.on('session.expired', ({ error }) => expired.push(error));
    await carol.connect();
    await until('the session to be over', () => expired.length > 0);
    assert.deepEqual(
      [expired[0]?.code, carol.connection.snapshot().state, carol.user.snapshot()?.id],
      ['session-expired', 'offline', 'carol@localhost'],
    );
  }
});

test("the app's server cannot be asked: tried again, and nothing is lost", async () => {
  const store = memoryStore();
  let down = false;
  const failures: unknown[] = [];
  const provider: TokenProvider = async ({ deviceId }) => {
    if (!down) return tokenFor('dave', deviceId);
    failures.push(deviceId);
    throw new Error('no network');
  };
  let dave = newClient(provider, store);
  await dave.connect();
  await dave.disconnect();
  await changeToken(store, () => null);
  down = true;
  dave = newClient(provider, store);
  await dave.connect();
  await until('a try that failed', () => failures.length > 0 && dave.connection.snapshot().state === 'waiting');
  down = false;
  await online(dave);
});

test('a token that the server refuses ends the attempt with an error that says so', async () => {
  const eve = newClient(async () => 'eyJhbGciOiJub25lIn0.e30.');
  await assert.rejects(eve.connect(), (error: ChatError) => error.code === 'session-expired');
  assert.equal(eve.user.snapshot(), undefined);
  const nobody = newClient(async () => undefined);
  await assert.rejects(nobody.connect(), (error: ChatError) => error.code === 'session-expired');
});
