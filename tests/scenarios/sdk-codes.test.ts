// The SDK without a password: an address proved by mail, a device signed in by its token, over a reload and from a second tab.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ChatClient, ChatError, type CodeProof, createClient, memoryStore, nodePlatform, type Platform } from '@parley/sdk/node';
import { startMailServer } from '../support/mail-server.ts';
import { startServer } from '../support/server.ts';
import { until } from './messages.ts';

const folder = await mkdtemp(join(tmpdir(), 'parley-codes-'));
const post = await startMailServer(folder);
const server = await startServer({ kind: 'parley', config: { ...post.config, 'features.identity.perAddressPerHour': 0 } });
const clients: ChatClient[] = [];
test.after(async () => {
  for (const client of clients) await client.close();
  await server.stop();
  await post.close();
  await rm(folder, { recursive: true });
});

function newClient(store = memoryStore()): ChatClient {
  const client = ChatClient.create({ server: server.httpOrigin, domain: server.domain, store });
  clients.push(client);
  return client;
}
async function prove(client: ChatClient, to: string): Promise<CodeProof> {
  const challenge = await client.codes.send('email', to);
  assert.ok(challenge.resendAt > Date.now() - 60_000 && challenge.expiresAt > challenge.resendAt);
  const code = /\d{6}/.exec((await post.mailTo(to)).parts.get('text/plain') ?? '')?.[0] ?? '';
  await assert.rejects(
    client.codes.check(challenge, code === '000000' ? '111111' : '000000'),
    (error) => error instanceof ChatError && error.code === 'wrong-code',
  );
  return client.codes.check(challenge, code);
}

test('sign-up by mail, a reload without a network step for the person, and another device of the same person', async () => {
  const store = memoryStore();
  let phone = newClient(store);
  assert.deepEqual(await phone.codes.offered(), { kinds: ['email'], signUp: true, phoneCountry: '' });
  const proof = await prove(phone, 'ann@mail.example');
  assert.equal(proof.userId, undefined);
  assert.equal((await phone.codes.signUp(proof, 'ann')).id, 'ann@localhost');
  await until('online', () => phone.connection.snapshot().state === 'online' && !phone.connection.snapshot().syncing);
  assert.deepEqual(
    (await phone.codes.list()).map(({ kind, value }) => [kind, value]),
    [['email', 'ann@mail.example']],
  );

  // The same store in a new process: the token is the way back in, each time anew.
  for (let i = 0; i < 2; i++) {
    await phone.disconnect();
    phone = newClient(store);
    await phone.connect();
    await until('online again', () => phone.connection.snapshot().state === 'online');
  }

  // A second address, so that nobody has to wait for a second code.
  const desk = newClient();
  const second = await prove(desk, 'ann@work.example');
  await phone.codes.add(second);
  await assert.rejects(desk.codes.signUp(second, 'ann2'), (error) => error instanceof ChatError && error.code === 'account-exists');
  assert.equal((await desk.codes.signIn(second, 'Desk')).id, 'ann@localhost');
});

test('somebody with a password adds an address, signs in with it elsewhere, and takes it away', async () => {
  const bob = newClient();
  await bob.register({ username: 'bob', password: 'staple of the day' });
  const proof = await prove(bob, 'bob@mail.example');
  await bob.codes.add(proof);
  const [identifier] = await bob.codes.list();
  assert.equal(identifier?.value, 'bob@mail.example');
  const desk = newClient();
  await assert.rejects(
    desk.codes.send('email', 'bob@mail.example'),
    (error) => error instanceof ChatError && error.code === 'rate-limited' && (error.retryAfterMs ?? 0) > 0,
  );
  assert.equal((await desk.codes.signIn(proof)).id, 'bob@localhost');
  await bob.codes.remove(identifier ?? assert.fail());
  assert.deepEqual(await bob.codes.list(), []);
});

/** What Web Locks and BroadcastChannel do between the tabs of one browser. */
function browser(): () => Platform {
  const listeners = new Set<(message: string) => void>();
  let lock: Promise<void> = Promise.resolve();
  return () => ({
    ...nodePlatform(),
    channel: (_name, listener) => {
      listeners.add(listener);
      return {
        post: (message) => {
          for (const other of listeners) if (other !== listener) setImmediate(other, message);
        },
        close: () => listeners.delete(listener),
      };
    },
    exclusively: (_name, work) => {
      lock = lock.then(work);
      return lock;
    },
  });
}

test('a second tab of the same browser has no password either: the first one lets it in', async () => {
  const tab = browser();
  const store = memoryStore();
  const open = (): ChatClient => {
    const client = createClient({ platform: tab(), server: server.httpOrigin, domain: server.domain, store });
    clients.push(client);
    return client;
  };
  const first = open();
  await first.codes.signUp(await prove(first, 'cleo@mail.example'), 'cleo');
  await until('the first tab', () => first.connection.snapshot().state === 'online');
  const second = open();
  await second.connect();
  await until('the second tab', () => second.connection.snapshot().state === 'online');
  assert.equal(second.user.snapshot()?.id, 'cleo@localhost');
  // Each has a way back of its own.
  await second.disconnect();
  await first.disconnect();
  await Promise.all([first.connect(), second.connect()]);
  await until('both again', () => [first, second].every((one) => one.connection.snapshot().state === 'online'));
});

test('what cannot be: no address, a server without HTTP', async () => {
  const client = newClient();
  await assert.rejects(client.codes.send('email', 'nobody'), (error) => error instanceof ChatError && error.code === 'invalid-address');
  await assert.rejects(
    client.codes.send('phone', '+4915112345678'),
    (error) => error instanceof ChatError && error.code === 'not-supported',
  );
  const tcp = ChatClient.create({ server: `xmpp://127.0.0.1:${server.ports.xmpp}`, domain: server.domain, store: memoryStore() });
  clients.push(tcp);
  assert.deepEqual(await tcp.codes.offered(), { kinds: [], signUp: false, phoneCountry: '' });
  await assert.rejects(tcp.codes.send('email', 'a@mail.example'), (error) => error instanceof ChatError && error.code === 'not-supported');
});
