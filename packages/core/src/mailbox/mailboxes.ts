import { NS } from '@parley/protocol';
import type { Awaitable, Cursor, MailboxCopy, MailboxEntry, MailboxStore, Storage } from '@parley/storage';
import { escapeAttr, utf8Encode } from '@parley/xml';
import type { CoreConfig } from '../limits.ts';
import type { Clock, Log, Undo } from '../ports/index.ts';
import type { Session } from '../session/session.ts';
import { Commits, type Pending } from './commits.ts';
import type { MailboxState } from './cursors.ts';
import { Fullness } from './fullness.ts';
import { idToPosition, nextPosition, positionToId } from './positions.ts';
import { Retention } from './retention.ts';
import { type MergedPage, readMerged, type Source, Sources } from './sources.ts';
import { Stamps } from './stamp.ts';

const PAGE = 100;
const PROOF_EVERY_MS = 2000;
const SEEN_EVERY_MS = 3_600_000;
/** Of ids of pings behind an archive. */
const ARCHIVE = 'proof-archive-';

/**
 * The mailboxes: every kept message once, in order, with a cursor for each device. Live delivery, offline messages
 * (XEP-0160), resumption (XEP-0198) and the archive (XEP-0313) are readers of the same log. See docs/design/delivery.md.
 */
export class Mailboxes {
  readonly store: MailboxStore;
  readonly stamps: Stamps;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #config: CoreConfig;
  readonly #commits: Commits;
  /** Of accounts that have a session. */
  readonly #states = new Map<number, MailboxState>();
  readonly #fullness: Fullness;
  readonly #retention: Retention;
  #toProve = new Set<Session>();
  #proofTimer: Undo | undefined;
  /** Kept messages since start, for metrics. */
  kept = 0;
  /** Told that a session has all of its sources up to here. */
  onSourcesTaken: ((session: Session, seq: number) => void) | undefined = undefined;

  /**
   * `isHere`: whether this device of an account has a session, a detached one included. `commits`: of this storage; shared by the
   * domains of a server.
   */
  constructor(
    storage: Storage,
    clock: Clock,
    log: Log,
    config: CoreConfig,
    isHere: (bare: string, device: string) => boolean,
    commits = new Commits(storage, log),
  ) {
    this.#commits = commits;
    this.store = storage.mailboxes;
    this.stamps = new Stamps(config.domain);
    this.#clock = clock;
    this.#log = log;
    this.#config = config;
    this.#fullness = new Fullness(this.store, config.limits, log);
    this.#retention = new Retention({ store: this.store, clock, log, config, fullness: this.#fullness, isHere });
  }

  /** Everything up to here is durable. Readers use `before: committedSeq + 1`: what a crash may undo must not be shown. */
  get committedSeq(): number {
    return this.#commits.committedSeq;
  }

  stanzaId(seq: number): string {
    return positionToId(seq);
  }

  parseStanzaId(id: string): number | undefined {
    return idToPosition(id);
  }

  /** True when this mailbox takes no more (design §5.6: refused with an error, never dropped). */
  isFull(mailbox: number): boolean {
    return this.#fullness.isFull(mailbox);
  }

