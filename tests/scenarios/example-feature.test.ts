// The feature that CONTRIBUTING.md walks through: it is what the page shows, and it works.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { ConfigError, Core, DEFAULT_CORE_LIMITS, FeatureSet } from '@parley/core';
import { standardFeatures } from '@parley/features';
import { openSqliteStorage } from '@parley/storage/sqlite';
import { LogSink } from '@parley/testkit';
import { nodeClock } from '../../apps/server/src/ports/clock.ts';
import { nodeCrypto, nodeRandom } from '../../apps/server/src/ports/crypto.ts';
import greeting from './example/greeting.ts';

async function serverWith(config: Record<string, unknown>): Promise<{ core: Core; features: FeatureSet; sink: LogSink }> {
  const sink = new LogSink();
  const storage = openSqliteStorage({ path: ':memory:', schedule: nodeClock.soon });
  const core = new Core({
    config: {
      domain: 'localhost',
      allowPlaintext: true,
      historyKeep: 'forever',
      undeliveredMs: 86_400_000,
      scramIterations: 4096,
      limits: DEFAULT_CORE_LIMITS,
    },
    storage,
    clock: nodeClock,
    random: nodeRandom,
    crypto: nodeCrypto,
    log: sink.log,
    stableKey: new Uint8Array(32),
  });
  const features = new FeatureSet(core);
  await features.load([...standardFeatures, greeting], config);
  return { core, features, sink };
}

async function mailOf(core: Core, name: string): Promise<string> {
  const account = await core.accounts.create(name, 'secret');
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  const entries = await core.mailboxes.store.read(account.id, { limit: 10 });
  return entries.map((entry) => Buffer.from(entry.stanza).toString()).join('\n');
}

test('a new account finds the greeting in its mailbox', async () => {
  const { core, sink } = await serverWith({ greeting: { text: 'Hello & welcome' } });
  assert.match(await mailOf(core, 'ann'), /<message [^>]*to="ann@localhost"[^>]*><body>Hello &amp; welcome<\/body><\/message>/);
  assert.deepEqual(sink.unexpected(), []);
  await core.drain();
});

test('unloading takes it away without a trace', async () => {
  const { core, features } = await serverWith({});
  await features.unload();
  assert.equal(await mailOf(core, 'bob'), '');
  await core.drain();
});

test('an option that does not exist is an error that suggests the nearest', async () => {
  await assert.rejects(
    serverWith({ greeting: { txt: 'x' } }),
    (error) => error instanceof ConfigError && /did you mean features\.greeting\.text\?/.test(error.message),
  );
});

test('CONTRIBUTING.md shows this very file', async () => {
  const page = await readFile(new URL('../../CONTRIBUTING.md', import.meta.url), 'utf8');
  const source = await readFile(new URL('./example/greeting.ts', import.meta.url), 'utf8');
  assert.ok(page.includes(source.trim()), 'the code block in CONTRIBUTING.md and tests/scenarios/example/greeting.ts differ');
  assert.ok(source.split('\n').length <= 31);
});
