import type { Clock } from '@parley/core';

const LIFE_MS = 600_000;
const MOST = 1000;
const MOST_OF_ONE = 20;
const ID_BYTES = 15;

interface Execution {
  readonly by: string;
  readonly node: string;
  readonly at: number;
}

/** Commands that wait for their form to be filled in; the oldest make room. An id works for the device and the command that it was given to. */
export class Executions {
  readonly #running = new Map<string, Execution>();
  readonly #random: (bytes: number) => Uint8Array;
  readonly #clock: Pick<Clock, 'now'>;

  constructor(random: (bytes: number) => Uint8Array, clock: Pick<Clock, 'now'>) {
    this.#random = random;
    this.#clock = clock;
  }

  get size(): number {
    return this.#running.size;
  }

  newId(): string {
    return [...this.#random(ID_BYTES)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  begin(by: string, node: string): string {
    const own = [...this.#running].filter(([, one]) => one.by === by);
    if (own.length >= MOST_OF_ONE) this.#running.delete(own[0]?.[0] ?? '');
    for (const [id, one] of this.#running) {
      if (this.#running.size < MOST && this.#clock.now() - one.at < LIFE_MS) break;
      this.#running.delete(id);
    }
    const id = this.newId();
    this.#running.set(id, { by, node, at: this.#clock.now() });
    return id;
  }

  is(id: string, by: string, node: string): boolean {
    const one = this.#running.get(id);
    return one !== undefined && one.by === by && one.node === node && this.#clock.now() - one.at < LIFE_MS;
  }

  end(id: string): void {
    this.#running.delete(id);
  }
}
