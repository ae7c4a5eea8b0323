import type { Context } from '../context.ts';
import { ChatError } from '../errors.ts';
import { type Change, changeTo } from '../messages/changes.ts';
import { bareOf, type Fact } from '../messages/facts.ts';
import { type ConversationRecord, type KeptQuote, type MessageRecord, OPERATIONS } from '../store/store.ts';
import type { ChatEvents, Message, MessageFailure, MessageStatus } from '../types.ts';
import { cameAgain, findPlaces, orderInBacklog } from './backlog.ts';
import { EXPIRING, type Expiring, withExpiring } from './expiry.ts';
import { archiveKey, bothKeys, keysOf, messageKeys, originKey, quotedKeys, roomKey, stampOrder, stanzaKey, targetKeys } from './keys.ts';
import { type ApplyOptions, expiryOf, meant, type Outcome, quoteOfRecord, timerNotice, tombstone } from './records.ts';
import { type ConversationState, publicMessage } from './state.ts';

/** Ticks only move forward; `failed` only from what nobody has received. */
const RANK: Readonly<Record<MessageStatus, number>> = { failed: 0, pending: 0, sent: 1, delivered: 2, read: 3 };
/** Counting unread messages beyond this is of no use to anybody. */
const MAX_UNREAD = 999;
/** Changes kept per conversation whose message is not here; the oldest are forgotten. */
const MAX_ORPHANS = 200;
/** Names of one message: more corrections than this have no name of their own. */
const MAX_KEYS = 60;
/** How far back a read marker is applied to earlier messages. */
const READ_LOOKBACK = 500;

type PendingEvent = { [E in keyof ChatEvents]: { readonly name: E; readonly payload: ChatEvents[E] } }[keyof ChatEvents];

/** One transaction in the making. */
export class Batch {
  readonly #context: Context;
  readonly #options: ApplyOptions;
  readonly outcome: Outcome = { receipts: [], refused: [], timers: [], added: 0 };
  readonly #byKey = new Map<string, MessageRecord | undefined>();
  readonly #messages = new Map<string, MessageRecord>();
  readonly #removed = new Set<string>();
  readonly #records = new Map<ConversationState, ConversationRecord>();
  readonly #recount = new Set<ConversationState>();
  readonly #firstOrder = new Map<string, number>();
  readonly #added = new Set<string>();
  readonly #events: PendingEvent[] = [];
  readonly #operations: MessageRecord[] = [];

  constructor(context: Context, options: ApplyOptions) {
    this.#context = context;
    this.#options = options;
    for (const [id, change] of options.conversations ?? []) this.change(context.conversationState(id), change);
  }

  change(state: ConversationState, change: Partial<ConversationRecord>): void {
    this.#records.set(state, { ...(this.#records.get(state) ?? state.record), ...change });
  }

