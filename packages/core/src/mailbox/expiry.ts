import type { Clock, Log } from '../ports/index.ts';
import type { Mailboxes } from './mailboxes.ts';
import { EXPIRE_SLICE } from './retention.ts';

const EVERY_MS = 600_000;
const SLICE_PAUSE_MS = 50;

/** Removes from time to time what has outlived `history.keep`. */
export class Expiry {
  readonly #mailboxes: Mailboxes;
  readonly #clock: Clock;
  readonly #log: Log;
  #last: number;
  #running = false;

  constructor(mailboxes: Mailboxes, clock: Clock, log: Log) {
    this.#mailboxes = mailboxes;
    this.#clock = clock;
    this.#log = log;
    this.#last = clock.now();
  }

  /** To be called often. */
  look(now: number): void {
    if (now - this.#last > EVERY_MS && !this.#running) void this.#run(now);
  }

  async #run(now: number): Promise<void> {
    this.#running = true;
    this.#last = now;
    try {
      // In slices, with room for everybody else in between.
      while ((await this.#mailboxes.expire()) >= EXPIRE_SLICE)
        await new Promise<void>((resolve) => this.#clock.after(SLICE_PAUSE_MS, resolve));
    } catch (error) {
      this.#log.error('expiry_failed', { error });
    } finally {
      this.#running = false;
    }
  }
}
