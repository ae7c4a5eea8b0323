import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { ConversationHead, Cursor, MailboxCopy, MailboxEntry, MailboxQuery, MailboxStore, QueueInfo } from '../../kinds/index.ts';
import { BulkInsert } from './bulk.ts';
import { CursorTable } from './cursors.ts';
import { DueTable } from './due.ts';
import { storageError } from './errors.ts';
import type { GroupCommit, Participant } from './group-commit.ts';
import { MailboxIndex } from './mailbox-index.ts';
import { MailboxTextSearch } from './mailbox-search.ts';
import { Merge, MergeInserts } from './merge.ts';
import { longestQueues } from './queues.ts';
import { matches, type Span, spanOf } from './span.ts';
import { decodeCopies, encodeCopies, Generation, hash53, lowerBound, stanzaView, type TailEntry, type TailMessage } from './tail.ts';
import { TextIndex, type TextOf } from './text-index.ts';

/** Default for SqliteOptions.mergeMessages. */
const MERGE_MESSAGES = 16_384;
/** Index rows merged in each commit, and for each copy appended in it (so that a merge ends long before the next one). */
const MERGE_ROWS = 64;
const MERGE_ROWS_PER_COPY = 4;
/** A tail that nothing was added to for so long is merged, ms. */
const IDLE_MS = 10_000;

export interface MailboxOptions {
  /** Messages in the tail before a merge begins. */
  readonly mergeMessages?: number;
  /** The text of a stanza that can be found; without it there is no search. */
  readonly textOf?: TextOf;
}

/**
 * Mailboxes as an append-only log plus indexes. Only the log is written with each commit (one page or two, however many
 * mailboxes are concerned); the indexes of the newest messages are in memory (the tail) and merged into tables many at a time.
 * Opening reads the log from the watermark on. Everything answers at once.
 */
export class MailboxTable implements MailboxStore, Participant {
  readonly #commit: GroupCommit;
  readonly #index: MailboxIndex;
  readonly #cursors: CursorTable;
  readonly #inserts: MergeInserts;
  readonly #log: BulkInsert;
  readonly #scan: StatementSync;
  readonly #maxSeq: StatementSync;
  readonly #setCopies: StatementSync;
  readonly #trimRows: StatementSync;
  readonly #setTrim: StatementSync;
  readonly #after: (ms: number, run: () => void) => () => void;
  readonly #mergeMessages: number;
  #active = new Generation();
  #merge: Merge | undefined;
  #unwritten: TailMessage[] = [];
  #lastSeq = 0;
  /** Index rows of a merge that was interrupted may be there up to this position: what goes from the tail must go from them too. */
  #indexedTo = 0;
  /** Mailboxes trimmed beyond the watermark; with their account removed (origin-ids forgotten) up to `removed`. */
  #trims = new Map<number, { readonly through: number; readonly removed: number }>();
  readonly #dirtyTrims = new Set<number>();
  #idle: (() => void) | undefined;
  #idleSeq = 0;
  #mergeAll = false;
  readonly #due: DueTable;
  readonly #search: MailboxTextSearch | undefined;
  /** There when the store was opened with a way to read the text of stanzas. */
  readonly search: MailboxStore['search'];

