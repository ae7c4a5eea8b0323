import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mailboxPrefix, matchesTerms, scoreOf, termsOf, wordsOf } from './words.ts';

const finds = (query: string, text: string): boolean => {
  const terms = termsOf(query);
  return terms.length > 0 && matchesTerms(wordsOf(text), terms);
};

/** query, text, found */
const rows: Array<[string, string, boolean]> = [
  ['hello', 'Hello, world!', true],
  ['WORLD hello', 'Hello, world!', true],
  ['hello mars', 'Hello, world!', false],
  ['wor', 'Hello, world!', true],
  ['wor hello', 'Hello, world!', false],
  ['wor* hello', 'Hello, world!', true],
  ['wo', 'Hello, world!', false],
  ['ello', 'Hello', false],
  ['grosse', 'Große', false],
  ['größe', 'GRÖSSE Größe', true],
  ['grosse', 'GRÖSSE', true],
  ['uber', 'Über uns', true],
  ['über', 'uber uns', true],
  ['cafe', 'Cafe\u0301', true],
  ['жук', 'Жуки летят', true],
  ['жуке', 'Жуки летят', false],
  ['Ἀθήνα', 'αθηνα', true],
  ['2026', 'am 27.11.2026', true],
  ['天气', '今天天气很好', true],
  ['天很', '今天天气很好', false],
  ['今天天气', '今天天气很好', true],
  ['好', '今天天气很好', true],
  ['气', '今天天气很好', true],
  ['雨', '今天天气很好', false],
  ['カメラ', 'ｶﾒﾗを買った', true],
  ['สวัสดี', 'สวัสดีครับ', true],
  ['한국', '한국어를 배운다', false],
  ['한국어', '한국어를 배운다', true],
  ['iphone手机', '新iPhone手机到了', true],
  ['🙂', 'gut 🙂', false],
  ['', 'x', false],
  ['*', 'x', false],
  ["' OR 1=1 --", 'or 1', true],
];
for (const [query, text, found] of rows)
  test(`${JSON.stringify(query)} ${found ? 'finds' : 'does not find'} ${JSON.stringify(text)}`, () =>
    assert.equal(finds(query, text), found));

test('bounded: words of a text, letters of a word, terms of a query', () => {
  assert.equal(wordsOf('ab '.repeat(20_000)).length, 1000);
  assert.equal(wordsOf('天'.repeat(20_000)).length, 1000);
  assert.equal(wordsOf('x'.repeat(5000))[0]?.length, 40);
  assert.equal(wordsOf(`${'x'.repeat(39)}𝒳𐐀`)[0]?.length, 40);
  assert.ok(termsOf(Array.from({ length: 50 }, (_, i) => `w${i}`).join(' ')).length <= 8);
});

test('words are letters and digits alone: nothing of them means something to the index', () => {
  for (const word of wordsOf('a"b c*d (e) NEAR(f) col:g -h _i .j @k "'.repeat(2))) assert.match(word, /^[\p{L}\p{N}]+$/u);
});

test('a mailbox has five characters, whatever its number, and no two have the same', () => {
  const numbers = [0, 1, 35, 36, 60_000_000, -1, -35, -1_600_000];
  const prefixes = numbers.map(mailboxPrefix);
  assert.equal(new Set(prefixes).size, numbers.length);
  for (const prefix of prefixes) assert.match(prefix, /^[0-9a-z_]{5}\.$/);
});

test('better answers first: whole words, more of them, shorter and newer messages', () => {
  const score = (text: string, query: string, days = 0) => scoreOf(wordsOf(text), termsOf(query), days * 86_400_000);
  assert.ok(score('coffee', 'coff') < score('coff', 'coff'));
  assert.ok(score('coffee', 'coffee') < score('coffee coffee', 'coffee'));
  assert.ok(score(`coffee ${'x '.repeat(300)}`, 'coffee') < score('coffee now', 'coffee'));
  assert.ok(score('coffee', 'coffee', 300) < score('coffee', 'coffee', 3));
  assert.ok(score('tea', 'coffee') === 0);
});
