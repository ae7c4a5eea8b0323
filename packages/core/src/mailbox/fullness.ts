import type { MailboxStore } from '@parley/storage';
import type { Log } from '../ports/index.ts';

/** Appends after which the size of a mailbox is looked at. */
const COUNT_EVERY = 1000;
const REMEMBERED = 50_000;

/**
 * Which mailboxes take no more. Counting is for the database and takes the longer the more there is, so it is done after a thousand
 * messages, and then not before so many more came as there was room for.
 */
export class Fullness {
  /** Appends since the size was last looked at, less those that need no look (below 0 then); of mailboxes that were appended to lately. */
  readonly #growth = new Map<number, number>();
  readonly #full = new Set<number>();
  readonly #store: MailboxStore;
  /** Read at each look: it may be changed while the server runs. */
  readonly #limits: { readonly mailboxEntries: number };
  readonly #log: Log;
  /** What `#growth` counts towards. */
  #limit: number;

  constructor(store: MailboxStore, limits: { readonly mailboxEntries: number }, log: Log) {
    this.#store = store;
    this.#limits = limits;
    this.#log = log;
    this.#limit = limits.mailboxEntries;
  }

  isFull(mailbox: number): boolean {
    return this.#full.size > 0 && this.#full.has(mailbox);
  }

  grew(mailbox: number): void {
    const { mailboxEntries } = this.#limits;
    if (mailboxEntries !== this.#limit) {
      // Room was counted for another bound.
      this.#limit = mailboxEntries;
      this.#growth.clear();
    }
    const count = (this.#growth.get(mailbox) ?? 0) + 1;
    if (count < COUNT_EVERY) {
      this.#growth.set(mailbox, count);
      // One goes for each that comes: whoever is written to a lot is counted before its turn, however many others there are.
      if (this.#growth.size > REMEMBERED)
        for (const oldest of this.#growth.keys()) {
          this.#growth.delete(oldest);
          break;
        }
      return;
    }
    this.#growth.set(mailbox, 0);
    this.#measure(mailbox).catch((error: unknown) => this.#log.warn('mailbox_not_measured', { mailbox, error }));
  }

  async #measure(mailbox: number): Promise<void> {
    const limit = this.#limits.mailboxEntries;
    const entries = await this.#store.count(mailbox, {}, limit);
    if (entries >= limit) {
      this.#full.add(mailbox);
      this.#log.warn('mailbox_full', { mailbox, entries });
      return;
    }
    // What came while it was counted, and what is in the count already, is counted twice: that only makes the next look an earlier one.
    const room = limit - entries - COUNT_EVERY;
    if (room > 0 && limit === this.#limit) this.#growth.set(mailbox, (this.#growth.get(mailbox) ?? 0) - room);
  }

  /** There may be room again: counted at the next message. */
  shrank(): void {
    for (const mailbox of this.#full) this.#growth.set(mailbox, COUNT_EVERY - 1);
    this.#full.clear();
  }

  forget(mailbox: number): void {
    this.#growth.delete(mailbox);
    this.#full.delete(mailbox);
  }
}
