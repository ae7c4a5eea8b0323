import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freeNick, nickKey, prepareNick } from './nick.ts';

test('nickname confusables: what a person takes for the same name has the same key', () => {
  for (const [one, other] of [
    ['Alice', 'ALICE'],
    ['Alice', 'Аlice'],
    ['Alice', 'A1ice'],
    ['Alice', 'Al\u00adice'],
    ['Ann Lee', 'AnnLee'],
    ['Ann Lee', 'Ann\u00a0 Lee'],
    ['admin', 'admın'],
    ['Bob', 'В0b'.replace('В', 'B')],
    ['modern', 'modem'],
    ['ｆｕｌｌ', 'full'],
    ['vvalter', 'walter'],
  ] as const)
    assert.equal(nickKey(one), nickKey(other), `${one} and ${other}`);
  for (const [one, other] of [
    ['Ann', 'Anna'],
    ['Bob', 'Rob'],
    ['李雷', '李蕾'],
  ] as const)
    assert.notEqual(nickKey(one), nickKey(other), `${one} and ${other}`);
});

test('what cannot be seen, turns the text around, or is too long is no nickname', () => {
  for (const wrong of ['', '   ', 'a\u202egnp.exe', 'a\u200bb', 'x'.repeat(65), '\u0007'])
    assert.equal(prepareNick(wrong), undefined, JSON.stringify(wrong));
  assert.equal(prepareNick('  Ann \u3000 Lee '), 'Ann Lee');
  assert.equal(prepareNick('x'.repeat(64)), 'x'.repeat(64));
});

test('a name is made that nobody has', () => {
  const taken = new Set(['ann', 'ann 2']);
  assert.equal(
    freeNick('ann', (nick) => taken.has(nick)),
    'ann 3',
  );
  assert.equal(
    freeNick('\u202e', () => false),
    'member',
  );
});
