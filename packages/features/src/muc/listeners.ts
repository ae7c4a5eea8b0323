/** The sessions that take the groups of their account without joining: which groups are theirs. Costs as much as is online. */
import type { Session } from '@parley/core';
import { headFor } from './room.ts';

const NOBODY: ReadonlySet<Session> = new Set();

export class Listeners {
  readonly #byRoom = new Map<number, Set<Session>>();
  readonly #bySession = new Map<Session, Set<number>>();
  readonly #heads = new WeakMap<Session, Uint8Array>();

  of(room: number): ReadonlySet<Session> {
    return this.#byRoom.get(room) ?? NOBODY;
  }

  roomsOf(session: Session): ReadonlySet<number> | undefined {
    return this.#bySession.get(session);
  }

  /** The session takes its groups, of which there may be none yet. */
  begin(session: Session): void {
    if (!this.#bySession.has(session)) this.#bySession.set(session, new Set());
  }

  add(session: Session, room: number): void {
    const rooms = this.#bySession.get(session);
    if (rooms === undefined) return;
    rooms.add(room);
    const sessions = this.#byRoom.get(room);
    if (sessions === undefined) this.#byRoom.set(room, new Set([session]));
    else sessions.add(session);
  }

  remove(session: Session, room: number): void {
    this.#bySession.get(session)?.delete(room);
    const sessions = this.#byRoom.get(room);
    if (sessions === undefined) return;
    sessions.delete(session);
    if (sessions.size === 0) this.#byRoom.delete(room);
  }

  end(session: Session): void {
    for (const room of [...(this.#bySession.get(session) ?? [])]) this.remove(session, room);
    this.#bySession.delete(session);
  }

  headOf(session: Session): Uint8Array {
    let head = this.#heads.get(session);
    if (head === undefined) {
      head = headFor('message', session.address);
      this.#heads.set(session, head);
    }
    return head;
  }
}
