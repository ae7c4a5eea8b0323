import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountRecord } from '@parley/storage';
import { afterAnswer, deliveryOf, PAYLOAD_BYTES, payloadBytes, payloadOf } from './rules.ts';

const notice = {
  account: { id: 1, localpart: 'bob', domain: 'here' } as AccountRecord,
  conversation: 'ann@here',
  kind: 'chat',
  sender: 'ann@here',
  body: 'hello',
  at: 5,
  seq: 1,
  count: 2,
  total: 3,
} as const;

test('what may be said: nothing of the conversation, who and where, or everything', () => {
  assert.deepEqual(payloadOf(notice, 'none', 't'), { v: 1, type: 'message', tag: 't', total: 3 });
  const sender = payloadOf(notice, 'sender', 't');
  assert.deepEqual([sender.conversation, sender.account, sender.count, sender.body], ['ann@here', 'bob@here', 2, undefined]);
  assert.equal(payloadOf(notice, 'full', 't').body, 'hello');
});

test('a long text is cut until it fits, never inside a character', () => {
  for (const text of ['x'.repeat(5000), '\u{1F600}'.repeat(2000), '漢'.repeat(2000), '"\\\n'.repeat(1500)]) {
    const bytes = payloadBytes(payloadOf({ ...notice, body: text }, 'full', 't'));
    assert.ok(bytes.length <= PAYLOAD_BYTES, String(bytes.length));
    const { body } = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as { body: string };
    assert.ok(body.length > 100 && body.endsWith('…') && text.startsWith(body.slice(0, -1)));
    assert.ok(body.isWellFormed());
  }
});

test('a call rings for a minute; what was read need not wake anybody', () => {
  assert.deepEqual(deliveryOf('call', 86_400_000), { urgency: 'high', ttlSeconds: 60 });
  assert.deepEqual(deliveryOf('chat', 86_400_000), { urgency: 'high', ttlSeconds: 86_400 });
  assert.deepEqual(deliveryOf('read', 86_400_000), { urgency: 'low', ttlSeconds: 3600 });
});

test('RFC 8030: what becomes of a message after each answer', () => {
  const then = (status: number): string => afterAnswer({ status }, 1, 0).then;
  for (const status of [200, 201, 202]) assert.equal(then(status), 'done', String(status));
  for (const status of [401, 403, 404, 410]) assert.equal(then(status), 'gone', String(status));
  for (const status of [0, 408, 429, 500, 502, 503]) assert.equal(then(status), 'retry', String(status));
  for (const status of [301, 302, 307, 400, 405, 415]) assert.equal(then(status), 'drop', String(status));
  assert.equal(then(413), 'smaller');
});

test('pauses grow to a quarter of an hour, and are at least what the push service asks for, but not for ever', () => {
  const pause = (tries: number, retryAfterMs?: number, jitter = 0.5): number => {
    const outcome = afterAnswer({ status: 503, retryAfterMs }, tries, jitter);
    return outcome.then === 'retry' ? outcome.afterMs : Number.NaN;
  };
  assert.deepEqual(
    [1, 2, 3, 4].map((tries) => pause(tries)),
    [2000, 4000, 8000, 16_000],
  );
  assert.equal(pause(30), 900_000);
  assert.ok(pause(1, undefined, 0) < pause(1, undefined, 1));
  assert.equal(pause(1, 120_000), 120_000);
  assert.equal(pause(1, 10 ** 12), 6 * 3_600_000);
});
