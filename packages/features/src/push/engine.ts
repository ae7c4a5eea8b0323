/** Keeps what devices have to be told of, and tells them when the rules say so. One small state for each account that has a target and something new. */
import type { Clock, Log, Session, Undo } from '@parley/core';
import { NS } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { isActive, judge, judgeTarget, quietest, type SessionFacts, wants } from './rules.ts';
import type { Arrival, PushChannel, Pushes, PushTarget, Wish } from './service.ts';

export interface EngineParts {
  readonly clock: Clock;
  readonly log: Log;
  sessionsOf(bare: string): Iterable<Session>;
  isInactive(session: Session): boolean;
  /** How far a device has taken the mailbox of the account. */
  taken(account: AccountRecord, device: string): Awaitable<number>;
  /** A device that seems to be there has this long to acknowledge. */
  readonly graceMs: number;
  /** Arrivals in one conversation within this time are told together. */
  readonly windowMs: number;
  /** Everything up to this position was told, or need not be. */
  told(account: AccountRecord, through: number): void;
}

/** Conversations of one account that devices were told of, or are to be. */
const CONVERSATIONS = 200;

interface Waiting {
  firstSeq: number;
  lastSeq: number;
  since: number;
  count: number;
  last: Arrival;
  /** Devices that somebody sat before since then. */
  readonly watched: Set<string>;
  /** Targets that were told of it, or have it. */
  readonly settled: Set<string>;
}

interface Conversation {
  /** Arrivals since it was read. */
  count: number;
  toldAt: number;
  /** Position of the one that was told last; 0 for none. */
  toldSeq: number;
  waiting: Waiting | undefined;
  readonly told: Map<string, { channel: PushChannel; target: PushTarget }>;
}

interface State {
  readonly account: AccountRecord;
  readonly bare: string;
  readonly conversations: Map<string, Conversation>;
  timer: Undo | undefined;
  timerAt: number;
  running: boolean;
  again: boolean;
  /** Notices that a channel has not settled yet. */
  open: number;
  /** The highest position that arrived, from its own mailbox or that of a group: they are in one order. */
  highest: number;
}

const NEVER = Number.POSITIVE_INFINITY;
const keyOf = (arrival: Pick<Arrival, 'kind' | 'conversation'>): string =>
  arrival.kind === 'call' ? `${arrival.conversation} call` : arrival.conversation;

