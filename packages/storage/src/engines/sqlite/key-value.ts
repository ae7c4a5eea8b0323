import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { KeyValueStore } from '../../kinds/index.ts';
import { storageError } from './errors.ts';
import type { GroupCommit, Participant } from './group-commit.ts';

/** Values in one generation of the cache, and the longest text that goes into it. */
const CACHED_VALUES = 2048;
const CACHED_LENGTH = 512;

/**
 * What the key-value stores read lately, also that there is nothing. Nobody else writes to the database while it is open (`lockFile`), so what
 * is here holds until it is written over. Two generations: what is read again moves to the young one, the old one is dropped whole.
 */
class ReadCache {
  #young = new Map<string, string | undefined>();
  #old = new Map<string, string | undefined>();

  /** Undefined: not known. `value` undefined: there is none. */
  get(key: string): { readonly value: string | undefined } | undefined {
    const hot = this.#young.get(key);
    if (hot !== undefined || this.#young.has(key)) return { value: hot };
    const warm = this.#old.get(key);
    if (warm === undefined && !this.#old.has(key)) return undefined;
    this.set(key, warm);
    return { value: warm };
  }

  set(key: string, value: string | undefined): void {
    if (value !== undefined && value.length > CACHED_LENGTH) {
      this.#young.delete(key);
      this.#old.delete(key);
      return;
    }
    if (this.#young.size >= CACHED_VALUES) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}

/** The statements that all key-value stores of one database share. */
export class KeyValueTable implements Participant {
  readonly cache = new ReadCache();
  readonly get: StatementSync;
  readonly list: StatementSync;
  readonly listFrom: StatementSync;
  readonly owners: StatementSync;
  readonly set: StatementSync;
  readonly delete: StatementSync;
  readonly deleteOwner: StatementSync;
  readonly #deleteEverywhere: StatementSync;

  constructor(db: DatabaseSync, commit: GroupCommit) {
    commit.add(this);
    this.get = db.prepare('SELECT value FROM key_value WHERE owner = ? AND kind = ? AND key = ?');
    this.list = db.prepare('SELECT key, value FROM key_value WHERE owner = ? AND kind = ? ORDER BY key');
    this.listFrom = db.prepare('SELECT key, value FROM key_value WHERE owner = ? AND kind = ? AND key >= ? AND key < ? ORDER BY key');
    this.owners = db.prepare('SELECT owner FROM key_value WHERE kind = ? AND key = ? ORDER BY owner');
    for (const statement of [this.get, this.list, this.listFrom, this.owners]) statement.setReturnArrays(true);
    this.set = db.prepare(
      'INSERT INTO key_value (owner, kind, key, value) VALUES (?, ?, ?, ?) ON CONFLICT (owner, kind, key) DO UPDATE SET value = excluded.value',
    );
    this.delete = db.prepare('DELETE FROM key_value WHERE owner = ? AND kind = ? AND key = ?');
    this.deleteOwner = db.prepare('DELETE FROM key_value WHERE owner = ? AND kind = ?');
    this.#deleteEverywhere = db.prepare('DELETE FROM key_value WHERE owner = ?');
  }

  /** Removes an owner from all stores. Inside a transaction. */
  forget(owner: number): void {
    this.cache.clear();
    this.#deleteEverywhere.run(owner);
  }

  flush(): void {}

  committed(): void {}

  rolledBack(): void {
    this.cache.clear();
  }
}

/** One named store. */
export class SqliteKeyValue implements KeyValueStore {
  readonly #table: KeyValueTable;
  readonly #commit: GroupCommit;
  readonly #kind: string;

  constructor(table: KeyValueTable, commit: GroupCommit, kind: string) {
    this.#table = table;
    this.#commit = commit;
    this.#kind = kind;
  }

  get(owner: number, key: string): string | undefined {
    return this.#read(() => {
      const { cache } = this.#table;
      const name = this.#name(owner, key);
      const known = cache.get(name);
      if (known !== undefined) return known.value;
      const value = (this.#table.get.get(owner, this.#kind, key) as unknown as [string] | undefined)?.[0];
      cache.set(name, value);
      return value;
    });
  }

  list(owner: number, prefix?: string): Array<{ key: string; value: string }> {
    return this.#read(() => {
      const rows =
        prefix === undefined || prefix === ''
          ? this.#table.list.all(owner, this.#kind)
          : this.#table.listFrom.all(owner, this.#kind, prefix, behind(prefix));
      return (rows as unknown as Array<[string, string]>).map(([key, value]) => ({ key, value }));
    });
  }

  owners(key: string): number[] {
    return this.#read(() => (this.#table.owners.all(this.#kind, key) as unknown as Array<[number]>).map(([owner]) => owner));
  }

  set(owner: number, key: string, value: string): void {
    this.#commit.write(`write ${this.#kind}`, () => {
      this.#table.set.run(owner, this.#kind, key, value);
      this.#table.cache.set(this.#name(owner, key), value);
    });
  }

  delete(owner: number, key: string): void {
    this.#commit.write(`write ${this.#kind}`, () => {
      this.#table.delete.run(owner, this.#kind, key);
      this.#table.cache.set(this.#name(owner, key), undefined);
    });
  }

  deleteOwner(owner: number): void {
    this.#commit.write(`write ${this.#kind}`, () => {
      this.#table.deleteOwner.run(owner, this.#kind);
      this.#table.cache.clear();
    });
  }

  #name(owner: number, key: string): string {
    return `${this.#kind} ${owner} ${key}`;
  }

  #read<T>(run: () => T): T {
    this.#commit.check();
    try {
      return run();
    } catch (error) {
      throw storageError(error, `read ${this.#kind}`);
    }
  }
}

/** The first text, in the order of UTF-8, behind all that begin with this prefix. */
function behind(prefix: string): string {
  const characters = [...prefix];
  const last = characters.pop()?.codePointAt(0) ?? 0;
  // The surrogates are no characters; behind the last of all there is only what is behind the rest of the prefix.
  if (last >= 0x10ffff) return characters.length === 0 ? prefix : behind(characters.join(''));
  return characters.join('') + String.fromCodePoint(last === 0xd7ff ? 0xe000 : last + 1);
}