  /** Appends one message to the mailboxes and answers its position. `at`: when it was sent, for one that comes from another server. Throws StorageError. Not durable before the commit. */
  append(stanza: Uint8Array, copies: readonly MailboxCopy[], at = this.#clock.now()): number {
    const seq = nextPosition(this.store.lastSeq(), this.#clock.now());
    this.store.append({ seq, at, stanza }, copies);
    this.kept++;
    for (let i = 0; i < copies.length; i++) this.#fullness.grew((copies[i] as MailboxCopy).mailbox);
    return seq;
  }

  /** A message was appended to this mailbox by another domain of this server. */
  grew(mailbox: number): void {
    this.#fullness.grew(mailbox);
  }

  /** Runs when everything written in this turn is durable (or was refused), in order. */
  whenDurable(item: Pending): void {
    this.#commits.whenDurable(item);
  }

  // --- delivery to sessions ---

  /** Hands a durable message to a session that is in step with its mailbox; one that is not finds it there. */
  deliver(session: Session, stamped: Uint8Array, seq: number): void {
    if (session.mailboxMode !== 'live') return;
    if (seq <= session.position) return;
    if (session.congested) {
      session.mailboxMode = 'behind';
      return;
    }
    session.position = seq;
    session.sendBytes(stamped, seq);
  }

  /** The session became receptive: from now on it is given its messages, first those that wait (XEP-0160). */
  start(session: Session): void | Promise<void> {
    if (session.mailboxMode !== 'off') return;
    const state = this.#stateOf(session.account.id);
    return state instanceof Promise ? state.then((known) => this.#begin(session, known)) : this.#begin(session, state);
  }

  #remember(mailbox: number, cursors: readonly Cursor[]): MailboxState {
    const there = this.#states.get(mailbox);
    if (there !== undefined) return there;
    const state: MailboxState = { cursors: new Map(cursors.map((cursor) => [cursor.device, cursor])), trimmedThrough: 0 };
    this.#states.set(mailbox, state);
    return state;
  }

  #begin(session: Session, state: MailboxState): void | Promise<void> {
    if (session.mailboxMode !== 'off' || session.ended) return;
    const now = this.#clock.now();
    const own = session.device === '' ? undefined : state.cursors.get(session.device);
    let taken = own?.seq ?? 0;
    if (own === undefined) for (const cursor of state.cursors.values()) if (cursor.seq > taken) taken = cursor.seq;
    if (session.position === 0) session.position = session.sources?.begin(taken) ?? taken;
    if (session.owed <= taken) session.owed = 0;
    if (session.owed === 0 && session.beyond > taken) taken = session.beyond;
    if (session.device !== '' && (own === undefined || own.seq < taken || now - own.seenAt > SEEN_EVERY_MS))
      this.#setCursor(session, state, { ...own, device: session.device, seq: taken, seenAt: now });
    // What was had elsewhere (XEP-0227) is where the first device begins; after that it waits for nobody.
    if (session.device !== '' && state.cursors.delete('')) this.store.removeCursor(session.account.id, '');
    session.mailboxMode = 'behind';
    this.#retention.trimOld(session.account.id, state.cursors.values());
    // Also what was left when the server ended before it was done, or kept longer until now.
    if (this.deletesDelivered) this.#trimDelivered(session, state);
    // A page that was asked for before a pause is still on its way, and goes on from there.
    if (session.reading) return;
    return this.#catchUp(session);
  }

  /** The session may be given no more messages for now (RFC 6121 §8.5.2: unavailable, negative priority). */
  hold(session: Session): void {
    session.mailboxMode = 'off';
  }

  /** The client reads the archive itself (XEP-0313 before initial presence), so what waits is not pushed at it as well. */
  skipOffline(session: Session): void {
    if (session.mailboxMode === 'off' && session.position === 0) session.position = session.owed = Math.max(1, this.#commits.committedSeq);
  }

  /** Goes on reading what waits, when there is room again. */
  catchUp(session: Session): void {
    if (session.mailboxMode !== 'behind' || session.reading) return;
    const failed = (error: unknown): void => this.#log.error('catch_up_failed', { error });
    try {
      const done = this.#catchUp(session);
      if (done !== undefined) done.catch(failed);
    } catch (error) {
      // The session stays behind; its next acknowledgement or answer tries again.
      failed(error);
    }
  }

  #catchUp(session: Session): void | Promise<void> {
    while (session.mailboxMode === 'behind' && !session.ended && !session.congested) {
      const through = this.#commits.committedSeq;
      if (session.position >= through) {
        session.mailboxMode = 'live';
        return;
      }
      if (session.sources !== undefined) {
        const merged = readMerged(this.store, session, session.sources, through, PAGE);
        if (merged instanceof Promise) return this.#mergedLater(session, merged, through);
        this.#handOverMerged(session, merged, through);
        continue;
      }
      const page = this.store.read(session.account.id, {
        after: session.position,
        before: through + 1,
        incomingOnly: true,
        limit: PAGE,
      });
      if (page instanceof Promise) return this.#catchUpLater(session, page, through);
      this.#handOver(session, page, through);
    }
  }

