import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { StorageError } from '../../kinds/index.ts';
import { storageError } from './errors.ts';

/** A part of the store that keeps something in memory until the commit. */
export interface Participant {
  /** Inside the transaction, right before COMMIT: writes out what was gathered. */
  flush(): void;
  /** The batch is durable. */
  committed(): void;
  /** The batch is undone: memory is to be what the disk is. Runs outside a transaction; may throw, then it is tried again before the next use. */
  rolledBack(): void;
}

/** Observers for tests and the simulation: what a power cut would find. */
export interface CommitHooks {
  /** Before anything of a batch is written to the log. All that was acknowledged is durable. */
  beforeCommit?(): void;
  /** After COMMIT, before anything is acknowledged. */
  beforeAck?(): void;
}

interface Waiter {
  readonly done: () => void;
  readonly failed: (error: StorageError) => void;
}

/** How long writes that nobody waits for (cursors, trims) may stay in memory, ms. */
const LAZY_MS = 100;

/** One transaction and one fsync for all writes of a turn of the event loop. */
export class GroupCommit {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #end: StatementSync;
  readonly #schedule: (run: () => void) => void;
  readonly #after: (ms: number, run: () => void) => () => void;
  readonly #hooks: CommitHooks;
  readonly #participants: Participant[] = [];
  #waiters: Waiter[] = [];
  #open = false;
  #draining = false;
  #scheduled = false;
  #closed = false;
  /** Memory could not be restored after a rollback: nothing works until it can. */
  #stale = false;
  #poison: StorageError | undefined;
  #cancelLazy: (() => void) | undefined;
  /** Called after the callbacks of each commit; for checkpoints. */
  onSettled: (() => void) | undefined;

  constructor(
    db: DatabaseSync,
    schedule: (run: () => void) => void,
    after: (ms: number, run: () => void) => () => void,
    hooks: CommitHooks = {},
  ) {
    this.#db = db;
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#end = db.prepare('COMMIT');
    this.#schedule = schedule;
    this.#after = after;
    this.#hooks = hooks;
  }

  add(participant: Participant): void {
    this.#participants.push(participant);
  }

  /** True while somebody would have to wait: a batch is open, or its callbacks are running. */
  get pending(): boolean {
    return this.#open || this.#draining;
  }

  /** To be called by every read. @throws StorageError when the store is closed or its memory is stale. */
  check(): void {
    if (this.#closed) throw new StorageError('closed', 'The storage is closed.');
    if (this.#stale) this.#restore();
  }

  /** Opens the batch of this turn, or joins it. @throws StorageError */
  join(): void {
    this.check();
    if (this.#poison) throw this.#poison;
    if (this.#open) return;
    this.#open = true;
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      this.commit();
    });
  }

  /** Runs statements in the transaction of this turn. A failure undoes the whole batch. @throws StorageError */
  write<T>(doing: string, run: () => T): T {
    this.join();
    try {
      if (!this.#db.isTransaction) this.#begin.run();
      return run();
    } catch (error) {
      this.#poison = storageError(error, doing);
      this.#rollback();
      throw this.#poison;
    }
  }

  /** Something changed that nobody waits for: it goes with the next commit, or soon. */
  touch(): void {
    this.#cancelLazy ??= this.#after(LAZY_MS, () => {
      this.#cancelLazy = undefined;
      if (this.#closed) return;
      try {
        this.join();
      } catch {
        // Still in memory; the next commit takes it along.
      }
    });
  }

  afterCommit(done: () => void, failed: (error: StorageError) => void): void {
    if (this.#open || this.#draining) this.#waiters.push({ done, failed });
    else done();
  }

  /** Commits the batch, if there is one, and runs the callbacks. Never throws for a refused commit: the callbacks are told. */
  commit(): StorageError | undefined {
    if (!this.#open) return undefined;
    const db = this.#db;
    let error = this.#poison;
    if (!error) {
      this.#cancelLazy?.();
      this.#cancelLazy = undefined;
      try {
        this.#hooks.beforeCommit?.();
        if (!db.isTransaction) this.#begin.run();
        for (const participant of this.#participants) participant.flush();
        this.#end.run();
        for (const participant of this.#participants) participant.committed();
        this.#hooks.beforeAck?.();
      } catch (cause) {
        error = storageError(cause, 'commit');
        this.#rollback();
      }
    }
    this.#open = false;
    this.#poison = undefined;
    this.#settle(error);
    return error;
  }

  /** Writes out everything, also what nobody waits for. @throws StorageError */
  flush(): void {
    this.join();
    const error = this.commit();
    if (error) throw error;
  }

  close(): void {
    this.#closed = true;
    this.#cancelLazy?.();
  }

  #rollback(): void {
    try {
      // SQLite rolls back by itself after some errors (disk full, I/O).
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
    } catch {
      // The transaction is not durable either way; the next BEGIN will say what is wrong.
    }
    this.#stale = true;
    try {
      this.#restore();
    } catch {
      // check() tries again before anything is read or written.
    }
  }

  #restore(): void {
    try {
      for (const participant of this.#participants) participant.rolledBack();
      this.#stale = false;
    } catch (error) {
      throw storageError(error, 'read its state again');
    }
  }

  #settle(error: StorageError | undefined): void {
    // A callback may ask again: without a new batch it joins the end of this round, so that the order given is kept.
    let failure: { readonly thrown: unknown } | undefined;
    this.#draining = true;
    while (this.#waiters.length > 0 && !this.#open) {
      const round = this.#waiters;
      this.#waiters = [];
      const outcome = error;
      error = undefined;
      for (const waiter of round) {
        try {
          if (outcome) waiter.failed(outcome);
          else waiter.done();
        } catch (thrown) {
          failure ??= { thrown };
        }
      }
    }
    this.#draining = false;
    this.onSettled?.();
    if (failure) throw failure.thrown;
  }
}
