import { StorageError, type StorageErrorCode } from '../../kinds/index.ts';

/** Primary result codes of SQLite (https://www.sqlite.org/rescode.html). */
const CODES: Readonly<Record<number, readonly [StorageErrorCode, string]>> = {
  5: ['busy', 'the database is locked by another connection'],
  6: ['busy', 'a table of the database is locked'],
  8: ['io', 'the database is read-only'],
  10: ['io', 'the disk reported an error'],
  11: ['corrupt', 'the database is damaged'],
  13: ['full', 'the disk is full'],
  14: ['io', 'the database file cannot be opened'],
  26: ['corrupt', 'the file is not a database'],
};

/** The SQLite result code of an error thrown by node:sqlite, without the extended part; undefined for others. */
export function sqliteCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}

/** What callers of the store see of an error of SQLite. Errors of the program itself (wrong SQL, wrong types) are `io` with their cause. */
export function storageError(error: unknown, doing: string): StorageError {
  if (error instanceof StorageError) return error;
  const [code, why] = CODES[sqliteCode(error) ?? -1] ?? ['io', error instanceof Error ? error.message : String(error)];
  return new StorageError(code, `Storage could not ${doing}: ${why}.`, { cause: error });
}
