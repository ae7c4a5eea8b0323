import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

/** Rows in one INSERT: the cost of a call into SQLite is shared by so many. */
const ROWS = 16;

/** Gathers rows and inserts them many at a time. */
export class BulkInsert {
  readonly #many: StatementSync;
  readonly #one: StatementSync;
  readonly #columns: number;
  #values: SQLInputValue[] = [];

  /** @param head everything before VALUES, such as `INSERT INTO t (a, b)` */
  constructor(db: DatabaseSync, head: string, columns: number) {
    const row = `(${new Array(columns).fill('?').join(',')})`;
    this.#columns = columns;
    this.#one = db.prepare(`${head} VALUES ${row}`);
    this.#many = db.prepare(`${head} VALUES ${new Array(ROWS).fill(row).join(',')}`);
  }

  add(...row: SQLInputValue[]): void {
    const values = this.#values;
    for (const value of row) values.push(value);
    if (values.length < ROWS * this.#columns) return;
    this.#values = [];
    this.#many.run(...values);
  }

  /** Inserts what is left. */
  flush(): void {
    const values = this.#values;
    this.#values = [];
    for (let at = 0; at < values.length; at += this.#columns) this.#one.run(...values.slice(at, at + this.#columns));
  }

  /** Forgets what was gathered. */
  clear(): void {
    this.#values = [];
  }
}
