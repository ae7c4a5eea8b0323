/**
 * What waited on the server (XEP-0160) and is older than what is here. On a device that is new the newest messages are read from the archive
 * first; the others come one by one, oldest first, and belong before the oldest of them.
 */
import type { Context } from '../context.ts';
import type { Fact } from '../messages/facts.ts';
import type { MessageRecord } from '../store/store.ts';
import { stampOrder } from './keys.ts';
import type { ConversationState } from './state.ts';

/** Steps of order that are left free below the oldest message that is here: as many may have waited before it. */
const ROOM = 1_000_000;

type MessageFact = Fact & { kind: 'message' };

/** How far the backlog of one conversation has come in this session. */
export interface Backlog {
  readonly session: unknown;
  /** The oldest message that was here; undefined: what comes is newer than all that is. */
  oldest: MessageRecord | undefined;
  last: number;
  count: number;
}

/** Finds out what is here, before a message is placed. */
export async function findPlaces(context: Context, state: ConversationState, fact: MessageFact): Promise<void> {
  const { store, connection } = context;
  if (state.placedOrder === undefined) {
    const newest = await store.messages(state.id, { limit: 100 });
    state.placedOrder = newest.findLast((message) => message.queued === 0)?.order ?? 0;
  }
  const { session } = connection;
  if (fact.origin !== 'live' || state.backlog?.session === session) return;
  // One that did not wait comes behind all that did.
  const [oldest] = fact.stampedAt === undefined ? [] : await store.messages(state.id, { after: 0, limit: 1 });
  state.backlog = { session, oldest, last: Number.NEGATIVE_INFINITY, count: 0 };
}

/** A message that is here came again: when it is the oldest, or a newer one, nothing older follows. */
export function cameAgain(state: ConversationState, fact: MessageFact, known: MessageRecord): void {
  const { backlog } = state;
  if (fact.origin === 'live' && backlog?.oldest !== undefined && known.order >= backlog.oldest.order) backlog.oldest = undefined;
}

/** The order of a message that waited and is older than all that is here; undefined: it is newer. */
export function orderInBacklog(state: ConversationState, { origin, stampedAt }: MessageFact): number | undefined {
  const { backlog } = state;
  if (origin !== 'live' || backlog?.oldest === undefined) return undefined;
  if (stampedAt === undefined || stampedAt > backlog.oldest.sentAt) {
    backlog.oldest = undefined;
    return undefined;
  }
  const highest = backlog.oldest.order - ROOM + Math.min(backlog.count++, ROOM - 1);
  backlog.last = Math.max(backlog.last + 1, Math.min(stampOrder(stampedAt), highest));
  return backlog.last;
}
