import type { Clock } from '@parley/core/ports';

/** Something that gathered output during a turn of the event loop. */
export interface Flushable {
  flush(): void;
}

/** Writes once per turn: connections that gathered output put themselves here and are flushed together at the end of the turn. */
export class Flusher {
  readonly #clock: Clock;
  #waiting: Flushable[] = [];
  #spare: Flushable[] = [];
  readonly #run = (): void => {
    const now = this.#waiting;
    this.#waiting = this.#spare;
    for (let i = 0; i < now.length; i++) now[i]?.flush();
    now.length = 0;
    this.#spare = now;
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** At most once per turn and connection; the connection remembers that it is in. */
  add(item: Flushable): void {
    if (this.#waiting.push(item) === 1) this.#clock.soon(this.#run);
  }
}
