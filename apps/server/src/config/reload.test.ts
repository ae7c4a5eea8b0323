import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Core, type Feature, FeatureSet, type Option, type Options } from '@parley/core';
import { openSqliteStorage } from '@parley/storage/sqlite';
import { NO_SLOTS, serverFeatures } from '../features.ts';
import { nodeClock } from '../ports/clock.ts';
import { nodeCrypto, nodeRandom } from '../ports/crypto.ts';
import { makeConfig } from './config.ts';
import { changes, reloadable } from './reload.ts';
import { allSettings } from './settings.ts';

const make = (settings: Record<string, unknown> = {}, features: Record<string, unknown> = {}) =>
  makeConfig(new Map(Object.entries(settings)), features, '/');

test('every option of the server and of every feature is declared hot or cold', () => {
  for (const [name, kind] of reloadable()) assert.ok(kind === 'hot' || kind === 'cold', `${name} says neither hot nor cold`);
  for (const name of allSettings().keys()) assert.ok(reloadable().has(name), name);
});

test('hot changes are named; defaults that somebody wrote down are no change', () => {
  assert.deepEqual(changes(make(), make({ 'log.level': 'info' })), []);
  assert.deepEqual(changes(make(), make({ 'log.level': 'debug', 'limits.stanzaSize': '1MiB' }, { roster: { maxContacts: 7 } })), [
    'features.roster.maxContacts',
    'limits.stanzaSize',
    'log.level',
  ]);
  assert.deepEqual(changes(make({ 'registration.open': true }), make({ 'registration.open': false })), ['registration.open']);
});

test('a cold change is refused by name, and with it everything else', () => {
  assert.throws(() => changes(make(), make({ 'listen.xmpp': ':5222', 'log.level': 'debug' })), /this needs a restart: listen\.xmpp\.$/);
  assert.throws(() => changes(make(), make({ domain: 'other.example', 'tls.mode': 'off' })), /restart: domain, tls\.mode\.$/);
  assert.throws(() => changes(make(), make({}, { vcard: false })), /restart: features\.vcard\.$/);
  assert.throws(() => changes(make({}, { vcard: false }), make({}, { vcard: { maxSize: '1KiB' } })), /restart: features\.vcard\.$/);
  assert.throws(() => changes(make(), make({}, { roster: { cachedAccounts: 100 } })), /restart: features\.roster\.cachedAccounts\.$/);
});

test('what belongs to a further domain is hot or cold as at the top; a domain comes and goes with a restart', () => {
  const domains = (features: Record<string, unknown>, settings: Record<string, unknown> = {}, domain = 'other.example') =>
    makeConfig(new Map(), {}, '/', [{ domain, settings: new Map(Object.entries(settings)), features }]);
  assert.deepEqual(changes(domains({}), domains({})), []);
  assert.deepEqual(changes(domains({}), domains({ roster: { maxContacts: 7 } }, { 'limits.stanzaSize': '1MiB' })), [
    'domains.other.example.features.roster.maxContacts',
    'domains.other.example.limits.stanzaSize',
  ]);
  assert.throws(() => changes(domains({}), domains({ vcard: false })), /restart: domains\.other\.example\.features\.vcard\.$/);
  assert.throws(() => changes(domains({}), domains({}, {}, 'new.example')), /restart: domains\.new\.example, domains\.other\.example\.$/);
  assert.throws(() => changes(make(), domains({})), /restart: domains\.other\.example\.$/);
});

/** Another value than the default, within bounds. */
function other(option: Option): unknown {
  switch (option.type) {
    case 'boolean':
      return !option.default;
    case 'integer':
      return option.default === option.min ? option.max : option.min;
    case 'string':
      return option.values === undefined ? `${option.default}x` : option.values.find((value) => value !== option.default);
    default:
      return option.default === option.min ? option.max : option.min;
  }
}

const log = { debug() {}, info() {}, warn() {}, error() {} };
function coreOf(config: ReturnType<typeof make>): { core: Core; close: () => unknown } {
  const storage = openSqliteStorage({ path: ':memory:', schedule: nodeClock.soon });
  const parts = {
    config: config.core,
    storage,
    clock: nodeClock,
    random: nodeRandom,
    crypto: nodeCrypto,
    log,
    stableKey: new Uint8Array(32),
  };
  const core = new Core(parts);
  return { core, close: () => core.drain().then(() => storage.close()) };
}

test('what a feature declares hot it does not keep from its start, unless it asks to be told', async (t) => {
  const { core, close } = coreOf(make());
  t.after(close);
  const kept: string[] = [];
  const idle = { close() {} } as never;
  const watched = serverFeatures(NO_SLOTS, undefined, () => idle).map(
    (feature): Feature<Options> => ({
      ...feature,
      async setup(ctx) {
        const read = new Set<string>();
        let told = false;
        let starting = true;
        const config = new Proxy(ctx.config, {
          get(target, key) {
            if (starting) read.add(String(key));
            return Reflect.get(target, key);
          },
        });
        await feature.setup({
          ...ctx,
          config,
          onReload(run) {
            told = true;
            ctx.onReload(run);
          },
        });
        starting = false;
        for (const name of read) if (feature.options[name]?.reload === 'hot' && !told) kept.push(`features.${feature.name}.${name}`);
      },
    }),
  );
  const features = new FeatureSet(core);
  await features.load(watched);
  await features.unload();
  assert.deepEqual(kept, [], 'read ctx.config at each use, or in ctx.onReload as well, or declare it cold');
});

test('features see new values where they look for them, and bad ones change nothing', async (t) => {
  const { core, close } = coreOf(make());
  t.after(close);
  const seen: unknown[] = [];
  const probe: Feature<Options> = {
    name: 'probe',
    about: 'x',
    implements: [],
    options: { size: { reload: 'hot', type: 'integer', default: 1, min: 0, max: 9, about: 'x' } },
    setup(ctx) {
      ctx.onReload(() => void seen.push(ctx.config['size']));
    },
  };
  const features = new FeatureSet(core);
  await features.load([probe]);
  assert.throws(() => features.reload({ probe: { size: 10 } }), /must be a whole number/);
  features.reload({ probe: { size: 5 } });
  features.reload({});
  assert.deepEqual(seen, [5, 1]);
  await features.unload();
});

test('a core that was given other settings has those that it would have been started with', async (t) => {
  const settings: Record<string, unknown> = {};
  for (const [name, option] of allSettings())
    if (option.reload === 'hot' && !/^(tls|http|log|media|registration)\./.test(name)) settings[name] = other(option);
  Object.assign(settings, { 'history.keep': 'until-delivered', 'sessions.location': 'chat.example:5222' });
  const { core, close } = coreOf(make());
  t.after(close);
  const fresh = coreOf(make(settings));
  t.after(fresh.close);
  assert.notDeepEqual(core.config, fresh.core.config);
  core.reconfigure(make(settings).core);
  assert.deepEqual(core.config, fresh.core.config);
  assert.deepEqual(core.limits, fresh.core.limits);
  assert.deepEqual(core.preAuthXml, fresh.core.preAuthXml);
  assert.deepEqual(core.signedInXml, fresh.core.signedInXml);
  assert.equal(core.accounts.iterations, fresh.core.accounts.iterations);
  assert.equal(core.limits, core.config.limits, 'one set of limits');
});
