import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AccountRecord, AccountStore } from '../../kinds/index.ts';
import { storageError } from './errors.ts';
import type { GroupCommit } from './group-commit.ts';

const COLUMNS = 'id, localpart, domain, created_at, disabled, credentials';
type Row = [number, string, string, number, number, string];

/** Accounts in the table `account`. Ids are AUTOINCREMENT: never used again. */
export class AccountTable implements AccountStore {
  readonly #commit: GroupCommit;
  readonly #forget: (id: number) => void;
  readonly #get: StatementSync;
  readonly #byId: StatementSync;
  readonly #insert: StatementSync;
  readonly #credentials: StatementSync;
  readonly #disabled: StatementSync;
  readonly #delete: StatementSync;
  readonly #list: StatementSync;
  readonly #count: StatementSync;

  /** @param forget removes everything the other kinds keep under an id; called in the same transaction */
  constructor(db: DatabaseSync, commit: GroupCommit, forget: (id: number) => void) {
    this.#commit = commit;
    this.#forget = forget;
    this.#get = db.prepare(`SELECT ${COLUMNS} FROM account WHERE domain = ? AND localpart = ?`);
    this.#byId = db.prepare(`SELECT ${COLUMNS} FROM account WHERE id = ?`);
    this.#insert = db.prepare(
      'INSERT INTO account (localpart, domain, created_at, credentials) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
    );
    this.#credentials = db.prepare('UPDATE account SET credentials = ? WHERE id = ?');
    this.#disabled = db.prepare('UPDATE account SET disabled = ? WHERE id = ?');
    this.#delete = db.prepare('DELETE FROM account WHERE id = ?');
    this.#list = db.prepare(`SELECT ${COLUMNS} FROM account WHERE domain = ? AND localpart > ? ORDER BY localpart LIMIT ?`);
    this.#count = db.prepare('SELECT count(*) FROM account WHERE domain = ?');
    for (const statement of [this.#get, this.#byId, this.#list, this.#count]) statement.setReturnArrays(true);
  }

  get(localpart: string, domain: string): AccountRecord | undefined {
    return this.#read(() => record(this.#get.get(domain, localpart)));
  }

  byId(id: number): AccountRecord | undefined {
    return this.#read(() => record(this.#byId.get(id)));
  }

  create(account: { localpart: string; domain: string; createdAt: number; credentials: string }): AccountRecord | undefined {
    const { localpart, domain, createdAt, credentials } = account;
    return this.#commit.write('create an account', () => {
      const { changes, lastInsertRowid } = this.#insert.run(localpart, domain, createdAt, credentials);
      if (Number(changes) === 0) return undefined;
      return { id: Number(lastInsertRowid), localpart, domain, createdAt, disabled: false, credentials };
    });
  }

  update(id: number, change: { credentials?: string; disabled?: boolean }): void {
    this.#commit.write('change an account', () => {
      if (change.credentials !== undefined) this.#credentials.run(change.credentials, id);
      if (change.disabled !== undefined) this.#disabled.run(change.disabled ? 1 : 0, id);
    });
  }

  remove(id: number): void {
    this.#commit.write('remove an account', () => {
      this.#delete.run(id);
      this.#forget(id);
    });
  }

  list(query: { domain: string; after?: string; limit: number }): AccountRecord[] {
    return this.#read(() => this.#list.all(query.domain, query.after ?? '', query.limit).map((row) => record(row)!));
  }

  count(domain: string): number {
    return this.#read(() => (this.#count.get(domain) as unknown as [number])[0]);
  }

  #read<T>(run: () => T): T {
    this.#commit.check();
    try {
      return run();
    } catch (error) {
      throw storageError(error, 'read accounts');
    }
  }
}

function record(row: unknown): AccountRecord | undefined {
  if (!row) return undefined;
  const [id, localpart, domain, createdAt, disabled, credentials] = row as Row;
  return { id, localpart, domain, createdAt, disabled: disabled !== 0, credentials };
}
