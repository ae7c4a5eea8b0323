import { closeSync, existsSync, fstatSync, fsyncSync, ftruncateSync, openSync, statfsSync, writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { StorageError } from '../../kinds/index.ts';
import { migrations as allMigrations, type Migration } from '../../migrations/index.ts';
import { sqliteCode, storageError } from './errors.ts';

/** An open, checked and migrated database file, locked against other writers. */
export interface Database {
  readonly db: DatabaseSync;
  /** Path of the write-ahead log; undefined in memory. */
  readonly walPath: string | undefined;
  close(): void;
}

/** Page cache in KiB: holds the right edges of the indexes of some ten thousand mailboxes. */
const CACHE_KIB = 65_536;

/**
 * Opens (or makes) the database file, refuses it when it is damaged, newer than this program or in use,
 * and brings the schema up to date.
 * @throws StorageError `corrupt`, `too-new`, `busy`, `io`, `full`
 */
export function openDatabase(path: string, busyTimeoutMs: number, migrations: readonly Migration[] = allMigrations): Database {
  const inMemory = path === ':memory:';
  const lock = inMemory ? undefined : lockFile(path);
  let db: DatabaseSync | undefined;
  try {
    // Messages are private: the file is for the owner only (SQLite gives the log the same mode).
    if (!inMemory && !existsSync(path)) closeSync(openSync(path, 'a', 0o600));
    db = new DatabaseSync(path, { timeout: busyTimeoutMs });
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -${CACHE_KIB}; PRAGMA temp_store = MEMORY;`);
    // What is removed is gone from the file, too (D9): without this it stays in free pages until they are used again.
    db.exec('PRAGMA secure_delete = ON;');
    check(db, path);
    migrate(db, path, migrations);
    // The engine checkpoints after the callbacks of a commit; this is the backstop.
    db.exec('PRAGMA wal_autocheckpoint = 16000; PRAGMA journal_size_limit = 67108864;');
    const open = db;
    return {
      db,
      walPath: inMemory ? undefined : `${path}-wal`,
      close() {
        try {
          open.close();
        } finally {
          lock?.close();
        }
      },
    };
  } catch (error) {
    db?.close();
    lock?.close();
    const code = sqliteCode(error);
    if (code === 11 || code === 26) throw damaged(path, error);
    throw storageError(error, `open ${path}`);
  }
}

/** Nothing is laid out in advance on a disk with less room than this. */
const LAY_OUT_ROOM_BYTES = 1024 ** 3;

/**
 * Makes the write-ahead log `bytes` long before it is needed. A commit that overwrites a part of a file costs the disk a third
 * of one that makes the file longer, because the file system has nothing to note down. SQLite writes over what is there from
 * where its own records end, and recovery stops at the first record that does not carry the log's salts, so zeros mean nothing to it.
 * Only ever a help: without room, or without the right, the log grows as it always did.
 */
export function layOutLog(database: Database, path: string, bytes: number): void {
  const { db, walPath } = database;
  if (walPath === undefined) return;
  let file: number | undefined;
  try {
    const { bavail, bsize } = statfsSync(path);
    if (bavail * bsize < LAY_OUT_ROOM_BYTES) return;
    // Any change makes SQLite begin its log.
    db.exec('BEGIN IMMEDIATE; UPDATE mailbox_state SET watermark = watermark; COMMIT');
    file = openSync(walPath, 'r+');
    const { size } = fstatSync(file);
    if (size >= bytes) return;
    const zeros = new Uint8Array(1024 * 1024);
    try {
      for (let at = size; at < bytes; at += zeros.length) writeSync(file, zeros, 0, Math.min(zeros.length, bytes - at), at);
      fsyncSync(file);
    } catch {
      ftruncateSync(file, size);
    }
  } catch {
    // It grows when it must.
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function damaged(path: string, cause: unknown, detail = ''): StorageError {
  return new StorageError(
    'corrupt',
    `The database ${path} is damaged${detail}. Stop here: copy the file (with ${path}-wal) to a safe place, then put back a backup, or save what can be read with: sqlite3 ${path} .recover`,
    { cause },
  );
}

function check(db: DatabaseSync, path: string): void {
  const problems = db
    .prepare('PRAGMA quick_check(5)')
    .all()
    .map((row) => String(row['quick_check']));
  if (problems[0] !== 'ok') throw damaged(path, undefined, ` (${problems.join('; ').replaceAll('\n', '; ')})`);
}

function migrate(db: DatabaseSync, path: string, migrations: readonly Migration[]): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  const newest = migrations.at(-1)?.version ?? 0;
  if (version > newest) {
    throw new StorageError(
      'too-new',
      `The database ${path} has version ${version}, this program knows up to ${newest}. It was written by a newer Parley: start that one, or put back a backup from before the upgrade.`,
    );
  }
  for (const step of migrations) {
    if (step.version <= version) continue;
    db.exec('BEGIN IMMEDIATE');
    try {
      db.exec(step.sql);
      db.exec(`PRAGMA user_version = ${step.version}`);
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw storageError(error, `bring ${path} to version ${step.version}`);
    }
  }
}

/**
 * Keeps a second writer out for as long as this one lives. The lock is SQLite's own, on an empty file
 * beside the database: the operating system drops it when the process dies, so it cannot go stale.
 */
function lockFile(path: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(`${path}.lock`, { timeout: 0 });
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock?.close();
    if (sqliteCode(error) === 5) {
      throw new StorageError(
        'busy',
        `The database ${path} is in use by another process. Stop that server first, or give this one another data folder.`,
        {
          cause: error,
        },
      );
    }
    throw storageError(error, `open ${path}.lock`);
  }
}
