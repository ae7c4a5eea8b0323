/**
 * What waits for push services. One lane for each registration: one message is on its way at a time, of one conversation only the
 * newest waits, and a push service that asks for patience gets it. Bounded in every direction.
 */
import type { Clock, Undo } from '@parley/core';

export interface OutboxMessage {
  /** Of one topic the newest replaces those that wait. */
  readonly topic: string;
  /** After this it is worth nothing, ms since the epoch. */
  readonly deadline: number;
  /** There is nothing more to do for it. */
  readonly settled: () => void;
}

/** What an attempt came to. */
export type Attempt = 'done' | 'again' | { readonly retryAfterMs: number };

export interface OutboxParts<M extends OutboxMessage> {
  readonly clock: Clock;
  /** Requests on their way at a time. */
  readonly concurrent: number;
  /** Of these, requests for one account: whoever has slow push services must not take the places of all. Default: all of them. */
  readonly perAccount?: number;
  /** Messages that wait, together; a tenth of them for one account. */
  readonly waiting: number;
  /** Attempts for one message. */
  readonly tries: number;
  /** Sends it once. `again`: at once, it was changed. When it rejects, the message is given up. */
  attempt(lane: string, message: M, tries: number): Promise<Attempt>;
  /** A message was given up: too many attempts, too old, no room, or the attempt failed with an error. */
  dropped(lane: string, message: M, why: 'tries' | 'late' | 'full' | 'failed', error?: unknown): void;
}

interface Account {
  lanes: number;
  running: number;
  waiting: number;
}
interface Lane<M> {
  readonly name: string;
  readonly account: Account;
  readonly waiting: Map<string, M>;
  tries: number;
  busy: boolean;
  retry: Undo | undefined;
}

const accountOf = (lane: string): string => lane.split(' ', 1)[0] as string;

/** Conversations that may wait for one device. */
const LANE_TOPICS = 32;

export class Outbox<M extends OutboxMessage> {
  readonly #parts: OutboxParts<M>;
  readonly #lanes = new Map<string, Lane<M>>();
  /** Lanes that could send, and wait for their turn. */
  readonly #ready = new Set<Lane<M>>();
  /** By the first word of the names of their lanes. */
  readonly #accounts = new Map<string, Account>();
  #running = 0;
  #waiting = 0;
  #stopped = false;

  constructor(parts: OutboxParts<M>) {
    this.#parts = parts;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** `name` begins with the account, and a space. */
  add(name: string, message: M): void {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      const key = accountOf(name);
      const account = this.#accounts.get(key) ?? { lanes: 0, running: 0, waiting: 0 };
      account.lanes++;
      this.#accounts.set(key, account);
      lane = { name, account, waiting: new Map(), tries: 0, busy: false, retry: undefined };
      this.#lanes.set(name, lane);
    }
    this.#take(lane, message.topic)?.settled();
    const most = this.#parts.waiting;
    if (this.#stopped || this.#waiting >= most || lane.account.waiting >= Math.max(LANE_TOPICS, most / 10)) {
      this.#parts.dropped(name, message, 'full');
      message.settled();
      return this.#tidy(lane);
    }
    if (lane.waiting.size >= LANE_TOPICS) {
      const [oldest] = lane.waiting.keys();
      const gone = oldest === undefined ? undefined : this.#take(lane, oldest);
      if (gone !== undefined) {
        this.#parts.dropped(name, gone, 'full');
        gone.settled();
      }
    }
    this.#put(lane, message);
    this.#next(lane);
  }

  #put(lane: Lane<M>, message: M): void {
    lane.waiting.set(message.topic, message);
    lane.account.waiting++;
    this.#waiting++;
  }

  /** Takes back what has not been sent; false when it is on its way, or out. */
  withdraw(name: string, topic: string): boolean {
    const lane = this.#lanes.get(name);
    const message = lane === undefined ? undefined : this.#take(lane, topic);
    message?.settled();
    return message !== undefined;
  }

  /** The registration is over. */
  close(name: string): void {
    const lane = this.#lanes.get(name);
    if (lane === undefined) return;
    for (const topic of [...lane.waiting.keys()]) this.#take(lane, topic)?.settled();
    lane.retry?.();
    lane.retry = undefined;
    this.#ready.delete(lane);
    this.#tidy(lane);
  }

  stop(): void {
    this.#stopped = true;
    for (const name of [...this.#lanes.keys()]) this.close(name);
  }

  #take(lane: Lane<M>, topic: string): M | undefined {
    const message = lane.waiting.get(topic);
    if (message === undefined) return undefined;
    lane.waiting.delete(topic);
    lane.account.waiting--;
    this.#waiting--;
    return message;
  }

  #tidy(lane: Lane<M>): void {
    if (lane.waiting.size > 0 || lane.busy || lane.retry !== undefined || this.#lanes.get(lane.name) !== lane) return;
    this.#lanes.delete(lane.name);
    if (--lane.account.lanes === 0) this.#accounts.delete(accountOf(lane.name));
  }

  #next(lane: Lane<M>): void {
    if (lane.busy || lane.retry !== undefined || this.#stopped) return;
    if (lane.waiting.size === 0) return this.#tidy(lane);
    if (!this.#hasRoom(lane)) {
      this.#ready.add(lane);
      return;
    }
    const [topic] = lane.waiting.keys();
    const message = this.#take(lane, topic as string) as M;
    lane.busy = true;
    lane.account.running++;
    this.#running++;
    void this.#send(lane, message).finally(() => {
      lane.busy = false;
      lane.account.running--;
      this.#running--;
      this.#next(lane);
      for (const other of this.#ready) {
        if (this.#running >= this.#parts.concurrent) break;
        if (!this.#hasRoom(other)) continue;
        this.#ready.delete(other);
        this.#next(other);
      }
    });
  }

  #hasRoom(lane: Lane<M>): boolean {
    const { concurrent, perAccount = concurrent } = this.#parts;
    return this.#running < concurrent && lane.account.running < perAccount;
  }

  async #send(lane: Lane<M>, message: M): Promise<void> {
    const { clock, tries, dropped } = this.#parts;
    lane.tries++;
    let attempt: Attempt;
    try {
      attempt = await this.#parts.attempt(lane.name, message, lane.tries);
      if (attempt === 'again') attempt = await this.#parts.attempt(lane.name, message, lane.tries);
    } catch (error) {
      // The disk that takes nothing, for one: nobody else waits for this promise.
      dropped(lane.name, message, 'failed', error);
      attempt = 'done';
    }
    if (typeof attempt === 'string') {
      lane.tries = 0;
      return message.settled();
    }
    // What is newer of this conversation says it all.
    if (this.#stopped || lane.waiting.has(message.topic)) message.settled();
    else {
      const why = lane.tries >= tries ? 'tries' : clock.now() + attempt.retryAfterMs > message.deadline ? 'late' : undefined;
      if (why !== undefined) {
        dropped(lane.name, message, why);
        lane.tries = 0;
        message.settled();
      } else {
        this.#put(lane, message);
      }
    }
    if (this.#stopped) return;
    lane.retry = clock.after(attempt.retryAfterMs, () => {
      lane.retry = undefined;
      this.#next(lane);
    });
  }
}
