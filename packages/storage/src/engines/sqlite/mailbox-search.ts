import type { DatabaseSync } from 'node:sqlite';
import type { MailboxEntry, MailboxSearch, MailboxSearchResult } from '../../kinds/index.ts';
import type { GroupCommit, Participant } from './group-commit.ts';
import type { MailboxIndex } from './mailbox-index.ts';
import { spanOf } from './span.ts';
import { TextIndex, type TextOf } from './text-index.ts';
import { matchesTerms, scoreOf, type Term, termsOf, wordsOf } from './words.ts';

/** Entries that are not in the index yet of which one search reads the text, at most. */
const MOST_READ = 2000;
/** Matches that are ranked, at most: the newest ones. */
const MOST_RANKED = 200;
/** Messages taken in at a time while messages come, and when it is quiet. */
const BUSY_SLICE = 16;
const QUIET_SLICE = 64;
/** Appends in a second that make it busy: then what is indexed waits, not the messages. */
const BUSY_PER_SECOND = 200;
const BUSY_PAUSE_MS = 250;
/** Between two slices when it is quiet. */
const QUIET_PAUSE_MS = 20;

/** What of the mailboxes a search needs. */
export interface Searched {
  readonly index: MailboxIndex;
  read(mailbox: number, query: MailboxSearch & { limit: number }): MailboxEntry[];
}

/** Finds messages by their text, and keeps the index of it up to date behind the log, so that no commit waits for it. */
export class MailboxTextSearch implements Participant {
  readonly text: TextIndex;
  readonly #mailboxes: Searched;
  readonly #commit: GroupCommit;
  readonly #after: (ms: number, run: () => void) => () => void;
  #appended = 0;
  #seen = 0;
  /** Since when `#seen` was taken, about. */
  #pauseMs = BUSY_PAUSE_MS;
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(
    db: DatabaseSync,
    textOf: TextOf,
    mailboxes: Searched,
    commit: GroupCommit,
    after: (ms: number, run: () => void) => () => void,
  ) {
    this.text = new TextIndex(db, textOf);
    this.text.load();
    this.#mailboxes = mailboxes;
    this.#commit = commit;
    this.#after = after;
    commit.add(this);
    this.watch();
  }

  /** A message was appended. */
  appended(): void {
    this.#appended++;
  }

  /** There may be something to take in: looked at soon. */
  watch(): void {
    if (this.#closed || this.#cancel !== undefined || this.text.through >= this.#mailboxes.index.watermark) return;
    const busy = (this.#appended - this.#seen) * 1000 > BUSY_PER_SECOND * this.#pauseMs;
    this.#seen = this.#appended;
    this.#pauseMs = busy ? BUSY_PAUSE_MS : QUIET_PAUSE_MS;
    this.#cancel = this.#after(this.#pauseMs, () => {
      this.#cancel = undefined;
      if (this.#closed) return;
      try {
        this.step(busy ? BUSY_SLICE : QUIET_SLICE);
      } catch {
        // Refused like any write: the next merge, or the next start, tries again.
        return;
      }
      this.watch();
    });
  }

  /** Takes so many messages in now. */
  step(messages: number): void {
    const { watermark } = this.#mailboxes.index;
    if (this.text.through >= watermark) return;
    this.#commit.write('index the text of messages', () => this.text.step(watermark, messages));
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  flush(): void {}

  committed(): void {}

  rolledBack(): void {
    this.text.load();
  }

  search(mailbox: number, query: MailboxSearch): MailboxSearchResult {
    // Looking up a frequent word by its beginning walks all messages that have it; who has written the whole word means the word.
    const terms = termsOf(query.text).map((term) =>
      term.implied === true &&
      this.#mailboxes.index.hasWord(mailbox, this.text.matchOf(mailbox, [{ word: term.word, prefix: false }], undefined))
        ? { word: term.word, prefix: false }
        : term,
    );
    if (terms.length === 0 || !(query.limit > 0)) return { entries: [], reached: undefined };
    return query.ranked === true ? this.#ranked(mailbox, query, terms) : this.#inOrder(mailbox, query, terms);
  }

  #ranked(mailbox: number, query: MailboxSearch, terms: readonly Term[]): MailboxSearchResult {
    const { entries, reached } = this.#inOrder(mailbox, { ...query, limit: MOST_RANKED, reverse: true }, terms);
    const newest = entries[0]?.at ?? 0;
    const scored = entries.map((entry) => ({
      ...entry,
      score: scoreOf(wordsOf(this.text.textOf(entry.stanza) ?? ''), terms, newest - entry.at),
    }));
    scored.sort((a, b) => b.score - a.score || b.seq - a.seq);
    const whole = reached === undefined && entries.length < MOST_RANKED;
    return { entries: scored.slice(0, query.limit), reached: whole ? undefined : (reached ?? entries[entries.length - 1]?.seq) };
  }

  #inOrder(mailbox: number, query: MailboxSearch, terms: readonly Term[]): MailboxSearchResult {
    const entries: MailboxEntry[] = [];
    const parts = query.reverse === true ? [this.#behind, this.#indexed] : [this.#indexed, this.#behind];
    for (const part of parts) {
      const reached = part.call(this, mailbox, query, terms, entries);
      if (reached !== undefined || entries.length >= query.limit) return { entries, reached };
    }
    return { entries, reached: undefined };
  }

  /** What is not in the index yet: read and compared. Answers where it stopped, when it did. */
  #behind(mailbox: number, query: MailboxSearch, terms: readonly Term[], found: MailboxEntry[]): number | undefined {
    let after = Math.max(query.after ?? 0, this.text.through);
    let { before } = query;
    for (let left = MOST_READ; found.length < query.limit; left -= 100) {
      const page = this.#mailboxes.read(mailbox, { ...query, after, before, limit: 100 });
      for (const entry of page) {
        const text = this.text.textOf(entry.stanza);
        if (text === undefined || !matchesTerms(wordsOf(text), terms)) continue;
        found.push(entry);
        if (found.length >= query.limit) return undefined;
      }
      if (page.length < 100) return undefined;
      const last = page[page.length - 1]!.seq;
      if (left <= 100) return last;
      if (query.reverse === true) before = last;
      else after = last;
    }
    return undefined;
  }

  #indexed(mailbox: number, query: MailboxSearch, terms: readonly Term[], found: MailboxEntry[]): undefined {
    const match = this.text.matchOf(mailbox, terms, query.peer);
    const limit = query.limit - found.length;
    for (const entry of this.#mailboxes.index.find(mailbox, match, spanOf(query), limit, query.reverse === true)) found.push(entry);
  }
}
