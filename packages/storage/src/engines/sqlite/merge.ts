import type { DatabaseSync } from 'node:sqlite';
import { BulkInsert } from './bulk.ts';
import type { MailboxIndex } from './mailbox-index.ts';
import { entryFlags, type Generation, hash53, lowerBound, type TailMessage } from './tail.ts';

/** The prepared inserts of all merges of one database. */
export class MergeInserts {
  readonly entries: BulkInsert;
  readonly origins: BulkInsert;

  constructor(db: DatabaseSync) {
    // OR IGNORE: a merge that a crash interrupted is done again from the start.
    this.entries = new BulkInsert(db, 'INSERT OR IGNORE INTO entry (mailbox, seq, at, outgoing, conversation)', 5);
    this.origins = new BulkInsert(db, 'INSERT OR IGNORE INTO origin (mailbox, hash, seq)', 3);
  }

  flush(): void {
    this.entries.flush();
    this.origins.flush();
  }

  clear(): void {
    this.entries.clear();
    this.origins.clear();
  }
}

/**
 * Moves one generation of the tail into the index tables, mailbox by mailbox in key order, a slice in each commit,
 * so that no commit waits long and each index page is written about once per generation.
 */
export class Merge {
  readonly generation: Generation;
  readonly #index: MailboxIndex;
  readonly #inserts: MergeInserts;
  readonly #mailboxes: Float64Array;
  #mailboxAt = 0;
  #afterSeq = 0;
  #messageAt = 0;

  constructor(generation: Generation, index: MailboxIndex, inserts: MergeInserts) {
    this.generation = generation;
    this.#index = index;
    this.#inserts = inserts;
    this.#mailboxes = Float64Array.from(new Set([...generation.mailboxes.keys(), ...generation.origins.keys()])).sort();
  }

  /** Does about so many rows of work inside the transaction. Answers true when all is merged. */
  step(rows: number): boolean {
    let left = rows;
    while (left > 0 && this.#mailboxAt < this.#mailboxes.length) left -= this.#stepMailbox(this.#mailboxes[this.#mailboxAt]!, left);
    this.#inserts.flush();
    if (left <= 0) return false;
    if (!this.#stepMessages(left)) return false;
    const { messages, minAt, maxAt } = this.generation;
    this.#index.advance(messages[0]!.seq, messages.at(-1)!.seq, minAt, maxAt);
    return true;
  }

  /** A copy of this message went while the merge runs: when the log was already put right, put it right again. */
  keptChanged(message: TailMessage): void {
    const next = this.generation.messages[this.#messageAt];
    if (next && message.seq >= next.seq) return;
    this.#index.setKept(message.seq, message.seq, message.kept);
    message.storedKept = message.kept;
  }

  #stepMailbox(mailbox: number, rows: number): number {
    const entries = this.generation.mailboxes.get(mailbox) ?? [];
    const { entries: insert } = this.#inserts;
    let at = lowerBound(entries, this.#afterSeq + 1);
    const end = Math.min(entries.length, at + rows);
    const done = end - at + 1;
    for (; at < end; at++) {
      const { message, copy } = entries[at]!;
      insert.add(mailbox, message.seq, message.at, entryFlags(copy), this.#index.conversation(mailbox, copy.peer));
      this.#afterSeq = message.seq;
    }
    if (end < entries.length) return done;
    this.#mailboxAt++;
    this.#afterSeq = 0;
    return done + this.#stepOrigins(mailbox);
  }

  #stepOrigins(mailbox: number): number {
    const origins = this.generation.origins.get(mailbox);
    if (!origins) return 0;
    const rows = [...origins].map(([originId, seq]) => ({ hash: hash53(originId), seq })).sort((a, b) => a.hash - b.hash);
    for (const { hash, seq } of rows) this.#inserts.origins.add(mailbox, hash, seq);
    return rows.length;
  }

  /** Deletes from the log what no mailbox holds, and corrects what some let go of. */
  #stepMessages(rows: number): boolean {
    const { messages } = this.generation;
    const end = Math.min(messages.length, this.#messageAt + rows * 8);
    while (this.#messageAt < end) {
      const first = messages[this.#messageAt]!;
      let last = first;
      this.#messageAt++;
      if (first.kept === first.storedKept && first.kept > 0) continue;
      for (let next = messages[this.#messageAt]; this.#messageAt < end && next?.kept === first.kept; next = messages[this.#messageAt]) {
        last = next;
        this.#messageAt++;
      }
      this.#index.setKept(first.seq, last.seq, first.kept);
    }
    return this.#messageAt >= messages.length;
  }
}
