import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matching, mentionsIn, partsOf, queryAt } from '../src/app/chat/mentions.ts';

const ann = { id: 'ann@h', name: 'Ann' };
const annLee = { id: 'lee@h', name: 'Ann Lee' };
const bob = { id: 'bob@h', name: 'Bob' };

test('the cursor is behind an @ that begins a word', () => {
  assert.deepEqual(queryAt('hi @An', 6), { query: 'An', at: 3 });
  assert.deepEqual(queryAt('@', 1), { query: '', at: 0 });
  assert.deepEqual(queryAt('(@bo there', 4), { query: 'bo', at: 1 });
  assert.equal(queryAt('mail bob@h', 10), undefined);
  assert.equal(queryAt('@Ann\nnext', 9), undefined);
  assert.equal(queryAt('no', 2), undefined);
});

test('people are found by the beginning of a name, of a part of it, or of the address', () => {
  assert.deepEqual(matching([ann, annLee, bob], 'lee', 5), [annLee]);
  assert.deepEqual(matching([ann, annLee, bob], '', 2), [ann, annLee]);
  assert.deepEqual(matching([{ id: 'robert@h', name: 'Bob' }], 'rob', 5).length, 1);
  assert.deepEqual(matching([bob], 'ob', 5), []);
});

test('every @Name is a mention: the longest name counts, words that only begin so do not', () => {
  assert.deepEqual(mentionsIn('@ann lee and @Ann, @Bobby @bob', [ann, annLee, bob]), [
    { personId: 'lee@h', start: 0, end: 8 },
    { personId: 'ann@h', start: 13, end: 17 },
    { personId: 'bob@h', start: 26, end: 30 },
  ]);
  assert.deepEqual(mentionsIn('ann, a@Ann', [ann]), []);
  const other = { id: 'ann2@h', name: 'Ann' };
  assert.equal(mentionsIn('@Ann', [other, ann])[0]?.personId, 'ann2@h');
});

test('a text falls into parts, and joins again, whatever the mentions say', () => {
  const text = 'hi @Ann!';
  assert.deepEqual(partsOf(text, [{ personId: 'ann@h', start: 3, end: 7 }]), [
    { text: 'hi ' },
    { text: '@Ann', personId: 'ann@h' },
    { text: '!' },
  ]);
  for (const mentions of [
    [],
    [{ personId: 'x@h', start: 0, end: 0 }],
    [{ personId: 'x@h', start: 5, end: 99 }],
    [
      { personId: 'x@h', start: 0, end: 5 },
      { personId: 'y@h', start: 3, end: 8 },
    ],
  ])
    assert.equal(
      partsOf(text, mentions)
        .map((part) => part.text)
        .join(''),
      text,
    );
});
