import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DataForm } from '@parley/protocol';
import { accountsIn, localpartOf, maxItems, readAdmins } from './rules.ts';

const form = (fields: Record<string, string[]>): DataForm => ({
  type: 'submit',
  fields: Object.entries(fields).map(([name, values]) => ({ var: name, values })),
});

test('administrators are accounts of this host', () => {
  assert.deepEqual(readAdmins('Ann@chat.example, bob@chat.example', 'chat.example'), {
    admins: new Set(['ann@chat.example', 'bob@chat.example']),
  });
  for (const bad of ['chat.example', 'ann@evil.example', 'ann@chat.example/phone', 'ann'])
    assert.deepEqual(readAdmins(`bob@chat.example ${bad}`, 'chat.example'), { bad });
  assert.deepEqual(readAdmins('', 'chat.example'), { admins: new Set() });
});

test('a command is about accounts here, a bounded number of them', () => {
  assert.equal(localpartOf(' Ann@chat.example', 'chat.example'), 'ann');
  assert.equal(localpartOf('ann@other.example', 'chat.example'), undefined);
  assert.equal(localpartOf('ann@chat.example/x', 'chat.example'), undefined);
  assert.deepEqual(accountsIn(form({ accountjids: ['a@b', '', 'a@b', 'c@b'] })), ['a@b', 'c@b']);
  assert.equal(accountsIn(form({})), undefined);
  assert.equal(accountsIn(form({ accountjids: Array.from({ length: 101 }, (_, i) => `u${i}@b`) })), undefined);
});

test('lists are as long as asked for, never longer than is good', () => {
  assert.equal(maxItems(form({ max_items: ['25'] }), 1000), 25);
  assert.equal(maxItems(form({ max_items: ['none'] }), 1000), 1000);
  assert.equal(maxItems(form({ max_items: ['999999'] }), 1000), 1000);
  assert.equal(maxItems(form({}), 1000), 1000);
});