  constructor(db: DatabaseSync, commit: GroupCommit, after: (ms: number, run: () => void) => () => void, options: MailboxOptions = {}) {
    const { mergeMessages = MERGE_MESSAGES, textOf } = options;
    this.#mergeMessages = mergeMessages;
    this.#commit = commit;
    this.#after = after;
    this.#index = new MailboxIndex(db);
    this.#cursors = new CursorTable(db, commit);
    this.#due = new DueTable(db);
    this.#inserts = new MergeInserts(db);
    this.#log = new BulkInsert(db, 'INSERT INTO message (seq, at, kept, copies, stanza)', 5);
    this.#scan = db.prepare('SELECT seq, at, kept, copies, stanza FROM message WHERE seq > ? ORDER BY seq');
    this.#maxSeq = db.prepare('SELECT max(seq) FROM message');
    this.#setCopies = db.prepare('UPDATE message SET copies = ? WHERE seq = ?');
    this.#trimRows = db.prepare('SELECT mailbox, through, removed FROM trim');
    for (const statement of [this.#scan, this.#maxSeq, this.#trimRows]) statement.setReturnArrays(true);
    this.#setTrim = db.prepare('INSERT OR REPLACE INTO trim (mailbox, through, removed) VALUES (?, ?, ?)');
    commit.add(this);
    commit.add(this.#cursors);
    this.#load();
    if (textOf === undefined) {
      TextIndex.clear(db);
      return;
    }
    const index = this.#index;
    const searched = {
      index,
      read: (mailbox: number, query: MailboxQuery) => this.read(mailbox, query),
    };
    const search = new MailboxTextSearch(db, textOf, searched, commit, after);
    index.text = search.text;
    this.#search = search;
    this.search = (mailbox, query) => this.#read(() => search.search(mailbox, query));
  }

  /** Takes so many messages into the full-text index now; for tests and for measuring. */
  indexText(messages: number): void {
    this.#search?.step(messages);
  }

  append(message: { seq: number; at: number; stanza: Uint8Array }, copies: readonly MailboxCopy[]): void {
    const { seq, at, stanza } = message;
    if (!(Number.isSafeInteger(seq) && seq > this.#lastSeq)) throw new RangeError(`Position ${seq} is not above ${this.#lastSeq}.`);
    if (copies.length === 0) throw new RangeError('A message is appended to at least one mailbox.');
    this.#commit.join();
    const added = this.#active.message(seq, at, stanza);
    // A note to self: one mailbox, one entry.
    const own = copies.filter((copy, i) => copies.findIndex(({ mailbox }) => mailbox === copy.mailbox) === i);
    added.entries = own.map((copy) => ({ message: added, copy, live: true }));
    added.kept = added.storedKept = own.length;
    this.#lastSeq = seq;
    this.#active.add(added);
    this.#unwritten.push(added);
    this.#search?.appended();
    if (!this.#idle) this.#watchIdle();
  }

  lastSeq(): number {
    return this.#lastSeq;
  }

  findOrigin(mailbox: number, originId: string): number | undefined {
    this.#commit.check();
    const recent = this.#active.origins.get(mailbox)?.get(originId) ?? this.#merge?.generation.origins.get(mailbox)?.get(originId);
    if (recent !== undefined) return recent;
    return this.#read(() => this.#index.findOrigin(mailbox, hash53(originId), originId));
  }

  read(mailbox: number, query: MailboxQuery): MailboxEntry[] {
    const span = spanOf(query);
    const { limit, reverse = false } = query;
    const found: MailboxEntry[] = [];
    if (!(limit > 0) || span.from > span.to) return found;
    return this.#read(() => {
      if (reverse) {
        for (const generation of this.#generations().reverse()) this.#readTail(generation, mailbox, span, limit, true, found);
      }
      if (span.from <= this.#index.watermark && found.length < limit) {
        for (const entry of this.#index.read(mailbox, span, limit - found.length, reverse)) found.push(entry);
      }
      if (!reverse) for (const generation of this.#generations()) this.#readTail(generation, mailbox, span, limit, false, found);
      return found;
    });
  }

  get(mailbox: number, seq: number): MailboxEntry | undefined {
    return this.read(mailbox, { after: seq - 1, before: seq + 1, limit: 1 })[0];
  }

  count(mailbox: number, query: Omit<MailboxQuery, 'limit' | 'reverse'>, max = Number.MAX_SAFE_INTEGER): number {
    const span = spanOf(query);
    return this.#read(() => {
      let count = 0;
      for (const generation of this.#generations()) {
        const entries = generation.mailboxes.get(mailbox) ?? [];
        for (let at = lowerBound(entries, span.from); at < entries.length && entries[at]!.message.seq <= span.to; at++) {
          if (matches(entries[at]!, span)) count++;
        }
      }
      return count >= max ? max : count + this.#index.count(mailbox, span, max - count);
    });
  }

  conversations(mailbox: number, before = Number.MAX_SAFE_INTEGER): ConversationHead[] {
    return this.#read(() => {
      const heads = new Map(this.#index.heads(mailbox, before - 1).map((head) => [head.peer, head]));
      for (const generation of this.#generations()) {
        for (const { message, copy } of generation.mailboxes.get(mailbox) ?? []) {
          if (message.seq >= before) break;
          if (copy.quiet !== true) heads.set(copy.peer, { peer: copy.peer, last: message.seq });
        }
      }
      return [...heads.values()];
    });
  }

  range(mailbox: number): { first: { seq: number; at: number }; last: { seq: number; at: number } } | undefined {
    return this.#read(() => {
      const tail = this.#generations().flatMap((generation) => {
        const entries = generation.mailboxes.get(mailbox);
        return entries ? [entries[0]!.message, entries.at(-1)!.message] : [];
      });
      const ends = this.#index.ends(mailbox);
      const first = ends?.first ?? tail[0];
      const last = tail.at(-1) ?? ends?.last;
      return first && last && { first: { seq: first.seq, at: first.at }, last: { seq: last.seq, at: last.at } };
    });
  }

