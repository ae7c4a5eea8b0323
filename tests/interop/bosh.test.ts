// XEP-0124 and XEP-0206 with a foreign client: stanza over BOSH, talking with itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Agent, createClient } from 'stanza';
import { waitFor } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';

function agent(server: TestServer, name: string): { client: Agent; heard: string[] } {
  const client = createClient({
    jid: `${name}@localhost`,
    password: 'secret',
    resource: 'web',
    server: 'localhost',
    transports: { websocket: false, bosh: `${server.httpOrigin}/http-bind` },
    autoReconnect: false,
  });
  const heard: string[] = [];
  client.on('chat', (message) => void heard.push(`${message.from}: ${message.body}`));
  return { client, heard };
}

test('stanza signs in over BOSH with SCRAM, chats, sees presence, leaves', async (t) => {
  const server = await startServer({ kind: 'parley' });
  t.after(() => server.stop());
  for (const name of ['ann', 'bob']) await server.createUser(name, 'secret');
  const ann = agent(server, 'ann');
  const bob = agent(server, 'bob');
  for (const { client } of [ann, bob]) {
    const started = new Promise<void>((resolve) => client.on('session:started', () => resolve()));
    client.connect();
    await started;
    client.sendPresence();
    await client.getRoster();
  }
  for (let i = 0; i < 20; i++) ann.client.sendMessage({ to: 'bob@localhost', type: 'chat', body: `number ${i} <&>` });
  await waitFor('twenty messages', () => bob.heard.length === 20).catch((error: unknown) =>
    assert.fail(`${String(error)}: ${bob.heard.join('\n')}`),
  );
  assert.deepEqual(
    bob.heard,
    Array.from({ length: 20 }, (_, i) => `ann@localhost/web: number ${i} <&>`),
  );
  bob.client.sendMessage({ to: 'ann@localhost', type: 'chat', body: 'and back' });
  await waitFor('the answer', () => ann.heard.includes('bob@localhost/web: and back'));
  assert.ok((await ann.client.ping('localhost')) !== null);
  for (const { client } of [ann, bob]) {
    const over = new Promise<void>((resolve) => client.on('disconnected', () => resolve()));
    client.disconnect();
    await over;
  }
});
