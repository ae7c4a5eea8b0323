import type { Context } from '../context.ts';
import { ChatError } from '../errors.ts';
import type { Change } from '../messages/changes.ts';
import type { Fact } from '../messages/facts.ts';
import type { ConversationRecord, MessageRecord } from '../store/store.ts';
import { Batch } from './batch.ts';
import { bothKeys } from './keys.ts';
import type { ApplyOptions, Outcome } from './records.ts';
import type { ConversationState } from './state.ts';

/**
 * The only writer of messages. Facts become records in one transaction per batch; listeners hear of it after the commit.
 * All writes go one after the other, so that every decision sees the one before it.
 */
export class Journal {
  readonly #context: Context;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Runs `work` when all earlier writes are done. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Applies facts in order. */
  apply(facts: readonly Fact[], options: ApplyOptions): Promise<Outcome> {
    return this.run(async () => {
      const batch = new Batch(this.#context, options);
      await batch.load(facts);
      if (options.place === 'prepend') await batch.preparePrepend(facts);
      for (const fact of facts) await batch.fact(fact);
      await batch.commit();
      return batch.outcome;
    });
  }

  /** Writes a message of this device into the outbox. */
  add(state: ConversationState, message: Omit<MessageRecord, 'order' | 'keys'>): Promise<MessageRecord> {
    return this.run(async () => {
      const batch = new Batch(this.#context, { place: 'append' });
      const record = batch.insertOwn(state, message);
      await batch.commit();
      return record;
    });
  }

  /** Changes messages by id; those that are gone are left out. */
  update(ids: readonly string[], change: (record: MessageRecord) => Partial<MessageRecord> | undefined): Promise<MessageRecord[]> {
    return this.run(async () => {
      const batch = new Batch(this.#context, { place: 'append' });
      const changed: MessageRecord[] = [];
      for (const id of ids) {
        const record = await this.#context.store.message(id);
        const difference = record === undefined ? undefined : change(record);
        if (record !== undefined && difference !== undefined) changed.push(batch.replace(record, difference));
      }
      await batch.commit();
      return changed;
    });
  }

  /**
   * Changes a message here and puts the change into the outbox, in one transaction. `decide` throws when this may not be done;
   * undefined: nothing to do. Resolves with what waits to be sent and how the message was before.
   */
  operate(
    id: string,
    to: { readonly id: string; readonly group: boolean },
    wireId: string,
    decide: (record: MessageRecord) => Change | undefined,
  ): Promise<{ readonly operation: MessageRecord; readonly before: MessageRecord } | undefined> {
    return this.run(async () => {
      const record = await this.#context.store.message(id);
      if (record === undefined || record.operation !== undefined) throw new ChatError('not-found', 'This message is not here');
      const change = decide(record);
      if (change === undefined) return undefined;
      const batch = new Batch(this.#context, { place: 'append' });
      const altered = batch.alter(record, change);
      if (altered === undefined) return undefined;
      if (change.kind === 'edit') batch.alias(altered, wireId);
      const operation = batch.enqueue(to.id, to.group, change, wireId);
      await batch.commit();
      return { operation, before: record };
    });
  }

  /** Takes changes that the server has out of the outbox. */
  operated(ids: readonly string[]): Promise<void> {
    return this.run(() => this.#context.store.commit({ removeMessages: ids }));
  }

  /** Keys of an own message. */
  ownKeys(conversationId: string, wireId: string): string[] {
    return bothKeys(this.#context.me, conversationId, wireId);
  }

  remove(state: ConversationState, id: string): Promise<void> {
    return this.run(async () => {
      const batch = new Batch(this.#context, { place: 'append' });
      await batch.remove(state, id);
      await batch.commit();
    });
  }

  /** The owner has seen everything up to `record` on this device; `marker` waits until the server has it. */
  markRead(state: ConversationState, record: MessageRecord, marker: string | undefined): Promise<void> {
    return this.run(async () => {
      const batch = new Batch(this.#context, { place: 'append' });
      batch.ownRead(state, record);
      if (marker !== undefined) batch.change(state, { pendingMarker: marker });
      await batch.commit();
    });
  }

  /** Takes over what the server knows of a conversation; `displayedKey` names the last message seen on any own device. */
  serverState(state: ConversationState, change: Partial<ConversationRecord>, displayedKey: string | undefined): Promise<void> {
    return this.run(async () => {
      const batch = new Batch(this.#context, { place: 'append' });
      if (Object.keys(change).length > 0) batch.change(state, change);
      const [displayed] = displayedKey === undefined ? [] : await this.#context.store.messagesByKey([displayedKey]);
      if (displayed !== undefined && displayed.conversationId === state.id && displayed.order > state.record.readOrder)
        batch.ownRead(state, displayed);
      await batch.commit();
    });
  }

  /** A fresh device believes the server's count until it has read the messages itself; without unread ones all is seen. */
  seen(state: ConversationState, unread: number): Promise<void> {
    return this.run(async () => {
      const batch = new Batch(this.#context, { place: 'append' });
      const { lastMessage } = state.record;
      if (unread === 0 && lastMessage !== undefined) batch.ownRead(state, lastMessage);
      else batch.change(state, { unread: Math.min(unread, 999) });
      await batch.commit();
    });
  }

  changeConversation(state: ConversationState, change: Partial<ConversationRecord>): Promise<void> {
    return this.run(async () => {
      const batch = new Batch(this.#context, { place: 'append' });
      batch.change(state, change);
      await batch.commit();
    });
  }
}
