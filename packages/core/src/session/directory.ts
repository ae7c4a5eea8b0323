import type { Session } from './session.ts';

const NONE: readonly Session[] = [];

/** Who is signed in: sessions by full and by bare JID, detached ones included. */
export class Directory {
  readonly #byFull = new Map<string, Session>();
  /** One session is kept as itself, several as an array: most accounts have one. */
  readonly #byBare = new Map<string, Session | Session[]>();
  readonly #byResumeId = new Map<string, Session>();

  get size(): number {
    return this.#byFull.size;
  }

  add(session: Session): void {
    this.#byFull.set(session.address, session);
    const there = this.#byBare.get(session.bare);
    if (there === undefined) this.#byBare.set(session.bare, session);
    else this.#byBare.set(session.bare, Array.isArray(there) ? [...there, session] : [there, session]);
  }

  remove(session: Session): void {
    if (this.#byFull.get(session.address) === session) this.#byFull.delete(session.address);
    this.forgetResumeId(session);
    const there = this.#byBare.get(session.bare);
    if (there === session) this.#byBare.delete(session.bare);
    else if (Array.isArray(there)) {
      const rest = there.filter((one) => one !== session);
      if (rest.length === 0) this.#byBare.delete(session.bare);
      else this.#byBare.set(session.bare, rest.length === 1 ? (rest[0] as Session) : rest);
    }
  }

  at(full: string): Session | undefined {
    return this.#byFull.get(full);
  }

  /** The answer is a snapshot: it does not change while it is walked. */
  of(bare: string): readonly Session[] {
    const there = this.#byBare.get(bare);
    return there === undefined ? NONE : Array.isArray(there) ? there : [there];
  }

  all(): Iterable<Session> {
    return [...this.#byFull.values()];
  }

  setResumeId(session: Session, id: string): void {
    this.#byResumeId.set(id, session);
  }

  forgetResumeId(session: Session): void {
    const id = session.management?.id;
    if (id !== undefined && id !== '' && this.#byResumeId.get(id) === session) this.#byResumeId.delete(id);
  }

  byResumeId(id: string): Session | undefined {
    return this.#byResumeId.get(id);
  }
}
