import type { Change } from '../messages/changes.ts';
import { MAX_QUOTE_LENGTH } from '../messages/codec.ts';
import { type Fact, NO_CONTENT } from '../messages/facts.ts';
import { mentionsMe } from '../messages/mentions.ts';
import type { ConversationRecord, KeptQuote, MessageRecord, StoredValue } from '../store/store.ts';
import type { ConversationState } from './state.ts';

/** What a batch of facts led to, beyond what the store now says. */
export interface Outcome {
  /** New received messages whose sender asked for a receipt. */
  readonly receipts: { readonly state: ConversationState; readonly to: string; readonly wireId: string }[];
  /** Refusals of what is no message here: of a change, perhaps. */
  readonly refused: (Fact & { kind: 'refused' })[];
  /** Ids of own messages that set a timer (XEP-0466) and have come back from the group. */
  readonly timers: string[];
  /** How many messages were new. */
  added: number;
}

/** How a batch came. */
export interface ApplyOptions {
  /** `append`: newer than all that is kept. `prepend`: a page of older history, oldest first. */
  readonly place: 'append' | 'prepend';
  /** Written in the same transaction (e.g. the archive position). */
  readonly values?: Readonly<Record<string, StoredValue | undefined>>;
  /** Changes to conversation records in the same transaction. */
  readonly conversations?: ReadonlyMap<string, Partial<ConversationRecord>>;
}

/** When a message with this timer disappears (XEP-0466). */
export function expiryOf(sentAt: number, timer: number | undefined): Pick<MessageRecord, 'timer' | 'expiresAt'> {
  return timer === undefined || timer <= 0 ? {} : { timer, expiresAt: sentAt + timer * 1_000 };
}

/** What a deleted message's tombstone says (XEP-0424 §4). */
export function tombstone(fact: Fact & { kind: 'message' }, now: number): Change {
  return { kind: 'retract', senderId: fact.senderId, mine: fact.mine, targetId: fact.wireId ?? '', at: fact.stampedAt ?? now };
}

/** How a message looks inside of its answer. */
export function quoteOfRecord(record: MessageRecord, wireId = record.wireId): KeptQuote {
  const { id, senderId, mine, body, attachments } = record;
  return { wireId, messageId: id, senderId, mine, text: body.slice(0, MAX_QUOTE_LENGTH), kind: attachments[0]?.kind };
}

/** That new messages disappear after a time, as a line in the conversation. */
export function timerNotice({ senderId, mine, seconds, wireId: _, ...base }: Fact & { kind: 'timer' }): Fact & { kind: 'message' } {
  // A group that was configured says it itself.
  const actorId = senderId === base.conversationId && base.room === true ? undefined : senderId;
  const notice = { kind: 'timer' as const, actorId, personId: undefined, text: String(seconds) };
  const nothing = { content: NO_CONTENT, retracted: false, wireId: undefined, originId: undefined, receiptWanted: false };
  return { ...base, kind: 'message', senderId, mine, from: senderId, ...nothing, notice };
}

/** Who is meant in a message, and whether the account is; `nick`: its name in the group. */
export function meant(
  { content, conversationId, room, mine, notice }: Fact & { kind: 'message' },
  me: string,
  nick: string | undefined,
): Pick<MessageRecord, 'mentions' | 'mentionsMe'> {
  const { mentions } = content;
  const isMe = room === true && !mine && notice === undefined && mentionsMe(content, { me, group: conversationId, nick: nick ?? '' });
  return { ...(mentions === undefined ? {} : { mentions }), ...(isMe ? { mentionsMe: true } : {}) };
}
