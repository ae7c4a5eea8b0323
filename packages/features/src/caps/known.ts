import type { Table } from '@parley/core';
import { type Awaitable, StorageError } from '@parley/storage';
import { whenReady } from '../awaitable.ts';
import { NO_INTERESTS } from './rules.ts';

const DAY_MS = 86_400_000;

/** What a client wants, and the caps that say so. */
export interface Told {
  readonly by: string;
  readonly interests: ReadonlySet<string>;
}
interface Entry extends Told {
  seenAt: number;
}
export interface StoredCaps {
  readonly interests: readonly string[];
  readonly seenAt: number;
}

/**
 * Verified capabilities by their hash, in memory and on disk, so that after a restart nobody need be asked again. Those that were
 * not seen for longest go first when there are too many.
 */
export class KnownCaps {
  readonly #table: Table<StoredCaps>;
  readonly #owner: number;
  readonly #limit: number;
  /** Least lately seen first. */
  readonly #entries = new Map<string, Entry>();

  private constructor(table: Table<StoredCaps>, owner: number, limit: number, rows: ReadonlyArray<{ key: string; value: StoredCaps }>) {
    this.#table = table;
    this.#owner = owner;
    this.#limit = limit;
    for (const { key, value } of [...rows].sort((a, b) => a.value.seenAt - b.value.seenAt))
      this.#entries.set(key, { by: key, interests: setOf(value.interests), seenAt: value.seenAt });
  }

  /** `owner`: of the rows (`ctx.hostOwner`). */
  static open(table: Table<StoredCaps>, owner: number, limit: number): Awaitable<KnownCaps> {
    return whenReady(table.list(owner), (rows) => new KnownCaps(table, owner, limit, rows));
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string, now: number): Told | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (now - entry.seenAt > DAY_MS) this.#write(key, entry, now);
    return entry;
  }

  set(key: string, interests: readonly string[], now: number): Told {
    const entry: Entry = { by: key, interests: setOf(interests), seenAt: now };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#write(key, entry, now);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#limit) break;
      this.#entries.delete(oldest);
      this.#attempt(() => this.#table.delete(this.#owner, oldest));
    }
    return entry;
  }

  #write(key: string, entry: Entry, now: number): void {
    entry.seenAt = now;
    this.#attempt(() => this.#table.set(this.#owner, key, { interests: [...entry.interests], seenAt: now }));
  }

  /** What the disk does not take is asked for again after a restart; nobody need be told. */
  #attempt(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
    }
  }
}

export const setOf = (nodes: readonly string[]): ReadonlySet<string> => (nodes.length === 0 ? NO_INTERESTS : new Set(nodes));
