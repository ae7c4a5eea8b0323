/** Simulated time: nothing happens unless the simulation lets it. */
import type { Clock, Undo } from '@parley/core/ports';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class SimulatedClock implements Clock {
  #now: number;
  #order = 0;
  #timers: Timer[] = [];
  #soon: Array<() => void> = [];

  constructor(startMs: number) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): Undo {
    const timer: Timer = { at: this.#now + Math.max(0, ms), order: this.#order++, run };
    let at = this.#timers.length;
    while (at > 0 && (this.#timers[at - 1] as Timer).at > timer.at) at--;
    this.#timers.splice(at, 0, timer);
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index >= 0) this.#timers.splice(index, 1);
    };
  }

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  /** Ends the turn: runs what was put off to its end, and what that puts off in turn. */
  endTurn(): void {
    for (let round = 0; this.#soon.length > 0; round++) {
      if (round > 1000) throw new Error('the turn does not end');
      const tasks = this.#soon;
      this.#soon = [];
      for (const run of tasks) run();
    }
  }

  /** Lets time pass; timers run in order, each in a turn of its own. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#timers[0];
      if (next === undefined || next.at > end) break;
      this.#timers.shift();
      this.#now = next.at;
      next.run();
      this.endTurn();
    }
    this.#now = end;
  }

  /** Forgets all timers and tasks: the process they belonged to is dead. */
  clear(): void {
    this.#timers = [];
    this.#soon = [];
  }
}
