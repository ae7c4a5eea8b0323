/** The only things that are kept of attempts before a code was proved. */
import type { Table } from '@parley/core';

interface Row {
  readonly tries: number;
  /** ms since 1970; of no use after that. */
  readonly expiresAt: number;
}

const SWEEP_MS = 60_000;
/** The host: the counts belong to no account. */
const HOST = 0;

/** How often each code was tried. Counts survive a restart: otherwise one would hand out new tries. */
export class Tries {
  readonly #table: Table<Row>;
  /** The same in memory, so that two tries at the same time are two. */
  readonly #counts = new Map<string, Row>();
  #sweptAt = 0;

  constructor(table: Table<Row>) {
    this.#table = table;
  }

  /** Takes one of `most` tries of this code. Answers how many are left after it, -1 when there was none left. */
  async take(nonce: string, most: number, expiresAt: number, now: number): Promise<number> {
    await this.#sweep(now);
    const kept = await this.#table.get(HOST, nonce);
    // From here to the end without a pause.
    const before = Math.max(kept?.tries ?? 0, this.#counts.get(nonce)?.tries ?? 0);
    if (before >= most) return -1;
    this.#set(nonce, { tries: before + 1, expiresAt });
    return most - before - 1;
  }

  /** None is left. */
  spend(nonce: string, most: number, expiresAt: number): void {
    this.#set(nonce, { tries: most, expiresAt });
  }

  #set(nonce: string, row: Row): void {
    this.#counts.set(nonce, row);
    this.#table.set(HOST, nonce, row);
  }

  async #sweep(now: number): Promise<void> {
    if (now - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = now;
    for (const [nonce, { expiresAt }] of this.#counts) if (expiresAt <= now) this.#counts.delete(nonce);
    for (const { key, value } of await this.#table.list(HOST)) if (value.expiresAt <= now) this.#table.delete(HOST, key);
  }
}

/** Waiting times between codes, ms: the second one after 30 s, the third after a minute, each later one after two. */
const WAITS = [30_000, 60_000, 120_000];
const FORGET_MS = 3_600_000;
const MOST = 10_000;

/** When the next code may be asked for, by identifier and address. In memory: a restart costs a code at most. */
export class ResendWaits {
  readonly #sent = new Map<string, { count: number; at: number; until: number }>();

  /** ms until another one may be sent. */
  left(key: string, now: number): number {
    return Math.max(0, (this.#sent.get(key)?.until ?? 0) - now);
  }

  /** One is being sent. Answers how long to wait for the next, ms. */
  sent(key: string, now: number): number {
    const before = this.#sent.get(key);
    const count = before === undefined || now - before.at > FORGET_MS ? 1 : before.count + 1;
    const wait = WAITS[Math.min(count, WAITS.length) - 1] as number;
    this.#sent.delete(key);
    this.#sent.set(key, { count, at: now, until: now + wait });
    if (this.#sent.size > MOST)
      for (const oldest of this.#sent.keys()) {
        this.#sent.delete(oldest);
        break;
      }
    return wait;
  }
}