  async #catchUpLater(session: Session, page: Promise<MailboxEntry[]>, through: number): Promise<void> {
    session.reading = true;
    try {
      this.#handOver(session, await page, through);
    } finally {
      session.reading = false;
    }
    await this.#catchUp(session);
  }

  async #mergedLater(session: Session, page: Promise<MergedPage>, through: number): Promise<void> {
    session.reading = true;
    try {
      this.#handOverMerged(session, await page, through);
    } finally {
      session.reading = false;
    }
    await this.#catchUp(session);
  }

  #handOverMerged(session: Session, page: MergedPage, through: number): void {
    if (session.mailboxMode !== 'behind') return;
    for (const { entry, source } of page.entries) {
      if (session.congested) return;
      session.position = entry.seq;
      const bytes = source === undefined ? this.stamps.late(entry.stanza, session.bare, entry.seq, entry.at) : source.late(session, entry);
      if (bytes !== undefined) session.sendBytes(bytes, entry.seq);
    }
    session.position = Math.max(session.position, page.through);
    if (page.through === through && this.#commits.committedSeq === through) session.mailboxMode = 'live';
  }

  // --- logs beside the own mailbox ---

  /**
   * The session reads these logs too from now on, each beginning after its `after`; what it has had of others it is not given again.
   * While the session asks for no messages, nothing is read.
   */
  addSources(session: Session, added: readonly Source[]): void {
    // A session of another domain reads by what holds there.
    if (session.mailboxes !== this) return session.mailboxes.addSources(session, added);
    if (added.length === 0) return;
    const sources = (session.sources ??= new Sources());
    if (sources.add(added, session.position)) {
      session.position = sources.from;
      if (session.mailboxMode === 'live') session.mailboxMode = 'behind';
    }
    this.catchUp(session);
  }

  /** A message of this position as it was sent to the session: of its own mailbox, or of a log beside it. */
  async sent(session: Session, seq: number): Promise<Uint8Array | undefined> {
    const own = await this.store.get(session.account.id, seq);
    if (own !== undefined) return this.stamps.live(own.stanza, session.bare, seq);
    for (const source of session.sources?.list.values() ?? []) {
      const entry = await this.store.get(source.mailbox, seq);
      if (entry !== undefined) return source.late(session, entry);
    }
    return undefined;
  }

  removeSource(session: Session, mailbox: number): void {
    session.sources?.list.delete(mailbox);
  }

  /** How far this device has taken the groups of its account; undefined when it does not take them. */
  groupCursor(session: Session): number | undefined | Promise<number | undefined> {
    const state = this.#stateOf(session.account.id);
    return state instanceof Promise
      ? state.then(({ cursors }) => cursors.get(session.device)?.groups)
      : state.cursors.get(session.device)?.groups;
  }

  /** The device takes the groups of its account from here on, or (undefined) no more. `groupCursor` must have been asked before. */
  trackGroups(session: Session, seq: number | undefined): void {
    const state = this.#states.get(session.account.id);
    (session.sources ??= new Sources()).tracked = seq !== undefined;
    if (state === undefined || session.device === '') return;
    const { groups: _, ...own } = state.cursors.get(session.device) ?? {
      device: session.device,
      seq: session.position,
      seenAt: this.#clock.now(),
    };
    this.#setCursor(session, state, seq === undefined ? own : { ...own, groups: seq });
  }

  #stateOf(mailbox: number): MailboxState | Promise<MailboxState> {
    const there = this.#states.get(mailbox);
    if (there !== undefined) return there;
    const cursors = this.store.cursors(mailbox);
    return cursors instanceof Promise ? cursors.then((list) => this.#remember(mailbox, list)) : this.#remember(mailbox, cursors);
  }

  #handOver(session: Session, page: readonly MailboxEntry[], through: number): void {
    // It was told to pause while the page was read.
    if (session.mailboxMode !== 'behind') return;
    for (const entry of page) {
      // The rest of the page is read again when there is room (D10).
      if (session.congested) return;
      session.position = entry.seq;
      session.sendBytes(this.stamps.late(entry.stanza, session.bare, entry.seq, entry.at), entry.seq);
    }
    if (page.length < PAGE) {
      session.position = Math.max(session.position, through);
      // Nothing was committed while the page was read, so nothing can be missed from here on.
      if (this.#commits.committedSeq === through) session.mailboxMode = 'live';
    }
  }

  // --- cursors ---

  #trimDelivered(session: Session, state: MailboxState): void {
    const through = this.#retention.deliveredThrough(session.bare, state.cursors.values());
    if (through <= state.trimmedThrough) return;
    state.trimmedThrough = through;
    this.#retention.trim(session.account.id, through);
  }

  /** The device has everything up to here. */
  advance(session: Session, seq: number): void {
    const state = this.#states.get(session.account.id);
    if (state === undefined) return;
    const own = state.cursors.get(session.device);
    if (session.sources !== undefined) this.#advanceSources(session, session.sources, state, seq);
    if (own !== undefined && own.seq >= seq) return;
    if (session.owed > 0) {
      // D7: what is behind says nothing about what the client may still have to fetch from the archive.
      if (seq > session.beyond) session.beyond = seq;
      return;
    }
    const groups = state.cursors.get(session.device)?.groups;
    const cursor = { device: session.device, seq, seenAt: this.#clock.now() };
    this.#setCursor(session, state, groups === undefined ? cursor : { ...cursor, groups });
    if (this.deletesDelivered) this.#trimDelivered(session, state);
  }

  /** What lies beside the own mailbox has arrived as well. */
  #advanceSources(session: Session, sources: Sources, state: MailboxState, acknowledged: number): void {
    const seq = sources.provenBy(session, acknowledged);
    if (seq === 0) return;
    this.onSourcesTaken?.(session, seq);
    const own = state.cursors.get(session.device);
    if (sources.tracked && own?.groups !== undefined && own.groups < seq) this.#setCursor(session, state, { ...own, groups: seq });
  }

  /** The archive without a gap up to here was sent to a client that reads it by itself: a ping behind it proves that it has it. */
  archiveSent(session: Session, through: number): void {
    if (session.owed === 0 || through < session.owed || session.stream === undefined) return;
    this.#ping(session, `${ARCHIVE}${positionToId(session.owed)}`);
  }

  #setCursor(session: Session, state: MailboxState, cursor: Cursor): void {
    state.cursors.set(cursor.device, cursor);
    try {
      this.store.setCursor(session.account.id, cursor);
      if (state.cursors.size > this.#config.limits.devicesPerAccount) this.#forgetOldest(session.account.id, state, cursor.device);
    } catch (error) {
      // A cursor that lags makes the device see a message again, with the same stanza-id; nothing is lost.
      this.#log.warn('cursor_not_kept', { error });
    }
  }

  #forgetOldest(mailbox: number, state: MailboxState, except: string): void {
    let oldest: Cursor | undefined;
    for (const cursor of state.cursors.values())
      if (cursor.device !== except && (oldest === undefined || cursor.seenAt < oldest.seenAt)) oldest = cursor;
    if (oldest === undefined) return;
    state.cursors.delete(oldest.device);
    this.store.removeCursor(mailbox, oldest.device);
    this.#log.info('device_forgotten', { mailbox, seenAt: oldest.seenAt });
  }

  /** With `history.keep: until-delivered` entries go once every device has them (D9). */
  get deletesDelivered(): boolean {
    return this.#config.historyKeep === 'until-delivered';
  }

  /** What every device has goes when it is so old, ms: 0 with `until-delivered`; undefined: it stays as long as anything. */
  get deliveredGoAfterMs(): number | undefined {
    const { historyKeep: keep, undeliveredMs } = this.#config;
    if (keep === 'until-delivered') return 0;
    return keep === 'forever' || keep.ms >= undeliveredMs ? undefined : keep.ms;
  }

  /** Removes what every device has. */
  trim(mailbox: number, through: number): void {
    this.#retention.trim(mailbox, through);
  }

  /** Nothing more is removed in the background; for shutdown. */
  stopTrimming(): void {
    this.#retention.stop();
  }

  /** Whether this device of an account is waited for before entries go: a device that has been away too long is not (D9). */
  isAwaited(cursor: Cursor, bare: string): boolean {
    return this.#retention.isAwaited(cursor, bare);
  }

  /** The device has been signed out: nothing waits for it any more. Its sessions have ended. */
  forgetDevice(account: number, bare: string, device: string): Awaitable<void> {
    this.#states.get(account)?.cursors.delete(device);
    this.store.removeCursor(account, device);
    if (!this.deletesDelivered) return;
    const left = this.store.cursors(account);
    const trim = (cursors: readonly Cursor[]): void => this.#retention.trimDelivered(account, bare, cursors);
    return left instanceof Promise ? left.then(trim) : trim(left);
  }

  /** Removes what has outlived `history.keep` and the wait for undelivered messages. Answers how many entries went. */
  expire(): Promise<number> {
    return this.#retention.expire();
  }

  // --- proof of delivery without stream management ---

  /**
   * A client without XEP-0198 was sent a kept message. A ping after it (XEP-0199) proves that it arrived:
   * the stream is ordered and every request must be answered.
   */
  awaitProof(session: Session, seq: number): void {
    session.unproven = Math.max(session.unproven, seq);
    this.#toProve.add(session);
    this.#proofTimer ??= this.#clock.after(PROOF_EVERY_MS, this.#askForProof);
  }

  readonly #askForProof = (): void => {
    this.#proofTimer = undefined;
    const sessions = this.#toProve;
    this.#toProve = new Set();
    for (const session of sessions) {
      if (session.stream === undefined || session.ended || session.unproven === 0) continue;
      this.#ping(session, `proof-${positionToId(session.unproven)}`);
    }
  };

  #ping(session: Session, id: string): void {
    const head = `<iq from="${escapeAttr(this.#config.domain)}" to="${escapeAttr(session.address)}" type="get" id="${id}">`;
    session.sendBytes(utf8Encode(`${head}<ping xmlns="${NS.ping}"/></iq>`));
  }

  /** True when this iq answer was to a ping of ours. */
  proofAnswered(session: Session, id: string): boolean {
    if (id.startsWith(ARCHIVE)) {
      const { owed, beyond } = session;
      if (owed === 0 || id !== `${ARCHIVE}${positionToId(owed)}`) return false;
      session.owed = 0;
      // Kept for the cursor that begins with the initial presence, when that is still to come.
      session.beyond = Math.max(owed, beyond);
      this.advance(session, session.beyond);
      return true;
    }
    if (!id.startsWith('proof-')) return false;
    const seq = idToPosition(id.slice('proof-'.length));
    if (seq === undefined || seq > session.unproven) return false;
    this.advance(session, seq);
    if (session.unproven === seq) session.unproven = 0;
    if (session.mailboxMode === 'behind') this.catchUp(session);
    return true;
  }

  /** The session is over. After a clean close all that was sent has arrived. */
  stop(session: Session, clean: boolean, lastOfAccount: boolean): void {
    const caughtUp = session.mailboxMode !== 'behind' && !session.congested;
    if (clean && session.management === undefined && caughtUp && session.unproven > 0) this.advance(session, session.unproven);
    session.mailboxMode = 'off';
    this.#toProve.delete(session);
    if (lastOfAccount) this.#states.delete(session.account.id);
  }

  /** The account is gone. */
  forget(mailbox: number): void {
    this.#states.delete(mailbox);
    this.#retention.forget(mailbox);
    this.#fullness.forget(mailbox);
  }

  get pendingCount(): number {
    return this.#commits.pendingCount;
  }
}
