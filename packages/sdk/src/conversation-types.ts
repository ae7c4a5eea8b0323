import type { ChatError } from './errors.ts';
import type { Group, GroupInfo } from './group-types.ts';
import type { BlobLike, Mention, Message } from './message-types.ts';
import type { ChatEvents, ConversationEventName, Observable, Unsubscribe } from './types.ts';

/** What `send` gives back at once. */
export interface SendHandle {
  readonly message: Message;
  /** Resolves at one tick (also after a reconnect), rejects with a ChatError when the message failed. Unhandled rejections are silenced. */
  readonly sent: Promise<Message>;
}

/** What `sendFile` gives back at once. */
export interface FileHandle extends SendHandle {
  readonly upload: Upload;
}

/** State of one upload; frozen. */
export interface UploadSnapshot {
  readonly id: string;
  readonly messageId: string;
  readonly conversationId: string;
  readonly state: 'waiting' | 'uploading' | 'done' | 'failed' | 'cancelled';
  readonly sentBytes: number;
  readonly totalBytes: number;
  /** 0 … 1 */
  readonly progress: number;
  readonly error: ChatError | undefined;
}

/** An upload to watch and to cancel. */
export interface Upload extends Observable<UploadSnapshot> {
  readonly id: string;
  /** Stops the upload and removes its message. No effect once done. */
  cancel(): void;
}

/** State of one conversation; frozen. */
export interface ConversationSnapshot extends Readonly<Required<ConversationSettings>> {
  /** The peer's address `name@domain`, or that of the group; the domain alone for what the own server says. */
  readonly id: string;
  /** `server`: what the own server tells the account (a new device, an announcement). It is only read: sending throws `not-allowed`. */
  readonly type: 'direct' | 'group' | 'server';
  /** Name of the group; name from the contact list, else the local part of the address; the domain of the server. */
  readonly name: string;
  readonly lastMessage: Message | undefined;
  readonly unread: number;
  /** Something unread mentions the account. */
  readonly mentioned: boolean;
  /** Marked as unread by hand. */
  readonly markedUnread: boolean;
  /** Somebody is writing right now (ends by itself after 30 s). */
  readonly typing: boolean;
  /** Who, by address; in groups by their name there, `group@service/Name`. */
  readonly typingIds: readonly string[];
  /** Milliseconds since 1970 of the last message, 0 without one. The list is sorted by it, pinned ones first. */
  readonly updatedAt: number;
  readonly blocked: boolean;
  readonly group: GroupInfo | undefined;
}

/** What the owner decides about a conversation; the same on all devices where the server keeps it (`chat.features.conversations`). */
export interface ConversationSettings {
  readonly pinned?: boolean;
  /** Milliseconds since 1970; 0: not muted; `Number.MAX_SAFE_INTEGER`: for ever. */
  readonly mutedUntil?: number;
  readonly archived?: boolean;
  /**
   * What the owner is notified of in a group, in whatever client it was chosen (XEP-0492); known since the last connection. Muting is
   * beside it: a muted group still notifies of mentions when this is `mentions`. Only groups have it.
   */
  readonly notify?: 'all' | 'mentions' | 'nothing';
  /** Seconds after which new messages that this account sends disappear (XEP-0466); 0: they stay. Not for groups: see `setTimer`. */
  readonly timer?: number;
}

/** What `send` takes besides a plain text. */
export interface OutgoingText {
  readonly text: string;
  /** Id of the message that is answered (XEP-0461). */
  readonly replyTo?: string | undefined;
  /** Who is meant where in the text (XEP-0372). */
  readonly mentions?: readonly Mention[] | undefined;
}

/** Options of `sendFile`. */
export interface SendFileOptions {
  readonly caption?: string;
  /** Id of the message that is answered (XEP-0461). */
  readonly replyTo?: string | undefined;
  /** Overrides `file.name`. */
  readonly name?: string;
  /** Overrides `file.type`. */
  readonly mediaType?: string;
  /** Overrides what the platform measures. */
  readonly width?: number;
  readonly height?: number;
  readonly thumbhash?: string;
  readonly signal?: { readonly aborted: boolean; addEventListener(type: 'abort', listener: () => void): void };
}

