// kill -9 while real clients are connected. What they had acknowledged cannot be proved, so the resumption is refused (D14); they bind
// anew and catch up. Our client shows each message once, in order; to others a repeat has the stanza-id of the first and a <delay/> (D8).
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { memoryStore } from '@parley/sdk/node';
import { Slixmpp, slixmppMissing } from '../interop/drivers/slixmpp.ts';
import { PATIENCE_MS, waitFor } from '../support/process.ts';
import { type RawClient, rawSession } from '../support/raw.ts';
import { Clients, next } from '../support/sdk.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { certificateOf, trust } from '../support/trust.ts';

const KILLS = 2;
const IN_A_ROUND = 20;
const server: TestServer = await startServer({ config: { 'auth.allowPlaintext': true } });
const pem = await certificateOf(server.ports.xmpps, server.domain);
trust(pem);
const folder = await mkdtemp(join(tmpdir(), 'parley-crash-'));
const clients = new Clients(() => server);
test.after(async () => {
  await clients.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Somebody sends numbered messages, each of them acknowledged, over as many kills; `between` runs in the middle of each round. */
async function sendOver(to: string, from: string, between: () => Promise<void>): Promise<string[]> {
  await server.createUser(from, 'secret');
  const texts: string[] = [];
  const send = async (sender: RawClient, count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      texts.push(`${from} ${texts.length}`);
      sender.send(`<message to='${to}' type='chat' id='${texts.length}'><body>${texts.at(-1)}</body></message>`);
    }
    await sender.settled();
  };
  for (let kill = 0; kill <= KILLS; kill++) {
    const sender = await rawSession(server, from, { resource: 'desk' });
    await send(sender, IN_A_ROUND / 2);
    if (kill > 0) await between();
    await send(sender, IN_A_ROUND / 2);
    // At once: what the recipient has acknowledged of the last ones is anybody's guess.
    if (kill < KILLS) {
      await server.kill();
      sender.cut();
      await server.restart();
    } else await sender.bye();
  }
  return texts;
}

test('our client, connected when the server is killed: each message once, in order', { timeout: 3 * PATIENCE_MS }, async () => {
  await server.createUser('ann', 'correct horse');
  const store = memoryStore();
  const ann = clients.make({ store });
  await Promise.all([next(ann, 'sync.done'), ann.signIn({ username: 'ann', password: 'correct horse' })]);
  const shown: string[] = [];
  ann.on('message.new', ({ message }) => shown.push(message.body));
  const online = (): Promise<unknown> => waitFor('her to be back', () => ann.connection.snapshot().state === 'online');
  const texts = await sendOver(`ann@${server.domain}`, 'sender1', async () => void (await online()));
  await waitFor('all of them', () => shown.length >= texts.length);
  const kept = await store.messages(`sender1@${server.domain}`, { limit: 1000 });
  assert.deepEqual(
    kept.map(({ body }) => body),
    texts,
    'what she has',
  );
  assert.deepEqual(shown, texts, 'what she was told of');
});

test('slixmpp, connected when the server is killed: nothing lost, nothing new twice', {
  timeout: 3 * PATIENCE_MS,
  skip: slixmppMissing(),
}, async (t) => {
  const account = { username: 'sly', password: 'secret-sly', domain: server.domain, resource: 'phone' };
  await server.createUser(account.username, account.password);
  const certificateFile = join(folder, 'server.pem');
  await writeFile(certificateFile, pem);
  const sly = new Slixmpp(account, { xmpp: server.ports.xmpp, xmpps: server.ports.xmpps, webSocket: server.webSocket, certificateFile });
  t.after(() => sly.dispose());
  await sly.signIn();
  const texts = await sendOver(`sly@${server.domain}`, 'sender2', async () => {
    assert.equal(await sly.reconnected(), false, 'the resumption is refused');
  });
  await waitFor(`all of them; heard ${sly.heard().length}`, () => new Set(sly.heard().map(({ text }) => text)).size === texts.length);
  const seen = new Map<string, string>();
  const first: string[] = [];
  for (const { text, serverId = '', late } of sly.heard()) {
    assert.notEqual(serverId, '');
    if (!seen.has(serverId)) {
      seen.set(serverId, text);
      first.push(text);
      continue;
    }
    assert.deepEqual([seen.get(serverId), late], [text, true], 'a repeat is marked as one');
  }
  assert.deepEqual(first, texts);
});
