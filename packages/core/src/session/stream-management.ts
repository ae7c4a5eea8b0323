/**
 * XEP-0198: counts what came in, keeps what went out until the device has acknowledged it.
 * Pure state; the stream writes, the session decides.
 */

const WRAP = 2 ** 32;
/** Stands for a stanza that is in the mailbox. */
const UNKNOWN = new Uint8Array(0);

export class StreamManagement {
  /** Names the session for a resumption; '' when the client did not ask for one. */
  readonly id: string;
  /** Stanzas received and handled since `<enable/>`, modulo 2^32. */
  handledIn = 0;
  /** The client's last `h`. */
  ackedOut = 0;
  /** An `<r/>` of ours is unanswered. */
  requested = false;
  requestedAt = 0;
  /** Bytes of unacknowledged stanzas. */
  unackedBytes = 0;
  /** Restored from disk: some stanzas are known by their position in the mailbox alone, until `complete`. */
  incomplete = false;
  #bytes: (Uint8Array | undefined)[] = [];
  #seqs: number[] = [];
  #head = 0;

  constructor(id: string) {
    this.id = id;
  }

  get unacked(): number {
    return this.#bytes.length - this.#head;
  }

  countIn(): void {
    this.handledIn = (this.handledIn + 1) % WRAP;
  }

  /** Remembers an outgoing stanza; `seq` is its position in the mailbox, 0 when it is not from there. */
  push(bytes: Uint8Array, seq: number): void {
    this.#bytes.push(bytes);
    this.#seqs.push(seq);
    this.unackedBytes += bytes.length;
  }

  /**
   * Takes the client's `h`. Answers the highest mailbox position acknowledged by it (0 when none),
   * or undefined when the client claims more than was sent (XEP-0198 §4: handled-count-too-high).
   */
  acknowledge(h: number): number | undefined {
    const count = (h - this.ackedOut + WRAP) % WRAP;
    if (count > this.unacked) {
      // An h lower than the last one is an old answer and says nothing new.
      return count > WRAP / 2 ? 0 : undefined;
    }
    let seq = 0;
    for (let i = 0; i < count; i++) {
      const at = this.#head + i;
      const bytes = this.#bytes[at];
      if (bytes !== undefined) this.unackedBytes -= bytes.length;
      this.#bytes[at] = undefined;
      const one = this.#seqs[at] as number;
      if (one > seq) seq = one;
    }
    this.#head += count;
    this.ackedOut = h;
    if (this.#head === this.#bytes.length) {
      this.#bytes = [];
      this.#seqs = [];
      this.#head = 0;
    } else if (this.#head > 64 && this.#head * 2 > this.#bytes.length) {
      this.#bytes = this.#bytes.slice(this.#head);
      this.#seqs = this.#seqs.slice(this.#head);
      this.#head = 0;
    }
    return seq;
  }

  /** Goes on from what was written down: positions in the mailbox, or stanzas that are not from there. */
  restore(handledIn: number, ackedOut: number, unacked: readonly (number | Uint8Array)[]): void {
    this.handledIn = handledIn;
    this.ackedOut = ackedOut;
    for (const one of unacked) {
      if (typeof one === 'number') this.incomplete = true;
      this.push(typeof one === 'number' ? UNKNOWN : one, typeof one === 'number' ? one : 0);
    }
  }

  /** Fetches the stanzas that are known by position alone; those that are not there any more are left out. */
  async complete(fetch: (seq: number) => Promise<Uint8Array | undefined>): Promise<void> {
    const all = [...this.pending()];
    const fetched = await Promise.all(all.map(([bytes, seq]) => (bytes === UNKNOWN ? fetch(seq) : bytes)));
    this.incomplete = false;
    this.#bytes = [];
    this.#seqs = [];
    this.#head = 0;
    this.unackedBytes = 0;
    fetched.forEach((bytes, i) => {
      if (bytes !== undefined) this.push(bytes, (all[i] as readonly [Uint8Array, number])[1]);
    });
  }

  /** The unacknowledged stanzas in order, for a resumption, each with its position in the mailbox (0: not from there). */
  *pending(): Iterable<readonly [bytes: Uint8Array, seq: number]> {
    for (let i = this.#head; i < this.#bytes.length; i++) {
      const bytes = this.#bytes[i];
      if (bytes !== undefined) yield [bytes, this.#seqs[i] as number];
    }
  }
}
