import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from '@parley/testkit';
import { type Attempt, Outbox, type OutboxMessage } from './outbox.ts';

const rest = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

function make(options: { concurrent?: number; perAccount?: number; waiting?: number; tries?: number } = {}) {
  const clock = new SimulatedClock(0);
  const log: string[] = [];
  /** What the next attempts come to; nothing: the request hangs. */
  const answers: Array<Attempt | Error> = [];
  const hanging: Array<(attempt: Attempt) => void> = [];
  const outbox = new Outbox<OutboxMessage & { text: string }>({
    clock,
    concurrent: options.concurrent ?? 10,
    ...(options.perAccount === undefined ? undefined : { perAccount: options.perAccount }),
    waiting: options.waiting ?? 100,
    tries: options.tries ?? 3,
    attempt: (lane, message) => {
      log.push(`${lane} ${message.text}`);
      const answer = answers.shift();
      if (answer instanceof Error) return Promise.reject(answer);
      return answer === undefined ? new Promise((resolve) => hanging.push(resolve)) : Promise.resolve(answer);
    },
    dropped: (lane, message, why) => log.push(`${lane} ${message.text} ${why}`),
  });
  let settled = 0;
  const add = (lane: string, topic: string, text: string, deadline = 1e9): void =>
    outbox.add(lane, { topic, text, deadline, settled: () => void settled++ });
  return { clock, log, answers, hanging, outbox, add, settled: () => settled };
}

test('one at a time for a device; of one conversation only the newest waits', async () => {
  const { add, log, hanging, settled, outbox } = make();
  add('a', 't', '1');
  add('a', 't', '2');
  add('a', 't', '3');
  add('a', 'u', '4');
  assert.deepEqual(log, ['a 1']);
  hanging.shift()?.('done');
  await rest();
  hanging.shift()?.('done');
  await rest();
  hanging.shift()?.('done');
  await rest();
  assert.deepEqual(log, ['a 1', 'a 3', 'a 4']);
  assert.equal(settled(), 4);
  assert.equal(outbox.waiting, 0);
});

test('a failure is tried again after the pause; the newer one of the conversation goes instead', async () => {
  const { add, log, answers, clock } = make();
  answers.push({ retryAfterMs: 1000 }, 'done');
  add('a', 't', '1');
  await rest();
  add('a', 't', '2');
  clock.advance(999);
  await rest();
  assert.deepEqual(log, ['a 1']);
  clock.advance(1);
  await rest();
  assert.deepEqual(log, ['a 1', 'a 2']);
});

test('after so many tries, or past its time, it is given up, and said so', async () => {
  const { add, log, answers, clock, settled } = make({ tries: 2 });
  answers.push({ retryAfterMs: 10 }, { retryAfterMs: 10 }, { retryAfterMs: 10_000 });
  add('a', 't', '1');
  await rest();
  clock.advance(10);
  await rest();
  clock.advance(10);
  add('b', 't', '2', 5000);
  await rest();
  assert.deepEqual(log, ['a 1', 'a 1', 'a 1 tries', 'b 2', 'b 2 late']);
  assert.equal(settled(), 2);
});

test('a slow push service holds up its own devices only, up to the bound of all', async () => {
  const { add, log, hanging } = make({ concurrent: 2 });
  add('a', 't', '1');
  add('b', 't', '2');
  add('c', 't', '3');
  assert.deepEqual(log, ['a 1', 'b 2']);
  hanging.shift()?.('done');
  await rest();
  assert.deepEqual(log, ['a 1', 'b 2', 'c 3']);
});

test('what waits is bounded, together and for each device', async () => {
  const { add, log, outbox, settled } = make({ waiting: 40 });
  add('a', 'first', 'on its way');
  for (let i = 0; i < 50; i++) add('a', `t${i}`, String(i));
  assert.equal(outbox.waiting, 32);
  for (let i = 0; i < 50; i++) add(`lane${i % 4}`, `t${i}`, String(i));
  assert.ok(outbox.waiting <= 40);
  assert.ok(log.some((line) => line.endsWith(' full')));
  const before = settled();
  outbox.stop();
  await rest();
  assert.equal(outbox.waiting, 0);
  assert.ok(settled() > before);
});

test('what has not gone out is taken back; a closed lane is forgotten', async () => {
  const { add, log, hanging, outbox } = make();
  add('a', 't', '1');
  add('a', 'u', '2');
  assert.ok(outbox.withdraw('a', 'u'));
  assert.ok(!outbox.withdraw('a', 't'), 'it is on its way');
  add('a', 'v', '3');
  outbox.close('a');
  hanging.shift()?.('done');
  await rest();
  assert.deepEqual(log, ['a 1']);
});

test('what was too long is sent again at once, changed', async () => {
  const { add, log, answers } = make();
  answers.push('again', 'done', 'done');
  add('a', 't', '1');
  await rest();
  add('a', 't', '2');
  await rest();
  assert.deepEqual(log, ['a 1', 'a 1', 'a 2']);
});

test('D11: an attempt that fails with an error, such as that of a full disk, costs the message and nothing else', async () => {
  const { add, log, answers, settled, outbox } = make();
  answers.push(new Error('database or disk is full'), 'done');
  add('a', 't', '1');
  await rest();
  add('a', 't', '2');
  await rest();
  assert.deepEqual(log, ['a 1', 'a 1 failed', 'a 2']);
  assert.equal(settled(), 2);
  assert.equal(outbox.waiting, 0);
});

test('fairness: an account with slow push services takes some of the places, and some of the room, not all', async () => {
  const { add, log, hanging, outbox } = make({ concurrent: 4, perAccount: 2, waiting: 400 });
  for (let device = 0; device < 20; device++) for (let topic = 0; topic < 10; topic++) add(`1 d${device}`, `t${topic}`, '');
  assert.deepEqual(log.slice(0, 2), ['1 d0 ', '1 d1 ']);
  assert.equal(outbox.waiting, 40);
  add('2 phone', 't', 'other');
  assert.equal(log.at(-1), '2 phone other');
  // Its own turn comes as its own requests end.
  hanging.shift()?.('done');
  await rest();
  assert.equal(log.at(-1), '1 d0 ');
  hanging.shift()?.('done');
  hanging.shift()?.('done');
  await rest();
  assert.ok(log.at(-1)?.startsWith('1 d'));
});
