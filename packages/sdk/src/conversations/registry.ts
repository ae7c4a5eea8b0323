import type { Context } from '../context.ts';
import { Cell } from '../observable.ts';
import type { ConversationRecord } from '../store/store.ts';
import type { ConversationSnapshot } from '../types.ts';
import { ConversationState, emptyConversation } from './state.ts';

/** What the contact list knows of a peer. */
export interface PeerInfo {
  nameOf(id: string): string;
  isBlocked(id: string): boolean;
  /** It is the domain of the own account. */
  isServer(id: string): boolean;
}

/** All conversations in memory, and the list of those with messages, newest first. */
export class ConversationRegistry {
  readonly list = new Cell<readonly ConversationSnapshot[]>(Object.freeze([]));
  readonly #states = new Map<string, ConversationState>();
  readonly #peers: PeerInfo;
  readonly #emit: Context['emit'];

  constructor(peers: PeerInfo, emit: Context['emit']) {
    this.#peers = peers;
    this.#emit = emit;
  }

  values(): Iterable<ConversationState> {
    return this.#states.values();
  }

  /** The conversation, if there is one in memory. */
  find(id: string): ConversationState | undefined {
    return this.#states.get(id);
  }

  state(id: string): ConversationState {
    let state = this.#states.get(id);
    if (state === undefined) {
      state = new ConversationState(emptyConversation(id), this.#peers.nameOf(id));
      this.#learn(state);
      state.refresh();
      this.#states.set(id, state);
    }
    return state;
  }

  /** Takes over what the store says. */
  load(records: readonly ConversationRecord[]): void {
    const states = records.map((record) => {
      const state = this.state(record.id);
      state.record = record;
      state.placedOrder = undefined;
      this.#learn(state);
      return state;
    });
    this.changed(states);
  }

  /** Name or block of a peer has changed. */
  peerChanged(id: string): void {
    const state = this.#states.get(id);
    if (state === undefined) return;
    this.#learn(state);
    this.changed([state]);
  }

  #learn(state: ConversationState): void {
    state.name = this.#peers.nameOf(state.id);
    state.blocked = this.#peers.isBlocked(state.id);
    state.server = this.#peers.isServer(state.id);
  }

  /** Tells those who watch, when something visible is different. */
  changed(states: readonly ConversationState[]): void {
    const changed = states.filter((state) => state.refresh());
    if (changed.length === 0) return;
    this.#publish();
    for (const state of changed) this.#emit('conversation.updated', { conversation: state.cell.snapshot() });
  }

  clear(): void {
    this.#states.clear();
    this.#publish();
  }

  #publish(): void {
    const list = [...this.#states.values()]
      .map((state) => state.cell.snapshot())
      .filter((snapshot) => snapshot.lastMessage !== undefined || snapshot.type === 'group');
    list.sort((a, b) => Number(b.pinned) - Number(a.pinned) || b.updatedAt - a.updatedAt || (a.id < b.id ? -1 : 1));
    const old = this.list.snapshot();
    if (list.length !== old.length || list.some((snapshot, index) => snapshot !== old[index])) this.list.set(Object.freeze(list));
  }
}
