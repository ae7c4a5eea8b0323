import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bookmark, encodeNotificationSettings, NS } from '@parley/protocol';
import { el } from '@parley/xml';
import { changesTo, levelIn, storageOf, withLevel } from './rules.ts';

const extension = el('state', { xmlns: 'urn:x' });
const items = new Map<string, Bookmark>([
  ['a@rooms', { name: 'A', autojoin: true, nick: 'me', extensions: [extension] }],
  ['b@rooms', { name: 'B', autojoin: false }],
]);

test('only what differs is published, what is missing is retracted, and extensions stay (XEP-0402 §5)', () => {
  const list = storageOf(items, []).conferences;
  assert.deepEqual(changesTo(items, { conferences: list, others: [] }), { publish: new Map(), retract: [], wrong: [] });
  const [a] = list;
  assert.ok(a);
  const changes = changesTo(items, {
    conferences: [
      { ...a, name: 'New' },
      { jid: 'c@rooms', autojoin: true },
      { jid: 'no jid', autojoin: false },
    ],
    others: [],
  });
  assert.deepEqual([...changes.publish.keys()], ['a@rooms', 'c@rooms']);
  assert.deepEqual(changes.publish.get('a@rooms')?.extensions, [extension]);
  assert.deepEqual(changes.retract, ['b@rooms']);
  assert.deepEqual(changes.wrong, ['no jid']);
});

test('the same room twice is the later one, whatever the case of its address', () => {
  const changes = changesTo(items, {
    conferences: [
      { jid: 'A@ROOMS', autojoin: false, name: 'X' },
      { jid: 'a@rooms', name: 'A', autojoin: true, nick: 'me' },
    ],
    others: [],
  });
  assert.equal(changes.publish.size, 0);
  assert.deepEqual(changes.retract, ['b@rooms']);
});

test('the most specific notification setting counts (XEP-0492 §4)', () => {
  const settings = encodeNotificationSettings([
    { level: 'never', category: 'client', type: 'pc' },
    { level: 'on-mention', category: 'client' },
    { level: 'always' },
  ]);
  const bookmark: Bookmark = { autojoin: true, extensions: [extension, settings] };
  assert.equal(levelIn(bookmark, { category: 'client', type: 'pc' }), 'never');
  assert.equal(levelIn(bookmark, { category: 'client', type: 'phone' }), 'on-mention');
  assert.equal(levelIn(bookmark), 'always');
  assert.equal(levelIn({ autojoin: true, extensions: [extension] }), undefined);
  assert.equal(levelIn(undefined), undefined);
});

test('a level is set for those who have none of their own; other settings, advanced ones and extensions stay (XEP-0492 §4)', () => {
  const advanced = el('advanced', { xmlns: NS.notificationSettings }, el('x', { xmlns: 'urn:x' }));
  const settings = encodeNotificationSettings([
    { level: 'never', category: 'client', type: 'pc' },
    { level: 'always', advanced },
  ]);
  const bookmark: Bookmark = { autojoin: false, name: 'A', extensions: [extension, settings] };
  const after = withLevel(bookmark, 'on-mention');
  assert.deepEqual([after?.autojoin, after?.name, after?.extensions?.length], [false, 'A', 2]);
  assert.deepEqual(after?.extensions?.[0], extension);
  assert.equal(levelIn(after, { category: 'client', type: 'pc' }), 'never');
  assert.equal(levelIn(after), 'on-mention');
  assert.match(after?.extensions?.[1]?.toString('') ?? '', /<on-mention[^>]*><advanced.*urn:x/);
  assert.equal(withLevel(after, 'on-mention'), undefined, 'nothing to write');
  // Without one for all, one is added; without a bookmark, there is one afterwards.
  const only = { autojoin: true, extensions: [encodeNotificationSettings([{ level: 'never', category: 'client' }])] };
  const added = withLevel(only, 'always');
  assert.deepEqual([levelIn(added), levelIn(added, { category: 'client' })], ['always', 'never']);
  assert.deepEqual([withLevel(undefined, 'never')?.autojoin, levelIn(withLevel(undefined, 'never'))], [true, 'never']);
});