/** A cheap reference: making one costs no round trip, and the same id gives the same object. */
export interface Conversation extends Observable<ConversationSnapshot> {
  readonly id: string;
  /**
   * Stores the text in the outbox, shows it, sends it when there is a connection. Throws `invalid-argument` for empty or over-long text
   * and for mentions outside of it, `not-found` when `replyTo` is no message here.
   */
  send(content: string | OutgoingText): Promise<SendHandle>;
  /** Sends a copy of a message of any conversation, files included (they are not uploaded again). Throws `invalid-argument` when there is nothing to copy. */
  forward(message: Message): Promise<SendHandle>;
  /** Replaces the text of an own message (XEP-0308), for everyone. Throws `not-allowed` for messages of others, failed and deleted ones. */
  edit(messageId: string, content: string | Omit<OutgoingText, 'replyTo'>): Promise<void>;
  /** Puts this person's reaction under a message (XEP-0444), or takes it away with `undefined`. */
  react(messageId: string, emoji: string | undefined): Promise<void>;
  /** Takes an own message back, here and everywhere (XEP-0424). What was already read cannot be unread. Throws `not-allowed` for messages of others. */
  deleteForEveryone(messageId: string): Promise<void>;
  /** Removes a message from this device only. */
  deleteForMe(messageId: string): Promise<void>;
  /** Marks a message to be found again, on this device only. */
  star(messageId: string, starred: boolean): Promise<void>;
  /** Stores the file in the outbox, uploads it (XEP-0363), then sends the message. */
  sendFile(file: BlobLike, options?: SendFileOptions): Promise<FileHandle>;
  /** Sends a failed message again; no effect on others. */
  retry(messageId: string): Promise<void>;
  /** Removes a failed or pending message from this device. */
  discard(messageId: string): Promise<void>;
  /** Call on key presses; sends `composing` at most every few seconds and `paused` by itself. `typing(false)` when the field was emptied. */
  typing(active?: boolean): void;
  /**
   * Everything up to `messageId` (default: the newest) has been seen: clears unread here and on own devices, tells the peer.
   * `tellPeer: false` (read receipts are off) sends no marker at all: then other own devices do not learn of it either.
   */
  markRead(messageId?: string, options?: { readonly tellPeer?: boolean }): Promise<void>;
  /** Pins, mutes, archives, sets the timer of disappearing messages, or what a group notifies of: here at once, on the other devices as soon as possible. */
  change(change: ConversationSettings): Promise<void>;
  /**
   * New messages of the conversation disappear after this many seconds, for everyone (XEP-0466); 0: they stay. Tells the others at
   * once. Rejects with `offline`; in a group resolves when the group has it, and rejects with `not-allowed` where the role does not suffice.
   */
  setTimer(seconds: number): Promise<void>;
  /** Shows the conversation as unread on this device, until it is read. */
  markUnread(): Promise<void>;
  /** What can be done with the group; undefined for a conversation of two. */
  readonly group: Group | undefined;
  /** A new live window on the newest messages. */
  messages(options?: MessageListOptions): MessageList;
  /** The window shared by all callers that ask with no options. */
  readonly latest: MessageList;
  on<E extends ConversationEventName>(event: E, listener: (payload: ChatEvents[E]) => void): Unsubscribe;
}

export interface MessageListOptions {
  /** Messages per load; default 50, at most 200. */
  readonly pageSize?: number;
  /** Most messages held at once; older or newer ones leave at the other end. Default 300, at least 2 pages. */
  readonly maxItems?: number;
}

/** State of a message window; frozen. `items` are oldest first. */
export interface MessageListSnapshot {
  readonly items: readonly Message[];
  /** False before the first load finished. */
  readonly ready: boolean;
  readonly hasOlder: boolean;
  readonly hasNewer: boolean;
  readonly loading: 'older' | 'newer' | 'around' | undefined;
  /** Messages from the peer that arrived after the end of the window (for "jump to latest"). */
  readonly newerUnread: number;
  readonly error: ChatError | undefined;
}

/** A bounded live window on a conversation. It works while somebody is subscribed or a load is running. */
export interface MessageList extends Observable<MessageListSnapshot> {
  readonly conversationId: string;
  /** From the store, and from the server's archive when the store has no more. Resolves when the snapshot has them. */
  loadOlder(count?: number): Promise<void>;
  loadNewer(count?: number): Promise<void>;
  /** Window around a message id or a time. Throws `not-found`. */
  jumpTo(target: string | Date): Promise<void>;
  jumpToLatest(): Promise<void>;
}
