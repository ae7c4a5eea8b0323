import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { storageError } from './errors.ts';
import type { GroupCommit } from './group-commit.ts';

/** Numbers of hosts but the first begin here: no account and no group comes so far. */
const FIRST_NUMBER = 2 ** 52;

/** Which number owns what a domain keeps for itself. */
export class HostTable {
  readonly #commit: GroupCommit;
  readonly #get: StatementSync;
  readonly #highest: StatementSync;
  readonly #insert: StatementSync;

  constructor(db: DatabaseSync, commit: GroupCommit) {
    this.#commit = commit;
    this.#get = db.prepare('SELECT owner FROM host WHERE domain = ?');
    this.#highest = db.prepare('SELECT max(owner) AS owner FROM host');
    this.#insert = db.prepare('INSERT INTO host (owner, domain) VALUES (?, ?)');
  }

  ownerOf(domain: string): number {
    this.#commit.check();
    try {
      const there = this.#get.get(domain)?.['owner'];
      if (there !== undefined) return Number(there);
    } catch (error) {
      throw storageError(error, 'read hosts');
    }
    return this.#commit.write('write hosts', () => {
      const highest = this.#highest.get()?.['owner'] ?? undefined;
      const owner = highest === undefined ? 0 : Math.max(Number(highest) + 1, FIRST_NUMBER);
      this.#insert.run(owner, domain);
      return owner;
    });
  }
}