  trim(mailbox: number, through: number, limit?: number): boolean {
    return this.#trim(mailbox, Math.min(through, this.#lastSeq), false, limit);
  }

  replace(seq: number, stanza: Uint8Array): boolean {
    this.#commit.check();
    if (seq <= this.#index.watermark) return this.#commit.write('replace a message', () => this.#index.replace(seq, stanza));
    for (const generation of this.#generations()) {
      const message = generation.at(seq);
      if (!message || message.kept === 0) continue;
      this.#commit.write('replace a message', () => {
        this.#writeOut();
        this.#index.replace(seq, stanza);
        generation.replace(message, stanza);
      });
      return true;
    }
    return false;
  }

  setDue(seq: number, at: number, sender: number): void {
    this.#commit.write('time a message', () => this.#due.set(seq, at, sender));
  }

  due(now: number, limit: number): Array<{ seq: number; sender: number }> {
    return this.#read(() => this.#due.list(now, limit));
  }

  discard(seq: number): void {
    this.#commit.check();
    this.#commit.write('discard a message', () => {
      this.#due.forget(seq);
      if (seq <= this.#index.watermark) this.#index.discard(seq);
    });
    for (const generation of this.#generations()) {
      for (const entry of generation.at(seq)?.entries ?? []) if (entry.live) this.#removeFromTail(generation, entry);
    }
  }

  remove(mailbox: number, seq: number): void {
    this.#commit.check();
    if (seq <= this.#index.watermark) {
      this.#commit.write('remove a message', () => this.#index.remove(mailbox, seq));
      return;
    }
    for (const generation of this.#generations()) {
      const entry = generation.find(mailbox, seq);
      if (entry) this.#removeFromTail(generation, entry);
    }
  }

  expire(olderThan: number, limit: number): number {
    this.#commit.check();
    let gone = this.#index.hasOlder(olderThan) ? this.#commit.write('expire messages', () => this.#index.expire(olderThan, limit)) : 0;
    for (const generation of this.#generations()) {
      if (generation.minAt >= olderThan) continue;
      for (const message of generation.messages) {
        if (message.at >= olderThan) continue;
        for (const entry of message.entries) {
          if (gone >= limit) return gone;
          if (!entry.live) continue;
          this.#removeFromTail(generation, entry);
          gone++;
        }
      }
    }
    return gone;
  }

  cursors(mailbox: number): Cursor[] {
    return this.#read(() => this.#cursors.list(mailbox));
  }

  setCursor(mailbox: number, cursor: Cursor): void {
    this.#cursors.set(mailbox, cursor.device, cursor);
  }

  removeCursor(mailbox: number, device: string): void {
    this.#cursors.set(mailbox, device, undefined);
  }

  queues(limit: number): QueueInfo[] {
    return this.#read(() => {
      const mailboxes = new Set<number>(this.#index.mailboxes());
      for (const generation of this.#generations()) for (const mailbox of generation.mailboxes.keys()) mailboxes.add(mailbox);
      return longestQueues(this, this.#cursors.all(), mailboxes, limit);
    });
  }

  /** Removes everything of a mailbox. Inside a transaction. */
  forget(mailbox: number): void {
    this.#index.forget(mailbox);
    this.#cursors.forget(mailbox);
    this.#trim(mailbox, this.#lastSeq, true);
    this.#active.origins.delete(mailbox);
    this.#merge?.generation.origins.delete(mailbox);
  }

  /** Merges the whole tail at the next commit; for shutdown. */
  mergeAll(): void {
    this.#mergeAll = true;
  }

  close(): void {
    this.#search?.close();
    this.#idle?.();
  }

  flush(): void {
    const appended = this.#unwritten.length;
    this.#writeLog();
    if (this.#dirtyTrims.size > 0) {
      for (const mailbox of Float64Array.from(this.#dirtyTrims).sort()) {
        const trim = this.#trims.get(mailbox);
        if (trim) this.#setTrim.run(mailbox, trim.through, trim.removed);
      }
    }
    if (this.#mergeAll) {
      while (this.#startMerge(1)) this.#stepMerge(Number.MAX_SAFE_INTEGER);
    } else if (this.#startMerge(this.#mergeMessages)) this.#stepMerge(MERGE_ROWS + appended * 2 * MERGE_ROWS_PER_COPY);
  }

  committed(): void {
    this.#dirtyTrims.clear();
    this.#mergeAll = false;
    if (this.#active.full) {
      for (const message of this.#unwritten) message.bytes = undefined;
    }
    if (this.#unwritten.length > 0) this.#unwritten = [];
  }

  rolledBack(): void {
    this.#unwritten = [];
    this.#mergeAll = false;
    this.#log.clear();
    this.#inserts.clear();
    this.#load();
  }

  /** Reads the tail from the log. */
  #load(): void {
    const unsaved = [...this.#dirtyTrims].map((mailbox) => [mailbox, this.#trims.get(mailbox)] as const);
    this.#index.load();
    this.#merge = undefined;
    this.#active = new Generation();
    this.#trims = new Map();
    for (const row of this.#trimRows.all() as unknown as Array<[number, number, number]>) {
      this.#trims.set(row[0], { through: row[1], removed: row[2] });
    }
    this.#dirtyTrims.clear();
    for (const [mailbox, trim] of unsaved) {
      // The removal of an account is undone with its batch; other trims are repeated.
      if (!trim || trim.removed > (this.#trims.get(mailbox)?.removed ?? 0)) continue;
      this.#trims.set(mailbox, trim);
      this.#dirtyTrims.add(mailbox);
    }
    for (const row of this.#scan.iterate(this.#index.watermark)) {
      const [seq, at, kept, copies, stanza] = row as unknown as [number, number, number, string, Uint8Array];
      const entries: TailEntry[] = [];
      const message = this.#active.message(seq, at, stanza);
      if (this.#active.full) message.bytes = undefined;
      message.storedKept = kept;
      for (const { copy, live } of decodeCopies(copies)) {
        const trim = this.#trims.get(copy.mailbox);
        const trimmed = trim !== undefined && seq <= trim.through;
        const entry = { message, copy: trimmed && seq <= trim.removed ? { ...copy, originId: undefined } : copy, live: live && !trimmed };
        if (entry.live) message.kept++;
        entries.push(entry);
      }
      message.entries = entries.slice();
      this.#active.add(message);
    }
    const newest = (this.#maxSeq.get() as unknown as [number | null])[0] ?? 0;
    this.#lastSeq = Math.max(this.#lastSeq, this.#index.watermark, newest);
    this.#indexedTo = this.#lastSeq;
    if (this.#active.messages.length > 0 && !this.#idle) this.#watchIdle();
  }

  #writeLog(): void {
    if (this.#unwritten.length === 0) return;
    for (const message of this.#unwritten) {
      message.storedKept = message.kept;
      this.#log.add(message.seq, message.at, message.kept, encodeCopies(message.entries), stanzaView(message)!);
    }
    this.#log.flush();
  }

  #startMerge(messages: number): boolean {
    if (this.#merge) return true;
    if (this.#active.messages.length < messages) return false;
    this.#merge = new Merge(this.#active, this.#index, this.#inserts);
    this.#active = new Generation();
    return true;
  }

  #stepMerge(rows: number): void {
    if (!this.#merge?.step(rows)) return;
    this.#merge = undefined;
    this.#search?.watch();
    for (const [mailbox, trim] of this.#trims) if (trim.through <= this.#index.watermark) this.#trims.delete(mailbox);
  }

  #trim(mailbox: number, through: number, removed: boolean, limit?: number): boolean {
    this.#commit.check();
    const before = this.#trims.get(mailbox);
    if (!removed && before && before.through >= through) return true;
    const merge = this.#merge;
    const index = this.#index;
    if ((before?.through ?? 0) < index.watermark) {
      const first = this.#read(() => index.edge(mailbox, 'first'));
      if (first && first.seq <= through) {
        const stop = limit === undefined ? undefined : this.#read(() => index.lastOfFirst(mailbox, through, limit));
        this.#commit.write('trim a mailbox', () => index.trim(mailbox, stop ?? through));
        if (stop !== undefined) return false;
      }
    }
    if (through <= index.watermark) return true;
    const changed = merge?.generation.trim(mailbox, through) ?? [];
    if (merge && changed.length > 0) {
      this.#commit.write('trim a mailbox', () => {
        index.unindex(mailbox, changed[0]!.seq, changed.at(-1)!.seq);
        for (const message of changed) merge.keptChanged(message);
      });
    }
    const alsoChanged = this.#active.trim(mailbox, through);
    if (alsoChanged.length > 0 && alsoChanged[0]!.seq <= this.#indexedTo) {
      this.#commit.write('trim a mailbox', () => index.unindex(mailbox, alsoChanged[0]!.seq, through));
    }
    if (!removed && changed.length === 0 && alsoChanged.length === 0) return true;
    this.#trims.set(mailbox, { through, removed: removed ? through : (before?.removed ?? 0) });
    this.#dirtyTrims.add(mailbox);
    this.#commit.touch();
    return true;
  }

  #removeFromTail(generation: Generation, entry: TailEntry): void {
    const { message, copy } = entry;
    this.#commit.write('remove a message', () => {
      this.#writeOut();
      generation.remove(entry);
      this.#setCopies.run(encodeCopies(message.entries), message.seq);
      const merging = this.#merge?.generation === generation;
      if (merging || message.seq <= this.#indexedTo) this.#index.unindex(copy.mailbox, message.seq, message.seq);
      if (merging) this.#merge!.keptChanged(message);
    });
  }

  /** The log rows of this batch are needed now. */
  #writeOut(): void {
    this.#writeLog();
    this.#unwritten = [];
  }

  #readTail(generation: Generation, mailbox: number, span: Span, limit: number, reverse: boolean, found: MailboxEntry[]): void {
    const entries = generation.mailboxes.get(mailbox);
    if (!entries) return;
    const step = reverse ? -1 : 1;
    let at = reverse ? lowerBound(entries, span.to + 1) - 1 : lowerBound(entries, span.from);
    for (; at >= 0 && at < entries.length && found.length < limit; at += step) {
      const entry = entries[at]!;
      const { message, copy } = entry;
      if (message.seq < span.from || message.seq > span.to) return;
      if (!matches(entry, span)) continue;
      const stanza = stanzaView(message)?.slice() ?? this.#index.stanza(message.seq);
      if (!stanza) throw new Error(`message ${message.seq} is not in the log`);
      found.push({
        seq: message.seq,
        at: message.at,
        peer: copy.peer,
        outgoing: copy.outgoing,
        device: copy.outgoing ? copy.device : undefined,
        quiet: copy.quiet,
        stanza,
      });
    }
  }

  /** Oldest first. */
  #generations(): Generation[] {
    return this.#merge ? [this.#merge.generation, this.#active] : [this.#active];
  }

  #read<T>(run: () => T): T {
    this.#commit.check();
    try {
      return run();
    } catch (error) {
      throw storageError(error, 'read a mailbox');
    }
  }

  #watchIdle(): void {
    this.#idleSeq = this.#lastSeq;
    this.#idle = this.#after(IDLE_MS, () => {
      this.#idle = undefined;
      if (this.#active.messages.length === 0 && !this.#merge) return;
      const idle = this.#idleSeq === this.#lastSeq;
      this.#watchIdle();
      if (!idle) return;
      this.#startMerge(1);
      this.#commit.touch();
    });
  }
}
