import type { MailboxCopy } from '../../kinds/index.ts';

/** A message that is in the log but not yet in the indexes. */
export interface TailMessage {
  readonly seq: number;
  readonly at: number;
  /** Where the stanza is: `length` bytes of these from `start` on. Undefined when the tail holds enough bytes already: then it is read from the log. */
  bytes: Uint8Array | undefined;
  start: number;
  length: number;
  /** Made in the right size: an array that grows by `push` has room for 17, and every message of the tail has one of these. */
  entries: readonly TailEntry[];
  /** Mailboxes that still hold it. */
  kept: number;
  /** What the row in the log says. */
  storedKept: number;
}

/** One mailbox's copy of a message in the tail. */
export interface TailEntry {
  readonly message: TailMessage;
  readonly copy: MailboxCopy;
  live: boolean;
}

/** The stanza of a message in memory, as a view that is not to be kept: it would keep the bytes of others. */
export function stanzaView({ bytes, start, length }: TailMessage): Uint8Array | undefined {
  return bytes === undefined || (start === 0 && length === bytes.length)
    ? bytes
    : new Uint8Array(bytes.buffer, bytes.byteOffset + start, length);
}

/** Stanza bytes that one generation of the tail keeps in memory; beyond, it reads them from the log. */
const TAIL_BYTES = 16 * 1024 * 1024;
/** Stanzas are copied together into pieces of this size: an object for each of them is what the garbage collector would have to carry along. */
const PIECE_BYTES = 65_536;

/** A stretch of the tail that is merged into the indexes as a whole. */
export class Generation {
  readonly messages: TailMessage[] = [];
  readonly mailboxes = new Map<number, TailEntry[]>();
  /** Per mailbox: origin-id to position. Outlives the entry, so that a late resend is still known. */
  readonly origins = new Map<number, Map<string, number>>();
  /** Stanza bytes held in memory. */
  bytes = 0;
  minAt = Number.MAX_SAFE_INTEGER;
  maxAt = 0;
  #piece: Uint8Array | undefined;
  #used = 0;

  /** It holds as many stanza bytes as it may. */
  get full(): boolean {
    return this.bytes > TAIL_BYTES;
  }

  /** Makes a message of this generation, without its entries. Large stanzas, and those that will not be kept in memory, stay where they are. */
  message(seq: number, at: number, stanza: Uint8Array): TailMessage {
    const { length } = stanza;
    if (length > PIECE_BYTES / 16 || this.full) return { seq, at, bytes: stanza, start: 0, length, entries: [], kept: 0, storedKept: 0 };
    if (this.#piece === undefined || this.#used + length > PIECE_BYTES) {
      this.#piece = new Uint8Array(PIECE_BYTES);
      this.#used = 0;
    }
    const start = this.#used;
    this.#piece.set(stanza, start);
    this.#used += length;
    return { seq, at, bytes: this.#piece, start, length, entries: [], kept: 0, storedKept: 0 };
  }

  add(message: TailMessage): void {
    this.messages.push(message);
    if (message.bytes) this.bytes += message.length;
    if (message.at < this.minAt) this.minAt = message.at;
    if (message.at > this.maxAt) this.maxAt = message.at;
    for (const entry of message.entries) {
      const { mailbox, originId } = entry.copy;
      if (originId !== undefined) this.#addOrigin(mailbox, originId, message.seq);
      if (!entry.live) continue;
      const entries = this.mailboxes.get(mailbox);
      if (entries) entries.push(entry);
      else this.mailboxes.set(mailbox, [entry]);
    }
  }

  #addOrigin(mailbox: number, originId: string, seq: number): void {
    const origins = this.origins.get(mailbox);
    if (origins) origins.set(originId, seq);
    else this.origins.set(mailbox, new Map([[originId, seq]]));
  }

