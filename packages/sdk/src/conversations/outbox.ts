import { NS } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import type { Session, Unacked } from '../connection/session.ts';
import type { Context } from '../context.ts';
import { ChatError } from '../errors.ts';
import { Uploads } from '../media/uploads.ts';
import { type Change, encodeChange } from '../messages/changes.ts';
import { encodeContent, encodeMessage, encodeOperation, encodeTimer } from '../messages/codec.ts';
import type { Fact } from '../messages/facts.ts';
import type { MessageRecord } from '../store/store.ts';
import type { Attachment, Mention, Message, Upload } from '../types.ts';
import type { Journal } from './journal.ts';
import type { Outcome } from './records.ts';
import type { ConversationState } from './state.ts';

/** Changes that can still be undone when they are refused. */
const MAX_UNDO = 200;
/** Receipts that wait for a connection; more are forgotten, the sender then sees one tick. */
const MAX_RECEIPTS = 1_000;

interface Waiter {
  resolve(message: Message): void;
  reject(error: ChatError): void;
}

/**
 * Own messages on their way. They are in the store before anybody sees them, stay queued until the server has acknowledged
 * them (XEP-0198), and go out again with the same origin-id, so that the server keeps them once.
 */
export class Outbox {
  readonly uploads: Uploads;
  readonly #context: Context;
  readonly #journal: Journal;
  readonly #waiters = new Map<string, Waiter[]>();
  /** Handed to the current session and not acknowledged yet. */
  readonly #inFlight = new Set<string>();
  /** How messages were before the latest changes of this device. */
  readonly #undo = new Map<string, MessageRecord>();
  /** Timers of groups on their way. */
  readonly #timers = new Map<string, { resolve(): void; reject(error: ChatError): void }>();
  #acked: string[] = [];
  #receipts: { readonly to: string; readonly wireId: string }[] = [];
  /** Lets the exclusive flush of this tab go when the session ends. */
  #releaseFlush: (() => void) | undefined;

  constructor(context: Context, journal: Journal) {
    this.#context = context;
    this.#journal = journal;
    this.uploads = new Uploads(context, {
      uploaded: (record, attachment) => this.#uploaded(record, attachment),
      failed: (record, error) => this.#failed(record.id, error),
      cancelled: (record) => {
        this.discard(context.conversationState(record.conversationId), record.id).catch((error: unknown) => context.report(error));
      },
    });
  }

