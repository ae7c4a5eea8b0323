import { Jid } from '@parley/protocol';
import type { AccountRecord, Awaitable, KeyValueStore, Storage } from '@parley/storage';
import { parseStanza, utf8Decode, utf8Encode } from '@parley/xml';
import type { Accounts } from '../accounts/accounts.ts';
import type { Mailboxes } from '../mailbox/mailboxes.ts';
import type { Clock, Log } from '../ports/index.ts';
import type { Directory } from './directory.ts';
import type { SessionHost } from './host.ts';
import { Session } from './session.ts';
import { StreamManagement } from './stream-management.ts';

/** What waits for a device beyond this is not written down; such a session ends with the process. */
const MOST_BYTES = 64 * 1024;
/** Changes of a session that is away reach the disk within this time. */
const LAZY_MS = 100;
/** Entries that are looked at for proof that nothing was missed, so many at a time and together; under load thousands come within LAZY_MS. */
const PROOF_PAGE = 500;
const PROOF_ENTRIES = 5000;

/** A session as it is kept on disk while its device is away. */
interface Row {
  readonly account: number;
  readonly localpart: string;
  /** Which password it was bound with (D13). */
  readonly keys: string;
  readonly resource: string;
  readonly device: string;
  readonly boundAt: number;
  readonly detachedAt: number;
  readonly handledIn: number;
  readonly ackedOut: number;
  /** What was sent and not acknowledged: a position in the mailbox, or the stanza itself when it is not from there. */
  readonly unacked: readonly (number | string)[];
  readonly presence?: string;
  readonly priority: number;
  readonly position: number;
  readonly owed: number;
  readonly beyond: number;
  readonly slots: Readonly<Record<string, unknown>>;
  /** Everything in the mailbox up to here had been done when this was written. */
  readonly through: number;
  /** Written at an orderly end: nothing happened after it. */
  readonly exact: boolean;
}

export interface StoredSessionsParts {
  readonly host: SessionHost;
  /** Rows belong to the domain, not to an account, so that all of them can be listed. */
  readonly hostOwner: number;
  readonly domain: string;
  readonly storage: Storage;
  readonly accounts: Accounts;
  readonly mailboxes: Mailboxes;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Sessions that wait to be resumed, on disk (D14): written when the connection is lost and at an orderly end, changed while they wait,
 * removed before a resumption is answered. A connected session has no row, so it costs nothing, and a row is never older than its session.
 */
export class StoredSessions {
  readonly #parts: StoredSessionsParts;
  readonly #store: KeyValueStore;
  readonly #changed = new Set<Session>();
  #timer = false;

  constructor(parts: StoredSessionsParts) {
    this.#parts = parts;
    this.#store = parts.storage.keyValue('sessions');
  }

  /** Writes it down with the next commit. `exact`: nothing will happen to it any more in this process. */
  save(session: Session, exact = false): void {
    this.#changed.delete(session);
    const id = session.management?.id ?? '';
    const row = id === '' ? undefined : this.#row(session, exact);
    try {
      if (row === undefined) this.#forget(session, id);
      else {
        this.#store.set(this.#parts.hostOwner, id, JSON.stringify(row));
        session.stored = true;
      }
    } catch (error) {
      // Without its row it ends with the process, and the client signs in anew: nothing is lost.
      this.#parts.log.warn('session_not_kept', { account: session.account.id, error });
    }
  }

  /** Something was put on the pile of a session that is away. */
  change(session: Session): void {
    if (!session.stored) return;
    this.#changed.add(session);
    if (this.#timer) return;
    this.#timer = true;
    this.#parts.clock.after(LAZY_MS, () => {
      this.#timer = false;
      for (const one of this.#changed) if (!one.ended && one.stream === undefined) this.save(one);
      this.#changed.clear();
    });
  }

  /** It is connected again, or over. Throws StorageError when that cannot be written. */
  forget(session: Session): void {
    this.#changed.delete(session);
    if (session.stored) this.#forget(session, session.management?.id ?? '');
  }

  #forget(session: Session, id: string): void {
    if (session.stored) this.#store.delete(this.#parts.hostOwner, id);
    session.stored = false;
  }

