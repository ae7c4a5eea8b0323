import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inOrder, ProviderScore } from './score.ts';

const MINUTE = 60_000;

function provider(name: string): { name: string; score: ProviderScore } {
  return { name, score: new ProviderScore() };
}
const names = (providers: readonly { name: string; score: ProviderScore }[], now: number): string =>
  inOrder(providers, now)
    .map(({ name }) => name)
    .join(' ');

test('the order of the operator holds while nothing else is known', () => {
  assert.equal(names([provider('a'), provider('b'), provider('c')], 0), 'a b c');
});

test('a provider whose codes nobody types in makes way for one that nobody has tried', () => {
  const [a, b] = [provider('a'), provider('b')];
  for (let i = 0; i < 5; i++) a.score.tookOne(0);
  assert.equal(names([a, b], MINUTE), 'a b', 'they may still be on their way');
  assert.equal(names([a, b], 2 * MINUTE), 'b a');
  // And back, when the other one does no better.
  for (let i = 0; i < 20; i++) b.score.tookOne(2 * MINUTE);
  assert.equal(names([a, b], 4 * MINUTE), 'a b');
});

test('an hour later a bad one gets another chance', () => {
  const [a, b] = [provider('a'), provider('b')];
  for (let i = 0; i < 50; i++) a.score.tookOne(0);
  assert.equal(names([a, b], 30 * MINUTE), 'b a');
  assert.equal(names([a, b], 60 * MINUTE), 'a b');
  assert.equal(a.score.value(60 * MINUTE), 0.8);
});

test('a good one stays first, and a little less good is no reason to change', () => {
  const [a, b] = [provider('a'), provider('b')];
  for (let i = 0; i < 20; i++) {
    a.score.tookOne(0);
    if (i < 17) a.score.wasEntered(MINUTE);
  }
  assert.equal(names([a, b], 5 * MINUTE), 'a b');
  // More typed in than ripe cannot lift it above one.
  for (let i = 0; i < 100; i++) a.score.wasEntered(MINUTE);
  assert.ok(a.score.value(5 * MINUTE) <= 1);
});

test('one that failed is asked last for a minute, or until it takes one again', () => {
  const [a, b] = [provider('a'), provider('b')];
  a.score.didFail(0);
  assert.equal(names([a, b], 59_000), 'b a');
  assert.equal(names([a, b], MINUTE), 'a b');
  a.score.didFail(MINUTE);
  a.score.tookOne(MINUTE + 1);
  assert.equal(names([a, b], MINUTE + 2), 'a b');
  b.score.didFail(MINUTE);
  a.score.didFail(MINUTE + 3);
  assert.equal(names([a, b], MINUTE + 4), 'a b', 'both: as listed');
});
