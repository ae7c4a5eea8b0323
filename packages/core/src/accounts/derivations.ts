/** Bounds the work that passwords cost. */
import { AccountError } from '../errors.ts';

/** At once: what the runtime's thread pool has, so that files and names are served in between. */
const AT_ONCE = 4;
/** Waiting, at 2 to 20 ms each. Whoever comes then is told to come back. */
const WAITING = 500;

/** Lets so many derivations of keys run at the same time, the rest in the order they came. */
export class Derivations {
  readonly #atOnce: number;
  readonly #most: number;
  #running = 0;
  readonly #waiting: Array<() => void> = [];

  constructor(atOnce = AT_ONCE, most = WAITING) {
    this.#atOnce = atOnce;
    this.#most = most;
  }

  /** Throws AccountError `busy` when too many wait already. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#atOnce) this.#running++;
    else if (this.#waiting.length >= this.#most)
      throw new AccountError('busy', 'The server has too many passwords to check. Try again soon.');
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The place goes to the next one, which is counted already.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
