/** When entries of mailboxes go: once every device has them, or when their time is up (D9). */
import type { Cursor, MailboxEntry, MailboxStore } from '@parley/storage';
import type { CoreConfig, HistoryKeep } from '../limits.ts';
import type { Clock, Log, Undo } from '../ports/index.ts';
import type { Fullness } from './fullness.ts';

/** Entries that one step of `expire` removes. */
export const EXPIRE_SLICE = 1000;
/** Entries that go from a mailbox at once, and the pause until the next ones go: when `history.keep` is changed it may be millions. */
export const TRIM_SLICE = 200;
const TRIM_PAUSE_MS = 20;

interface Parts {
  readonly store: MailboxStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly config: CoreConfig;
  readonly fullness: Fullness;
  /** Whether this device of an account has a session, a detached one included. */
  readonly isHere: (bare: string, device: string) => boolean;
}

export class Retention {
  readonly #parts: Parts;
  /** Mailboxes of which more is to go, and up to where. It need not be written down: whoever trims a mailbox asks for all that may go. */
  readonly #unfinished = new Map<number, number>();
  #next: Undo | undefined;
  /** Under which `history.keep` they are to go. */
  #keep: HistoryKeep;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#keep = parts.config.historyKeep;
  }

  /**
   * Whether entries wait for this device. One that has been away for longer than entries wait has missed some for good, and may never
   * come back: it keeps nothing from being removed.
   */
  isAwaited({ device, seenAt }: Cursor, bare: string): boolean {
    const { clock, config, isHere } = this.#parts;
    return seenAt >= clock.now() - config.undeliveredMs || isHere(bare, device);
  }

  /** Everything up to here is with every device of the account; 0 when there is none. */
  deliveredThrough(bare: string, cursors: Iterable<Cursor>): number {
    let through = Number.POSITIVE_INFINITY;
    for (const cursor of cursors) if (cursor.seq < through && this.isAwaited(cursor, bare)) through = cursor.seq;
    return through === Number.POSITIVE_INFINITY ? 0 : through;
  }

  trimDelivered(mailbox: number, bare: string, cursors: Iterable<Cursor>): void {
    const through = this.deliveredThrough(bare, cursors);
    if (through > 0) this.trim(mailbox, through);
  }

  /** Removes what there is up to a position: the first entries now, the others step by step in the background. */
  trim(mailbox: number, through: number): void {
    const waiting = this.#unfinished.get(mailbox);
    if (waiting === undefined) this.#trimSome(mailbox, through);
    else if (waiting < through) this.#unfinished.set(mailbox, through);
  }

  /** The account is gone, and its mailbox with it. */
  forget(mailbox: number): void {
    this.#unfinished.delete(mailbox);
  }

  /** Nothing more is removed; for shutdown. What is left goes when the account is here again. */
  stop(): void {
    this.#next?.();
    this.#next = undefined;
    this.#unfinished.clear();
  }

  #trimSome(mailbox: number, through: number): void {
    const { store, fullness } = this.#parts;
    const failed = (error: unknown): void => this.#parts.log.warn('trim_failed', { mailbox, error });
    const trimmed = (all: boolean): void => {
      fullness.forget(mailbox);
      if (all) return;
      if (this.#unfinished.size === 0) this.#keep = this.#parts.config.historyKeep;
      this.#unfinished.set(mailbox, Math.max(through, this.#unfinished.get(mailbox) ?? 0));
      this.#next ??= this.#parts.clock.after(TRIM_PAUSE_MS, this.#trimNext);
    };
    try {
      const all = store.trim(mailbox, through, TRIM_SLICE);
      if (all instanceof Promise) all.then(trimmed).catch(failed);
      else trimmed(all);
    } catch (error) {
      failed(error);
    }
  }

  readonly #trimNext = (): void => {
    this.#next = undefined;
    // It has been changed: what may go now is found when the accounts are here again.
    if (this.#keep !== this.#parts.config.historyKeep) this.#unfinished.clear();
    for (const [mailbox, through] of this.#unfinished) {
      // Behind all others, when there is still more.
      this.#unfinished.delete(mailbox);
      this.#trimSome(mailbox, through);
      break;
    }
    if (this.#unfinished.size > 0) this.#next ??= this.#parts.clock.after(TRIM_PAUSE_MS, this.#trimNext);
  };

  /** `history.keep` as a duration: what every device has and is older goes. */
  trimOld(mailbox: number, cursors: Iterable<Cursor>): void {
    const { store, clock, log, config } = this.#parts;
    const keep = config.historyKeep;
    if (typeof keep === 'string' || keep.ms >= config.undeliveredMs) return;
    let through = Number.POSITIVE_INFINITY;
    for (const cursor of cursors) if (cursor.seq < through) through = cursor.seq;
    if (through === Number.POSITIVE_INFINITY) return;
    const old = store.read(mailbox, { end: clock.now() - keep.ms, before: through + 1, limit: 1, reverse: true });
    const trim = (entries: readonly MailboxEntry[]): void => {
      const last = entries[0];
      if (last !== undefined) this.trim(mailbox, last.seq);
    };
    if (old instanceof Promise) old.then(trim).catch((error: unknown) => log.warn('trim_failed', { mailbox, error }));
    else trim(old);
  }

  /** Removes what has outlived `history.keep` and the wait for undelivered messages. Answers how many entries went. */
  async expire(): Promise<number> {
    const { store, clock, log, config, fullness } = this.#parts;
    const keep = config.historyKeep;
    if (keep === 'forever') return 0;
    const ms = keep === 'until-delivered' ? config.undeliveredMs : Math.max(keep.ms, config.undeliveredMs);
    const removed = await store.expire(clock.now() - ms, EXPIRE_SLICE);
    // Also when another domain of this storage was first: nobody says which mailboxes have room again.
    fullness.shrank();
    if (removed > 0) log.info('mailbox_entries_expired', { removed });
    return removed;
  }
}
