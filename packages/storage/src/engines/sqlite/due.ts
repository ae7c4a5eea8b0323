import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** When messages go that have a time of their own. Few do, so their rows are written at once. */
export class DueTable {
  readonly #set: StatementSync;
  readonly #list: StatementSync;
  readonly #forget: StatementSync;
  /** Times of those that were listed last. */
  readonly #times = new Map<number, number>();

  constructor(db: DatabaseSync) {
    this.#set = db.prepare('INSERT OR IGNORE INTO due (at, seq, sender) VALUES (?, ?, ?)');
    this.#list = db.prepare('SELECT at, seq, sender FROM due WHERE at <= ? ORDER BY at, seq LIMIT ?');
    this.#list.setReturnArrays(true);
    this.#forget = db.prepare('DELETE FROM due WHERE at = ? AND seq = ?');
  }

  set(seq: number, at: number, sender: number): void {
    this.#set.run(at, seq, sender);
  }

  list(now: number, limit: number): Array<{ seq: number; sender: number }> {
    const rows = this.#list.all(now, limit) as unknown as Array<[number, number, number]>;
    this.#times.clear();
    return rows.map(([at, seq, sender]) => {
      this.#times.set(seq, at);
      return { seq, sender };
    });
  }

  /** One that was listed is done with. Of others the row stays until its time, and does nothing then. */
  forget(seq: number): void {
    const at = this.#times.get(seq);
    if (at !== undefined) this.#forget.run(at, seq);
  }
}
