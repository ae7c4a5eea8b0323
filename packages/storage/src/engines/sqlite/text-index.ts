import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { decodeCopies, hash53 } from './tail.ts';
import { mailboxPrefix, type Term, WORDS_VERSION, wordsOf } from './words.ts';

/** The text of a stanza that can be found; undefined when there is none. Given by whoever opens the database: the engine does not know XMPP. */
export type TextOf = (stanza: Uint8Array) => string | undefined;

/**
 * The full-text index of messages (FTS5) up to a position, built behind the log in slices (see mailbox-search.ts). Every word is stored with the
 * mailbox that it is for, so a search walks nothing but what is its owner's.
 */
export class TextIndex {
  /** Messages up to this position are in the index. */
  through = 0;
  readonly #db: DatabaseSync;
  readonly textOf: TextOf;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #next: StatementSync;
  readonly #setThrough: StatementSync;

  constructor(db: DatabaseSync, textOf: TextOf) {
    this.#db = db;
    this.textOf = textOf;
    this.#insert = db.prepare('INSERT INTO message_text (rowid, words) VALUES (?, ?)');
    this.#delete = db.prepare("INSERT INTO message_text (message_text, rowid, words) VALUES ('delete', ?, ?)");
    this.#next = db.prepare('SELECT seq, copies, stanza FROM message WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?');
    this.#setThrough = db.prepare('UPDATE text_state SET through = ?, words = ?');
    this.#next.setReturnArrays(true);
  }

  /** Empties the index; for a database that is opened without search. */
  static clear(db: DatabaseSync): void {
    const { through } = db.prepare('SELECT through FROM text_state').get() as { through: number };
    if (through === 0) return;
    db.exec("BEGIN IMMEDIATE; INSERT INTO message_text (message_text) VALUES ('delete-all'); UPDATE text_state SET through = 0; COMMIT");
  }

  /** Reads its state from the disk; an index of other words is built anew. Outside a transaction. */
  load(): void {
    const state = this.#db.prepare('SELECT through, words FROM text_state').get() as { through: number; words: number };
    if (state.through > 0 && state.words !== WORDS_VERSION) {
      TextIndex.clear(this.#db);
      state.through = 0;
    }
    this.through = state.through;
  }

  /** Takes the next messages up to a position in, inside the transaction. Answers true when all are. */
  step(upTo: number, messages: number): boolean {
    const rows = this.#next.all(this.through, upTo, messages) as unknown as Array<[number, string, Uint8Array]>;
    for (const [seq, copies, stanza] of rows) this.add(seq, copies, stanza);
    const done = rows.length < messages;
    this.through = done ? upTo : rows[rows.length - 1]![0];
    this.#setThrough.run(this.through, WORDS_VERSION);
    return done;
  }

  /** Takes one message in, inside the transaction. */
  add(seq: number, copies: string, stanza: Uint8Array): void {
    const words = this.#words(copies, stanza);
    if (words !== undefined) this.#insert.run(seq, words);
  }

  /**
   * Takes a message out that is in the log as it was taken in, inside the transaction. `erase`: also from the pages of the index, at once; otherwise
   * the words stay there, not to be found, until the index merges them away.
   */
  remove(seq: number, copies: string, stanza: Uint8Array, erase: boolean): void {
    if (seq > this.through) return;
    const words = this.#words(copies, stanza);
    if (words === undefined) return;
    if (erase) this.#db.exec("INSERT INTO message_text (message_text, rank) VALUES ('secure-delete', 1)");
    this.#delete.run(seq, words);
    if (erase) this.#db.exec("INSERT INTO message_text (message_text, rank) VALUES ('secure-delete', 0)");
  }

  /** What to look for: all terms in this mailbox, and with this peer. */
  matchOf(mailbox: number, terms: readonly Term[], peer: string | undefined): string {
    const prefix = mailboxPrefix(mailbox);
    const parts = terms.map(({ word, prefix: begins }) => `"${prefix}${word}"${begins ? '*' : ''}`);
    if (peer !== undefined) parts.push(`"${prefix}${peerWord(peer)}"`);
    return parts.join(' AND ');
  }

  /** All words of a row: those of the text for each mailbox that it was appended to, and with whom it is there. */
  #words(copies: string, stanza: Uint8Array): string | undefined {
    const text = this.textOf(stanza);
    if (text === undefined) return undefined;
    const words = new Set(wordsOf(text));
    if (words.size === 0) return undefined;
    const out: string[] = [];
    // Copies that have gone count as well: the row must be taken out with the words it was put in with.
    for (const { copy } of decodeCopies(copies)) {
      const prefix = mailboxPrefix(copy.mailbox);
      for (const word of words) out.push(prefix + word);
      out.push(prefix + peerWord(copy.peer));
    }
    return out.join(' ');
  }
}

function peerWord(peer: string): string {
  return `@${hash53(peer).toString(36)}`;
}
