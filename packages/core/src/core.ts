import type { Crypto } from '@parley/protocol';
import { Jid, StanzaError } from '@parley/protocol';
import { type AccountRecord, type Awaitable, type Storage, StorageError } from '@parley/storage';
import { decodeAscii, utf8Encode, type XmlLimits } from '@parley/xml';
import { Accounts } from './accounts/accounts.ts';
import { addressGroup, HourlyLimit } from './accounts/hourly-limit.ts';
import { type CoreParts, preAuthXml, signedInXml } from './core-parts.ts';
import {
  accountCreated,
  accountKeysChanged,
  accountRemoved,
  deviceForgotten,
  sessionBound,
  sessionDetached,
  sessionEnded,
  sessionRestored,
  sessionResumed,
} from './hooks/catalogue.ts';
import { type Hook, Hooks } from './hooks/hook.ts';
import type { CoreConfig, CoreLimits } from './limits.ts';
import { Expiry } from './mailbox/expiry.ts';
import { Mailboxes } from './mailbox/mailboxes.ts';
import { stampAgain } from './mailbox/stamp.ts';
import type { Clock, Connection, ConnectionAcceptor, ConnectionHandler, Log, Random, Undo } from './ports/index.ts';
import { Asks } from './routing/asks.ts';
import { IqTable } from './routing/iq-table.ts';
import { Router } from './routing/router.ts';
import { ServiceAsks } from './routing/service-asks.ts';
import { answerVisitor } from './routing/visitor.ts';
import { Directory } from './session/directory.ts';
import type { SessionHost } from './session/host.ts';
import type { Session } from './session/session.ts';
import { StoredSessions } from './session/stored-sessions.ts';
import { StreamManagement } from './session/stream-management.ts';
import { Unfinished } from './session/unfinished.ts';
import type { CoreState } from './state.ts';
import { ClientStream } from './stream/client-stream.ts';
import type { StreamOffer } from './stream/offer.ts';
import { Together } from './together.ts';

const SWEEP_MS = 1000;
const ACK_TIMEOUT_MS = 90_000;
const DRAIN_WORK_MS = 1000;
/** Failed sign-ins that one address may have in an hour. */
const FAILED_SIGN_INS = 120;
const ALPHABET = utf8Encode('abcdefghijklmnopqrstuvwxyz234567');

const isThisMachine = (address: string): boolean => address === '::1' || /^(?:::ffff:)?127\./.test(address);

/** The engine of a domain, without sockets or disks: streams, sessions, routing, mailboxes, accounts, hooks. */
export class Core implements SessionHost, ConnectionAcceptor {
  readonly config: CoreConfig;
  readonly limits: CoreLimits;
  readonly preAuthXml: XmlLimits;
  readonly signedInXml: XmlLimits;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  readonly log: Log;
  readonly hooks: Hooks;
  readonly iqs = new IqTable();
  readonly asks: Asks;
  readonly serviceAsks: ServiceAsks;
  readonly directory = new Directory();
  readonly accounts: Accounts;
  readonly mailboxes: Mailboxes;
  readonly router: Router;
  readonly stableKey: Uint8Array;
  readonly hostOwner: number;
  readonly together: Together;
  readonly #stored: StoredSessions;
  /** Stream features as bytes, by what they depend on; emptied when a feature comes or goes. */
  readonly #offers = new Map<string, StreamOffer>();
  #offersVersion = 0;
  streamErrors = 0;
  signIns = 0;
  signInsFailed = 0;
  /** Of all domains together. */
  readonly #failedSignIns: HourlyLimit;
  /** Streams that are not read from until their client has read. */
  readonly #unread = new Set<ClientStream>();
  #accepting = true;
  /** Streams that have not bound yet, oldest first. */
  readonly #unbound = new Set<ClientStream>();
  readonly #detached = new Set<Session>();
  readonly #unfinished = new Unfinished();
  #sweepTimer: Undo | undefined;
  readonly #expiry: Expiry;

