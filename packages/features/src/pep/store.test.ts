import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Table } from '@parley/core';
import { DEFAULT_CONFIG } from './config.ts';
import { AccountNodes, PepNode } from './store.ts';

const table = <T>(): Table<T> => ({
  get: () => undefined,
  list: () => [],
  owners: () => [],
  set: () => {},
  delete: () => {},
  deleteOwner: () => {},
});
const nodesOf = (): AccountNodes =>
  new AccountNodes(1, { nodes: table(), progress: table(), items: table(), subscriptions: table() }, [], []);

test('flood: items without a payload count by their ids', () => {
  const nodes = nodesOf();
  const node = nodes.create('n', DEFAULT_CONFIG);
  const order = node.order as Map<string, number>;
  for (let i = 0; i < 100; i++) nodes.put(node, order, { id: 'x'.repeat(500) + i, at: 0, xml: '' });
  assert.ok(nodes.size > 50_000, String(nodes.size));
  nodes.put(node, order, { id: `${'x'.repeat(500)}0`, at: 1, xml: '' });
  for (const id of [...order.keys()]) nodes.drop(node, order, id);
  assert.equal(nodes.size, 0);
});

test('who is subscribed is known at once, pending ones are not, and a change is heeded', () => {
  const node = new PepNode('n', { config: {}, affiliations: {}, next: 1, last: undefined, count: 0, size: 0 }, [
    { jid: 'a@h/phone', state: 'subscribed' },
    { jid: 'b@h', state: 'pending' },
  ]);
  const known = (): boolean[] => ['a@h', 'b@h', 'c@h'].map((bare) => node.hasSubscriber(bare));
  assert.deepEqual(known(), [true, false, false]);
  node.subscriptions = [...node.subscriptions, { jid: 'c@h', state: 'subscribed' }];
  assert.deepEqual(known(), [true, false, true]);
  node.subscriptions = [];
  assert.deepEqual(known(), [false, false, false]);
});

test('a publication writes the item and one small row, not the lists of the node; rows of the first version are read', () => {
  const written: string[] = [];
  const noting = <T>(name: string): Table<T> => ({
    ...table<T>(),
    set: (_owner, key, value) => void written.push(`${name} ${key} ${JSON.stringify(value)}`),
  });
  const tables = {
    nodes: noting<never>('node'),
    progress: noting<never>('progress'),
    items: noting<never>('item'),
    subscriptions: table<never>(),
  };
  const old = { key: 'n', value: { config: {}, affiliations: {}, next: 3, last: 'b', count: 2, size: 131 } };
  const nodes = new AccountNodes(1, tables, [old], []);
  const node = nodes.get('n') as PepNode;
  assert.deepEqual([node.next, node.last, node.count, node.size], [3, 'b', 2, 131]);
  nodes.put(
    node,
    new Map([
      ['a', 65],
      ['b', 66],
    ]),
    { id: 'c', at: 5, xml: '<x/>' },
  );
  nodes.saveProgress(node);
  assert.deepEqual(
    written.map((one) => one.split(' ', 1)[0]),
    ['item', 'progress'],
  );
  assert.match(written[1] ?? '', /"next":4,"count":3.*"last":"c"/);
});
