import type { StatementSync } from 'node:sqlite';
import { type Awaitable, type Capabilities, type KeyValueStore, type Storage, StorageError } from '../../kinds/index.ts';
import { AccountTable } from './accounts.ts';
import { type Database, layOutLog, openDatabase } from './database.ts';
import { type CommitHooks, GroupCommit } from './group-commit.ts';
import { HostTable } from './hosts.ts';
import { KeyValueTable, SqliteKeyValue } from './key-value.ts';
import { MailboxTable } from './mailboxes.ts';

export { crashCopy, type DurablePoint, durablePoint } from './crash-copy.ts';
export type { CommitHooks } from './group-commit.ts';

export interface SqliteOptions {
  /** The database file (made when missing; its folder must exist), or `:memory:`. */
  readonly path: string;
  /** Runs a function at the end of this turn of the event loop: all writes until then are one commit. Such as `setImmediate`. */
  readonly schedule: (run: () => void) => void;
  /** A timer that does not keep the process alive; answers how to stop it. Default: `setTimeout`. */
  readonly after?: (ms: number, run: () => void) => () => void;
  /** How long a commit waits (blocking) for a lock that another connection holds, ms. Default 250. */
  readonly busyTimeoutMs?: number;
  /** Messages that are indexed in memory before they are merged into the index tables. Default 16,384 (about 25 MB with their stanzas). */
  readonly mergeMessages?: number;
  /** Lays out the write-ahead log in full at the start (6 MB), which makes each commit cheaper. Default false. */
  readonly layOutLog?: boolean;
  /** The text of a stanza by which it can be found (undefined: none). Without it there is no search, and no index of text. */
  readonly textOf?: (stanza: Uint8Array) => string | undefined;
  /** Observers for tests and the simulation. */
  readonly hooks?: CommitHooks;
}

/** Pages in the write-ahead log at which it is copied into the database (4 MiB): nobody is served meanwhile. */
const CHECKPOINT_PAGES = 1024;
/** What the log comes to until then: a page of 4 KiB and 24 bytes of its own each, and one more commit. */
const LOG_BYTES = (CHECKPOINT_PAGES + 512) * (4096 + 24) + 32;
/** Commits between two looks at the length of the log. */
const CHECKPOINT_EVERY = 8;
const KIND_NAME = /^[a-z][a-z0-9_]*$/;

/** Storage of one process in one SQLite file. */
export class SqliteStorage implements Storage {
  readonly capabilities: Capabilities;
  readonly accounts: AccountTable;
  readonly mailboxes: MailboxTable;
  readonly #database: Database;
  readonly #commit: GroupCommit;
  readonly #keyValue: KeyValueTable;
  readonly #hosts: HostTable;
  readonly #walPages: StatementSync;
  #commits = 0;
  #closed = false;

  constructor(database: Database, options: SqliteOptions) {
    const { db } = database;
    const after = options.after ?? unrefTimer;
    this.#database = database;
    this.capabilities = { durable: database.walPath !== undefined, search: options.textOf !== undefined };
    this.#commit = new GroupCommit(db, options.schedule, after, options.hooks);
    this.#keyValue = new KeyValueTable(db, this.#commit);
    this.#hosts = new HostTable(db, this.#commit);
    this.mailboxes = new MailboxTable(db, this.#commit, after, { mergeMessages: options.mergeMessages, textOf: options.textOf });
    this.accounts = new AccountTable(db, this.#commit, (id) => {
      this.#keyValue.forget(id);
      this.mailboxes.forget(id);
    });
    this.#walPages = db.prepare('PRAGMA wal_checkpoint(NOOP)');
    this.#commit.onSettled = () => this.#checkpoint();
  }

  get pending(): boolean {
    return this.#commit.pending;
  }

  hostOwner(domain: string): number {
    return this.#hosts.ownerOf(domain);
  }

  keyValue(name: string): KeyValueStore {
    if (!KIND_NAME.test(name)) throw new RangeError(`"${name}" cannot name a key-value store: use lower-case letters, digits and _.`);
    return new SqliteKeyValue(this.#keyValue, this.#commit, name);
  }

  afterCommit(done: () => void, failed: (error: StorageError) => void): void {
    this.#commit.afterCommit(done, failed);
  }

  /** Commits now, cursors and trims too. @throws StorageError when the commit is refused */
  flush(): void {
    this.#commit.flush();
  }

  /** Commits, merges the tail into the indexes, and closes the file. @throws StorageError when the last commit is refused; the file is closed all the same. */
  close(): Awaitable<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#commit.flush();
      this.mailboxes.mergeAll();
      this.#commit.flush();
    } finally {
      this.mailboxes.close();
      this.#commit.close();
      this.#database.close();
    }
  }

  #checkpoint(): void {
    const { db, walPath } = this.#database;
    if (walPath === undefined || this.#closed || ++this.#commits % CHECKPOINT_EVERY !== 0 || db.isTransaction) return;
    try {
      // After the acknowledgements, so that nobody waits for it; and in large steps, so that a page that changes often is copied once.
      const pages = Number(this.#walPages.get()?.['log'] ?? 0);
      if (pages >= CHECKPOINT_PAGES) db.exec('PRAGMA wal_checkpoint(PASSIVE)');
    } catch {
      // Nothing is lost: the log stays as it is, and the next round tries again.
    }
  }
}

/**
 * Opens (or makes) a database.
 * @throws StorageError `corrupt` (damaged), `too-new` (written by a newer program), `busy` (in use by another process), `io`, `full`
 */
export function openSqliteStorage(options: SqliteOptions): SqliteStorage {
  const database = openDatabase(options.path, options.busyTimeoutMs ?? 250);
  try {
    if (options.layOutLog) layOutLog(database, options.path, LOG_BYTES);
    return new SqliteStorage(database, options);
  } catch (error) {
    database.close();
    throw error instanceof StorageError
      ? error
      : new StorageError('io', `The database ${options.path} could not be read.`, { cause: error });
  }
}

function unrefTimer(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
