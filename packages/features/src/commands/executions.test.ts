import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Executions } from './executions.ts';

function make() {
  const clock = { time: 0, now: () => clock.time };
  let counter = 0;
  const bytes = (length: number): Uint8Array => new Uint8Array(length).map((_, i) => (counter += i + 1) & 255);
  return { clock, all: new Executions(bytes, clock) };
}

test('an id works for the device and the command that it was given to, for ten minutes, once', () => {
  const { clock, all } = make();
  const id = all.begin('ann@here/phone', 'a');
  assert.equal(all.is(id, 'ann@here/phone', 'a'), true);
  assert.equal(all.is(id, 'ann@here/laptop', 'a'), false);
  assert.equal(all.is(id, 'eve@here/phone', 'a'), false);
  assert.equal(all.is(id, 'ann@here/phone', 'b'), false);
  all.end(id);
  assert.equal(all.is(id, 'ann@here/phone', 'a'), false);
  const second = all.begin('ann@here/phone', 'a');
  clock.time = 600_000;
  assert.equal(all.is(second, 'ann@here/phone', 'a'), false);
});

test('what is begun and never finished is bounded', () => {
  const { all } = make();
  for (let i = 0; i < 100; i++) all.begin('ann@here/phone', 'a');
  assert.equal(all.size, 20);
  for (let i = 0; i < 3000; i++) all.begin(`ann@here/${i}`, 'a');
  assert.ok(all.size <= 1000, String(all.size));
});
