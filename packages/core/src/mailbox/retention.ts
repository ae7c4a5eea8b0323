/** When entries of mailboxes go: once every device has them, or when their time is up (D9). */
import type { Cursor, MailboxEntry, MailboxStore } from '@parley/storage';
import type { CoreConfig } from '../limits.ts';
import type { Clock, Log } from '../ports/index.ts';
import type { Fullness } from './fullness.ts';

/** Entries that one step of `expire` removes. */
export const EXPIRE_SLICE = 1000;

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

  constructor(parts: Parts) {
    this.#parts = parts;
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

  trim(mailbox: number, through: number): void {
    const { store, fullness, log } = this.#parts;
    try {
      store.trim(mailbox, through);
      fullness.forget(mailbox);
    } catch (error) {
      log.warn('trim_failed', { mailbox, error });
    }
  }

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
      if (last !== undefined) store.trim(mailbox, last.seq);
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