  constructor(parts: CoreParts) {
    // Copies of our own: a reload writes the new values into them.
    const config: CoreConfig = { ...parts.config, limits: { ...parts.config.limits } };
    this.config = config;
    this.limits = config.limits;
    this.storage = parts.storage;
    this.clock = parts.clock;
    this.random = parts.random;
    this.crypto = parts.crypto;
    this.log = parts.log;
    this.preAuthXml = preAuthXml(config.limits);
    this.signedInXml = signedInXml(config.limits);
    this.stableKey = parts.stableKey;
    this.hostOwner = parts.hostOwner ?? 0;
    this.together = parts.together ?? new Together(parts.storage, parts.log);
    this.together.cores.set(config.domain, this);
    this.#failedSignIns = this.together.once('failed sign-ins', () => new HourlyLimit(FAILED_SIGN_INS));
    this.hooks = new Hooks(
      (error) => error instanceof StanzaError || error instanceof StorageError,
      (feature, stage, error) => this.log.error(`${feature}_${stage}_failed`, { error }),
    );
    this.accounts = new Accounts(
      parts.storage,
      parts.crypto,
      parts.clock,
      config.domain,
      config.scramIterations,
      this.hostOwner,
      parts.stableKey,
    );
    this.accounts.foreignKeys.onChanged = () => this.#offers.clear();
    this.accounts.onCreated = (account) => this.#tell(accountCreated, { account });
    this.accounts.onRemoving = async (account) => {
      await this.hooks.run(accountRemoved, { account });
      this.#endSessions(account, undefined, 'This account was removed.');
    };
    this.accounts.onRemoved = (account) => {
      // Whoever bound between the farewell and the removal.
      this.#endSessions(account, undefined, 'This account was removed.');
      this.mailboxes.forget(account.id);
    };
    this.accounts.onKeysChanged = (account, by) => {
      this.#tell(accountKeysChanged, { account });
      this.#endSessions(account, by, 'The password was changed; sign in again.');
    };
    const isHere = (bare: string, device: string): boolean => this.directory.of(bare).some((session) => session.device === device);
    this.mailboxes = new Mailboxes(parts.storage, parts.clock, parts.log, config, isHere, this.together.commits);
    this.asks = new Asks(config.domain, parts.clock, parts.random);
    this.router = new Router({
      domain: config.domain,
      hooks: this.hooks,
      iqs: this.iqs,
      asks: this.asks,
      directory: this.directory,
      accounts: this.accounts,
      mailboxes: this.mailboxes,
      storage: parts.storage,
      log: parts.log,
      neighbour: (domain) => this.together.another(this, domain)?.router,
      servicesFor: (domain) => this.together.servicesFor(domain),
      answerService: (stanza, from, recipient) => answerVisitor(this, stanza, from, recipient),
      get ephemeral() {
        return config.historyKeep === 'until-delivered';
      },
    });
    this.serviceAsks = new ServiceAsks(config.domain, this.router.services, parts.clock, parts.random);
    this.#stored = new StoredSessions({
      ...parts,
      host: this,
      hostOwner: this.hostOwner,
      domain: config.domain,
      accounts: this.accounts,
      mailboxes: this.mailboxes,
      directory: this.directory,
    });
    this.#expiry = new Expiry(this.mailboxes, parts.clock, parts.log);
    this.#sweepTimer = parts.clock.after(SWEEP_MS, this.#sweep);
  }

  /** Stream features already serialised; the key says what they depend on. */
  get offers(): Map<string, StreamOffer> {
    if (this.#offersVersion !== this.hooks.version) {
      this.#offers.clear();
      this.#offersVersion = this.hooks.version;
    }
    return this.#offers;
  }

  /** Takes new settings while it runs; the domain stays. Whoever reads a setting reads it from `config` or `limits` at each use. */
  reconfigure(next: CoreConfig): void {
    if (next.domain !== this.config.domain) throw new TypeError('the domain of a core does not change');
    Object.assign(this.limits, next.limits);
    Object.assign(this.config, next, { limits: this.limits, resumeLocation: next.resumeLocation });
    // Streams hold these, so that they count for those that are open, too.
    Object.assign(this.preAuthXml, preAuthXml(next.limits));
    Object.assign(this.signedInXml, signedInXml(next.limits));
    this.accounts.iterations = next.scramIterations;
    this.#offers.clear();
  }

  /** Random text of `bytes` × 8 bits of entropy, in letters that need no escaping anywhere. */
  token(bytes: number): string {
    const out = this.random.bytes(Math.ceil((bytes * 8) / 5));
    for (let i = 0; i < out.length; i++) out[i] = ALPHABET[(out[i] as number) & 31] as number;
    return decodeAscii(out, 0, out.length);
  }

  /** Tells features of something that has happened; what they make of it must not undo it. */
  #tell<E, S extends string>(hook: Hook<E, S>, event: E): void {
    const failed = (error: unknown): void => this.log.error('features_not_told', { hook: hook.name, error });
    try {
      const done = this.hooks.run(hook, event);
      if (done instanceof Promise) done.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** Ends the sessions of an account, also those that wait to be resumed, but one. */
  #endSessions(account: AccountRecord, but: object | undefined, text: string): void {
    for (const session of this.directory.of(`${account.localpart}@${this.config.domain}`))
      if (session !== but && session.account.id === account.id) session.end('not-authorized', text);
  }

  /** The device has no access any more: its sessions end, and nothing waits for it. */
  async forgetDevice(account: AccountRecord, device: string): Promise<void> {
    const bare = `${account.localpart}@${this.config.domain}`;
    for (const session of [...this.directory.of(bare)])
      if (session.device === device && session.account.id === account.id) session.end('not-authorized', 'This device was signed out.');
    await this.mailboxes.forgetDevice(account.id, bare, device);
    await this.hooks.run(deviceForgotten, { account, device });
  }

  // --- connections ---

  accept(connection: Connection): ConnectionHandler {
    const stream = new ClientStream(this, connection);
    this.streamCame(stream);
    return stream;
  }

  /** A stream that is to this domain; those of all domains come to the first one first. */
  streamCame(stream: ClientStream): void {
    this.#unbound.add(stream);
    if (!this.#accepting) stream.fail('system-shutdown');
  }

  /** Several domains have a core each: hands a stream on to the one that it is to (RFC 6120 §4.7.2). Answers this one when it says none of ours. */
  handOn(stream: ClientStream, to: string | undefined): Core {
    const { cores } = this.together;
    const core = cores.size < 2 || to === undefined ? this : (cores.get(Jid.tryParse(to)?.toString() ?? '') ?? this);
    if (core === this) return this;
    this.streamOver(stream);
    core.streamCame(stream);
    return core;
  }

  streamOver(stream: ClientStream): void {
    this.#unbound.delete(stream);
    this.#unread.delete(stream);
  }

  /** The client does not read what it asked for; it is looked at again each second, should no word of room come. */
  waitsForReader(stream: ClientStream, waits: boolean): void {
    if (waits) this.#unread.add(stream);
    else this.#unread.delete(stream);
  }

  /** Whether this address has failed to sign in so often that it must wait. This machine itself never: a proxy lives there. */
  mustWaitToSignIn(address: string): boolean {
    return !isThisMachine(address) && this.#failedSignIns.wait(addressGroup(address), this.clock.now()) > 0;
  }

  signInFailed(address: string): void {
    this.signInsFailed++;
    if (!isThisMachine(address)) this.#failedSignIns.take(addressGroup(address), this.clock.now());
  }

  /** A new session of a stream that waited for one. */
  seat(session: Session, stream: ClientStream): void {
    this.directory.add(session);
    this.#unbound.delete(stream);
    this.signIns++;
    this.#tell(sessionBound, { session });
  }

  /** 32 bytes for one purpose, the same each time, that nobody can compute who has the database alone. */
  secret(purpose: string, text: string): Awaitable<Uint8Array> {
    return this.crypto.hmac('SHA-256', this.stableKey, utf8Encode(`${purpose}\0${text}`));
  }

  /** The connection of a session broke (or its stream failed): it waits to be resumed, or is over. */
  connectionLost(session: Session, mayResume = true, working?: Promise<unknown>): void {
    if (session.ended) return;
    session.stream = undefined;
    if (mayResume && session.management !== undefined && session.management.id !== '' && this.limits.resumeMs > 0) {
      session.detachedAt = this.clock.now();
      session.management.requested = false;
      if (session.mailboxMode === 'live') session.mailboxMode = 'behind';
      this.#detached.add(session);
      this.#tell(sessionDetached, { session });
      const save = (): void => {
        if (session.stream === undefined && session.resuming === undefined && !session.ended) this.#stored.save(session);
      };
      if (working === undefined) save();
      else this.#unfinished.add(session, working, save);
      return;
    }
    this.endSession(session, false);
  }

  endSession(session: Session, clean: boolean): void {
    if (session.ended) return;
    this.directory.remove(session);
    this.#detached.delete(session);
    this.#forget(session);
    this.mailboxes.stop(session, clean, this.directory.of(session.bare).length === 0);
    session.stream = undefined;
    const failed = (error: unknown): void => this.log.error('farewell_failed', { error });
    try {
      const done = this.router.setPresence(session, undefined, 0, true);
      if (done instanceof Promise) done.catch(failed);
    } catch (error) {
      failed(error);
    }
    session.ended = true;
    this.asks.over(session);
    this.#tell(sessionEnded, { session });
  }

  #forget(session: Session): void {
    try {
      this.#stored.forget(session);
    } catch (error) {
      this.log.warn('session_not_forgotten', { account: session.account.id, error });
    }
  }

  changedAway(session: Session): void {
    this.#stored.change(session);
  }

  /** Makes the sessions wait again that the process before has left; once, before anybody connects (D14). Answers how many. */
  restoreSessions(): Promise<number> {
    return this.#stored.restore(this.limits.resumeMs, (session, exact) => {
      this.#detached.add(session);
      this.#tell(sessionRestored, { session, exact });
      if (!session.receptive) return;
      const done = this.mailboxes.start(session);
      if (done instanceof Promise) done.catch((error: unknown) => this.log.error('catch_up_failed', { error }));
    });
  }

  /** Before `<resumed/>`: what the old stream was handling is done; what the client lacks of a restored session is fetched. */
  prepareResume(session: Session, h: number): Awaitable<void> {
    return this.#unfinished.wait(session, () => this.#stored.prepare(session, h));
  }

  drained(session: Session): void {
    if (session.mailboxMode === 'behind') this.mailboxes.catchUp(session);
  }

  // --- XEP-0198 ---

  /** Starts counting; answers the id for a resumption, '' when none was asked for. */
  enableManagement(session: Session, resume: boolean): string {
    const id = resume && this.limits.resumeMs > 0 ? this.token(20) : '';
    session.management = new StreamManagement(id);
    if (id !== '') this.directory.setResumeId(session, id);
    return id;
  }

  /** Takes the client's `h`; false when it claims more than was sent. */
  acknowledged(session: Session, h: number): boolean {
    const management = session.management;
    if (management === undefined) return false;
    const seq = management.acknowledge(h);
    if (seq === undefined) return false;
    management.requested = false;
    if (seq > 0) this.mailboxes.advance(session, seq);
    if (session.mailboxMode === 'behind') this.mailboxes.catchUp(session);
    // Also when there was no room to go on: without another answer there would never be.
    if (management.unacked > 0 && !management.requested && session.stream !== undefined) {
      management.requested = true;
      management.requestedAt = this.clock.now();
      session.stream.requestAck();
    }
    return true;
  }

  /** The session that this id names, when it is this account's and can be resumed. */
  resumable(id: string, account: AccountRecord): Session | undefined {
    const session = this.directory.byResumeId(id);
    return session !== undefined && !session.ended && session.account.id === account.id ? session : undefined;
  }

  /** The session goes on over this stream; an old stream that still seems alive is closed first. */
  takeOver(session: Session, stream: ClientStream): void {
    // Also one that has taken the session up itself and has not been told yet.
    const old = session.stream ?? session.resuming;
    if (session.stream?.working !== undefined) this.#unfinished.add(session, session.stream.working);
    session.resuming = stream;
    session.stream = stream;
    this.#detached.delete(session);
    this.#unbound.delete(stream);
    session.detachedAt = 0;
    this.#forget(session);
    session.dropSlots();
    if (old !== undefined && old !== stream) old.fail('conflict', 'The session was resumed over another stream.');
    // Nothing goes to the client before <resumed/>, so that it can tell what is sent again.
    session.stream = undefined;
  }

  /** `<resumed/>` is out: what the client lacks follows (XEP-0198 §5), then what waits in the mailbox. */
  resumed(session: Session, stream: ClientStream, h: number): void {
    const management = session.management;
    if (management === undefined || session.ended || session.resuming !== stream) return;
    session.resuming = undefined;
    // The new line may have broken too while the answer waited for a commit.
    if (!stream.bound) return this.connectionLost(session);
    session.stream = stream;
    this.signIns++;
    const seq = management.acknowledge(h);
    if (seq !== undefined && seq > 0) this.mailboxes.advance(session, seq);
    for (const [bytes, seq] of management.pending()) stream.writeStanza(seq === 0 ? bytes : stampAgain(bytes, seq, this.config.domain));
    if (management.unacked > 0) {
      management.requested = true;
      management.requestedAt = this.clock.now();
      stream.requestAck();
    }
    this.#tell(sessionResumed, { session });
    if (session.mailboxMode === 'behind') this.mailboxes.catchUp(session);
  }

  // --- time ---

  readonly #sweep = (): void => {
    const now = this.clock.now();
    for (const stream of this.#unbound) {
      if (now - stream.openedAt < this.limits.signInMs) break;
      stream.expire();
    }
    for (const stream of this.#unread) stream.drained();
    for (const session of this.#detached) {
      if (now - session.detachedAt >= this.limits.resumeMs) {
        this.log.debug('session_not_resumed', { account: session.account.id });
        this.endSession(session, false);
      }
    }
    // A client that does not answer <r/> is gone, whatever TCP believes.
    if (Math.floor(now / 1000) % 10 === 0)
      for (const session of this.directory.all()) {
        const management = session.management;
        if (management?.requested && session.stream !== undefined && now - management.requestedAt > ACK_TIMEOUT_MS)
          session.stream.fail('connection-timeout', 'No acknowledgement came.');
      }
    this.#expiry.look(now);
    this.#sweepTimer = this.clock.after(SWEEP_MS, this.#sweep);
  };

  state(): CoreState {
    return {
      sessions: this.directory.size,
      detachedSessions: this.#detached.size,
      streams: this.#unbound.size + this.directory.size - this.#detached.size,
      messages: this.router.messages,
      presences: this.router.presences,
      iqs: this.router.iqs,
      messagesKept: this.mailboxes.kept,
      signIns: this.signIns,
      signInsFailed: this.signInsFailed,
      streamErrors: this.streamErrors,
      pendingCommits: this.mailboxes.pendingCount,
    };
  }

  /** Tells every client to come back (RFC 6120 §4.9.3.19) and makes all that was accepted durable. */
  async drain(): Promise<void> {
    this.#accepting = false;
    this.#sweepTimer?.();
    this.mailboxes.stopTrimming();
    // What is being handled is counted already; who takes too long signs in anew.
    const working = [...this.#unfinished.all(), ...[...this.directory.all()].map(({ stream }) => stream?.working)];
    await Promise.race([Promise.allSettled(working), new Promise<void>((resolve) => this.clock.after(DRAIN_WORK_MS, resolve))]);
    await this.#flush();
    for (const stream of [...this.#unbound]) stream.fail('system-shutdown');
    for (const session of this.directory.all()) {
      const { stream } = session;
      // What is held for a client that nobody looks at belongs to what it has not acknowledged.
      session.setGate(undefined);
      const settled = stream?.working === undefined && !this.#unfinished.has(session) && session.pendingKept === 0;
      if (settled && session.resuming === undefined) this.#stored.save(session, true);
      this.mailboxes.stop(session, false, true);
      // Ended first, so that nobody is told of everybody else's leave.
      session.ended = true;
      stream?.fail('system-shutdown', 'The server restarts; sign in again.');
    }
    await this.#flush();
  }

  /** What was acknowledged is durable already; a disk that takes no more costs at most the latest cursors. */
  async #flush(): Promise<void> {
    try {
      await this.storage.flush();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.log.warn('last_commit_refused', { code: error.code, reason: error.message });
    }
  }
}
