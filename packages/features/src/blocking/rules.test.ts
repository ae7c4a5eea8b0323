import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Jid } from '@parley/protocol';
import { el } from '@parley/xml';
import { isBlocked, judge, readItems } from './rules.ts';

const HOST = 'home.example';

test('XEP-0191 §5: an item matches its resource, all resources, or the whole domain', () => {
  const table: ReadonlyArray<readonly [item: string, address: string, blocked: boolean]> = [
    ['bob@a.example/phone', 'bob@a.example/phone', true],
    ['bob@a.example/phone', 'bob@a.example/laptop', false],
    ['bob@a.example/phone', 'bob@a.example', false],
    ['bob@a.example', 'bob@a.example', true],
    ['bob@a.example', 'bob@a.example/phone', true],
    ['bob@a.example', 'rob@a.example', false],
    ['a.example/service', 'a.example/service', true],
    ['a.example/service', 'a.example', false],
    ['a.example', 'a.example', true],
    ['a.example', 'bob@a.example/phone', true],
    ['a.example', 'a.example/service', true],
    ['a.example', 'b.example', false],
  ];
  for (const [item, address, blocked] of table)
    assert.equal(isBlocked(new Set([item]), Jid.parse(address), HOST), blocked, `${item} ${address}`);
});

test('the served domain cannot be shut out by its own account, its other users can', () => {
  const list = new Set([HOST]);
  assert.equal(isBlocked(list, Jid.parse(HOST), HOST), false);
  assert.equal(isBlocked(list, Jid.parse(`bob@${HOST}`), HOST), true);
});

test('who stops what: devices of one account always reach each other', () => {
  for (const senderBlocks of [true, false])
    for (const recipientBlocks of [true, false]) {
      assert.equal(judge({ sameAccount: true, senderBlocks, recipientBlocks }), 'pass');
      const verdict = judge({ sameAccount: false, senderBlocks, recipientBlocks });
      assert.equal(verdict, senderBlocks ? 'blocked-by-sender' : recipientBlocks ? 'blocked-by-recipient' : 'pass');
    }
});

test('items are addresses, each once', () => {
  const block = (...jids: string[]) => el('block', { xmlns: 'urn:xmpp:blocking' }, ...jids.map((jid) => el('item', { jid })));
  assert.deepEqual(readItems(block('Bob@a.example', 'bob@a.example', 'a.example'), 'block'), {
    ok: true,
    jids: ['bob@a.example', 'a.example'],
  });
  const bad = readItems(block('@@@'), 'block');
  assert.ok(!bad.ok && bad.condition === 'jid-malformed');
  const nameless = readItems(el('block', { xmlns: 'urn:xmpp:blocking' }, el('item')), 'block');
  assert.ok(!nameless.ok && nameless.condition === 'bad-request');
});
