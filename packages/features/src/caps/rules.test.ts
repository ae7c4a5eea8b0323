import assert from 'node:assert/strict';
import { test } from 'node:test';
import { added, interestsIn, NO_INTERESTS, sharedKey } from './rules.ts';

const info = (...features: string[]) => ({ identities: [], features });

test('what ends in +notify is wanted, within bounds (XEP-0060 §9.2)', () => {
  assert.deepEqual(interestsIn(info('a', 'b+notify', '+notify', 'b+notify', `${'x'.repeat(600)}+notify`, 'c+notify')), ['b', 'c']);
  assert.equal(interestsIn(info(...Array.from({ length: 500 }, (_, i) => `n${i}+notify`))).length, 200);
});

test('only what can be verified is shared between clients (XEP-0115 §5.4)', () => {
  assert.equal(sharedKey({ hash: 'sha-1', ver: 'v', node: 'n' }), 'sha-1 v');
  for (const hash of ['md5', '', 'constructor', 'SHA-1']) assert.equal(sharedKey({ hash, ver: 'v', node: 'n' }), undefined);
});

test('news are what was not wanted before', () => {
  const all = new Set(['a', 'b']);
  assert.equal(added(NO_INTERESTS, all), all);
  assert.equal(added(all, all).size, 0);
  assert.deepEqual([...added(new Set(['a']), all)], ['b']);
  assert.equal(added(all, new Set(['a'])).size, 0);
});
