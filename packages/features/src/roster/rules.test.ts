import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Element, el } from '@parley/xml';
import { answerRosterGet, itemOf, readRosterSet, versionText } from './rules.ts';

const LIMITS = { nameLength: 10, groupLength: 10, groups: 3 };
const OWNER = 'ann@a.example';
const query = (...items: Element[]): Element => el('query', { xmlns: 'jabber:iq:roster' }, ...items);
const item = (attrs: Record<string, string>, ...groups: string[]): Element =>
  el('item', attrs, ...groups.map((group) => el('group', null, group)));

test('RFC 6121 §2.3.3: what a roster set must not be, and the error for it', () => {
  const table: ReadonlyArray<readonly [what: string, set: Element, condition: string]> = [
    ['no item', query(), 'bad-request'],
    ['two items', query(item({ jid: 'bob@a.example' }), item({ jid: 'cat@a.example' })), 'bad-request'],
    ['something else', query(el('contact', { jid: 'bob@a.example' })), 'bad-request'],
    ['no jid', query(item({})), 'bad-request'],
    ['not a jid', query(item({ jid: '@@' })), 'jid-malformed'],
    ['oneself', query(item({ jid: OWNER })), 'not-allowed'],
    ['a name too long', query(item({ jid: 'bob@a.example', name: '12345678901' })), 'not-acceptable'],
    ['an empty group', query(item({ jid: 'bob@a.example' }, '')), 'not-acceptable'],
    ['a group too long', query(item({ jid: 'bob@a.example' }, '12345678901')), 'not-acceptable'],
    ['a group twice', query(item({ jid: 'bob@a.example' }, 'a', 'a')), 'bad-request'],
    ['too many groups', query(item({ jid: 'bob@a.example' }, 'a', 'b', 'c', 'd')), 'not-acceptable'],
  ];
  for (const [what, set, condition] of table) {
    const read = readRosterSet(set, OWNER, LIMITS);
    assert.equal(read.ok ? 'fine' : read.condition, condition, what);
  }
});

test('RFC 6121 §2.1.5: of the subscription only "remove" counts; ask and approved are not for clients to set', () => {
  const set = query(item({ jid: 'Bob@A.example/phone', name: 'Bob', subscription: 'both', ask: 'subscribe', approved: 'true' }, 'Friends'));
  assert.deepEqual(readRosterSet(set, OWNER, LIMITS), {
    ok: true,
    action: 'store',
    jid: 'bob@a.example',
    name: 'Bob',
    groups: ['Friends'],
  });
  assert.deepEqual(readRosterSet(query(item({ jid: 'bob@a.example', subscription: 'remove' })), OWNER, LIMITS), {
    ok: true,
    action: 'remove',
    jid: 'bob@a.example',
  });
});

test('RFC 6121 §2.6: a known version gets the changes, anything else the whole roster', () => {
  const roster = { epoch: 1000, version: 9, floor: 3, listed: 8 };
  const few = (): number => 2;
  const many = (): number => 5;
  const at = (version: number, epoch = 1000): string => versionText(epoch, version);
  assert.deepEqual(answerRosterGet(at(9), roster, few), { answer: 'changes', since: 9 });
  assert.deepEqual(answerRosterGet(at(5), roster, few), { answer: 'changes', since: 5 });
  assert.deepEqual(answerRosterGet(at(5), roster, many), { answer: 'whole' }, 'more changed than not');
  assert.deepEqual(answerRosterGet(at(3), roster, few), { answer: 'changes', since: 3 });
  assert.deepEqual(answerRosterGet(at(2), roster, few), { answer: 'whole' }, 'removals since then are forgotten');
  assert.deepEqual(answerRosterGet(at(10), roster, few), { answer: 'whole' }, 'from the future');
  assert.deepEqual(answerRosterGet(at(9, 1001), roster, few), { answer: 'whole' }, 'of a namesake that is gone');
  for (const ver of [undefined, '', 'x', '9', `${at(9)}x`, 'rs--1'])
    assert.deepEqual(answerRosterGet(ver, roster, few), { answer: 'whole' }, String(ver));
});

test('a contact as the roster shows it', () => {
  const contact = {
    jid: 'bob@a.example',
    name: '',
    groups: ['Friends'],
    subscription: 'none',
    ask: true,
    approved: true,
    listed: true,
    request: '<presence/>',
    version: 4,
  } as const;
  assert.equal(
    itemOf(contact).toString(''),
    '<item jid="bob@a.example" subscription="none" ask="subscribe" approved="true"><group>Friends</group></item>',
  );
  assert.equal(itemOf(contact, true).toString(''), '<item jid="bob@a.example" subscription="remove"/>');
});
