import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asksEnough, foldAll, isFound } from './rules.ts';

const person = foldAll({ first: 'José María', last: 'Álvarez-Kuhn', nick: 'Chepe' });
const finds = (terms: Parameters<typeof foldAll>[0]): boolean => isFound(person, foldAll(terms));

test('found by beginnings of words, without case and diacritics; all fields must agree', () => {
  assert.ok(finds({ first: 'jose' }));
  assert.ok(finds({ first: 'María' }));
  assert.ok(finds({ last: 'kuhn', first: 'jos' }));
  assert.ok(finds({ last: 'ALVAREZ-K' }));
  assert.ok(!finds({ last: 'varez' }));
  assert.ok(!finds({ first: 'jose', nick: 'pepe' }));
  assert.ok(!isFound({ nick: 'x' }, foldAll({ first: 'jose' })));
});

test('what would list everybody asks too little', () => {
  for (const terms of [{}, { nick: 'ab' }, { nick: '***' }, { nick: '   a  ' }, { nick: 'ann', first: 'x' }])
    assert.ok(!asksEnough(foldAll(terms)));
  for (const terms of [{ nick: 'ann' }, { first: '王小明' }, { last: 'kuhn', first: 'jose' }]) assert.ok(asksEnough(foldAll(terms)));
});
