/** What of the router waits for the commit of a turn. */
import type { Jid } from '@parley/protocol';
import type { AccountRecord, StorageError } from '@parley/storage';
import type { Stanza } from '@parley/xml';
import type { Pending } from '../mailbox/commits.ts';
import type { Session } from '../session/session.ts';
import type { Router } from './router.ts';

/** Waits for the commit and does nothing. */
export const NOTHING: Pending = { seq: 0, committed: () => {}, refused: () => {} };

/** Keeps the count of what a session waits for. */
export class Enlisted implements Pending {
  readonly #from: Session;
  readonly #item: Pending;
  constructor(from: Session, item: Pending) {
    this.#from = from;
    this.#item = item;
  }
  get seq(): number {
    return this.#item.seq;
  }
  committed(): void {
    this.#from.pendingKept--;
    this.#item.committed();
  }
  refused(error: StorageError): void {
    this.#from.pendingKept--;
    this.#item.refused(error);
  }
}

/** A message that is delivered when it is durable. */
export class KeptMessage implements Pending {
  readonly #router: Router;
  readonly #from: Session;
  readonly #stanza: Stanza;
  readonly #to: Jid;
  readonly #recipient: AccountRecord;
  readonly #bytes: Uint8Array;
  readonly seq: number;
  /** That of the recipient's domain. */
  readonly #at: Router;
  constructor(
    router: Router,
    from: Session,
    stanza: Stanza,
    to: Jid,
    recipient: AccountRecord,
    bytes: Uint8Array,
    seq: number,
    at: Router,
  ) {
    this.#router = router;
    this.#from = from;
    this.#stanza = stanza;
    this.#to = to;
    this.#recipient = recipient;
    this.#bytes = bytes;
    this.seq = seq;
    this.#at = at;
  }
  committed(): void {
    this.#at.deliverKept(this.#from, this.#stanza, this.#to, this.#recipient, this.#bytes, this.seq, this.#router);
  }
  refused(error: StorageError): void {
    this.#router.keptRefused(this.#from, this.#stanza, error);
  }
}
