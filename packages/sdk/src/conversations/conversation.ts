import { NS } from '@parley/protocol';
import { el } from '@parley/xml';
import type { Context } from '../context.ts';
import { ChatError } from '../errors.ts';
import { type Change, isEmoji } from '../messages/changes.ts';
import { encodeTimer, fileName, kindOf, mediaTypeOf } from '../messages/codec.ts';
import { MAX_TEXT_LENGTH, MAX_TIMER_SECONDS } from '../messages/limits.ts';
import { checkMentions } from '../messages/mentions.ts';
import type { KeptQuote, MessageRecord } from '../store/store.ts';
import type {
  Attachment,
  BlobLike,
  ChatEvents,
  Conversation,
  ConversationEventName,
  ConversationSettings,
  ConversationSnapshot,
  FileHandle,
  Group,
  Message,
  MessageList,
  MessageListOptions,
  OutgoingText,
  SendFileOptions,
  SendHandle,
  Unsubscribe,
} from '../types.ts';
import type { Journal } from './journal.ts';
import type { FetchOlder } from './message-list.ts';
import { MessageWindow } from './message-list.ts';
import type { Outbox } from './outbox.ts';
import { quoteOfRecord } from './records.ts';
import type { Settings } from './settings.ts';
import { type ConversationState, publicMessage } from './state.ts';

/** No key press for this long: `paused` (XEP-0085 §5.1 leaves the time to us). */
const PAUSE_MS = 5_000;
/** While typing goes on, say so again, because receivers stop believing it. */
const REPEAT_MS = 15_000;

export interface ConversationParts {
  readonly context: Context;
  readonly journal: Journal;
  readonly outbox: Outbox;
  readonly settings: Settings;
  group(state: ConversationState): Group;
  readonly fetchOlder: FetchOlder;
  on<E extends ConversationEventName>(event: E, listener: (payload: ChatEvents[E]) => void): Unsubscribe;
  /** Local data is loaded and an account is known. */
  ready(): Promise<void>;
}

/** The public face of a conversation; all state is in `ConversationState`. */
export class ConversationRef implements Conversation {
  readonly id: string;
  readonly #parts: ConversationParts;
  readonly #state: ConversationState;
  #latest: MessageWindow | undefined;
  #group: Group | undefined;
  #composing = false;
  #composingSaidAt = 0;
  #pauseTimer: unknown;

  constructor(state: ConversationState, parts: ConversationParts) {
    this.id = state.id;
    this.#state = state;
    this.#parts = parts;
  }

  readonly snapshot = (): ConversationSnapshot => this.#state.cell.snapshot();
  readonly subscribe = (listener: () => void): Unsubscribe => this.#state.cell.subscribe(listener);

  async send(content: string | OutgoingText): Promise<SendHandle> {
    const { text, replyTo, mentions } = typeof content === 'string' ? { text: content } : content;
    const body = textOf(text);
    const meant = checkMentions(body, mentions);
    await this.#writable();
    const quote = await this.#quote(replyTo);
    this.#stopTyping(false);
    return this.#add({ body, attachments: [], mentions: meant, replyTo: quote });
  }

  /** Ready, and somebody would read what is sent here. */
  async #writable(): Promise<void> {
    await this.#parts.ready();
    if (this.id === this.#parts.context.domain)
      throw new ChatError('not-allowed', 'These are messages of the server; nobody reads an answer');
  }

  async #add(content: Pick<MessageRecord, 'body' | 'attachments' | 'mentions' | 'replyTo' | 'forwarded'>): Promise<SendHandle> {
    const { context, outbox } = this.#parts;
    const id = context.newId();
    const sent = outbox.settled(id);
    const record = await outbox.add(this.#state, { id, ...content });
    return { message: publicMessage(record), sent };
  }

  async #quote(messageId: string | undefined): Promise<KeptQuote | undefined> {
    if (messageId === undefined) return undefined;
    const record = await this.#message(messageId);
    return quoteOfRecord(record, this.#idOnTheWire(record));
  }

