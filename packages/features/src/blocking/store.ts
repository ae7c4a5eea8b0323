/** Keeps block lists: one row for each account that blocks somebody. */
import type { Table } from '@parley/core';
import type { Awaitable } from '@parley/storage';
import { whenReady } from '../awaitable.ts';
import { Cache } from '../cache.ts';

const KEY = 'blocked';
const NOBODY: ReadonlySet<string> = new Set();

export class BlockStore {
  readonly #table: Table<readonly string[]>;
  /** Accounts that block somebody: a few bytes each, so that everybody else costs one look-up and no read. */
  readonly #owners: Set<number>;
  readonly #lists: Cache<number, Awaitable<ReadonlySet<string>>>;

  constructor(table: Table<readonly string[]>, owners: readonly number[], cached: number) {
    this.#table = table;
    this.#owners = new Set(owners);
    this.#lists = new Cache(cached);
  }

  static open(table: Table<readonly string[]>, cached: number): Awaitable<BlockStore> {
    return whenReady(table.owners(KEY), (owners) => new BlockStore(table, owners, cached));
  }

  get empty(): boolean {
    return this.#owners.size === 0;
  }

  has(account: number): boolean {
    return this.#owners.has(account);
  }

  /** The list, which is never changed in place. */
  get(account: number): Awaitable<ReadonlySet<string>> {
    if (!this.#owners.has(account)) return NOBODY;
    const cached = this.#lists.get(account);
    if (cached !== undefined) return cached;
    const list = whenReady(this.#table.get(account, KEY), (jids): ReadonlySet<string> => new Set(jids ?? []));
    this.#lists.set(account, list);
    if (list instanceof Promise)
      list.then(
        (there) => this.#lists.set(account, there),
        () => this.#lists.delete(account),
      );
    return list;
  }

  set(account: number, list: ReadonlySet<string>): void {
    // The store may refuse at once; then nothing has changed here either.
    if (list.size === 0) this.#table.delete(account, KEY);
    else this.#table.set(account, KEY, [...list]);
    this.restore(account, list);
  }

  /** What is true in memory: after a write, and again what was before when its commit was refused. */
  restore(account: number, list: ReadonlySet<string>): void {
    this.#lists.set(account, list);
    if (list.size === 0) this.#owners.delete(account);
    else this.#owners.add(account);
  }

  /** For an account that is going. It stays among the owners: should its removal be refused, its list must still hold. */
  forget(account: number): void {
    this.#lists.delete(account);
  }
}
