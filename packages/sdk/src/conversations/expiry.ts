import type { Context } from '../context.ts';
import type { StoredValue } from '../store/store.ts';
import type { Journal } from './journal.ts';

/** Store key: what disappears, soonest first. */
export const EXPIRING = 'expiring';
/** Entries kept; of more, those that go last are read from the server's archive again, which has removed them by then. */
const MAX_ENTRIES = 20_000;
/** A timer waits at most this long, because devices sleep. */
const LONGEST_WAIT_MS = 60_000;

/** When a message goes (milliseconds since 1970), its id, its conversation. */
export type Expiring = readonly [at: number, id: string, conversationId: string];

/** The list with these added. */
export function withExpiring(kept: StoredValue | undefined, added: readonly Expiring[]): StoredValue {
  const list = Array.isArray(kept) ? (kept as unknown as Expiring[]) : [];
  const ids = new Set(added.map(([, id]) => id));
  const all = [...list.filter(([, id]) => !ids.has(id)), ...added].sort((a, b) => a[0] - b[0]);
  return all.slice(0, MAX_ENTRIES) as unknown as StoredValue;
}

/** Removes messages from this device when their time is over (XEP-0466), also those whose time came while it was off. */
export class Expiry {
  readonly #context: Context;
  readonly #journal: Journal;
  #timer: unknown;
  #stopped = false;

  constructor(context: Context, journal: Journal) {
    this.#context = context;
    this.#journal = journal;
  }

  /** Looks now, and again when the next one is due. */
  sweep(): void {
    this.#context.platform.clearTimer(this.#timer);
    if (this.#stopped) return;
    this.#sweep().catch((error: unknown) => this.#context.report(error));
  }

  stop(): void {
    this.#stopped = true;
    this.#context.platform.clearTimer(this.#timer);
  }

  start(): void {
    this.#stopped = false;
    this.sweep();
  }

  async #sweep(): Promise<void> {
    const kept = await this.#context.store.value(EXPIRING);
    const list = Array.isArray(kept) ? (kept as unknown as Expiring[]) : [];
    const now = this.#context.now();
    const due = list.filter(([at]) => at <= now);
    for (const [, id, conversationId] of due) await this.#journal.remove(this.#context.conversationState(conversationId), id);
    if (due.length > 0) {
      const gone = new Set(due.map(([, id]) => id));
      await this.#journal.run(async () => {
        const current = await this.#context.store.value(EXPIRING);
        const left = (Array.isArray(current) ? (current as unknown as Expiring[]) : []).filter(([, id]) => !gone.has(id));
        await this.#context.store.commit({ values: { [EXPIRING]: left as unknown as StoredValue } });
      });
    }
    const next = list.find(([at]) => at > now)?.[0];
    if (next === undefined || this.#stopped) return;
    this.#context.platform.clearTimer(this.#timer);
    this.#timer = this.#context.platform.setTimer(() => this.sweep(), Math.min(LONGEST_WAIT_MS, Math.max(250, next - now)));
  }
}