  #record(state: ConversationState): ConversationRecord {
    return this.#records.get(state) ?? state.record;
  }

  /** Reads everything the facts may refer to in one go. */
  async load(facts: readonly Fact[]): Promise<void> {
    const keys = new Set<string>();
    for (const fact of facts) for (const key of keysOf(fact, this.#context.me)) keys.add(key);
    const wanted = [...keys];
    const found = await this.#context.store.messagesByKey(wanted);
    wanted.forEach((key, index) => {
      this.#byKey.set(key, found[index]);
    });
    for (const fact of facts) {
      if (fact.kind !== 'message') continue;
      await findPlaces(this.#context, this.#context.conversationState(fact.conversationId), fact);
    }
  }

  /** Older pages go before all that is kept, each message one step further back than its stamp may say. */
  async preparePrepend(facts: readonly Fact[]): Promise<void> {
    for (let index = facts.length - 1; index >= 0; index--) {
      const fact = facts[index]!;
      if (fact.kind !== 'message' || this.#existing(fact) !== undefined) continue;
      let first = this.#firstOrder.get(fact.conversationId);
      if (first === undefined) {
        const [oldest] = await this.#context.store.messages(fact.conversationId, { after: 0, limit: 1 });
        first = oldest?.order ?? Number.MAX_SAFE_INTEGER;
      }
      const order = Math.min(stampOrder(fact.stampedAt ?? this.#context.now()), first - 1);
      this.#firstOrder.set(fact.conversationId, order);
      this.#prepended.set(fact, order);
    }
  }

  readonly #prepended = new Map<Fact, number>();

  async fact(fact: Fact): Promise<void> {
    switch (fact.kind) {
      case 'message':
        this.#message(fact);
        return;
      case 'delivered': {
        const record = this.#own(fact.conversationId, fact.wireId);
        if (record !== undefined) this.#receipt(record, fact, 'deliveredAt', 'delivered');
        return;
      }
      case 'displayed':
        if (fact.by === 'peer') await this.#peerRead(fact);
        else this.#readElsewhere(fact);
        return;
      case 'refused': {
        const record = this.#own(fact.conversationId, fact.wireId);
        if (record === undefined) this.outcome.refused.push(fact);
        else if (record.status === 'pending' || record.status === 'sent') this.fail(record, fact.error);
        return;
      }
      case 'change':
        this.#change(fact);
        return;
      case 'seen':
        await this.#seenByAll(fact);
        return;
      case 'timer':
        this.#timer(fact);
        return;
      case 'typing':
      case 'nothing':
        return;
    }
  }

  /** How long what follows stays, from now on; told as a line in the conversation. */
  #timer(fact: Fact & { kind: 'timer' }): void {
    const state = this.#context.conversationState(fact.conversationId);
    if (this.#options.place === 'append') this.change(state, { timer: fact.seconds });
    if (fact.mine && fact.wireId !== undefined) this.outcome.timers.push(fact.wireId);
    this.#message(timerNotice(fact));
  }

  /** A correction, deletion or reaction: to a message that is here, or kept until it is. */
  #change(fact: Fact & { kind: 'change' }): void {
    const { change, conversationId } = fact;
    const target = targetKeys(change, conversationId, this.#context.me, fact.room === true)
      .map((key) => this.#find(key))
      .find((record) => record !== undefined && record.conversationId === conversationId);
    if (target === undefined) {
      const state = this.#context.conversationState(conversationId);
      this.change(state, { orphans: [...(this.#record(state).orphans ?? []), change].slice(-MAX_ORPHANS) });
      return;
    }
    const after = this.alter(target, change);
    if (after === undefined) return;
    // Receipts, markers and reactions may name the correction instead of the message (XEP-0444 §4).
    if (change.kind === 'edit' && fact.wireId !== undefined) this.alias(after, fact.wireId);
    if (change.kind === 'react' && !change.mine) {
      const { senderId, emoji = [] } = change;
      const payload = { message: publicMessage(after), senderId, emoji, live: fact.origin !== 'archive' };
      this.#events.push({ name: 'message.reaction', payload });
    }
  }

  /** Makes a change to a message, if it may be made. */
  alter(record: MessageRecord, change: Change): MessageRecord | undefined {
    const difference = changeTo(record, change);
    return difference === undefined ? undefined : this.replace(record, difference);
  }

  /** Gives a message the id of its correction as another name. */
  alias(record: MessageRecord, wireId: string): void {
    if (record.keys.length >= MAX_KEYS) return;
    this.replace(record, { keys: [...record.keys, ...bothKeys(record.senderId, record.conversationId, wireId)] }, false);
  }

  /** What came before its message. */
  #adopt(state: ConversationState, record: MessageRecord): void {
    const orphans = this.#record(state).orphans;
    if (orphans === undefined || orphans.length === 0) return;
    const { me } = this.#context;
    const room = this.#record(state).group !== undefined;
    const mine = (change: Change): boolean => targetKeys(change, state.id, me, room).some((key) => record.keys.includes(key));
    const found = orphans.filter(mine);
    if (found.length === 0) return;
    this.change(state, { orphans: orphans.filter((change) => !found.includes(change)) });
    let current = record;
    for (const change of found) current = this.alter(current, change) ?? current;
  }

  /** The answered message as it looks now; what the sender says it was only when it is not here. */
  #quote(fact: Fact & { kind: 'message' }): KeptQuote | undefined {
    const { replyTo } = fact.content;
    if (replyTo === undefined) return undefined;
    const { me } = this.#context;
    const found = quotedKeys(fact, me)
      .map((key) => this.#find(key))
      .find((record) => record !== undefined && record.conversationId === fact.conversationId);
    if (found !== undefined) return quoteOfRecord(found, replyTo.wireId);
    const claimed = fact.room === true ? replyTo.senderId : bareOf(replyTo.senderId);
    // In a conversation of two only these two can have written it.
    const senderId = claimed === me ? me : fact.room === true ? claimed : fact.conversationId;
    return { wireId: replyTo.wireId, messageId: undefined, senderId, mine: senderId === me, text: replyTo.text, kind: undefined };
  }

  #find(key: string): MessageRecord | undefined {
    const record = this.#byKey.get(key);
    return record === undefined ? undefined : (this.#messages.get(record.id) ?? record);
  }

  /** An own message by its id on the wire, only if it went to this peer: nobody else may tick it. */
  #own(conversationId: string, wireId: string): MessageRecord | undefined {
    const { me } = this.#context;
    const record = this.#find(originKey(me, conversationId, wireId)) ?? this.#find(stanzaKey(me, conversationId, wireId));
    return record !== undefined && record.mine && record.conversationId === conversationId ? record : undefined;
  }

  #existing(fact: Fact & { kind: 'message' }): MessageRecord | undefined {
    const [byServer, byOrigin, byStanza] = messageKeys(fact);
    const known = (byServer && this.#find(byServer)) || (byOrigin && this.#find(byOrigin));
    if (known) return known;
    // Stanza ids alone are weak (old clients count from 1): only when one of the two copies has no archive id.
    const weak = byStanza === undefined ? undefined : this.#find(byStanza);
    return weak !== undefined && (weak.serverId === undefined || fact.serverId === undefined) ? weak : undefined;
  }

  #message(fact: Fact & { kind: 'message' }): void {
    const context = this.#context;
    const state = context.conversationState(fact.conversationId);
    const known = this.#existing(fact);
    if (known !== undefined) {
      if (known.conversationId !== fact.conversationId) return;
      cameAgain(state, fact, known);
      // A copy of what we have: it may teach us the archive id, and proves that the server has stored it.
      const learned: { -readonly [K in keyof MessageRecord]?: MessageRecord[K] } = {};
      if (known.serverId === undefined && fact.serverId !== undefined) {
        learned.serverId = fact.serverId;
        learned.keys = [...known.keys, archiveKey(fact, fact.serverId)];
      }
      // The group says how long it stays, whatever this device believed.
      if (fact.room === true && fact.mine && known.operation === undefined && known.timer !== fact.content.timer)
        Object.assign(learned, { timer: undefined, expiresAt: undefined }, expiryOf(known.sentAt, fact.content.timer));
      const updated = Object.keys(learned).length > 0 ? this.replace(known, learned, false) : known;
      // A group sends it back to its sender once it is stored.
      if (fact.mine && known.queued === 1 && (fact.origin !== 'live' || fact.room === true)) this.#status(updated, 'sent');
      // The retraction that led to the tombstone may be past what this device reads.
      if (fact.retracted && updated.deleted !== true) this.alter(updated, tombstone(fact, context.now()));
      return;
    }
    const at = fact.stampedAt ?? context.now();
    const before = this.#prepended.get(fact) ?? orderInBacklog(state, fact);
    const order = before ?? Math.max(stampOrder(at), (state.placedOrder ?? 0) + 1);
    if (before === undefined) state.placedOrder = order;
    const wireId = fact.originId ?? fact.wireId ?? '';
    const record: MessageRecord = {
      // Derived, not random: two tabs that get the same message at once write the same row.
      id: messageKeys(fact).find((key) => key !== undefined) ?? context.newId(),
      serverId: fact.serverId,
      conversationId: fact.conversationId,
      senderId: fact.senderId,
      // A notice is nobody's to read or not to read.
      mine: fact.mine || fact.notice !== undefined,
      sentAt: at,
      order,
      status: fact.mine || fact.notice !== undefined ? 'sent' : 'delivered',
      error: undefined,
      body: fact.content.body,
      attachments: fact.content.attachments,
      ...(fact.retracted ? { deleted: true } : {}),
      ...(fact.senderName === undefined ? {} : { senderName: fact.senderName }),
      ...(fact.notice === undefined ? {} : { notice: fact.notice }),
      ...(fact.content.replyTo === undefined ? {} : { replyTo: this.#quote(fact) }),
      ...(fact.content.forwarded === true ? { forwarded: true } : {}),
      ...expiryOf(at, fact.content.timer),
      ...meant(fact, context.me, this.#record(state).group?.nick),
      // Receipts and markers name the stanza id (XEP-0184 §5, XEP-0333 §4).
      wireId: fact.wireId ?? wireId,
      keys: messageKeys(fact).filter((key) => key !== undefined),
      queued: 0,
    };
    // XEP-0466 §3.2: who gets a message with a timer answers with the same. In a group that says how long this one stays, and no more.
    const { timer } = fact.content;
    if (fact.room !== true && timer !== undefined && this.#options.place === 'append' && this.#record(state).timer !== timer)
      this.change(state, { timer });
    if (record.mentionsMe === true) this.change(state, { mentionOrder: Math.max(order, this.#record(state).mentionOrder ?? 0) });
    this.#put(record);
    this.#added.add(record.id);
    this.#adopt(state, record);
    this.outcome.added++;
    if (fact.notice !== undefined) {
      // Nobody wrote it, so nothing was read.
    } else if (fact.mine && this.#options.place === 'append') {
      this.change(state, { answered: true });
      // Who answers has read.
      this.ownRead(state, record);
    } else if (fact.mine) {
      this.change(state, { answered: true });
    } else {
      this.#recount.add(state);
      if (fact.origin !== 'carbon' && fact.receiptWanted && fact.wireId !== undefined) {
        this.outcome.receipts.push({ state, to: fact.from, wireId: fact.wireId });
      }
    }
    const message = publicMessage(this.#messages.get(record.id) ?? record);
    this.#events.push({ name: 'message.new', payload: { message, live: fact.origin !== 'archive' } });
  }

  /** A change of this device, kept in the outbox until the server has it. */
  enqueue(to: string, group: boolean, change: Change, wireId: string): MessageRecord {
    const record: MessageRecord = {
      id: wireId,
      serverId: undefined,
      conversationId: OPERATIONS,
      senderId: change.senderId,
      mine: true,
      sentAt: change.at,
      // Among what waits, in the order of the clock: after the message it is about.
      order: stampOrder(this.#context.now()),
      status: 'pending',
      error: undefined,
      body: '',
      attachments: [],
      wireId,
      keys: [],
      queued: 1,
      operation: { to, group, change },
    };
    this.#operations.push(record);
    return record;
  }

  insertOwn(state: ConversationState, message: Omit<MessageRecord, 'order' | 'keys'>): MessageRecord {
    const order = Math.max(stampOrder(message.sentAt), (this.#record(state).lastMessage?.order ?? 0) + 1);
    const record: MessageRecord = {
      ...message,
      ...expiryOf(message.sentAt, message.timer),
      order,
      keys: bothKeys(this.#context.me, state.id, message.wireId),
    };
    this.#put(record);
    this.#added.add(record.id);
    this.change(state, { answered: true });
    this.ownRead(state, record);
    this.#events.push({ name: 'message.new', payload: { message: publicMessage(record), live: true } });
    return record;
  }

  #put(record: MessageRecord): void {
    this.#messages.set(record.id, record);
    for (const key of record.keys) this.#byKey.set(key, record);
    const state = this.#context.conversationState(record.conversationId);
    const last = this.#record(state).lastMessage;
    if (last === undefined || last.id === record.id || record.order > last.order) this.change(state, { lastMessage: record });
  }

  /** `loud`: tell listeners that the visible message changed. */
  replace(record: MessageRecord, change: Partial<MessageRecord>, loud = true): MessageRecord {
    const next: MessageRecord = { ...record, ...change };
    this.#put(next);
    if (record.queued === 1 && next.queued === 0 && next.status !== 'failed') {
      const state = this.#context.conversationState(record.conversationId);
      if (state.placedOrder !== undefined) state.placedOrder = Math.max(state.placedOrder, record.order);
    }
    const message = publicMessage(next);
    if (loud) this.#events.push({ name: 'message.updated', payload: { message } });
    if (next.status !== record.status) this.#events.push({ name: 'message.status', payload: { message, previous: record.status } });
    if (next.status === 'failed' && record.status !== 'failed' && next.error !== undefined) {
      this.#events.push({ name: 'message.failed', payload: { message, error: next.error } });
    }
    return next;
  }

  #status(record: MessageRecord, status: MessageStatus): void {
    if (RANK[status] <= RANK[record.status]) return;
    this.replace(record, { status, queued: 0, error: undefined });
  }

  fail(record: MessageRecord, error: MessageFailure): void {
    this.replace(record, { status: 'failed', queued: 0, error });
  }

  /** Notes when, and moves the ticks forward. */
  #receipt(record: MessageRecord, fact: Fact, when: 'deliveredAt' | 'readAt', status: MessageStatus): void {
    const personId = fact.conversationId;
    const at = fact.stampedAt ?? this.#context.now();
    const kept = record.receipts?.find((receipt) => receipt.personId === personId);
    const before = kept ?? { personId, deliveredAt: undefined, readAt: undefined };
    if (before[when] !== undefined) return this.#status(record, status);
    const receipt = { ...before, [when]: at, ...(before.deliveredAt === undefined ? { deliveredAt: at } : {}) };
    const receipts = [...(record.receipts ?? []).filter((one) => one !== kept), receipt];
    if (RANK[status] <= RANK[record.status]) this.replace(record, { receipts });
    else this.replace(record, { receipts, status, queued: 0, error: undefined });
  }

  async #peerRead(fact: Fact & { kind: 'displayed' }): Promise<void> {
    const { conversationId, wireId } = fact;
    const marked = this.#own(conversationId, wireId);
    if (marked === undefined || marked.status === 'read') return;
    this.#receipt(marked, fact, 'readAt', 'read');
    // XEP-0333 §4.1: a marker covers everything before it.
    const earlier = await this.#context.store.messages(conversationId, { before: marked.order, limit: READ_LOOKBACK });
    for (const kept of earlier.reverse()) {
      const record = this.#messages.get(kept.id) ?? kept;
      if (!record.mine) continue;
      if (record.status === 'read') break;
      if (record.status !== 'failed' && record.status !== 'pending') this.#receipt(record, fact, 'readAt', 'read');
    }
    for (const record of [...this.#messages.values()]) {
      if (record.conversationId !== conversationId || !record.mine || record.order >= marked.order) continue;
      if (record.status === 'sent' || record.status === 'delivered') this.#receipt(record, fact, 'readAt', 'read');
    }
    this.#events.push({ name: 'conversation.read', payload: { conversationId, by: 'peer', messageId: marked.id } });
  }

  /** Of a group: everything up to an id is with every member, or was read by every member. Ids sort in the order of the archive. */
  async #seenByAll(fact: Fact & { kind: 'seen' }): Promise<void> {
    const kept = await this.#context.store.messages(fact.conversationId, { limit: READ_LOOKBACK });
    const upTo = (id: string | undefined, own: string): boolean => id !== undefined && own.length === id.length && own <= id;
    for (const one of kept) {
      const record = this.#messages.get(one.id) ?? one;
      if (!record.mine || record.serverId === undefined || record.notice !== undefined) continue;
      if (upTo(fact.read, record.serverId)) this.#status(record, 'read');
      else if (upTo(fact.delivered, record.serverId)) this.#status(record, 'delivered');
    }
  }

  #readElsewhere({ conversationId, wireId, room }: Fact & { kind: 'displayed' }): void {
    const state = this.#context.conversationState(conversationId);
    const record =
      (room === true ? this.#find(roomKey(conversationId, wireId)) : undefined) ??
      this.#find(stanzaKey(conversationId, conversationId, wireId)) ??
      this.#find(originKey(conversationId, conversationId, wireId));
    if (record === undefined || record.mine || record.order <= this.#record(state).readOrder) return;
    this.ownRead(state, record);
    this.#events.push({ name: 'conversation.read', payload: { conversationId, by: 'me', messageId: record.id } });
  }

  /** Moves the own read position forward. */
  ownRead(state: ConversationState, record: MessageRecord): void {
    if (record.order <= this.#record(state).readOrder) return;
    this.change(state, { readOrder: record.order });
    this.#recount.add(state);
  }

  async remove(state: ConversationState, id: string): Promise<void> {
    this.#removed.add(id);
    if (this.#record(state).lastMessage?.id !== id) return;
    const newest = await this.#context.store.messages(state.id, { limit: 2 });
    this.change(state, { lastMessage: newest.findLast((message) => message.id !== id) });
  }

  async commit(): Promise<void> {
    const { store } = this.#context;
    for (const state of this.#recount) {
      const { readOrder } = this.#record(state);
      let unread = await store.countReceived(state.id, readOrder, MAX_UNREAD);
      for (const id of this.#added) {
        const record = this.#messages.get(id)!;
        if (record.conversationId === state.id && !record.mine && record.order > readOrder) unread++;
      }
      this.change(state, { unread: Math.min(unread, MAX_UNREAD) });
    }
    const expiring = [...this.#messages.values()].flatMap(({ id, conversationId, expiresAt }): Expiring[] =>
      expiresAt === undefined || !this.#added.has(id) ? [] : [[expiresAt, id, conversationId]],
    );
    const values =
      expiring.length === 0
        ? this.#options.values
        : { ...this.#options.values, [EXPIRING]: withExpiring(await store.value(EXPIRING), expiring) };
    if (this.#messages.size + this.#removed.size + this.#records.size + this.#operations.length > 0 || values !== undefined) {
      try {
        await store.commit({
          messages: [...this.#messages.values(), ...this.#operations],
          removeMessages: [...this.#removed],
          conversations: [...this.#records.values()],
          ...(values === undefined ? {} : { values }),
        });
      } catch (error) {
        // What was decided from memory is void; ask the store again.
        for (const record of this.#messages.values()) this.#context.conversationState(record.conversationId).placedOrder = undefined;
        throw error instanceof ChatError ? error : new ChatError('store-failed', 'Local data could not be written', { cause: error });
      }
    }
    for (const [state, record] of this.#records) state.record = record;
    this.#publish();
    if (expiring.length > 0) this.#context.expiring();
  }

  #publish(): void {
    const perConversation = new Map<string, Message[]>();
    for (const record of this.#messages.values()) {
      const list = perConversation.get(record.conversationId) ?? [];
      perConversation.set(record.conversationId, list);
      list.push(publicMessage(record));
    }
    const removed = [...this.#removed];
    const touched = new Set<ConversationState>(this.#records.keys());
    for (const id of perConversation.keys()) touched.add(this.#context.conversationState(id));
    for (const state of touched) {
      for (const timeline of state.timelines) timeline.changed(perConversation.get(state.id) ?? [], removed);
    }
    this.#context.conversationsChanged([...touched]);
    for (const event of this.#events) this.#context.emit(event.name, event.payload as never);
    if (touched.size > 0) this.#context.tellOtherTabs([...touched].map((state) => state.id));
  }
}
