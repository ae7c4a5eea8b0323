import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Session } from '../session/session.ts';
import { type MessageType, messageType, routeMessage } from './delivery.ts';

const session = (name: string, priority: number | undefined): Session =>
  ({ name, receptive: priority !== undefined && priority >= 0 }) as unknown as Session;
const laptop = session('laptop', 5);
const phone = session('phone', 0);
const watch = session('watch', -1);
const silent = session('silent', undefined);

/** RFC 6121 §8.5, table 1. A row: type, sessions, where to, expected. */
const rows: Array<[MessageType, 'bare' | Session | 'gone', Session[], Session[] | 'wait' | 'ignore' | 'service-unavailable']> = [
  ['normal', 'bare', [laptop, phone, watch, silent], [laptop, phone]],
  ['chat', 'bare', [laptop, phone, watch, silent], [laptop, phone]],
  ['headline', 'bare', [laptop, phone, watch], [laptop, phone]],
  ['groupchat', 'bare', [laptop], 'service-unavailable'],
  ['error', 'bare', [laptop], 'ignore'],
  ['normal', 'bare', [], 'wait'],
  ['chat', 'bare', [], 'wait'],
  ['chat', 'bare', [watch, silent], 'wait'],
  ['chat', 'bare', [watch], 'wait'],
  ['headline', 'bare', [], 'ignore'],
  ['headline', 'bare', [watch], 'ignore'],
  ['error', 'bare', [], 'ignore'],
  ['groupchat', 'bare', [], 'service-unavailable'],
  ['chat', watch, [laptop, watch], [watch]],
  ['normal', silent, [silent], [silent]],
  ['headline', watch, [watch], [watch]],
  ['groupchat', laptop, [laptop], [laptop]],
  ['error', laptop, [laptop], [laptop]],
  ['chat', 'gone', [laptop, phone], [laptop, phone]],
  ['normal', 'gone', [laptop], [laptop]],
  ['chat', 'gone', [], 'wait'],
  ['headline', 'gone', [laptop], 'ignore'],
  ['groupchat', 'gone', [laptop], 'service-unavailable'],
  ['error', 'gone', [laptop], 'ignore'],
];

for (const [type, to, sessions, expected] of rows) {
  const name = typeof to === 'string' ? to : `full JID of ${(to as unknown as { name: string }).name}`;
  test(`${type} to ${name} with ${sessions.length} sessions (RFC 6121 §8.5)`, () => {
    const route = routeMessage(type, to === 'bare' ? '' : 'x', typeof to === 'string' ? undefined : to, sessions);
    if (typeof expected === 'string') assert.deepEqual(route, { nobody: expected });
    else assert.deepEqual('to' in route ? route.to : route, expected);
  });
}

test('an unknown or absent type is normal (RFC 6121 §5.2.2)', () => {
  assert.equal(messageType(undefined), 'normal');
  assert.equal(messageType('foo'), 'normal');
  assert.equal(messageType('chat'), 'chat');
});
