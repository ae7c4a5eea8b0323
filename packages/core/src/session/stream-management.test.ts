import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamManagement } from './stream-management.ts';

const bytes = (n: number): Uint8Array => new Uint8Array(n);

test('acknowledging frees what it covers and tells the highest mailbox position (XEP-0198 §4)', () => {
  const sm = new StreamManagement('id');
  sm.push(bytes(10), 5);
  sm.push(bytes(20), 0);
  sm.push(bytes(30), 7);
  assert.equal(sm.acknowledge(2), 5);
  assert.equal(sm.unacked, 1);
  assert.equal(sm.unackedBytes, 30);
  assert.equal(sm.acknowledge(3), 7);
  assert.equal(sm.unackedBytes, 0);
  assert.deepEqual([...sm.pending()], []);
});

test('a claim of more than was sent is refused (I11)', () => {
  const sm = new StreamManagement('id');
  sm.push(bytes(1), 0);
  assert.equal(sm.acknowledge(4_000_000), undefined);
  assert.equal(sm.acknowledge(2), undefined);
  assert.equal(sm.acknowledge(1), 0);
});

test('an older h is ignored', () => {
  const sm = new StreamManagement('id');
  for (let i = 0; i < 5; i++) sm.push(bytes(1), i + 1);
  sm.acknowledge(4);
  assert.equal(sm.acknowledge(2), 0);
  assert.equal(sm.unacked, 1);
  assert.equal(sm.ackedOut, 4);
});

test('counters wrap at 2^32 (I11)', () => {
  const sm = new StreamManagement('id');
  sm.handledIn = 2 ** 32 - 1;
  sm.countIn();
  assert.equal(sm.handledIn, 0);
  sm.ackedOut = 2 ** 32 - 2;
  for (let i = 0; i < 4; i++) sm.push(bytes(1), 10 + i);
  assert.equal(sm.acknowledge(1), 12);
  assert.equal(sm.unacked, 1);
});

test('what is pending stays in order over many acknowledgements', () => {
  const sm = new StreamManagement('id');
  let acked = 0;
  for (let i = 0; i < 1000; i++) {
    sm.push(new Uint8Array([i & 255]), 0);
    if (i % 3 === 0) sm.acknowledge(++acked);
  }
  const first = [...sm.pending()][0]?.[0];
  assert.equal(first?.[0], acked & 255);
  assert.equal(sm.unacked, 1000 - acked);
});
