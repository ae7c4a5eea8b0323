import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CODE_LENGTH, cleanLinkCode, codeOf } from './rules.ts';

test('a code has letters that nobody mixes up, each as likely as the others', () => {
  const counts = new Map<string, number>();
  for (let first = 0; first < 256; first++) {
    const code = codeOf(new Uint8Array([first, ...Array<number>(16).fill(0)]));
    assert.equal(code?.length, CODE_LENGTH);
    // 248 of 256 values are used, eight times each letter; the rest is skipped.
    if (first < 248) counts.set(code?.[0] ?? '', (counts.get(code?.[0] ?? '') ?? 0) + 1);
  }
  assert.deepEqual(new Set(counts.values()), new Set([8]));
  assert.equal(counts.size, 31);
  for (const alike of 'IL1O0') assert.ok(!counts.has(alike), alike);
  assert.equal(codeOf(new Uint8Array(16).fill(255)), undefined);
});

test('what people type is read, and what cannot be a code is not', () => {
  for (const typed of ['ABCD-EFGH', 'abcd efgh', ' ABCDEFGH\n', 'a-b-c-d-e-f-g-h']) assert.equal(cleanLinkCode(typed), 'ABCDEFGH', typed);
  for (const typed of ['', 'ABCDEFG', 'ABCDEFGHJ', 'ABCDEFG0', 'ABCD_EFGH', 'ÀBCDEFGH', 'A'.repeat(1000)])
    assert.equal(cleanLinkCode(typed), undefined, typed);
});
