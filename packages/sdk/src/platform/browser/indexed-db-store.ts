import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import { ChatError } from '../../errors.ts';
import type { ChatStore, ConversationRecord, MessageRange, MessageRecord, StoreBatch, StoredValue } from '../../store/store.ts';
import type { BlobLike } from '../../types.ts';

interface Schema extends DBSchema {
  value: { key: string; value: StoredValue };
  conversation: { key: string; value: ConversationRecord };
  message: { key: string; value: MessageRecord; indexes: { position: [string, number]; queued: number; keys: string } };
  file: { key: string; value: { readonly name: string; readonly type: string; readonly bytes: ArrayBuffer } };
}

const STORES = ['value', 'conversation', 'message', 'file'] as const;

/** Keeps the account in IndexedDB, shared by all tabs of the origin. `name` tells several accounts apart. */
export function indexedDbStore(name = 'parley'): ChatStore {
  return new IndexedDbStore(name);
}

class IndexedDbStore implements ChatStore {
  readonly #name: string;
  #opening: Promise<IDBPDatabase<Schema>> | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  async open(): Promise<void> {
    await this.#run(async () => undefined);
  }

  #open(): Promise<IDBPDatabase<Schema>> {
    this.#opening ??= openDB<Schema>(this.#name, 1, {
      upgrade(database) {
        database.createObjectStore('value');
        database.createObjectStore('conversation', { keyPath: 'id' });
        const message = database.createObjectStore('message', { keyPath: 'id' });
        message.createIndex('position', ['conversationId', 'order']);
        message.createIndex('queued', 'queued');
        message.createIndex('keys', 'keys', { multiEntry: true });
        database.createObjectStore('file');
      },
      // A newer version of the app in another tab wants to upgrade: let it.
      blocking: (_current, _blocked, event) => {
        (event.target as IDBDatabase | null)?.close();
        this.#opening = undefined;
      },
      terminated: () => {
        this.#opening = undefined;
      },
    });
    this.#opening.catch(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #run<T>(work: (database: IDBPDatabase<Schema>) => Promise<T>): Promise<T> {
    try {
      return await work(await this.#open());
    } catch (cause) {
      throw new ChatError('store-failed', 'The browser could not read or write local data', { cause });
    }
  }

  async close(): Promise<void> {
    const opening = this.#opening;
    this.#opening = undefined;
    (await opening?.catch(() => undefined))?.close();
  }

  commit(batch: StoreBatch): Promise<void> {
    return this.#run(async (database) => {
      const transaction = database.transaction(['message', 'conversation', 'value'], 'readwrite');
      const writes: Promise<unknown>[] = [transaction.done];
      const message = transaction.objectStore('message');
      for (const id of batch.removeMessages ?? []) writes.push(message.delete(id));
      for (const record of batch.messages ?? []) writes.push(message.put(record));
      for (const record of batch.conversations ?? []) writes.push(transaction.objectStore('conversation').put(record));
      for (const [key, value] of Object.entries(batch.values ?? {})) {
        const values = transaction.objectStore('value');
        writes.push(value === undefined ? values.delete(key) : values.put(value, key));
      }
      await Promise.all(writes);
    });
  }

  value(key: string): Promise<StoredValue | undefined> {
    return this.#run((database) => database.get('value', key));
  }

  conversations(): Promise<ConversationRecord[]> {
    return this.#run((database) => database.getAll('conversation'));
  }

  message(id: string): Promise<MessageRecord | undefined> {
    return this.#run((database) => database.get('message', id));
  }

  messagesByKey(keys: readonly string[]): Promise<(MessageRecord | undefined)[]> {
    return this.#run((database) => {
      const index = database.transaction('message').store.index('keys');
      return Promise.all(keys.map((key) => index.get(key)));
    });
  }

  messages(conversationId: string, range: MessageRange): Promise<MessageRecord[]> {
    return this.#run(async (database) => {
      const index = database.transaction('message').store.index('position');
      const bounds = IDBKeyRange.bound(
        [conversationId, range.after ?? Number.NEGATIVE_INFINITY],
        [conversationId, range.before ?? Number.POSITIVE_INFINITY],
        true,
        true,
      );
      if (range.after !== undefined && range.before === undefined) return index.getAll(bounds, range.limit);
      const found: MessageRecord[] = [];
      let cursor = await index.openCursor(bounds, 'prev');
      while (cursor !== null && found.length < range.limit) {
        found.push(cursor.value);
        cursor = found.length < range.limit ? await cursor.continue() : null;
      }
      return found.reverse();
    });
  }

  countReceived(conversationId: string, afterOrder: number, limit: number): Promise<number> {
    return this.#run(async (database) => {
      const index = database.transaction('message').store.index('position');
      const bounds = IDBKeyRange.bound([conversationId, afterOrder], [conversationId, Number.POSITIVE_INFINITY], true, true);
      let count = 0;
      let cursor = await index.openCursor(bounds);
      while (cursor !== null && count < limit) {
        if (!cursor.value.mine) count++;
        cursor = await cursor.continue();
      }
      return count;
    });
  }

  queued(): Promise<MessageRecord[]> {
    return this.#run(async (database) => (await database.getAllFromIndex('message', 'queued', 1)).sort((a, b) => a.order - b.order));
  }

  async putFile(id: string, file: BlobLike): Promise<void> {
    const bytes = await file.arrayBuffer();
    await this.#run((database) => database.put('file', { name: file.name ?? '', type: file.type, bytes }, id));
  }

  async file(id: string): Promise<BlobLike | undefined> {
    const kept = await this.#run((database) => database.get('file', id));
    return kept === undefined ? undefined : new File([kept.bytes], kept.name, { type: kept.type });
  }

  async removeFile(id: string): Promise<void> {
    await this.#run((database) => database.delete('file', id));
  }

  clear(): Promise<void> {
    return this.#run(async (database) => {
      const transaction = database.transaction(STORES, 'readwrite');
      await Promise.all([...STORES.map((name) => transaction.objectStore(name).clear()), transaction.done]);
    });
  }
}
