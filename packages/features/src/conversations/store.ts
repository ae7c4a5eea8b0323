import type { Table } from '@parley/core';
import type { Awaitable } from '@parley/storage';
import { whenReady } from '../awaitable.ts';
import { Cache } from '../cache.ts';
import { DEFAULT, type StoredState } from './rules.ts';

/** States of the conversations of each account, by address. */
export class ConversationStore {
  readonly #table: Table<StoredState>;
  readonly #cache: Cache<number, Map<string, StoredState>>;

  constructor(table: Table<StoredState>, cachedAccounts: number) {
    this.#table = table;
    this.#cache = new Cache(cachedAccounts);
  }

  all(account: number): Awaitable<ReadonlyMap<string, StoredState>> {
    return this.#cache.get(account) ?? whenReady(this.#table.list(account), (rows) => this.#remember(account, rows));
  }

  #remember(account: number, rows: ReadonlyArray<{ key: string; value: StoredState }>): Map<string, StoredState> {
    // A promise that was waited for elsewhere may have been quicker, and may have been changed since.
    const there = this.#cache.get(account);
    if (there !== undefined) return there;
    const states = new Map(rows.map(({ key, value }) => [key, value]));
    this.#cache.set(account, states);
    return states;
  }

  get(account: number, jid: string): Awaitable<StoredState> {
    return whenReady(this.all(account), (states) => states.get(jid) ?? DEFAULT);
  }

  set(account: number, jid: string, state: StoredState | undefined): void {
    const states = this.#cache.get(account);
    if (state === undefined) {
      this.#table.delete(account, jid);
      states?.delete(jid);
    } else {
      this.#table.set(account, jid, state);
      states?.set(jid, state);
    }
  }

  /** What was written may have been undone, or the account is gone: it is read anew. */
  forget(account: number): void {
    this.#cache.delete(account);
  }
}
