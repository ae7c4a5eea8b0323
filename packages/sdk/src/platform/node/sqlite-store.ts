import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { ChatError } from '../../errors.ts';
import type { ChatStore, ConversationRecord, MessageRange, MessageRecord, StoreBatch, StoredValue } from '../../store/store.ts';
import type { BlobLike } from '../../types.ts';

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS value (key TEXT PRIMARY KEY, data TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS conversation (id TEXT PRIMARY KEY, data TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS message (
    id TEXT PRIMARY KEY, conversation TEXT NOT NULL, position INTEGER NOT NULL, mine INTEGER NOT NULL, queued INTEGER NOT NULL, data TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS message_position ON message (conversation, position);
  CREATE INDEX IF NOT EXISTS message_queued ON message (position) WHERE queued = 1;
  CREATE TABLE IF NOT EXISTS message_key (key TEXT PRIMARY KEY, message TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS message_key_message ON message_key (message);
  CREATE TABLE IF NOT EXISTS file (id TEXT PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, bytes BLOB NOT NULL) STRICT;
`;

/** Keeps the account in a SQLite file (`node:sqlite`); `:memory:` works too. The file holds sign-in keys: give it mode 0600. */
export function sqliteStore(path: string): ChatStore {
  return new SqliteStore(path);
}

class SqliteStore implements ChatStore {
  readonly #path: string;
  #database: DatabaseSync | undefined;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string) {
    this.#path = path;
  }

  async open(): Promise<void> {
    if (this.#database !== undefined) return;
    try {
      const database = new DatabaseSync(this.#path, { enableForeignKeyConstraints: true, timeout: 2000 });
      database.exec(SCHEMA);
      this.#database = database;
    } catch (cause) {
      throw new ChatError('store-failed', `Cannot open the local store ${this.#path}`, { cause });
    }
  }

  async close(): Promise<void> {
    this.#statements.clear();
    this.#database?.close();
    this.#database = undefined;
  }

  #run<T>(work: (prepare: (sql: string) => StatementSync) => T): T {
    const database = this.#database;
    if (database === undefined) throw new ChatError('store-failed', 'The local store is not open');
    try {
      return work((sql) => {
        let statement = this.#statements.get(sql);
        if (statement === undefined) this.#statements.set(sql, (statement = database.prepare(sql)));
        return statement;
      });
    } catch (cause) {
      if (cause instanceof ChatError) throw cause;
      throw new ChatError('store-failed', 'The local store could not read or write', { cause });
    }
  }

  async commit(batch: StoreBatch): Promise<void> {
    this.#run((prepare) => {
      const database = this.#database!;
      database.exec('BEGIN IMMEDIATE');
      try {
        const removeMessage = prepare('DELETE FROM message WHERE id = ?');
        const putMessage = prepare('INSERT INTO message (id, conversation, position, mine, queued, data) VALUES (?, ?, ?, ?, ?, ?)');
        const putKey = prepare('INSERT OR REPLACE INTO message_key (key, message) VALUES (?, ?)');
        for (const id of batch.removeMessages ?? []) removeMessage.run(id);
        for (const message of batch.messages ?? []) {
          removeMessage.run(message.id);
          putMessage.run(message.id, message.conversationId, message.order, message.mine ? 1 : 0, message.queued, JSON.stringify(message));
          for (const key of message.keys) putKey.run(key, message.id);
        }
        const putConversation = prepare('INSERT OR REPLACE INTO conversation (id, data) VALUES (?, ?)');
        for (const conversation of batch.conversations ?? []) putConversation.run(conversation.id, JSON.stringify(conversation));
        for (const [key, value] of Object.entries(batch.values ?? {})) {
          if (value === undefined) prepare('DELETE FROM value WHERE key = ?').run(key);
          else prepare('INSERT OR REPLACE INTO value (key, data) VALUES (?, ?)').run(key, JSON.stringify(value));
        }
        database.exec('COMMIT');
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  async value(key: string): Promise<StoredValue | undefined> {
    const row = this.#run((prepare) => prepare('SELECT data FROM value WHERE key = ?').get(key));
    return row === undefined ? undefined : (JSON.parse(String(row['data'])) as StoredValue);
  }

  async conversations(): Promise<ConversationRecord[]> {
    return this.#run((prepare) => prepare('SELECT data FROM conversation').all()).map((row) => JSON.parse(String(row['data'])));
  }

  async message(id: string): Promise<MessageRecord | undefined> {
    return record(this.#run((prepare) => prepare('SELECT data FROM message WHERE id = ?').get(id)));
  }

  async messagesByKey(keys: readonly string[]): Promise<(MessageRecord | undefined)[]> {
    return this.#run((prepare) => {
      const find = prepare('SELECT data FROM message JOIN message_key ON message = id WHERE key = ?');
      return keys.map((key) => record(find.get(key)));
    });
  }

  async messages(conversationId: string, range: MessageRange): Promise<MessageRecord[]> {
    const after = range.after ?? Number.MIN_SAFE_INTEGER;
    const before = range.before ?? Number.MAX_SAFE_INTEGER;
    const newestFirst = range.before !== undefined || range.after === undefined;
    const rows = this.#run((prepare) =>
      prepare(
        `SELECT data FROM message WHERE conversation = ? AND position > ? AND position < ? ORDER BY position ${newestFirst ? 'DESC' : 'ASC'} LIMIT ?`,
      ).all(conversationId, after, before, range.limit),
    ).map((row) => record(row)!);
    return newestFirst ? rows.reverse() : rows;
  }

  async countReceived(conversationId: string, afterOrder: number, limit: number): Promise<number> {
    const row = this.#run((prepare) =>
      prepare(
        'SELECT count(*) AS n FROM (SELECT 1 FROM message WHERE conversation = ? AND position > ? AND mine = 0 ORDER BY position LIMIT ?)',
      ).get(conversationId, afterOrder, limit),
    );
    return Number(row?.['n'] ?? 0);
  }

  async queued(): Promise<MessageRecord[]> {
    return this.#run((prepare) => prepare('SELECT data FROM message WHERE queued = 1 ORDER BY position').all()).map((row) => record(row)!);
  }

  async putFile(id: string, file: BlobLike): Promise<void> {
    const bytes = new Uint8Array(await file.arrayBuffer());
    this.#run((prepare) =>
      prepare('INSERT OR REPLACE INTO file (id, name, type, bytes) VALUES (?, ?, ?, ?)').run(id, file.name ?? '', file.type, bytes),
    );
  }

  async file(id: string): Promise<BlobLike | undefined> {
    const row = this.#run((prepare) => prepare('SELECT name, type, bytes FROM file WHERE id = ?').get(id));
    if (row === undefined) return undefined;
    return new File([row['bytes'] as Uint8Array<ArrayBuffer>], String(row['name']), { type: String(row['type']) });
  }

  async removeFile(id: string): Promise<void> {
    this.#run((prepare) => prepare('DELETE FROM file WHERE id = ?').run(id));
  }

  async clear(): Promise<void> {
    this.#run(() => {
      this.#database!.exec(
        'BEGIN; DELETE FROM value; DELETE FROM conversation; DELETE FROM message_key; DELETE FROM message; DELETE FROM file; COMMIT',
      );
    });
  }
}

function record(row: Record<string, unknown> | undefined): MessageRecord | undefined {
  return row === undefined ? undefined : (JSON.parse(String(row['data'])) as MessageRecord);
}
