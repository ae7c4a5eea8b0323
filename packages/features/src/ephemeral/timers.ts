import type { Table } from '@parley/core';
import type { Awaitable } from '@parley/storage';
import { whenReady } from '../awaitable.ts';
import { Cache } from '../cache.ts';

/** Not an address: its row has the timer of new conversations, and is there when the account has any timer at all. */
const DEFAULT_KEY = ' ';
const CACHED = 5000;
const NONE: ReadonlyMap<string, number> = new Map();

/** Timers of conversations by account. Accounts without one cost one look into a set. */
export class TimerStore {
  readonly #table: Table<number>;
  readonly #accounts: Set<number>;
  readonly #cache = new Cache<number, Map<string, number>>(CACHED);

  private constructor(table: Table<number>, accounts: readonly number[]) {
    this.#table = table;
    this.#accounts = new Set(accounts);
  }

  static open(table: Table<number>): Awaitable<TimerStore> {
    return whenReady(table.owners(DEFAULT_KEY), (accounts) => new TimerStore(table, accounts));
  }

  /** False: the account has no timers. */
  has(account: number): boolean {
    return this.#accounts.has(account);
  }

  /** Seconds; undefined when the conversation never had one. */
  get(account: number, jid: string): Awaitable<number | undefined> {
    return this.has(account) ? whenReady(this.#load(account), (timers) => timers.get(jid)) : undefined;
  }

  /** Of new conversations; 0 is none. */
  defaultOf(account: number): Awaitable<number> {
    return this.has(account) ? whenReady(this.#load(account), (timers) => timers.get(DEFAULT_KEY) ?? 0) : 0;
  }

  all(account: number): Awaitable<ReadonlyMap<string, number>> {
    return this.has(account) ? this.#load(account) : NONE;
  }

  #load(account: number): Awaitable<Map<string, number>> {
    return (
      this.#cache.get(account) ??
      whenReady(this.#table.list(account), (rows) => {
        const timers = this.#cache.get(account) ?? new Map(rows.map(({ key, value }) => [key, value]));
        this.#cache.set(account, timers);
        return timers;
      })
    );
  }

  set(account: number, jid: string, seconds: number): void {
    if (!this.has(account)) {
      this.#table.set(account, DEFAULT_KEY, 0);
      this.#accounts.add(account);
      this.#cache.delete(account);
    }
    this.#table.set(account, jid, seconds);
    this.#cache.get(account)?.set(jid, seconds);
  }

  setDefault(account: number, seconds: number): void {
    this.set(account, DEFAULT_KEY, seconds);
  }

  /** What was written was refused: it is read anew. */
  undo(account: number): void {
    this.#cache.delete(account);
  }

  forget(account: number): void {
    this.#accounts.delete(account);
    this.#cache.delete(account);
  }
}