  #row(session: Session, exact: boolean): Row | undefined {
    const { management, account, presence } = session;
    const current = this.#parts.accounts.get(account.localpart);
    if (management === undefined || current === undefined || current instanceof Promise || current.id !== account.id) return undefined;
    const unacked: (number | string)[] = [];
    let bytes = 0;
    for (const [stanza, seq] of management.pending()) {
      if (seq === 0) bytes += stanza.length;
      if (bytes > MOST_BYTES) return undefined;
      unacked.push(seq === 0 ? utf8Decode(stanza) : seq);
    }
    return {
      account: account.id,
      localpart: account.localpart,
      keys: this.#parts.accounts.keysMark(current),
      resource: session.jid.resource,
      device: session.device,
      boundAt: session.boundAt,
      detachedAt: session.detachedAt === 0 ? this.#parts.clock.now() : session.detachedAt,
      handledIn: management.handledIn,
      ackedOut: management.ackedOut,
      unacked,
      ...(presence === undefined ? undefined : { presence: presence.element().toString('') }),
      priority: session.priority,
      position: session.position,
      owed: session.owed,
      beyond: session.beyond,
      slots: session.slotsToKeep(),
      through: this.#parts.mailboxes.committedSeq,
      exact,
    };
  }

  /** Makes the sessions that are on disk wait again. `keepMs`: how long they may wait from when they were left. */
  async restore(keepMs: number, restored: (session: Session, exact: boolean) => void): Promise<number> {
    let count = 0;
    for (const { key, value } of await this.#store.list(this.#parts.hostOwner)) {
      try {
        const row = JSON.parse(value) as Row;
        const session = await this.#session(key, row, keepMs);
        if (session === undefined) {
          this.#store.delete(this.#parts.hostOwner, key);
          continue;
        }
        count++;
        restored(session, row.exact);
      } catch (error) {
        this.#store.delete(this.#parts.hostOwner, key);
        this.#parts.log.warn('session_not_restored', { error });
      }
    }
    return count;
  }

  async #session(id: string, row: Row, keepMs: number): Promise<Session | undefined> {
    const { accounts, clock, directory, domain, host } = this.#parts;
    const account = await accounts.get(row.localpart);
    if (account === undefined || account.id !== row.account || account.disabled || accounts.keysMark(account) !== row.keys)
      return undefined;
    if (clock.now() - row.detachedAt >= keepMs || (!row.exact && !(await this.#proved(account, row)))) return undefined;
    const session = new Session(
      host,
      Jid.of(account.localpart, domain).withResource(row.resource),
      account,
      row.device,
      row.boundAt,
      undefined,
    );
    const management = new StreamManagement(id);
    management.restore(
      row.handledIn,
      row.ackedOut,
      row.unacked.map((one) => (typeof one === 'number' ? one : utf8Encode(one))),
    );
    session.management = management;
    session.detachedAt = row.detachedAt;
    session.priority = row.priority;
    session.position = row.position;
    session.owed = row.owed;
    session.beyond = row.beyond;
    session.stored = true;
    session.keepSlots(row.slots);
    if (row.presence !== undefined) session.presence = parseStanza(utf8Encode(row.presence), undefined, '');
    directory.add(session);
    directory.setResumeId(session, id);
    return session;
  }

  /**
   * The process was killed: whether what other devices of the account sent meanwhile may be missing here. What came for the account is read
   * from the mailbox in any case.
   */
  async #proved(account: AccountRecord, row: Row): Promise<boolean> {
    let after = row.through;
    for (let looked = 0; looked < PROOF_ENTRIES; looked += PROOF_PAGE) {
      const since = await this.#parts.mailboxes.store.read(account.id, { after, limit: PROOF_PAGE });
      if (since.some((entry) => entry.outgoing)) return false;
      const last = since.at(-1);
      if (last === undefined || since.length < PROOF_PAGE) return true;
      after = last.seq;
    }
    return false;
  }

  /** Takes the client's `h` on a restored session and fetches what it lacks of the mailbox; what has gone from there meanwhile is left out. */
  prepare(session: Session, h: number): Awaitable<void> {
    const { management } = session;
    if (management === undefined || !management.incomplete) return;
    const { mailboxes } = this.#parts;
    const through = management.acknowledge(h);
    if (through !== undefined && through > 0) mailboxes.advance(session, through);
    return management.complete((seq) => mailboxes.sent(session, seq));
  }
}
