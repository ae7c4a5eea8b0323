/** Short lists of accounts that every message asks for: one row for each account that has one, all of them in memory. */
import type { Table } from '@parley/core';
import type { Awaitable } from '@parley/storage';
import { forEachReady, whenReady } from './awaitable.ts';

const KEY = 'list';

export class AccountLists<T> {
  readonly #table: Table<readonly T[]>;
  readonly #lists = new Map<number, readonly T[]>();
  readonly #none: readonly T[] = [];

  private constructor(table: Table<readonly T[]>) {
    this.#table = table;
  }

  static open<T>(table: Table<readonly T[]>): Awaitable<AccountLists<T>> {
    const lists = new AccountLists(table);
    return whenReady(table.owners(KEY), (owners) =>
      whenReady(
        forEachReady(owners, (owner) =>
          whenReady(table.get(owner, KEY), (list) => {
            if (list !== undefined) lists.restore(owner, list);
          }),
        ),
        () => lists,
      ),
    );
  }

  /** Accounts that have one. */
  get size(): number {
    return this.#lists.size;
  }

  accounts(): Iterable<number> {
    return [...this.#lists.keys()];
  }

  /** Never changed in place. */
  of(account: number): readonly T[] {
    return this.#lists.get(account) ?? this.#none;
  }

  /** Replaces the list. The write joins the group commit; when that is refused, `restore` what was there before. */
  set(account: number, list: readonly T[]): void {
    if (list.length === 0) this.#table.delete(account, KEY);
    else this.#table.set(account, KEY, list);
    this.restore(account, list);
  }

  /** In memory only. */
  restore(account: number, list: readonly T[]): void {
    if (list.length === 0) this.#lists.delete(account);
    else this.#lists.set(account, list);
  }

  forget(account: number): void {
    this.#lists.delete(account);
  }
}
