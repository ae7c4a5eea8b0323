import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Cursor } from '../../kinds/index.ts';
import type { GroupCommit, Participant } from './group-commit.ts';

/**
 * Cursors of devices. Nobody waits for them: changes are kept in memory and written with the next commit, at the
 * latest 100 ms later. A crash in between costs a device the same entries again, never an entry.
 */
export class CursorTable implements Participant {
  readonly #commit: GroupCommit;
  /** Mailbox to device to cursor; undefined = removed. */
  readonly #dirty = new Map<number, Map<string, Cursor | undefined>>();
  readonly #list: StatementSync;
  readonly #all: StatementSync;
  readonly #set: StatementSync;
  readonly #delete: StatementSync;
  readonly #deleteAll: StatementSync;

  constructor(db: DatabaseSync, commit: GroupCommit) {
    this.#commit = commit;
    this.#list = db.prepare('SELECT device, seq, seen_at, groups FROM cursor WHERE mailbox = ? ORDER BY device');
    this.#all = db.prepare('SELECT mailbox, device, seq FROM cursor');
    this.#list.setReturnArrays(true);
    this.#all.setReturnArrays(true);
    this.#set = db.prepare(
      'INSERT INTO cursor (mailbox, device, seq, seen_at, groups) VALUES (?, ?, ?, ?, ?) ON CONFLICT (mailbox, device) DO UPDATE SET seq = excluded.seq, seen_at = excluded.seen_at, groups = excluded.groups',
    );
    this.#delete = db.prepare('DELETE FROM cursor WHERE mailbox = ? AND device = ?');
    this.#deleteAll = db.prepare('DELETE FROM cursor WHERE mailbox = ?');
  }

  list(mailbox: number): Cursor[] {
    const cursors = new Map<string, Cursor>();
    for (const row of this.#list.all(mailbox) as unknown as Array<[string, number, number, number | null]>) {
      const groups = row[3] === null ? undefined : { groups: row[3] };
      cursors.set(row[0], { device: row[0], seq: row[1], seenAt: row[2], ...groups });
    }
    for (const [device, cursor] of this.#dirty.get(mailbox) ?? []) {
      if (cursor) cursors.set(device, cursor);
      else cursors.delete(device);
    }
    return [...cursors.values()];
  }

  /** Every cursor there is. */
  *all(): Generator<{ mailbox: number; device: string; seq: number }> {
    for (const [mailbox, device, seq] of this.#all.all() as unknown as Array<[number, string, number]>) {
      if (!this.#dirty.get(mailbox)?.has(device)) yield { mailbox, device, seq };
    }
    for (const [mailbox, devices] of this.#dirty) {
      for (const cursor of devices.values()) if (cursor) yield { mailbox, device: cursor.device, seq: cursor.seq };
    }
  }

  set(mailbox: number, device: string, cursor: Cursor | undefined): void {
    this.#commit.check();
    const devices = this.#dirty.get(mailbox);
    if (devices) devices.set(device, cursor);
    else this.#dirty.set(mailbox, new Map([[device, cursor]]));
    this.#commit.touch();
  }

  /** Removes all of one mailbox. Inside a transaction. */
  forget(mailbox: number): void {
    this.#dirty.delete(mailbox);
    this.#deleteAll.run(mailbox);
  }

  flush(): void {
    if (this.#dirty.size === 0) return;
    // In key order: neighbours share a page.
    for (const mailbox of Float64Array.from(this.#dirty.keys()).sort()) {
      for (const [device, cursor] of this.#dirty.get(mailbox)!) {
        if (cursor) this.#set.run(mailbox, device, cursor.seq, cursor.seenAt, cursor.groups ?? null);
        else this.#delete.run(mailbox, device);
      }
    }
  }

  committed(): void {
    this.#dirty.clear();
  }

  /** Keeps what was not written: it goes with the next commit. */
  rolledBack(): void {
    if (this.#dirty.size > 0) this.#commit.touch();
  }
}
