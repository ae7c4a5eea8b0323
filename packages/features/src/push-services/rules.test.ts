import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StanzaError } from '@parley/protocol';
import type { PushNotice } from '../push/service.ts';
import { afterFailure, summaryOf } from './rules.ts';

test('an app server is told as much as the operator allows', () => {
  const notice = { total: 3, conversation: 'ann@here', body: 'hello' } as PushNotice;
  assert.deepEqual(summaryOf(notice, 'none'), { messageCount: 3 });
  assert.deepEqual(summaryOf(notice, 'sender'), { messageCount: 3, lastMessageSender: 'ann@here' });
  assert.deepEqual(summaryOf(notice, 'full'), { messageCount: 3, lastMessageSender: 'ann@here', lastMessageBody: 'hello' });
});

test('§7: an error disables at once, one that passes after so many in a row', () => {
  const after = (condition: ConstructorParameters<typeof StanzaError>[0], count: number) =>
    afterFailure(new StanzaError(condition), count, 3);
  for (const condition of ['forbidden', 'item-not-found', 'not-authorized', 'not-acceptable', 'bad-request'] as const)
    assert.deepEqual(after(condition, 1), { then: 'disable' }, condition);
  for (const condition of ['remote-server-timeout', 'resource-constraint', 'service-unavailable'] as const) {
    assert.deepEqual(after(condition, 1), { then: 'retry', afterMs: 5000 }, condition);
    assert.deepEqual(after(condition, 3), { then: 'retry', afterMs: 20_000 }, condition);
    assert.deepEqual(after(condition, 4), { then: 'disable' }, condition);
  }
});
