import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DataForm, NODE_CONFIG, PUBLISH_OPTIONS, pubsubForm } from '@parley/protocol';
import { configForm, DEFAULT_CONFIG, differences, type NodeConfig, readForm, unmet } from './config.ts';

const submit = (options: Record<string, string | string[]>): DataForm => pubsubForm(NODE_CONFIG, options);

test('a form is read with its types; what is wrong and what is unknown is named', () => {
  const read = readForm(
    submit({
      access_model: 'open',
      max_items: 'max',
      notify_retract: '0',
      title: 'T',
      roster_groups_allowed: ['a', 'b'],
      node_type: 'leaf',
    }),
    NODE_CONFIG,
  );
  assert.deepEqual(read?.values, {
    access_model: 'open',
    max_items: 'max',
    notify_retract: false,
    title: 'T',
    roster_groups_allowed: ['a', 'b'],
  });
  assert.deepEqual([read.unknown, read.wrong], [[], []]);
  const bad = readForm(
    submit({
      access_model: 'all',
      max_items: '1e3',
      subscribe: 'yes',
      item_expire: '-1',
      constructor: '1',
      node_type: 'collection',
      title: ['a', 'b'],
    }),
    NODE_CONFIG,
  );
  assert.deepEqual(bad?.values, {});
  assert.deepEqual(bad.unknown, ['pubsub#constructor']);
  assert.deepEqual(
    bad.wrong,
    ['access_model', 'max_items', 'subscribe', 'item_expire', 'node_type', 'title'].map((name) => `pubsub#${name}`),
  );
  assert.equal(readForm(submit({}), PUBLISH_OPTIONS), undefined);
});

test('the form of a configuration says the same when it is read', () => {
  const config: NodeConfig = { ...DEFAULT_CONFIG, access_model: 'roster', roster_groups_allowed: ['x', 'y'], max_items: 'max', title: 'T' };
  const read = readForm(configForm(config), NODE_CONFIG);
  assert.deepEqual(read?.values, config);
  assert.deepEqual(differences(config), { access_model: 'roster', roster_groups_allowed: ['x', 'y'], max_items: 'max', title: 'T' });
});

test('preconditions are met by equal values only (XEP-0060 §7.1.5)', () => {
  const config: NodeConfig = { ...DEFAULT_CONFIG, max_items: 'max' };
  assert.deepEqual(unmet(config, { max_items: 'max', access_model: 'presence' }), []);
  assert.deepEqual(unmet(config, { max_items: 2000, access_model: 'whitelist' }), ['max_items', 'access_model']);
});
