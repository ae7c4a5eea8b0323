import { Cell } from '../observable.ts';
import type { ConversationRecord, GroupRecord, KeptQuote, MessageRecord } from '../store/store.ts';
import type { ConversationSnapshot, GroupInfo, Message, Quote } from '../types.ts';
import type { Backlog } from './backlog.ts';

const NONE: readonly never[] = Object.freeze([]);

/** What a message window needs to hear. */
export interface TimelineListener {
  /** Another tab has written. */
  reload(): Promise<void>;
  changed(changed: readonly Message[], removed: readonly string[]): void;
}

/** One conversation in memory: its record, what is not kept (typing), and who watches. */
export class ConversationState {
  readonly id: string;
  record: ConversationRecord;
  /** Who is writing, with the timers that end it. */
  readonly typing = new Map<string, unknown>();
  name: string;
  blocked = false;
  /** It is the own server that speaks here, and nobody answers. */
  server = false;
  /** `order` of the newest message that the server has placed; messages still in the outbox do not count. */
  placedOrder: number | undefined;
  backlog: Backlog | undefined;
  readonly cell: Cell<ConversationSnapshot>;
  #info: { readonly of: GroupRecord; readonly info: GroupInfo } | undefined;
  #typingIds: readonly string[] = NONE;
  readonly timelines = new Set<TimelineListener>();

  constructor(record: ConversationRecord, name: string) {
    this.id = record.id;
    this.record = record;
    this.name = name;
    this.cell = new Cell(this.#make());
  }

  get group(): boolean {
    return this.record.group !== undefined;
  }

  /** Makes a new snapshot when something visible has changed; tells whether. */
  refresh(): boolean {
    const old = this.cell.snapshot();
    const next = this.#make();
    if ((Object.keys(next) as (keyof ConversationSnapshot)[]).every((key) => old[key] === next[key])) return false;
    this.cell.set(next);
    return true;
  }

  #make(): ConversationSnapshot {
    const { record } = this;
    const { group } = record;
    if (this.#info?.of !== group) this.#info = group === undefined ? undefined : { of: group, info: groupInfo(group) };
    const typingIds = [...this.typing.keys()];
    if (typingIds.join('\n') !== this.#typingIds.join('\n')) this.#typingIds = Object.freeze(typingIds);
    return Object.freeze({
      id: this.id,
      type: group !== undefined ? 'group' : this.server ? 'server' : 'direct',
      name: group === undefined ? this.name : group.name === '' ? this.id.slice(0, this.id.indexOf('@')) : group.name,
      lastMessage: record.lastMessage === undefined ? undefined : publicMessage(record.lastMessage),
      unread: record.unread,
      notify: record.notify ?? 'all',
      mentioned: record.unread > 0 && (record.mentionOrder ?? 0) > record.readOrder,
      markedUnread: record.markedUnread ?? false,
      typing: typingIds.length > 0,
      typingIds: this.#typingIds,
      updatedAt: record.lastMessage?.sentAt ?? 0,
      blocked: this.blocked,
      pinned: record.pinned ?? false,
      mutedUntil: record.mutedUntil ?? 0,
      archived: record.archived ?? false,
      timer: record.timer ?? 0,
      group: this.#info?.info,
    });
  }
}

function groupInfo({ name, nick, affiliation, description, avatar }: GroupRecord): GroupInfo {
  return Object.freeze({ name, nick, role: affiliation, description: description ?? '', avatar });
}

export function emptyConversation(id: string): ConversationRecord {
  return {
    id,
    readOrder: 0,
    unread: 0,
    lastMessage: undefined,
    oldestServerId: undefined,
    complete: false,
    answered: false,
    pendingMarker: undefined,
  };
}

const publicViews = new WeakMap<MessageRecord, Message>();

/** What the application sees of a record; the same object for the same record. */
export function publicMessage(record: MessageRecord): Message {
  let view = publicViews.get(record);
  if (view === undefined) {
    const { wireId: _wireId, keys: _keys, queued: _queued, operation: _operation, timer: _timer, replyTo, reactions, ...message } = record;
    const shown = reactions?.filter((reaction) => reaction.emoji.length > 0) ?? NONE;
    view = Object.freeze({
      ...message,
      replyTo: replyTo === undefined ? undefined : quoteOf(replyTo),
      mentions: record.mentions ?? NONE,
      mentionsMe: record.mentionsMe ?? false,
      editedAt: record.editedAt,
      deleted: record.deleted ?? false,
      forwarded: record.forwarded ?? false,
      reactions: shown.length === 0 ? NONE : Object.freeze(shown.map(({ senderId, mine, emoji }) => ({ senderId, mine, emoji }))),
      receipts: record.receipts ?? NONE,
      starred: record.starred ?? false,
      mine: record.mine && record.notice === undefined,
      expiresAt: record.expiresAt,
      senderName: record.senderName,
      notice: record.notice,
    });
    publicViews.set(record, view);
  }
  return view;
}

function quoteOf({ wireId: _wireId, ...quote }: KeptQuote): Quote {
  return Object.freeze(quote);
}
