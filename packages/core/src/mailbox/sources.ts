import type { MailboxEntry, MailboxStore } from '@parley/storage';
import type { Session } from '../session/session.ts';

/** A log that a session reads beside its own mailbox: that of a group. Positions are of one sequence, so all are read in one order. */
export interface Source {
  readonly mailbox: number;
  /** Nothing up to here is read. */
  after: number;
  /** The entry as it goes to this session, late; undefined when it is not for it. */
  late(session: Session, entry: MailboxEntry): Uint8Array | undefined;
}

/** What a session reads beside its own mailbox. */
export class Sources {
  readonly list = new Map<number, Source>();
  /** Where reading begins when the session asks for messages, or was set back to. */
  from = Number.POSITIVE_INFINITY;
  /** Of the own mailbox nothing up to here is read again. */
  ownAfter = 0;
  /** The device takes the groups of its account without joining, and its cursor says how far. */
  tracked = false;
  /** Up to here an acknowledgement may be about what was sent before the session was set back. */
  hold = 0;

  /** Answers true when the session, which is at `position`, has to go back to `from`. */
  add(added: readonly Source[], position: number): boolean {
    let from = Number.POSITIVE_INFINITY;
    for (const source of added) if (source.after < from) from = source.after;
    const back = position > 0 && from < position;
    if (back) {
      this.#doneUpTo(position);
      this.from = Math.max(1, from);
    } else if (position === 0 && from < this.from) this.from = Math.max(1, from);
    for (const source of added) this.list.set(source.mailbox, source);
    return back;
  }

  /** The session begins, and has of its own mailbox what is up to `taken`: answers where to read from. */
  begin(taken: number): number {
    if (this.from >= taken) return taken;
    this.ownAfter = Math.max(this.ownAfter, taken);
    return this.from;
  }

  /** What was read already up to here is not read again. */
  #doneUpTo(position: number): void {
    this.ownAfter = Math.max(this.ownAfter, position);
    for (const source of this.list.values()) if (source.after < position) source.after = position;
    if (position > this.hold) this.hold = position;
  }

  /** Up to where everything that is read here has arrived, when this position was acknowledged; 0 when that is not known. */
  provenBy(session: Session, acknowledged: number): number {
    if (acknowledged > this.hold) return acknowledged;
    // Nothing of what was sent is unanswered: then all of it has arrived, whatever came first.
    return session.mailboxMode === 'live' && session.management?.unacked === 0 ? session.position : 0;
  }
}

/** One page of all that a session reads, in order. */
export interface MergedPage {
  readonly entries: ReadonlyArray<{ readonly entry: MailboxEntry; readonly source: Source | undefined }>;
  /** Everything up to here is in the page. */
  readonly through: number;
}

/** Reads the next page of everything after `position` up to `through`. A promise only when the engine gave one. */
export function readMerged(
  store: MailboxStore,
  session: Session,
  sources: Sources,
  through: number,
  limit: number,
): MergedPage | Promise<MergedPage> {
  const { position } = session;
  const lists: (readonly MailboxEntry[] | Promise<readonly MailboxEntry[]>)[] = [];
  const of: (Source | undefined)[] = [];
  const add = (mailbox: number, after: number, source: Source | undefined): void => {
    if (after >= through) return;
    lists.push(store.read(mailbox, { after, before: through + 1, incomingOnly: true, limit }));
    of.push(source);
  };
  add(session.account.id, Math.max(position, sources.ownAfter), undefined);
  for (const source of sources.list.values()) add(source.mailbox, Math.max(position, source.after), source);
  if (lists.some((list) => list instanceof Promise)) return Promise.all(lists).then((all) => merge(all, of, through, limit));
  return merge(lists as (readonly MailboxEntry[])[], of, through, limit);
}

function merge(
  lists: readonly (readonly MailboxEntry[])[],
  of: readonly (Source | undefined)[],
  through: number,
  limit: number,
): MergedPage {
  // Where a list was cut off, the others are not complete beyond either.
  let end = through;
  for (const list of lists) if (list.length >= limit) end = Math.min(end, (list[list.length - 1] as MailboxEntry).seq);
  const entries: { entry: MailboxEntry; source: Source | undefined }[] = [];
  for (let i = 0; i < lists.length; i++)
    for (const entry of lists[i] as readonly MailboxEntry[]) if (entry.seq <= end) entries.push({ entry, source: of[i] });
  if (lists.length > 1) entries.sort((a, b) => a.entry.seq - b.entry.seq);
  return { entries, through: end };
}
