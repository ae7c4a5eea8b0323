/** XEP-0357: what an app server is told, and what becomes of one that fails. Pure. */
import type { PushSummary, StanzaError } from '@parley/protocol';
import type { PushNotice } from '../push/service.ts';

export type Content = 'none' | 'sender' | 'full';

export function summaryOf(notice: PushNotice, content: Content): PushSummary {
  const { total, conversation, body } = notice;
  if (content === 'none') return { messageCount: total };
  if (content === 'sender' || body === undefined) return { messageCount: total, lastMessageSender: conversation };
  return { messageCount: total, lastMessageSender: conversation, lastMessageBody: body };
}

const FIRST_MS = 5000;
const LONGEST_MS = 600_000;
/** Conditions that say "later" or "not just now", whatever their type. */
const PASSING = new Set([
  'remote-server-timeout',
  'remote-server-not-found',
  'recipient-unavailable',
  'service-unavailable',
  'internal-server-error',
]);

/** §7: an error disables, unless it passes; then so many in a row do. `count`: this failure included. */
export function afterFailure(
  error: Pick<StanzaError, 'condition' | 'type'>,
  count: number,
  most: number,
): { readonly then: 'disable' } | { readonly then: 'retry'; readonly afterMs: number } {
  const passes = error.type === 'wait' || PASSING.has(error.condition);
  if (!passes || count > most) return { then: 'disable' };
  return { then: 'retry', afterMs: Math.min(LONGEST_MS, FIRST_MS * 2 ** (count - 1)) };
}