  /** What others call a message: in a group only the group's own id counts (XEP-0461 §4, XEP-0444 §4, XEP-0424 §5). */
  #idOnTheWire(record: MessageRecord): string {
    const id = this.#state.group ? (record.serverId ?? '') : record.wireId;
    if (id === '') throw new ChatError('not-supported', 'The server has not said yet what others call this message');
    return id;
  }

  async #message(id: string): Promise<MessageRecord> {
    const record = await this.#parts.context.store.message(id);
    if (record === undefined || record.conversationId !== this.id) throw new ChatError('not-found', 'No such message here');
    return record;
  }

  async forward(message: Message): Promise<SendHandle> {
    const attachments = message.attachments.map((file) => ({ ...file, uploadId: undefined }));
    if (message.deleted || (message.body === '' && attachments.length === 0))
      throw new ChatError('invalid-argument', 'There is nothing to forward');
    if (attachments.some((file) => file.url === '')) throw new ChatError('invalid-argument', 'The file is still on its way');
    await this.#writable();
    return this.#add({ body: message.body, attachments, forwarded: true });
  }

  async edit(messageId: string, content: string | Omit<OutgoingText, 'replyTo'>): Promise<void> {
    const { text, mentions } = typeof content === 'string' ? { text: content } : content;
    const body = textOf(text);
    const meant = checkMentions(body, mentions);
    await this.#parts.ready();
    const { outbox, context } = this.#parts;
    const before = await this.#message(messageId);
    if (before.mine && before.status === 'pending' && (await outbox.rewrite(messageId, body, meant))) return;
    await outbox.change(this.#state, messageId, (record) => {
      if (!record.mine || record.status === 'failed' || record.deleted === true) {
        throw new ChatError('not-allowed', 'Only own messages that were sent can be changed');
      }
      if (record.body === body) return undefined;
      return { ...this.#change('edit', record), body, attachments: record.attachments, mentions: meant, at: context.now() };
    });
  }

  async react(messageId: string, emoji: string | undefined): Promise<void> {
    if (emoji !== undefined && !isEmoji(emoji)) throw new ChatError('invalid-argument', 'A reaction is one emoji');
    await this.#writable();
    await this.#message(messageId);
    await this.#parts.outbox.change(this.#state, messageId, (record) => {
      const now = record.reactions?.find((reaction) => reaction.mine)?.emoji ?? [];
      const wanted = emoji === undefined ? [] : [emoji];
      if (now.length === wanted.length && now[0] === wanted[0]) return undefined;
      return { ...this.#change('react', record), emoji: wanted };
    });
  }

  async deleteForEveryone(messageId: string): Promise<void> {
    await this.#parts.ready();
    const before = await this.#message(messageId);
    // Nobody has it yet, unless it is on its way right now.
    if (before.mine && (before.status === 'failed' || (before.status === 'pending' && !this.#parts.outbox.onItsWay(messageId)))) {
      await this.discard(messageId);
      return;
    }
    await this.#parts.outbox.change(this.#state, messageId, (record) => {
      if (!record.mine) throw new ChatError('not-allowed', 'Only own messages can be deleted for everyone');
      return this.#change('retract', record);
    });
  }

  #change(kind: Change['kind'], record: MessageRecord): Change {
    const { me, now } = this.#parts.context;
    // XEP-0308 alone means the id that the sender gave.
    const targetId = kind === 'edit' ? record.wireId : this.#idOnTheWire(record);
    return { kind, senderId: me, mine: true, targetId, at: now() };
  }

  async deleteForMe(messageId: string): Promise<void> {
    await this.#parts.ready();
    const record = await this.#message(messageId);
    if (record.queued === 1) {
      await this.discard(messageId);
      return;
    }
    await this.#parts.journal.remove(this.#state, messageId);
  }

  async star(messageId: string, starred: boolean): Promise<void> {
    await this.#parts.ready();
    await this.#message(messageId);
    await this.#parts.journal.update([messageId], (record) => (record.deleted === true ? undefined : { starred }));
  }

  async sendFile(file: BlobLike, options: SendFileOptions = {}): Promise<FileHandle> {
    const caption = clean(options.caption ?? '').trim();
    if (file.size <= 0) throw new ChatError('invalid-argument', 'The file is empty');
    if (caption.length > MAX_TEXT_LENGTH)
      throw new ChatError('invalid-argument', `The caption is longer than ${MAX_TEXT_LENGTH} characters`);
    const { context, outbox } = this.#parts;
    await this.#writable();
    const replyTo = await this.#quote(options.replyTo);
    const id = context.newId();
    const mediaType = mediaTypeOf(options.mediaType ?? file.type);
    const kind = kindOf(mediaType);
    const measured = kind === 'image' ? await context.platform.inspectImage?.(file).catch(() => undefined) : undefined;
    const attachment: Attachment = Object.freeze({
      kind,
      name: fileName(options.name ?? file.name ?? ''),
      mediaType,
      sizeBytes: file.size,
      url: '',
      width: options.width ?? measured?.width,
      height: options.height ?? measured?.height,
      thumbhash: options.thumbhash ?? measured?.thumbhash,
      thumbnail: undefined,
      uploadId: id,
    });
    await context.store.putFile(id, file);
    this.#stopTyping(false);
    const sent = outbox.settled(id);
    const record = await outbox.add(this.#state, { id, body: caption, attachments: [attachment], replyTo });
    const upload = outbox.uploads.get(id) ?? outbox.uploads.add(record);
    if (options.signal?.aborted === true) upload.cancel();
    else options.signal?.addEventListener('abort', () => upload.cancel());
    return { message: publicMessage(record), sent, upload };
  }

  async retry(messageId: string): Promise<void> {
    await this.#parts.ready();
    await this.#parts.outbox.retry(messageId);
  }

  async discard(messageId: string): Promise<void> {
    await this.#parts.ready();
    const { outbox } = this.#parts;
    const upload = outbox.uploads.get(messageId);
    // Cancelling removes the message as well.
    if (upload !== undefined && upload.snapshot().state !== 'failed') upload.cancel();
    else await outbox.discard(this.#state, messageId);
  }

  typing(active = true): void {
    const { platform } = this.#parts.context;
    if (!active) {
      this.#stopTyping(true);
      return;
    }
    const now = platform.now();
    if (!this.#composing || now - this.#composingSaidAt >= REPEAT_MS) {
      this.#composing = true;
      this.#composingSaidAt = now;
      this.#sayState('composing');
    }
    platform.clearTimer(this.#pauseTimer);
    this.#pauseTimer = platform.setTimer(() => {
      if (!this.#composing) return;
      this.#composing = false;
      this.#sayState('paused');
    }, PAUSE_MS);
  }

  /** `say`: tell the peer; a sent message says it by itself (`active`). */
  #stopTyping(say: boolean): void {
    this.#parts.context.platform.clearTimer(this.#pauseTimer);
    if (!this.#composing) return;
    this.#composing = false;
    if (say) this.#sayState('active');
  }

  #sayState(state: 'composing' | 'paused' | 'active'): void {
    const { context } = this.#parts;
    const { session } = context.connection;
    if (session === undefined || !session.online || !context.mayKnow(this.#state)) return;
    session.send(
      el(
        'message',
        { to: this.id, type: this.#state.group ? 'groupchat' : 'chat' },
        el(state, { xmlns: NS.chatStates }),
        el('no-store', { xmlns: NS.hints }),
      ),
    );
  }

  async markRead(messageId?: string, options: { readonly tellPeer?: boolean } = {}): Promise<void> {
    await this.#parts.ready();
    const { context, journal, outbox, settings } = this.#parts;
    const { store } = context;
    const until = messageId === undefined ? this.#state.record.lastMessage : await store.message(messageId);
    if (this.#state.record.markedUnread === true) await journal.changeConversation(this.#state, { markedUnread: false });
    if (until === undefined || until.conversationId !== this.id) {
      if (messageId === undefined) return;
      throw new ChatError('not-found', 'No such message here');
    }
    if (until.order <= this.#state.record.readOrder) return;
    const received = until.mine
      ? (await store.messages(this.id, { before: until.order, limit: 100 })).findLast((message) => !message.mine)
      : until;
    const news = received !== undefined && received.order > this.#state.record.readOrder;
    const tell = news && options.tellPeer !== false;
    const wireId = this.#state.group ? received?.serverId : received?.wireId;
    const marker = tell && wireId !== '' && context.mayKnow(this.#state) ? wireId : undefined;
    await journal.markRead(this.#state, until, marker);
    if (marker !== undefined) outbox.sendMarker(this.#state);
    // The other devices learn of it by the marker, or else by the server alone.
    else if (news) settings.sayDisplayed(this.#state, received.serverId);
    if (news) context.emit('conversation.read', { conversationId: this.id, by: 'me', messageId: received.id });
  }

  async change(change: ConversationSettings): Promise<void> {
    await this.#parts.ready();
    if (change.timer !== undefined) await this.#writable();
    if (!this.#state.group && change.notify !== undefined)
      throw new ChatError('invalid-argument', 'Only groups have a choice of what notifies: mute this conversation');
    if (this.#state.group && change.timer !== undefined)
      throw new ChatError('invalid-argument', 'The timer of a group is the same for all its members: use setTimer');
    await this.#parts.settings.change(this.#state, change);
  }

  async setTimer(seconds: number): Promise<void> {
    if (!Number.isInteger(seconds) || seconds < 0 || seconds > MAX_TIMER_SECONDS)
      throw new ChatError('invalid-argument', 'The timer is a number of seconds, or 0');
    await this.#writable();
    const { context, journal } = this.#parts;
    const { session } = context.connection;
    if (session === undefined || !session.online) throw new ChatError('offline', 'There is no connection');
    // A group says it to its sender as well, when it is allowed.
    if (this.#state.group) return await this.#parts.outbox.setTimer(session, this.id, seconds);
    const wireId = context.newId();
    session.send(encodeTimer(this.id, wireId, seconds, false));
    const base = { origin: 'live' as const, conversationId: this.id, serverId: undefined, stampedAt: undefined };
    await journal.apply([{ ...base, kind: 'timer', senderId: context.me, mine: true, seconds, wireId: undefined }], { place: 'append' });
  }

  async markUnread(): Promise<void> {
    await this.#parts.ready();
    await this.#parts.journal.changeConversation(this.#state, { markedUnread: true });
  }

  get group(): Group | undefined {
    return this.#state.group ? (this.#group ??= this.#parts.group(this.#state)) : undefined;
  }

  messages(options?: MessageListOptions): MessageList {
    const { context, fetchOlder } = this.#parts;
    return new MessageWindow(this.#state, context.store, fetchOlder, options);
  }

  get latest(): MessageList {
    const { context, fetchOlder } = this.#parts;
    return (this.#latest ??= new MessageWindow(this.#state, context.store, fetchOlder));
  }

  on<E extends ConversationEventName>(event: E, listener: (payload: ChatEvents[E]) => void): Unsubscribe {
    return this.#parts.on(event, (payload) => {
      if (conversationOf(payload) === this.id) listener(payload);
    });
  }
}

function conversationOf(payload: ChatEvents[ConversationEventName]): string {
  if ('message' in payload) return payload.message.conversationId;
  return 'conversation' in payload ? payload.conversation.id : payload.conversationId;
}

/** Text that can be sent. */
function textOf(given: string): string {
  const text = clean(given);
  if (text.trim() === '') throw new ChatError('invalid-argument', 'There is nothing to send');
  if (text.length > MAX_TEXT_LENGTH) throw new ChatError('invalid-argument', `The text is longer than ${MAX_TEXT_LENGTH} characters`);
  return text;
}

/** XML cannot carry these characters at all (XML 1.0 §2.2); a lone surrogate is no character. */
function clean(text: string): string {
  return text.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '');
}
