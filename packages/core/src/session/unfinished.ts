import type { Awaitable } from '@parley/storage';
import type { Session } from './session.ts';

/**
 * What a stream that is no more was still handling for its session. It is counted in `h` already, so a count is neither told nor
 * kept before it is done (D1).
 */
export class Unfinished {
  readonly #work = new Map<Session, Promise<unknown>>();

  /** `then` runs when it is done, however it ends. */
  add(session: Session, work: Promise<unknown>, then: () => void = () => {}): void {
    this.#work.set(session, work);
    const done = (): void => {
      if (this.#work.get(session) === work) this.#work.delete(session);
      then();
    };
    work.then(done, done);
  }

  has(session: Session): boolean {
    return this.#work.has(session);
  }

  all(): Iterable<Promise<unknown>> {
    return this.#work.values();
  }

  /** Goes on now, or when nothing is unfinished any more. */
  wait(session: Session, go: () => Awaitable<void>): Awaitable<void> {
    const work = this.#work.get(session);
    return work === undefined ? go() : work.then(go, go);
  }
}
