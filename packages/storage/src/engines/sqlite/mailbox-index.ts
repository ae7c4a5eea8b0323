import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { ConversationHead, MailboxEntry } from '../../kinds/index.ts';
import type { Span } from './span.ts';
import { decodeCopies } from './tail.ts';
import type { TextIndex } from './text-index.ts';

interface Segment {
  readonly first: number;
  readonly last: number;
  min: number;
  readonly max: number;
}

type EntryRow = [seq: number, at: number, outgoing: number, peer: string, copies: string, stanza: Uint8Array];

/** Conversation ids kept in memory. */
const CACHED_CONVERSATIONS = 100_000;
/** Origins looked at in one sweep. */
const SWEEP_ROWS = 2000;

/** The part of the mailboxes that is in the index tables: everything up to the watermark. All methods run on the engine's thread, writes inside its transaction. */
export class MailboxIndex {
  /** Positions up to this one are in the index tables. Rows beyond it belong to an unfinished merge and do not count. */
  watermark = 0;
  /** Told of messages that go; undefined without search. */
  text: TextIndex | undefined = undefined;
  #segments: Segment[] = [];
  #conversations = new Map<number, Map<string, number>>();
  #cached = 0;
  #swept = { mailbox: -1, hash: 0, bound: 0 };
  readonly #db: DatabaseSync;
  readonly #origin: StatementSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#origin = db.prepare('SELECT 1 FROM origin WHERE mailbox = ? AND hash = ?');
    this.#origin.setReturnArrays(true);
  }

  /** Reads its state from the disk. */
  load(): void {
    this.watermark = this.#value('SELECT watermark FROM mailbox_state') ?? 0;
    this.#segments = this.#sql('SELECT first_seq, last_seq, min_at, max_at FROM segment ORDER BY first_seq')
      .all()
      .map((row) => {
        const [first, last, min, max] = row as unknown as [number, number, number, number];
        return { first, last, min, max };
      });
    this.#forgetConversations();
  }

  read(mailbox: number, span: Span, limit: number, reverse: boolean): MailboxEntry[] {
    const bounds = this.#narrow(span);
    if (!bounds) return [];
    const rest = `${flagsCondition(span, 'e.')}ORDER BY e.seq${reverse ? ' DESC' : ''} LIMIT ?`;
    let key = mailbox;
    let statement: StatementSync;
    if (span.peer === undefined) {
      statement = this.#sql(
        `SELECT e.seq, e.at, e.outgoing, c.peer, m.copies, m.stanza FROM entry e CROSS JOIN message m ON m.seq = e.seq CROSS JOIN conversation c ON c.id = e.conversation WHERE e.mailbox = ? AND e.seq BETWEEN ? AND ? AND e.at BETWEEN ? AND ? ${rest}`,
      );
    } else {
      const conversation = this.#findConversation(mailbox, span.peer);
      if (conversation === undefined) return [];
      key = conversation;
      statement = this.#sql(
        `SELECT e.seq, e.at, e.outgoing, NULL, m.copies, m.stanza FROM entry e INDEXED BY entry_by_conversation CROSS JOIN message m ON m.seq = e.seq WHERE e.conversation = ? AND e.seq BETWEEN ? AND ? AND e.at BETWEEN ? AND ? ${rest}`,
      );
    }
    const rows = statement.all(key, bounds.from, bounds.to, span.start, span.end, limit) as unknown as EntryRow[];
    return rows.map((row) => entryOf(mailbox, row, span.peer));
  }

  /** Every mailbox that has had an entry. Walks all conversations; for operators. */
  mailboxes(): number[] {
    return (this.#sql('SELECT DISTINCT mailbox FROM conversation').all() as unknown as Array<[number]>).map(([mailbox]) => mailbox);
  }

  count(mailbox: number, span: Span, max: number): number {
    const bounds = this.#narrow(span);
    if (!bounds) return 0;
    const rest = `seq BETWEEN ? AND ? AND at BETWEEN ? AND ? ${flagsCondition(span, '')}LIMIT ?)`;
    if (span.peer === undefined) {
      const sql = `SELECT count(*) FROM (SELECT 1 FROM entry WHERE mailbox = ? AND ${rest}`;
      return this.#value(sql, mailbox, bounds.from, bounds.to, span.start, span.end, max) ?? 0;
    }
    const conversation = this.#findConversation(mailbox, span.peer);
    if (conversation === undefined) return 0;
    const sql = `SELECT count(*) FROM (SELECT 1 FROM entry INDEXED BY entry_by_conversation WHERE conversation = ? AND ${rest}`;
    return this.#value(sql, conversation, bounds.from, bounds.to, span.start, span.end, max) ?? 0;
  }

  /** The newest entry of each conversation that is not quiet, up to a position. */
  heads(mailbox: number, to: number): ConversationHead[] {
    const rows = this.#sql(
      'SELECT c.peer, (SELECT e.seq FROM entry e INDEXED BY entry_by_conversation WHERE e.conversation = c.id AND e.seq <= ? AND e.outgoing < 2 ORDER BY e.seq DESC LIMIT 1) FROM conversation c WHERE c.mailbox = ?',
    ).all(Math.min(to, this.watermark), mailbox) as unknown as Array<[string, number | null]>;
    return rows.flatMap(([peer, last]) => (last === null ? [] : { peer, last }));
  }

  /** The first entry at or after a position, or the last one. */
  edge(mailbox: number, which: 'first' | 'last', from = 0): { seq: number; at: number } | undefined {
    const row = this.#sql(
      `SELECT seq, at FROM entry WHERE mailbox = ? AND seq BETWEEN ? AND ? ORDER BY seq${which === 'last' ? ' DESC' : ''} LIMIT 1`,
    ).get(mailbox, from, this.watermark) as unknown as [number, number] | undefined;
    return row && { seq: row[0], at: row[1] };
  }

  /** Position of the last one of the first `count` entries up to a position; undefined when there are no more than these. */
  lastOfFirst(mailbox: number, through: number, count: number): number | undefined {
    const rows = this.#sql('SELECT seq FROM entry WHERE mailbox = ? AND seq <= ? ORDER BY seq LIMIT 2 OFFSET ?').all(
      mailbox,
      Math.min(through, this.watermark),
      count - 1,
    ) as unknown as Array<[number]>;
    return rows.length < 2 ? undefined : rows[0]?.[0];
  }

  /** The first entry and the last one. */
  ends(mailbox: number): { first: { seq: number; at: number }; last: { seq: number; at: number } } | undefined {
    const end = (which: '' | ' DESC'): string =>
      `SELECT seq, at FROM (SELECT seq, at FROM entry WHERE mailbox = ?1 AND seq <= ?2 ORDER BY seq${which} LIMIT 1)`;
    const rows = this.#sql(`${end('')} UNION ALL ${end(' DESC')}`).all(mailbox, this.watermark) as unknown as Array<[number, number]>;
    const [first, last] = rows.map(([seq, at]) => ({ seq, at }));
    return first && last && { first, last };
  }

  /** The stanza of a message in the log. */
  stanza(seq: number): Uint8Array | undefined {
    return (this.#sql('SELECT stanza FROM message WHERE seq = ?').get(seq) as unknown as [Uint8Array] | undefined)?.[0];
  }

  /**
   * Position of the outgoing entry with this origin-id. The hash finds it, the text in the log proves it; when the
   * message itself is gone, 53 bits of hash in the sender's own mailbox decide.
   */
  findOrigin(mailbox: number, hash: number, originId: string): number | undefined {
    // Nearly every call is for an id that was never used: that answer is to be cheap.
    if (!this.#origin.get(mailbox, hash)) return undefined;
    for (const row of this.#sql('SELECT seq FROM origin WHERE mailbox = ? AND hash = ?').all(mailbox, hash)) {
      const [seq] = row as unknown as [number];
      const copies = (this.#sql('SELECT copies FROM message WHERE seq = ?').get(seq) as unknown as [string] | undefined)?.[0];
      if (copies === undefined) return seq;
      if (decodeCopies(copies).some(({ copy }) => copy.mailbox === mailbox && copy.originId === originId)) return seq;
    }
    return undefined;
  }

  /** The id of a conversation, made when it is new. */
  conversation(mailbox: number, peer: string): number {
    const found = this.#findConversation(mailbox, peer);
    if (found !== undefined) return found;
    const { lastInsertRowid } = this.#sql('INSERT INTO conversation (mailbox, peer) VALUES (?, ?)').run(mailbox, peer);
    const id = Number(lastInsertRowid);
    this.#remember(mailbox, peer, id);
    return id;
  }

  /** Removes the entries of a mailbox up to a position; messages that no mailbox holds any more go too. */
  trim(mailbox: number, through: number): void {
    const to = Math.min(through, this.watermark);
    if (!this.edge(mailbox, 'first') || this.edge(mailbox, 'first')!.seq > to) return;
    const seqs = 'SELECT seq FROM entry WHERE mailbox = ? AND seq <= ?';
    if (this.text !== undefined && this.edge(mailbox, 'first')!.seq <= this.text.through) {
      const going = this.#sql(`SELECT seq, copies, stanza FROM message WHERE kept <= 1 AND seq IN (${seqs})`).all(mailbox, to);
      for (const row of going) this.#forgetText(row as unknown as [number, string, Uint8Array], false);
    }
    this.#sql(`UPDATE message SET kept = kept - 1 WHERE seq IN (${seqs})`).run(mailbox, to);
    this.#sql(`DELETE FROM message WHERE kept <= 0 AND seq IN (${seqs})`).run(mailbox, to);
    this.#sql('DELETE FROM entry WHERE mailbox = ? AND seq <= ?').run(mailbox, to);
  }

  /** Removes one entry. */
  remove(mailbox: number, seq: number): boolean {
    if (seq > this.watermark || !this.unindex(mailbox, seq, seq)) return false;
    this.release(seq, 1);
    return true;
  }

  /** Removes a message from all mailboxes. */
  discard(seq: number): void {
    const copies = (this.#sql('SELECT copies FROM message WHERE seq = ?').get(seq) as unknown as [string] | undefined)?.[0];
    if (copies === undefined) return;
    let removed = 0;
    for (const { copy } of decodeCopies(copies)) if (this.unindex(copy.mailbox, seq, seq)) removed++;
    this.release(seq, removed, true);
  }

  /** Another stanza for a message in the log; for every mailbox that holds it. */
  replace(seq: number, stanza: Uint8Array): boolean {
    if (this.text !== undefined && seq <= this.text.through) {
      const old = this.#sql('SELECT seq, copies, stanza FROM message WHERE seq = ?').get(seq) as unknown as
        | [number, string, Uint8Array]
        | undefined;
      if (old !== undefined) {
        this.#forgetText(old, true);
        this.text.add(seq, old[1], stanza);
      }
    }
    return Number(this.#sql('UPDATE message SET stanza = ? WHERE seq = ? AND kept > 0').run(stanza, seq).changes) > 0;
  }

  #forgetText([seq, copies, stanza]: [number, string, Uint8Array], erase: boolean): void {
    this.text?.remove(seq, copies, stanza, erase);
  }

  /** Deletes index rows only; for an unfinished merge. */
  unindex(mailbox: number, from: number, to: number): boolean {
    return Number(this.#sql('DELETE FROM entry WHERE mailbox = ? AND seq BETWEEN ? AND ?').run(mailbox, from, to).changes) > 0;
  }

  /** So many mailboxes do not hold this message any more. */
  release(seq: number, copies: number, erase = false): void {
    if (this.text !== undefined && seq <= this.text.through) {
      const going = this.#sql('SELECT seq, copies, stanza FROM message WHERE seq = ? AND kept <= ?').get(seq, copies);
      if (going !== undefined) this.#forgetText(going as unknown as [number, string, Uint8Array], erase);
    }
    this.#sql('UPDATE message SET kept = kept - ? WHERE seq = ?').run(copies, seq);
    this.#sql('DELETE FROM message WHERE seq = ? AND kept <= 0').run(seq);
  }

  /** What is left in the log of messages `first` to `last`: none, or one with so many copies. */
  setKept(first: number, last: number, kept: number): void {
    if (kept === 0) this.#sql('DELETE FROM message WHERE seq BETWEEN ? AND ?').run(first, last);
    else this.#sql('UPDATE message SET kept = ? WHERE seq BETWEEN ? AND ?').run(kept, first, last);
  }

  /** Everything of a mailbox that was merged, with the names of its conversations. */
  forget(mailbox: number): void {
    this.trim(mailbox, this.watermark);
    this.unindex(mailbox, 0, Number.MAX_SAFE_INTEGER);
    this.#sql('DELETE FROM conversation WHERE mailbox = ?').run(mailbox);
    this.#sql('DELETE FROM origin WHERE mailbox = ?').run(mailbox);
    this.#forgetConversations();
  }

  /** A merge is complete: its entries count from now on. */
  advance(first: number, last: number, min: number, max: number): void {
    this.#sql('INSERT INTO segment (first_seq, last_seq, min_at, max_at) VALUES (?, ?, ?, ?)').run(first, last, min, max);
    this.#sql('UPDATE mailbox_state SET watermark = ?').run(last);
    this.#sql('DELETE FROM trim WHERE through <= ?').run(last);
    this.#segments.push({ first, last, min, max });
    this.watermark = last;
  }

  /** True when expire() would find something. */
  hasOlder(than: number): boolean {
    return this.#segments.some((segment) => segment.min < than);
  }

  /** Removes at most `limit` entries of messages older than this; answers how many. */
  expire(than: number, limit: number): number {
    let gone = 0;
    for (const segment of this.#segments.filter((s) => s.min < than)) {
      const rows = this.#sql('SELECT seq, copies FROM message WHERE seq BETWEEN ? AND ? AND at < ? ORDER BY seq LIMIT ?').all(
        segment.first,
        segment.last,
        than,
        limit - gone,
      ) as unknown as Array<[number, string]>;
      for (const [seq, copies] of rows) {
        let removed = 0;
        for (const { copy } of decodeCopies(copies)) {
          if (gone + removed < limit && this.unindex(copy.mailbox, seq, seq)) removed++;
        }
        this.release(seq, removed);
        gone += removed;
      }
      if (gone >= limit) return gone;
      this.#shrink(segment, than);
    }
    this.#sweepOrigins(than);
    return gone;
  }

  #shrink(segment: Segment, than: number): void {
    const oldest = this.#value('SELECT min(at) FROM message WHERE seq BETWEEN ? AND ?', segment.first, segment.last);
    if (oldest === undefined && segment.max < than) {
      this.#sql('DELETE FROM segment WHERE first_seq = ?').run(segment.first);
      this.#segments = this.#segments.filter((s) => s !== segment);
      return;
    }
    segment.min = oldest ?? segment.max;
    this.#sql('UPDATE segment SET min_at = ? WHERE first_seq = ?').run(segment.min, segment.first);
  }

  /** Forgets origin-ids of expired positions, a stretch in each call. */
  #sweepOrigins(than: number): void {
    const bound = this.#segments.find((s) => s.max >= than)?.first ?? this.watermark + 1;
    const swept = this.#swept;
    if (swept.mailbox < 0 && bound <= swept.bound) return;
    const rows = this.#sql('SELECT mailbox, hash, seq FROM origin WHERE (mailbox, hash) > (?, ?) ORDER BY mailbox, hash LIMIT ?').all(
      swept.mailbox,
      swept.hash,
      SWEEP_ROWS,
    ) as unknown as Array<[number, number, number]>;
    for (const [mailbox, hash, seq] of rows) {
      if (seq < bound) this.#sql('DELETE FROM origin WHERE mailbox = ? AND hash = ? AND seq = ?').run(mailbox, hash, seq);
    }
    const last = rows.at(-1);
    this.#swept = last && rows.length === SWEEP_ROWS ? { mailbox: last[0], hash: last[1], bound } : { mailbox: -1, hash: 0, bound };
  }

  #findConversation(mailbox: number, peer: string): number | undefined {
    const cached = this.#conversations.get(mailbox)?.get(peer);
    if (cached !== undefined) return cached;
    const id = this.#value('SELECT id FROM conversation WHERE mailbox = ? AND peer = ?', mailbox, peer);
    if (id !== undefined) this.#remember(mailbox, peer, id);
    return id;
  }

  #remember(mailbox: number, peer: string, id: number): void {
    if (this.#cached >= CACHED_CONVERSATIONS) this.#forgetConversations();
    this.#cached++;
    const peers = this.#conversations.get(mailbox);
    if (peers) peers.set(peer, id);
    else this.#conversations.set(mailbox, new Map([[peer, id]]));
  }

  #forgetConversations(): void {
    this.#conversations.clear();
    this.#cached = 0;
  }

  /** Some message that this mailbox holds has this word. */
  hasWord(mailbox: number, match: string): boolean {
    const sql = 'SELECT 1 FROM message_text t CROSS JOIN entry e ON e.mailbox = ? AND e.seq = t.rowid WHERE t.message_text MATCH ? LIMIT 1';
    return this.#value(sql, mailbox, match) !== undefined;
  }

  /** Entries of a mailbox whose words are in the index of text; `match` is for FTS5. */
  find(mailbox: number, match: string, span: Span, limit: number, reverse: boolean): MailboxEntry[] {
    const bounds = this.#narrow(span);
    if (!bounds || this.text === undefined) return [];
    const rest = `${flagsCondition(span, 'e.')}ORDER BY t.rowid${reverse ? ' DESC' : ''} LIMIT ?`;
    const rows = this.#sql(
      `SELECT e.seq, e.at, e.outgoing, c.peer, m.copies, m.stanza FROM message_text t CROSS JOIN entry e ON e.mailbox = ? AND e.seq = t.rowid CROSS JOIN message m ON m.seq = t.rowid CROSS JOIN conversation c ON c.id = e.conversation WHERE t.message_text MATCH ? AND t.rowid BETWEEN ? AND ? AND e.at BETWEEN ? AND ? ${rest}`,
    ).all(mailbox, match, bounds.from, Math.min(bounds.to, this.text.through), span.start, span.end, limit) as unknown as EntryRow[];
    const found = rows.map((row) => entryOf(mailbox, row, undefined));
    // The word for a peer is a hash of it.
    return span.peer === undefined ? found : found.filter((entry) => entry.peer === span.peer);
  }

  /** Bounds by position that also hold for the time asked for; undefined when nothing can match. */
  #narrow(span: Span): { from: number; to: number } | undefined {
    let { from } = span;
    let to = Math.min(span.to, this.watermark);
    if (span.start > 0) {
      const first = this.#segments.find((segment) => segment.max >= span.start);
      if (!first) return undefined;
      from = Math.max(from, first.first);
    }
    if (span.end < Number.MAX_SAFE_INTEGER) {
      const last = this.#segments.findLast((segment) => segment.min <= span.end);
      if (!last) return undefined;
      to = Math.min(to, last.last);
    }
    return from <= to ? { from, to } : undefined;
  }

  #sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#db.prepare(text);
      statement.setReturnArrays(true);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  #value(text: string, ...values: Array<number | string>): number | undefined {
    const row = this.#sql(text).get(...values) as unknown as [number | null] | undefined;
    return row?.[0] ?? undefined;
  }
}

/** What is asked of the column `outgoing`: see `entryFlags`. Ends with a space. */
function flagsCondition(span: Span, table: string): string {
  if (span.incomingOnly) return span.contentOnly ? `AND ${table}outgoing = 0 ` : `AND (${table}outgoing & 1) = 0 `;
  return span.contentOnly ? `AND ${table}outgoing < 2 ` : '';
}

function entryOf(mailbox: number, row: EntryRow, peer: string | undefined): MailboxEntry {
  const [seq, at, outgoing, name, copies, stanza] = row;
  const sent = (outgoing & 1) !== 0;
  const device = sent ? decodeCopies(copies).find(({ copy }) => copy.mailbox === mailbox)?.copy.device : undefined;
  return { seq, at, peer: peer ?? name, outgoing: sent, device, quiet: (outgoing & 2) !== 0 ? true : undefined, stanza };
}
