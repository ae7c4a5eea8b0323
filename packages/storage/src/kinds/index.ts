/**
 * The kinds of storage: narrow interfaces that every engine implements and one contract suite proves
 * (`../contract`). Reads may answer at once or with a promise; writes join the group commit.
 *
 * The group commit: writes made in one turn of the event loop are made durable together (one
 * transaction, one fsync) at the end of the turn. `Storage.afterCommit` is how anything that must
 * not happen before durability (delivery, acknowledgement, an IQ result) waits for it.
 */

/** An answer that may be there already. Callers await only when it is a promise. */
export type Awaitable<T> = T | Promise<T>;

/** Why storage refused. `full`, `busy` and `io` are answered to clients as `resource-constraint`, type `wait`. */
export type StorageErrorCode = 'full' | 'busy' | 'io' | 'corrupt' | 'closed' | 'too-new';

/** A write or read that the engine could not do. Nothing of the batch it belonged to is durable. */
export class StorageError extends Error {
  readonly code: StorageErrorCode;
  constructor(code: StorageErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'StorageError';
    this.code = code;
  }
}

/** One account. `id` is never used again, also when the name is (so nothing is inherited by a namesake). */
export interface AccountRecord {
  readonly id: number;
  readonly localpart: string;
  readonly domain: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly disabled: boolean;
  /** SCRAM keys as JSON, written by core/accounts; the store does not look inside. */
  readonly credentials: string;
}

export interface AccountStore {
  get(localpart: string, domain: string): Awaitable<AccountRecord | undefined>;
  byId(id: number): Awaitable<AccountRecord | undefined>;
  /** Resolves to undefined when the name is taken. Durable after the commit. */
  create(account: { localpart: string; domain: string; createdAt: number; credentials: string }): Awaitable<AccountRecord | undefined>;
  update(id: number, change: { credentials?: string; disabled?: boolean }): void;
  /** Removes the account and everything stored under its id in every kind but blobs. */
  remove(id: number): void;
  /** Sorted by domain, then localpart; `after` is the localpart of the last one of the page before. */
  list(query: { domain: string; after?: string; limit: number }): Awaitable<AccountRecord[]>;
  count(domain: string): Awaitable<number>;
}

/** A named table: owner (an account id, the number of a host (`Storage.hostOwner`), 0 for the server itself, or less than 0 for a group) and key to a text value (JSON by convention). */
export interface KeyValueStore {
  get(owner: number, key: string): Awaitable<string | undefined>;
  /** Sorted by key (in the order of its UTF-8 bytes); with `prefix` only the keys that begin with it. */
  list(owner: number, prefix?: string): Awaitable<Array<{ key: string; value: string }>>;
  /** Owners that hold this key; for reverse look-ups such as "who has this contact". */
  owners(key: string): Awaitable<number[]>;
  set(owner: number, key: string, value: string): void;
  delete(owner: number, key: string): void;
  deleteOwner(owner: number): void;
}

/** One copy of a message in one mailbox. */
export interface MailboxEntry {
  /** Position; unique on the node, rises in mailbox order; safe integer. The stanza-id is made of it. */
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Bare JID of the other side. */
  readonly peer: string;
  /** True when the owner of the mailbox sent it. */
  readonly outgoing: boolean;
  /** Device of the owner that sent it (outgoing only). */
  readonly device?: string;
  /** True for receipts, markers and changes of other messages: not counted as unread, not the last message of a conversation. */
  readonly quiet?: boolean;
  /** The whole stanza, `<message …>…</message>`, without `xmlns` on the start tag (it is jabber:client). */
  readonly stanza: Uint8Array;
}

/** One mailbox's copy in an append. Mailboxes of accounts are numbered like these, those of groups are below 0. */
export interface MailboxCopy {
  readonly mailbox: number;
  readonly peer: string;
  readonly outgoing: boolean;
  readonly device?: string;
  /** See MailboxEntry. */
  readonly quiet?: boolean;
  /** What a resend is recognised by (XEP-0359 origin-id); given for the sender's copy, or the group's, only. */
  readonly originId?: string;
}

export interface MailboxQuery {
  /** Exclusive bounds by position. */
  readonly after?: number;
  readonly before?: number;
  /** Inclusive bounds by time, ms. */
  readonly start?: number;
  readonly end?: number;
  readonly peer?: string;
  /** Only entries that the owner received. */
  readonly incomingOnly?: boolean;
  /** Leaves out quiet entries. */
  readonly contentOnly?: boolean;
  readonly limit: number;
  /** Newest first. Default false. */
  readonly reverse?: boolean;
}

/** A search by text. All words must be there, the last one may be a beginning; what a word is, the engine says. */
export interface MailboxSearch extends MailboxQuery {
  readonly text: string;
  /** Best first (among the newest matches) instead of in order. */
  readonly ranked?: boolean;
}
export interface MailboxSearchResult {
  readonly entries: ReadonlyArray<MailboxEntry & { readonly score?: number }>;
  /** Set when the search stopped at this position, having done enough, and not because the limit or the end was reached: go on from there. */
  readonly reached: number | undefined;
}

/** One conversation of a mailbox. */
export interface ConversationHead {
  readonly peer: string;
  /** Position of the newest entry that is not quiet. */
  readonly last: number;
}

/** How far a device has taken a mailbox. */
export interface Cursor {
  readonly device: string;
  readonly seq: number;
  /** When the device was last here, ms. */
  readonly seenAt: number;
  /** The same for the groups of the account, whose messages it takes without joining; absent when it does not. */
  readonly groups?: number;
}