  /** Marks the copies of a mailbox up to a position as gone. Answers the messages concerned. */
  trim(mailbox: number, through: number): TailMessage[] {
    const entries = this.mailboxes.get(mailbox);
    if (!entries || entries[0]!.message.seq > through) return [];
    let count = 0;
    const changed: TailMessage[] = [];
    for (const entry of entries) {
      if (entry.message.seq > through) break;
      count++;
      if (!entry.live) continue;
      entry.live = false;
      entry.message.kept--;
      changed.push(entry.message);
    }
    if (count === entries.length) this.mailboxes.delete(mailbox);
    else entries.splice(0, count);
    return changed;
  }

  find(mailbox: number, seq: number): TailEntry | undefined {
    const entries = this.mailboxes.get(mailbox);
    if (!entries) return undefined;
    const entry = entries[lowerBound(entries, seq)];
    return entry?.message.seq === seq ? entry : undefined;
  }

  /** The message at a position. */
  at(seq: number): TailMessage | undefined {
    const { messages } = this;
    let low = 0;
    let high = messages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (messages[middle]!.seq < seq) low = middle + 1;
      else high = middle;
    }
    return messages[low]?.seq === seq ? messages[low] : undefined;
  }

  /** Another stanza for a message of this generation. */
  replace(message: TailMessage, stanza: Uint8Array): void {
    if (message.bytes === undefined) return;
    this.bytes += stanza.length - message.length;
    // What was taken back is gone from memory, too (R2); only what is ours is written over.
    if (message.length < message.bytes.length) message.bytes.fill(0, message.start, message.start + message.length);
    message.bytes = stanza;
    message.start = 0;
    message.length = stanza.length;
  }

  /** Takes one copy out. */
  remove(entry: TailEntry): void {
    const { mailbox } = entry.copy;
    const entries = this.mailboxes.get(mailbox)!;
    entry.live = false;
    entry.message.kept--;
    if (entries.length === 1) this.mailboxes.delete(mailbox);
    else entries.splice(lowerBound(entries, entry.message.seq), 1);
  }
}

/** Index of the first entry at or after this position. */
export function lowerBound(entries: readonly TailEntry[], seq: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entries[middle]!.message.seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

type StoredCopy = [mailbox: number, flags: number, peer: string, device?: string | null, originId?: string];
const OUTGOING = 1;
const GONE = 2;
const QUIET = 4;

/** The copies of a message as the log keeps them: JSON, one array a copy. */
export function encodeCopies(entries: readonly TailEntry[]): string {
  const stored: StoredCopy[] = [];
  for (const { copy, live } of entries) {
    const row: StoredCopy = [
      copy.mailbox,
      (copy.outgoing ? OUTGOING : 0) | (live ? 0 : GONE) | (copy.quiet === true ? QUIET : 0),
      copy.peer,
    ];
    if (copy.device !== undefined || copy.originId !== undefined) row.push(copy.device ?? null);
    if (copy.originId !== undefined) row.push(copy.originId);
    stored.push(row);
  }
  return JSON.stringify(stored);
}

/** The reverse of encodeCopies. */
export function decodeCopies(text: string): Array<{ copy: MailboxCopy; live: boolean }> {
  return (JSON.parse(text) as StoredCopy[]).map(([mailbox, flags, peer, device, originId]) => ({
    copy: {
      mailbox,
      peer,
      outgoing: (flags & OUTGOING) !== 0,
      quiet: (flags & QUIET) !== 0 ? true : undefined,
      device: device ?? undefined,
      originId,
    },
    live: (flags & GONE) === 0,
  }));
}

/** 53 bits of a string (cyrb53, public domain). A hint for the index, not a proof: see MailboxTable.findOrigin. */
export function hash53(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}

/** A copy in the column `outgoing` of the index: 1 when the owner sent it, and 2 when it is quiet. */
export function entryFlags(copy: MailboxCopy): number {
  return (copy.outgoing ? 1 : 0) | (copy.quiet === true ? 2 : 0);
}