export class PushEngine implements Pushes {
  readonly #parts: EngineParts;
  readonly #channels: PushChannel[] = [];
  readonly #wishes: Array<(account: AccountRecord, conversation: string) => Awaitable<Wish>> = [];
  readonly #states = new Map<number, State>();
  #stopped = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  /** Accounts with something new or told. */
  get size(): number {
    return this.#states.size;
  }
  /** Nobody can be told anything. */
  get idle(): boolean {
    for (let i = 0; i < this.#channels.length; i++) if (!(this.#channels[i] as PushChannel).empty) return false;
    return true;
  }

  addChannel(channel: PushChannel): () => void {
    this.#channels.push(channel);
    return () => void this.#channels.splice(this.#channels.indexOf(channel), 1);
  }

  addWishes(wish: (account: AccountRecord, conversation: string) => Awaitable<Wish>): () => void {
    this.#wishes.push(wish);
    return () => void this.#wishes.splice(this.#wishes.indexOf(wish), 1);
  }

  /** Accounts that have a target in some channel, each once. */
  accounts(): Iterable<number> {
    return new Set(this.#channels.flatMap((channel) => [...channel.accounts()]));
  }

  concerns(accountId: number): boolean {
    for (let i = 0; i < this.#channels.length; i++) if ((this.#channels[i] as PushChannel).targets(accountId).length > 0) return true;
    return false;
  }

  arrived(arrival: Arrival): void {
    if (!this.concerns(arrival.account.id)) return;
    if (this.#wishes.length === 0) return this.#take(arrival);
    const asked = this.#wishes.map((ask) => ask(arrival.account, arrival.conversation));
    const heard = (wishes: readonly Wish[]): void => {
      if (wants(quietest(wishes), arrival.mention === true)) this.#take(arrival);
    };
    if (asked.every((one) => !(one instanceof Promise))) return heard(asked as Wish[]);
    Promise.all(asked).then(heard, (error: unknown) => {
      this.#parts.log.error('push_wishes_failed', { account: arrival.account.id, error });
      this.#take(arrival);
    });
  }

  read(account: AccountRecord, conversation: string): void {
    this.#forget(account, conversation);
  }

  withdrawn({ id }: Pick<AccountRecord, 'id'>, key: string, seqs: readonly number[]): void {
    const state = this.#states.get(id);
    const conversation = state?.conversations.get(key);
    if (state === undefined || conversation === undefined) return;
    const { waiting } = conversation;
    if (waiting === undefined) {
      // Nothing but this was told: nothing is left to tell of.
      if (conversation.count === 1 && seqs.includes(conversation.toldSeq)) this.#forget(state.account, key);
      return;
    }
    if (!seqs.some((seq) => seq >= waiting.firstSeq && seq <= waiting.lastSeq)) return;
    // Of a message and its corrections one was counted.
    conversation.count--;
    waiting.count--;
    if (waiting.count === 0) conversation.waiting = undefined;
    else if (seqs.includes(waiting.last.seq)) {
      // The ones before it are told of without a text: theirs is not kept here.
      const { body: _, ...last } = waiting.last;
      waiting.last = last;
    }
  }

  /** The ringing is over. */
  callOver(account: AccountRecord, conversation: string): void {
    this.#forget(account, keyOf({ kind: 'call', conversation }));
  }

  /** A device of this account came, went, or began or ceased to be looked at. */
  changed(account: AccountRecord): void {
    const state = this.#states.get(account.id);
    if (state !== undefined) this.#run(state);
  }

  accountRemoved(account: AccountRecord): void {
    this.#states.get(account.id)?.timer?.();
    this.#states.delete(account.id);
  }

  stop(): void {
    this.#stopped = true;
    for (const state of this.#states.values()) state.timer?.();
    this.#states.clear();
  }

  #forget(account: AccountRecord, key: string): void {
    const state = this.#states.get(account.id);
    const conversation = state?.conversations.get(key);
    if (state === undefined || conversation === undefined) return;
    state.conversations.delete(key);
    const total = this.#total(state);
    const name = key.endsWith(' call') ? key.slice(0, -' call'.length) : key;
    for (const { channel, target } of conversation.told.values()) channel.clear(target, account, name, total);
    if (state.conversations.size === 0) this.#drop(state);
  }

  /** What was told before the process ended: a reading takes it away from all devices. */
  remember(arrival: Arrival): void {
    if (this.#stopped || !this.concerns(arrival.account.id)) return;
    const { conversation } = this.#place(arrival);
    conversation.count++;
    for (const channel of this.#channels)
      for (const target of channel.targets(arrival.account.id)) conversation.told.set(`${channel.name} ${target.key}`, { channel, target });
  }

  #place(arrival: Arrival): { readonly state: State; readonly conversation: Conversation } {
    const { account } = arrival;
    let state = this.#states.get(account.id);
    if (state === undefined) {
      const bare = `${account.localpart}@${account.domain}`;
      state = {
        account,
        bare,
        conversations: new Map(),
        timer: undefined,
        timerAt: NEVER,
        running: false,
        again: false,
        open: 0,
        highest: 0,
      };
      this.#states.set(account.id, state);
    }
    const key = keyOf(arrival);
    let conversation = state.conversations.get(key);
    if (conversation === undefined) {
      this.#makeRoom(state);
      conversation = { count: 0, toldAt: 0, toldSeq: 0, waiting: undefined, told: new Map() };
      state.conversations.set(key, conversation);
    }
    return { state, conversation };
  }

  #take(arrival: Arrival): void {
    if (this.#stopped) return;
    const { state, conversation } = this.#place(arrival);
    conversation.count++;
    state.highest = Math.max(state.highest, arrival.seq);
    const now = this.#parts.clock.now();
    const { waiting } = conversation;
    if (waiting === undefined)
      conversation.waiting = {
        firstSeq: arrival.seq,
        lastSeq: arrival.seq,
        since: now,
        count: 1,
        last: arrival,
        watched: new Set(),
        settled: new Set(),
      };
    else {
      waiting.lastSeq = Math.max(waiting.lastSeq, arrival.seq);
      waiting.last = arrival;
      waiting.count++;
      waiting.settled.clear();
    }
    if (!this.#watch(state)) return this.#run(state);
    // Somebody is there: all that remains is to see whether it arrived.
    this.#lookAt(state, now + this.#parts.graceMs);
  }

  /** One that waits for nothing is the first to go. */
  #makeRoom(state: State): void {
    if (state.conversations.size < CONVERSATIONS) return;
    for (const [key, conversation] of state.conversations)
      if (conversation.waiting === undefined) {
        state.conversations.delete(key);
        return;
      }
    const [oldest] = state.conversations.keys();
    if (oldest !== undefined) state.conversations.delete(oldest);
  }

  #facts(session: Session): SessionFacts {
    return {
      device: session.device,
      connected: session.connected,
      receptive: session.receptive,
      inactive: this.#parts.isInactive(session),
      show: session.presence?.childText('show', NS.client),
    };
  }

  /** Whether somebody sits before a device; what waits remembers which. */
  #watch(state: State): boolean {
    let any = false;
    for (const session of this.#parts.sessionsOf(state.bare)) {
      if (session.ended || !isActive(this.#facts(session))) continue;
      any = true;
      for (const { waiting } of state.conversations.values()) waiting?.watched.add(session.device);
    }
    return any;
  }

  #lookAt(state: State, at: number): void {
    if (at >= state.timerAt) return;
    state.timer?.();
    state.timerAt = at;
    state.timer = this.#parts.clock.after(Math.max(0, at - this.#parts.clock.now()), () => {
      state.timer = undefined;
      state.timerAt = NEVER;
      this.#run(state);
    });
  }

  #run(state: State): void {
    if (state.running) {
      state.again = true;
      return;
    }
    state.running = true;
    this.#judgeAll(state)
      .catch((error: unknown) => this.#parts.log.error('push_failed', { account: state.account.id, error }))
      .finally(() => {
        state.running = false;
        if (!state.again || this.#stopped) return;
        state.again = false;
        this.#run(state);
      });
  }

  async #judgeAll(state: State): Promise<void> {
    for (const conversation of [...state.conversations.values()]) {
      if (conversation.waiting === undefined) continue;
      const next = await this.#judge(state, conversation, conversation.waiting);
      if (this.#stopped) return;
      if (next !== NEVER) this.#lookAt(state, next);
    }
    for (const [key, one] of state.conversations) if (one.waiting === undefined && one.told.size === 0) state.conversations.delete(key);
    if (state.conversations.size === 0) this.#drop(state);
  }

  /** Answers when to look again. */
  async #judge(state: State, conversation: Conversation, waiting: Waiting): Promise<number> {
    const { clock, graceMs, windowMs } = this.#parts;
    this.#watch(state);
    let taken = -1;
    for (const device of waiting.watched) taken = Math.max(taken, await this.#taken(state.account, waiting.last, device));
    // Who is there is looked at after the last wait, so that nobody has come meanwhile.
    const anyActive = this.#watch(state);
    const now = clock.now();
    const judgement = judge(waiting, { now, anyActive, taken, graceMs });
    switch (judgement.verdict) {
      case 'delivered':
        this.#settle(conversation, waiting);
        return NEVER;
      case 'wait':
        return judgement.until;
      case 'restart':
        waiting.firstSeq = judgement.firstSeq;
        waiting.since = now;
        return now + graceMs;
      case 'tell':
        if (waiting.last.kind !== 'call' && now < conversation.toldAt + windowMs) return conversation.toldAt + windowMs;
        return this.#tell(state, conversation, waiting);
    }
  }

  async #tell(state: State, conversation: Conversation, waiting: Waiting): Promise<number> {
    const { clock, graceMs } = this.#parts;
    let next = NEVER;
    const { lastSeq } = waiting;
    for (const channel of this.#channels)
      for (const target of [...channel.targets(state.account.id)]) {
        const name = `${channel.name} ${target.key}`;
        if (waiting.settled.has(name)) continue;
        const taken = this.#isConnected(state, target.device) ? await this.#taken(state.account, waiting.last, target.device) : -1;
        // It was read, or taken back, while that was looked up.
        if (conversation.waiting !== waiting) return NEVER;
        // Somebody came, or more arrived.
        if (this.#watch(state) && clock.now() < waiting.since + graceMs) return waiting.since + graceMs;
        if (waiting.lastSeq !== lastSeq || !channel.targets(state.account.id).some((one) => one.key === target.key)) return clock.now();
        const connected = this.#isConnected(state, target.device);
        const verdict = judgeTarget(waiting, { now: clock.now(), connected, taken, graceMs });
        if (verdict === 'wait') {
          next = waiting.since + graceMs;
          continue;
        }
        waiting.settled.add(name);
        if (verdict === 'skip') continue;
        conversation.toldAt = clock.now();
        conversation.toldSeq = waiting.last.seq;
        conversation.told.set(name, { channel, target });
        state.open++;
        channel
          .notify(target, { ...waiting.last, count: conversation.count, total: this.#total(state) })
          .catch((error: unknown) => this.#parts.log.error('push_channel_failed', { channel: channel.name, error }))
          .finally(() => {
            state.open--;
            this.#progress(state);
          });
      }
    if (next === NEVER) conversation.waiting = undefined;
    return next;
  }

  #isConnected(state: State, device: string): boolean {
    if (device === '') return false;
    for (const session of this.#parts.sessionsOf(state.bare))
      if (session.device === device && session.connected && session.receptive && !session.ended) return true;
    return false;
  }

  #taken(account: AccountRecord, arrival: Arrival, device: string): Awaitable<number> {
    return arrival.taken === undefined ? this.#parts.taken(account, device) : arrival.taken(device);
  }

  #settle(conversation: Conversation, waiting: Waiting): void {
    conversation.count -= waiting.count;
    conversation.waiting = undefined;
  }

  /** Nothing waits and nothing is on its way: so much need not be told again after a restart. */
  #progress(state: State): void {
    if (this.#stopped || state.open > 0 || state.highest === 0) return;
    for (const { waiting } of state.conversations.values()) if (waiting !== undefined) return;
    const { highest } = state;
    state.highest = 0;
    try {
      this.#parts.told(state.account, highest);
    } catch (error) {
      // The disk takes nothing: after a restart some of it is told twice.
      this.#parts.log.warn('push_progress_not_kept', { account: state.account.id, error });
    }
  }

  #total(state: State): number {
    let total = 0;
    for (const { count } of state.conversations.values()) total += count;
    return total;
  }

  #drop(state: State): void {
    if (state.running && state.again) return;
    state.timer?.();
    if (this.#states.get(state.account.id) === state) this.#states.delete(state.account.id);
  }
}