  /** Keeps the message, then sends it as soon as possible. Resolves when it is kept. */
  async add(
    state: ConversationState,
    content: Pick<MessageRecord, 'id' | 'body' | 'attachments' | 'mentions' | 'replyTo' | 'forwarded'>,
  ): Promise<MessageRecord> {
    const { id, body, attachments, mentions = [], replyTo, forwarded } = content;
    const record = await this.#journal.add(state, {
      id,
      serverId: undefined,
      conversationId: state.id,
      senderId: this.#context.me,
      mine: true,
      sentAt: this.#context.now(),
      status: 'pending',
      error: undefined,
      body,
      attachments,
      wireId: id,
      queued: 1,
      ...(mentions.length === 0 ? {} : { mentions }),
      ...(replyTo === undefined ? {} : { replyTo }),
      ...(forwarded === true ? { forwarded } : {}),
      ...(state.record.timer ? { timer: state.record.timer } : {}),
    });
    this.#dispatch(record);
    return record;
  }

  /** Changes a message here at once, and everywhere as soon as possible. */
  async change(state: ConversationState, messageId: string, decide: (record: MessageRecord) => Change | undefined): Promise<void> {
    const done = await this.#journal.operate(messageId, { id: state.id, group: state.group }, this.#context.newId(), decide);
    if (done === undefined) return;
    this.#undo.set(done.operation.id, done.before);
    const [oldest] = this.#undo.keys();
    if (this.#undo.size > MAX_UNDO && oldest !== undefined) this.#undo.delete(oldest);
    this.#dispatch(done.operation);
  }

  /** The other side does not take a change: it is as if it had not been made (XEP-0444 §3.4). */
  #refused({ conversationId, wireId, error }: Fact & { kind: 'refused' }): void {
    this.#timers.get(wireId)?.reject(new ChatError(error.code, error.message, { retryable: error.retryable }));
    this.#timers.delete(wireId);
    const before = this.#undo.get(wireId);
    if (before === undefined || before.conversationId !== conversationId) return;
    this.#undo.delete(wireId);
    const { body, attachments, mentions = [], editedAt, deleted, reactions, replyTo, starred } = before;
    this.#journal
      .update([before.id], () => ({ body, attachments, mentions, editedAt, deleted, reactions, replyTo, starred }))
      .then(() => this.#context.report(new ChatError(error.code, error.message, { retryable: error.retryable })))
      .catch((cause: unknown) => this.#context.report(cause));
  }

  /** Handed to the server, which has not said yet that it has it. */
  onItsWay(id: string): boolean {
    return this.#inFlight.has(id);
  }

  /** Changes the text of a message that has not left: what waits is simply another text. False when it is too late for that. */
  async rewrite(id: string, body: string, mentions: readonly Mention[]): Promise<boolean> {
    if (this.#inFlight.has(id)) return false;
    const changed = await this.#journal.update([id], (record) =>
      record.status === 'pending' && !this.#inFlight.has(id) ? { body, mentions } : undefined,
    );
    return changed.length > 0;
  }

  /** Settles when the message has one tick, or failed. */
  settled(id: string): Promise<Message> {
    const promise = new Promise<Message>((resolve, reject) => {
      const waiters = this.#waiters.get(id) ?? [];
      this.#waiters.set(id, waiters);
      waiters.push({ resolve, reject });
    });
    promise.catch(() => undefined);
    return promise;
  }

  /** The journal says what became of a message. */
  statusChanged(message: Message): void {
    if (!message.mine || message.status === 'pending') return;
    if (message.status === 'failed') {
      const error = message.error;
      this.#settle(message.id, (waiter) =>
        waiter.reject(
          new ChatError(error?.code ?? 'server-error', error?.message ?? 'The message failed', { retryable: error?.retryable ?? false }),
        ),
      );
      return;
    }
    this.#settle(message.id, (waiter) => waiter.resolve(message));
    const uploadId = message.attachments[0]?.uploadId;
    if (uploadId !== undefined) this.#context.store.removeFile(uploadId).catch((error: unknown) => this.#context.report(error));
  }

  #settle(id: string, settle: (waiter: Waiter) => void): void {
    const waiters = this.#waiters.get(id);
    this.#waiters.delete(id);
    for (const waiter of waiters ?? []) settle(waiter);
  }

  /** A new session: everything that is queued goes out, oldest first; only one tab does that for what other tabs left. */
  began(session: Session, lost: readonly Unacked[]): void {
    this.#inFlight.clear();
    this.#giveUpTimers();
    this.#releaseFlush?.();
    for (const { stanza } of lost) {
      if (stanza.name === 'message' && stanza.child('received', NS.receipts) !== undefined) session.send(stanza);
    }
    for (const { to, wireId } of this.#receipts.splice(0)) this.#sendReceipt(session, to, wireId);
    const flush = async (): Promise<void> => {
      if (this.#context.connection.session !== session) return;
      for (const record of await this.#context.store.queued()) this.#dispatch(record);
    };
    const { exclusively } = this.#context.platform;
    if (exclusively === undefined) {
      flush().catch((error: unknown) => this.#context.report(error));
      return;
    }
    const over = new Promise<void>((resolve) => {
      this.#releaseFlush = resolve;
    });
    exclusively(`parley outbox ${this.#context.me}`, async () => {
      await flush();
      await over;
    }).catch((error: unknown) => this.#context.report(error));
  }

  ended(): void {
    this.#inFlight.clear();
    this.#giveUpTimers();
    this.#releaseFlush?.();
    this.#releaseFlush = undefined;
  }

  #giveUpTimers(): void {
    for (const { reject } of this.#timers.values()) reject(new ChatError('offline', 'The connection broke'));
    this.#timers.clear();
  }

  /** Sends, uploads first, or leaves it for the next connection. */
  #dispatch(record: MessageRecord): void {
    if (record.attachments.some((file) => file.url === '')) {
      this.uploads.add(record);
      return;
    }
    const { connection, cipher } = this.#context;
    const session = connection.session;
    if (session === undefined || this.#inFlight.has(record.id)) return;
    // Without XEP-0198 a stanza given to a broken connection is gone: wait for the next one.
    if (!session.online && !session.managed) return;
    if (record.deleted === true) {
      // Deleted while it was on its way on a connection that broke: the deletion follows, the message need not.
      this.#ack(record.id);
      return;
    }
    this.#inFlight.add(record.id);
    const { operation } = record;
    const content = operation === undefined ? encodeContent(record) : encodeChange(operation.change, contentOf(operation.change));
    const to = operation?.to ?? record.conversationId;
    const group = operation?.group ?? this.#context.conversationState(to).group;
    const encode = operation === undefined ? encodeMessage : encodeOperation;
    session.send(encode(to, record.wireId, cipher.seal(content, to), group), () => {
      this.#inFlight.delete(record.id);
      if (operation === undefined) this.#ack(record.id);
      else this.#journal.operated([record.id]).catch((error: unknown) => this.#context.report(error));
    });
  }

  /** Acks come many at a time: one write for all of a turn. */
  #ack(id: string): void {
    this.#acked.push(id);
    if (this.#acked.length > 1) return;
    queueMicrotask(() => {
      const ids = this.#acked;
      this.#acked = [];
      this.#journal
        .update(ids, (record) =>
          record.status === 'pending' ? { status: 'sent', queued: 0 } : record.queued === 1 ? { queued: 0 } : undefined,
        )
        .catch((error: unknown) => this.#context.report(error));
    });
  }

  #uploaded(record: MessageRecord, attachment: Attachment): void {
    this.#journal
      .update([record.id], () => ({ attachments: [attachment] }))
      .then(([updated]) => {
        if (updated !== undefined) this.#dispatch(updated);
      })
      .catch((error: unknown) => this.#context.report(error));
  }

  #failed(id: string, error: ChatError): void {
    const { code, message, retryable } = error;
    this.#journal
      .update([id], (record) =>
        record.status === 'pending' ? { status: 'failed', queued: 0, error: { code, message, retryable } } : undefined,
      )
      .catch((cause: unknown) => this.#context.report(cause));
  }

  /** Sends a failed message again, under a new id on the wire: the server may have kept the refused one's. */
  async retry(id: string): Promise<void> {
    const wireId = this.#context.newId();
    const [record] = await this.#journal.update([id], (old) =>
      old.mine && old.status === 'failed'
        ? {
            status: 'pending',
            queued: 1,
            error: undefined,
            wireId,
            keys: [...old.keys, ...this.#journal.ownKeys(old.conversationId, wireId)],
          }
        : undefined,
    );
    if (record !== undefined) this.#dispatch(record);
  }

  /** Takes back what nobody has yet. */
  async discard(state: ConversationState, id: string): Promise<void> {
    const record = await this.#context.store.message(id);
    if (record === undefined || !record.mine || (record.status !== 'failed' && record.status !== 'pending')) {
      throw new ChatError('not-found', 'Only messages that were not sent can be taken back');
    }
    if (this.#inFlight.has(id)) throw new ChatError('not-allowed', 'The message is already on its way');
    await this.#journal.remove(state, id);
    await this.#context.store.removeFile(id);
    this.#settle(id, (waiter) => waiter.reject(new ChatError('cancelled', 'The message was taken back')));
  }

  /** Tells senders that their messages have arrived (XEP-0184), if they may know that we are here. */
  deliver(outcome: Outcome): void {
    for (const fact of outcome.refused) this.#refused(fact);
    for (const wireId of outcome.timers) {
      this.#timers.get(wireId)?.resolve();
      this.#timers.delete(wireId);
    }
    const session = this.#context.connection.session;
    for (const { state, to, wireId } of outcome.receipts) {
      if (!this.#context.mayKnow(state)) continue;
      if (session !== undefined) this.#sendReceipt(session, to, wireId);
      else if (this.#receipts.length < MAX_RECEIPTS) this.#receipts.push({ to, wireId });
    }
  }

  #sendReceipt(session: Session, to: string, wireId: string): void {
    session.send(
      el(
        'message',
        { to, id: this.#context.newId(), type: 'chat' },
        el('received', { xmlns: NS.receipts, id: wireId }),
        el('store', { xmlns: NS.hints }),
      ),
    );
  }

  /** Sends the read marker that waits (XEP-0333); it also reaches the other own devices by carbon and archive. */
  sendMarker(state: ConversationState): void {
    const session = this.#context.connection.session;
    const wireId = state.record.pendingMarker;
    if (session === undefined || !session.online || wireId === undefined) return;
    session.send(
      el(
        'message',
        { to: state.id, id: this.#context.newId(), type: state.group ? 'groupchat' : 'chat' },
        el('displayed', { xmlns: NS.markers, id: wireId }),
        el('store', { xmlns: NS.hints }),
      ),
      () => {
        if (state.record.pendingMarker !== wireId) return;
        this.#journal.changeConversation(state, { pendingMarker: undefined }).catch((error: unknown) => this.#context.report(error));
      },
    );
  }

  /** Resolves when the group has this timer (XEP-0466); rejects when it may not be set, or the connection breaks. */
  setTimer(session: Session, group: string, seconds: number): Promise<void> {
    const wireId = this.#context.newId();
    return new Promise<void>((resolve, reject) => {
      this.#timers.set(wireId, { resolve, reject });
      session.send(encodeTimer(group, wireId, seconds, true));
    });
  }

  upload(id: string): Upload | undefined {
    return this.uploads.get(id);
  }

  clear(): void {
    this.ended();
    this.uploads.clear();
    this.#undo.clear();
    this.#receipts = [];
    for (const id of [...this.#waiters.keys()]) {
      this.#settle(id, (waiter) => waiter.reject(new ChatError('cancelled', 'Signed out')));
    }
  }
}

function contentOf(change: Change): Element[] {
  return change.kind === 'edit'
    ? encodeContent({ body: change.body ?? '', attachments: change.attachments ?? [], mentions: change.mentions })
    : [];
}
