import type { Storage, StorageError } from '@parley/storage';
import type { Log } from '../ports/index.ts';

/** Something that waits for the commit of this turn. */
export interface Pending {
  /** Position of the message that waits; 0 when it is something else. */
  readonly seq: number;
  committed(): void;
  refused(error: StorageError): void;
}

/** What waits for the commit of a turn, in order. One for each storage: the mailboxes of all domains of a server are one log. */
export class Commits {
  readonly #storage: Storage;
  readonly #log: Log;
  #committedSeq: number;
  #pending: Pending[] = [];

  constructor(storage: Storage, log: Log) {
    this.#storage = storage;
    this.#log = log;
    this.#committedSeq = storage.mailboxes.lastSeq();
  }

  /** Everything up to here is durable. */
  get committedSeq(): number {
    return this.#committedSeq;
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Runs when everything written in this turn is durable (or was refused), in order. */
  whenDurable(item: Pending): void {
    if (!this.#storage.pending && this.#pending.length === 0) {
      item.committed();
      return;
    }
    this.#pending.push(item);
    if (this.#pending.length === 1) this.#storage.afterCommit(this.#committed, this.#refused);
  }

  readonly #committed = (): void => {
    const items = this.#pending;
    this.#pending = [];
    for (let i = items.length - 1; i >= 0; i--) {
      const { seq } = items[i] as Pending;
      if (seq === 0) continue;
      if (seq > this.#committedSeq) this.#committedSeq = seq;
      break;
    }
    for (let i = 0; i < items.length; i++) {
      try {
        (items[i] as Pending).committed();
      } catch (error) {
        this.#log.error('delivery_after_commit_failed', { error });
      }
    }
  };

  readonly #refused = (error: StorageError): void => {
    const items = this.#pending;
    this.#pending = [];
    this.#log.warn('commit_refused', { code: error.code, reason: error.message, messages: items.length });
    for (let i = 0; i < items.length; i++) {
      try {
        (items[i] as Pending).refused(error);
      } catch (thrown) {
        this.#log.error('refusal_failed', { error: thrown });
      }
    }
  };
}