/** For operators: how much waits in a mailbox and for how long. */
export interface QueueInfo {
  readonly mailbox: number;
  /** '' for an account that never signed in. */
  readonly device: string;
  /** Entries after the cursor that came for the owner. */
  readonly length: number;
  /** Time of the first of them, ms since the epoch; undefined when empty. */
  readonly oldestAt?: number;
}

/** The append-only logs of accounts: every stored message once, in order, with a cursor for each device. */
export interface MailboxStore {
  /** Appends one message to one or more mailboxes. `seq` must be higher than any before it. */
  append(message: { seq: number; at: number; stanza: Uint8Array }, copies: readonly MailboxCopy[]): void;
  /** The highest position ever given out, 0 when none. Known at open; never goes back while it is open, also when a commit is refused: whoever appends takes the next one from here. */
  lastSeq(): number;
  /** Position of the outgoing entry with this origin-id in the sender's mailbox. */
  findOrigin(mailbox: number, originId: string): Awaitable<number | undefined>;
  read(mailbox: number, query: MailboxQuery): Awaitable<MailboxEntry[]>;
  get(mailbox: number, seq: number): Awaitable<MailboxEntry | undefined>;
  /** How many there are; with `max` it stops counting there. */
  count(mailbox: number, query: Omit<MailboxQuery, 'limit' | 'reverse'>, max?: number): Awaitable<number>;
  /** Every conversation that has an entry that is not quiet, in no order. `before` (exclusive) leaves out newer entries. */
  conversations(mailbox: number, before?: number): Awaitable<ConversationHead[]>;
  /** First and last entry's position and time; undefined when empty. */
  range(mailbox: number): Awaitable<{ first: { seq: number; at: number }; last: { seq: number; at: number } } | undefined>;
  /** Not every engine can: see Capabilities.search. */
  search?(mailbox: number, query: MailboxSearch): Awaitable<MailboxSearchResult>;
  /**
   * Removes every entry of this mailbox up to and including this position; with `limit` the first ones of them, about so many. Answers
   * whether that is all of them: if not, it is to be called again.
   */
  trim(mailbox: number, through: number, limit?: number): Awaitable<boolean>;
  /**
   * Puts another stanza where a message was, in every mailbox that holds it: position, time and everything else stay. Nothing of the
   * old stanza is left when that is durable. Answers false when no mailbox holds it.
   */
  replace(seq: number, stanza: Uint8Array): Awaitable<boolean>;
  /** The message goes from every mailbox at this time (ms since the epoch), when `discard` is called for it. `sender`: the mailbox of its sender. */
  setDue(seq: number, at: number, sender: number): void;
  /** Messages whose time is up, the longest first. */
  due(now: number, limit: number): Awaitable<Array<{ readonly seq: number; readonly sender: number }>>;
  /** Removes a message from every mailbox, with its time; nothing of it is left when that is durable. */
  discard(seq: number): Awaitable<void>;
  /** Removes one mailbox's copy. */
  remove(mailbox: number, seq: number): void;
  /** Removes entries older than this in all mailboxes, at most `limit` at once; answers how many went. */
  expire(olderThan: number, limit: number): Awaitable<number>;
  cursors(mailbox: number): Awaitable<Cursor[]>;
  setCursor(mailbox: number, cursor: Cursor): void;
  removeCursor(mailbox: number, device: string): void;
  /** Longest queues first. */
  queues(limit: number): Awaitable<QueueInfo[]>;
}

export interface BlobInfo {
  readonly key: string;
  readonly bytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** Media. A blob is there whole or not at all. Keys are made by the server: `[a-z0-9-]+`. */
export interface BlobStore {
  /** Streams to the store. Throws StorageError, or RangeError when the source is not exactly `expectBytes` long; nothing is left behind then. */
  put(key: string, source: AsyncIterable<Uint8Array>, options: { expectBytes: number }): Promise<BlobInfo>;
  stat(key: string): Promise<{ bytes: number } | undefined>;
  /** Bytes `start` to `end` inclusive. */
  read(key: string, range?: { start: number; end: number }): Promise<AsyncIterable<Uint8Array> | undefined>;
  delete(key: string): Promise<void>;
}

/** What an engine can do beyond the contract; features look here instead of at engine names. */
export interface Capabilities {
  readonly durable: boolean;
  /** `MailboxStore.search` is there. */
  readonly search: boolean;
}

/** One open engine (or several behind one face). */
export interface Storage {
  readonly capabilities: Capabilities;
  readonly accounts: AccountStore;
  readonly mailboxes: MailboxStore;
  /**
   * The owner of the rows that a domain keeps for itself: 0 for the first domain that was ever asked for, for each other one a number
   * that no account and no group has. Always the same; a new one is durable with the commit of the turn.
   */
  hostOwner(domain: string): Awaitable<number>;
  /** `name` is `[a-z][a-z0-9_]*`; asked for once at start by each feature. */
  keyValue(name: string): KeyValueStore;
  /** True while writes of this turn wait for their commit. */
  readonly pending: boolean;
  /**
   * Runs `done` once everything written so far is durable (at once, synchronously, when nothing is pending),
   * or `failed` when the commit was refused; then nothing of that batch is kept. Callbacks run in the order given.
   */
  afterCommit(done: () => void, failed: (error: StorageError) => void): void;
  /** Commits now. For shutdown and tests. */
  flush(): Awaitable<void>;
  close(): Awaitable<void>;
}
