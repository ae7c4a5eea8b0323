import type { Change } from '../messages/changes.ts';
import type { BlobLike, ConversationSettings, GroupRole, Message, Quote, Reaction } from '../types.ts';

/** What most messages do not have: left out of the record until there is something. */
type Rare =
  | 'mentions'
  | 'mentionsMe'
  | 'replyTo'
  | 'editedAt'
  | 'deleted'
  | 'forwarded'
  | 'reactions'
  | 'receipts'
  | 'starred'
  | 'senderName'
  | 'notice'
  | 'expiresAt';

/** A reaction as kept: with the time that orders it. An empty one says that it was taken away. */
export interface KeptReaction extends Reaction {
  readonly at: number;
}

/** A quote as kept: with the id on the wire. */
export interface KeptQuote extends Quote {
  readonly wireId: string;
}

/** A message as kept: what the UI sees plus what resending and matching need. A notice is kept as own: nobody counts it as unread. */
export interface MessageRecord
  extends Omit<Message, Rare>,
    Partial<
      Pick<
        Message,
        'mentions' | 'mentionsMe' | 'editedAt' | 'deleted' | 'forwarded' | 'receipts' | 'starred' | 'senderName' | 'notice' | 'expiresAt'
      >
    > {
  readonly replyTo?: KeptQuote | undefined;
  readonly reactions?: readonly KeptReaction[];
  /** Seconds after which it disappears (XEP-0466). */
  readonly timer?: number;
  /**
   * No message but a change to one (correction, reaction, deletion) that waits in the outbox; its `conversationId` is
   * {@link OPERATIONS} and `to` says where it goes.
   */
  readonly operation?: { readonly to: string; readonly group: boolean; readonly change: Change };
  /** Stanza id and origin-id (XEP-0359) on the wire; receipts and markers refer to it. */
  readonly wireId: string;
  /** Unique keys by which a copy of the same message is known: by archive id, by sender and origin-id, by sender and stanza id. */
  readonly keys: readonly string[];
  /** 1 while the message waits in the outbox (not yet acknowledged by the server). */
  readonly queued: 0 | 1;
}

/** What a device keeps of a group. */
export interface GroupRecord {
  readonly name: string;
  /** Own nickname in the group. */
  readonly nick: string;
  /** `none`: not a member (any more). */
  readonly affiliation: GroupRole;
  /** SHA-1 of its picture, hexadecimal. */
  readonly avatar?: string | undefined;
  readonly description?: string | undefined;
}

/** The conversation that changes on their way out are kept under; no address, so no real one. */
export const OPERATIONS = 'operations';

/** A conversation as kept. */
export interface ConversationRecord {
  readonly id: string;
  /** Own read position: `order` of the last message seen on any own device. */
  readonly readOrder: number;
  readonly unread: number;
  readonly lastMessage: MessageRecord | undefined;
  /** Archive id of the oldest message that was fetched; older ones are asked before it. */
  readonly oldestServerId: string | undefined;
  /** Nothing older is in the server's archive. */
  readonly complete: boolean;
  /** This account has written here, so the peer may know that we receive and read. */
  readonly answered: boolean;
  /** Read marker that the server has not acknowledged yet: wire id of the newest message seen. */
  readonly pendingMarker: string | undefined;
  readonly pinned?: boolean;
  /** Milliseconds since 1970; 0: not muted; `Number.MAX_SAFE_INTEGER`: for ever. */
  readonly mutedUntil?: number;
  readonly archived?: boolean;
  /** Seconds after which new messages disappear; 0: they stay. */
  readonly timer?: number;
  /** Which of these four the server has not been told. */
  readonly unsaid?: readonly (keyof ConversationSettings)[] | undefined;
  /** Marked as unread by hand, on this device. */
  readonly markedUnread?: boolean;
  /** What the owner wants to be notified of (XEP-0492), as the list said; left out: everything. */
  readonly notify?: 'all' | 'mentions' | 'nothing' | undefined;
  /** `order` of the newest message that mentions the account. */
  readonly mentionOrder?: number;
  /** Set for group chats. */
  readonly group?: GroupRecord | undefined;
  /** Changes to messages that this device does not have (yet), oldest first. */
  readonly orphans?: readonly Change[];
}

/** Plain data only. */
export type StoredValue = string | number | boolean | null | readonly StoredValue[] | { readonly [key: string]: StoredValue };

/** Written in one transaction: all or nothing. */
export interface StoreBatch {
  /** Inserted, or replaced by `id`. */
  readonly messages?: readonly MessageRecord[];
  readonly removeMessages?: readonly string[];
  readonly conversations?: readonly ConversationRecord[];
  /** `undefined` removes the key. */
  readonly values?: Readonly<Record<string, StoredValue | undefined>>;
}

export interface MessageRange {
  /** Only messages with a smaller / a larger `order`. */
  readonly before?: number;
  readonly after?: number;
  /** Most rows. With `before` (or neither) the newest ones in range, with only `after` the oldest ones. */
  readonly limit: number;
}

/**
 * Where a client keeps its account: keys, messages, outbox, files on their way out. Holds one account.
 * Engines: memory, IndexedDB, SQLite; one contract suite (`store/contract.test.ts`) runs on each. Errors reject.
 */
export interface ChatStore {
  /** Idempotent; everything else needs it. */
  open(): Promise<void>;
  close(): Promise<void>;
  /** Durable when it resolves (memory: as durable as the process). */
  commit(batch: StoreBatch): Promise<void>;
  value(key: string): Promise<StoredValue | undefined>;
  conversations(): Promise<ConversationRecord[]>;
  message(id: string): Promise<MessageRecord | undefined>;
  /** One entry per key, in that order. */
  messagesByKey(keys: readonly string[]): Promise<(MessageRecord | undefined)[]>;
  /** Ascending by `order`. */
  messages(conversationId: string, range: MessageRange): Promise<MessageRecord[]>;
  /** Received messages with a larger `order`, counted up to `limit`. */
  countReceived(conversationId: string, afterOrder: number, limit: number): Promise<number>;
  /** The outbox, ascending by `order`. */
  queued(): Promise<MessageRecord[]>;
  putFile(id: string, file: BlobLike): Promise<void>;
  file(id: string): Promise<BlobLike | undefined>;
  removeFile(id: string): Promise<void>;
  /** Removes everything. */
  clear(): Promise<void>;
}
