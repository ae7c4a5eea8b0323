import type { BlobLike } from '../types.ts';
import type { ChatStore, ConversationRecord, MessageRange, MessageRecord, StoreBatch, StoredValue } from './store.ts';

/** Keeps everything in this process; gone when it ends. For tests and for guests who leave no trace. */
export function memoryStore(): ChatStore {
  return new MemoryStore();
}

class MemoryStore implements ChatStore {
  readonly #values = new Map<string, StoredValue>();
  readonly #conversations = new Map<string, ConversationRecord>();
  readonly #messages = new Map<string, MessageRecord>();
  readonly #byKey = new Map<string, string>();
  /** Per conversation, ascending by order. */
  readonly #timelines = new Map<string, MessageRecord[]>();
  readonly #files = new Map<string, BlobLike>();

  async open(): Promise<void> {}
  async close(): Promise<void> {}

  async commit(batch: StoreBatch): Promise<void> {
    for (const id of batch.removeMessages ?? []) this.#remove(id);
    for (const message of batch.messages ?? []) {
      this.#remove(message.id);
      this.#messages.set(message.id, message);
      for (const key of message.keys) this.#byKey.set(key, message.id);
      const timeline = this.#timelines.get(message.conversationId) ?? [];
      this.#timelines.set(message.conversationId, timeline);
      timeline.splice(lowerBound(timeline, message.order), 0, message);
    }
    for (const conversation of batch.conversations ?? []) this.#conversations.set(conversation.id, conversation);
    for (const [key, value] of Object.entries(batch.values ?? {})) {
      if (value === undefined) this.#values.delete(key);
      else this.#values.set(key, value);
    }
  }

  #remove(id: string): void {
    const old = this.#messages.get(id);
    if (old === undefined) return;
    this.#messages.delete(id);
    for (const key of old.keys) if (this.#byKey.get(key) === id) this.#byKey.delete(key);
    const timeline = this.#timelines.get(old.conversationId);
    if (timeline === undefined) return;
    for (let index = lowerBound(timeline, old.order); index < timeline.length && timeline[index]!.order === old.order; index++) {
      if (timeline[index]!.id !== id) continue;
      timeline.splice(index, 1);
      return;
    }
  }

  async value(key: string): Promise<StoredValue | undefined> {
    return this.#values.get(key);
  }

  async conversations(): Promise<ConversationRecord[]> {
    return [...this.#conversations.values()];
  }

  async message(id: string): Promise<MessageRecord | undefined> {
    return this.#messages.get(id);
  }

  async messagesByKey(keys: readonly string[]): Promise<(MessageRecord | undefined)[]> {
    return keys.map((key) => {
      const id = this.#byKey.get(key);
      return id === undefined ? undefined : this.#messages.get(id);
    });
  }

  async messages(conversationId: string, range: MessageRange): Promise<MessageRecord[]> {
    const timeline = this.#timelines.get(conversationId) ?? [];
    const end = range.before === undefined ? timeline.length : lowerBound(timeline, range.before);
    let start = range.after === undefined ? 0 : lowerBound(timeline, range.after);
    while (range.after !== undefined && start < timeline.length && timeline[start]!.order === range.after) start++;
    if (range.after !== undefined && range.before === undefined) return timeline.slice(start, start + range.limit);
    return timeline.slice(Math.max(start, end - range.limit), Math.max(start, end));
  }

  async countReceived(conversationId: string, afterOrder: number, limit: number): Promise<number> {
    const timeline = this.#timelines.get(conversationId) ?? [];
    let count = 0;
    for (let index = timeline.length - 1; index >= 0 && count < limit; index--) {
      const message = timeline[index]!;
      if (message.order <= afterOrder) break;
      if (!message.mine) count++;
    }
    return count;
  }

  async queued(): Promise<MessageRecord[]> {
    return [...this.#messages.values()].filter((message) => message.queued === 1).sort((a, b) => a.order - b.order);
  }

  async putFile(id: string, file: BlobLike): Promise<void> {
    this.#files.set(id, file);
  }

  async file(id: string): Promise<BlobLike | undefined> {
    return this.#files.get(id);
  }

  async removeFile(id: string): Promise<void> {
    this.#files.delete(id);
  }

  async clear(): Promise<void> {
    for (const map of [this.#values, this.#conversations, this.#messages, this.#byKey, this.#timelines, this.#files]) map.clear();
  }
}

/** Index of the first message whose order is not smaller. */
function lowerBound(timeline: readonly MessageRecord[], order: number): number {
  let low = 0;
  let high = timeline.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timeline[middle]!.order < order) low = middle + 1;
    else high = middle;
  }
  return low;
}
