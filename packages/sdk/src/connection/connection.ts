import { ChatError } from '../errors.ts';
import { Cell } from '../observable.ts';
import type { Endpoint, Platform } from '../platform.ts';
import type { ChatStore } from '../store/store.ts';
import type { ConnectionSnapshot, ConnectionState } from '../types.ts';
import { backoffMs } from './backoff.ts';
import { Device } from './device.ts';
import { negotiate } from './negotiate.ts';
import type { Session, SessionOwner, Unacked } from './session.ts';
import type { KeptKeys, Secret } from './sign-in.ts';

/** Silence after which the server is asked whether it lives. */
const QUIET_MS = 45_000;
/** Then it has this long to send any byte. */
const ANSWER_MS = 15_000;
/** XEP-0198 sessions older than this are not worth a try. */
const RESUME_WITHIN_MS = 3_600_000;

/** Errors after which trying again by itself makes no sense. */
const FATAL: ReadonlySet<string> = new Set([
  'wrong-credentials',
  'session-expired',
  'insecure-connection',
  'insecure-context',
  'account-exists',
  'registration-closed',
  'not-allowed',
  'invalid-argument',
  'invalid-address',
]);

export interface ConnectionOptions {
  readonly platform: Platform;
  readonly allowPlaintext: boolean;
  readonly store: ChatStore;
  /** Works out the address; asked for each try. */
  endpoint(): Promise<Endpoint>;
  owner: Omit<SessionOwner, 'detached'>;
  /** A session begins; `lost` are stanzas of the one before that the server may not have got. */
  began(session: Session, lost: readonly Unacked[], keys: KeptKeys | undefined): void;
  resumed(): void;
  ended(): void;
  /** The kept keys were refused. */
  expired(error: ChatError): void;
}

/** Who connects. */
export interface Identity {
  readonly domain: string;
  readonly resource: string;
  readonly secret: Secret;
}

/** Keeps one session alive: connects, watches, reconnects with growing delays, resumes (XEP-0198). */
export class Connection {
  readonly state: Cell<ConnectionSnapshot>;
  readonly #options: ConnectionOptions;
  readonly #platform: Platform;
  readonly device: Device;
  #identity: Identity | undefined;
  #wanted = false;
  #attempt = 0;
  #retry: unknown;
  #watchdog: unknown;
  #session: Session | undefined;
  #detachedAt = 0;
  /** Guards against answers of an older try. */
  #generation = 0;
  #unwatch: (() => void) | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#platform = options.platform;
    this.device = new Device(options.platform, options.store);
    this.state = new Cell<ConnectionSnapshot>(Object.freeze({ state: 'signed-out', syncing: false, retryAt: undefined, error: undefined }));
  }

  /** The session while it can carry stanzas, be it detached and about to be resumed. */
  get session(): Session | undefined {
    return this.#session;
  }

  get online(): boolean {
    return this.#session?.online === true && this.state.snapshot().state === 'online';
  }

  setState(state: ConnectionState, change: Partial<ConnectionSnapshot> = {}): void {
    this.state.set(Object.freeze({ state, syncing: false, retryAt: undefined, error: undefined, ...change }));
  }

  setSyncing(syncing: boolean): void {
    const now = this.state.snapshot();
    if (now.syncing !== syncing && now.state === 'online') this.state.set(Object.freeze({ ...now, syncing }));
  }

  /** One try, whose failure is the caller's; afterwards stays connected. */
  async signIn(identity: Identity, register: boolean): Promise<void> {
    this.stop();
    this.#identity = identity;
    this.#wanted = true;
    this.#watchNetwork();
    try {
      await this.#try(register);
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** Connects in the background and stays connected. */
  start(identity: Identity): void {
    if (this.#wanted) return;
    this.#identity = identity;
    this.#wanted = true;
    this.#watchNetwork();
    this.#attempt = 0;
    this.#run();
  }

  /** Closes in order and stays closed. */
  stop(): void {
    this.#wanted = false;
    this.#generation++;
    this.#clearTimers();
    this.#unwatch?.();
    this.#unwatch = undefined;
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined) {
      session.close();
      session.end();
      this.#options.ended();
    }
    this.setState(this.#identity === undefined ? 'signed-out' : 'offline');
  }

  forget(): void {
    this.stop();
    this.device.close();
    this.#identity = undefined;
    this.setState('signed-out');
  }

  #watchNetwork(): void {
    this.#unwatch ??= this.#platform.watchNetwork?.((online) => {
      if (!this.#wanted) return;
      const { state } = this.state.snapshot();
      // A try that began without a network still fails, but the next one comes soon.
      if (online && state === 'connecting') this.#attempt = 0;
      if (online && state === 'waiting') {
        this.#attempt = 0;
        this.#run();
      } else if (state === 'online') {
        // Back from sleep or on another network: the old socket may be dead without knowing it.
        this.#check();
      }
    });
  }

  #clearTimers(): void {
    this.#platform.clearTimer(this.#retry);
    this.#platform.clearTimer(this.#watchdog);
    this.#retry = this.#watchdog = undefined;
  }

  #run(): void {
    this.#platform.clearTimer(this.#retry);
    this.#try(false).catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    if (!this.#wanted) return;
    const failure = error instanceof ChatError ? error : new ChatError('connection-lost', 'The connection failed', { cause: error });
    if (failure.code === 'session-expired' || failure.code === 'wrong-credentials') {
      this.stop();
      this.setState('offline', { error: failure });
      this.#options.expired(failure);
      return;
    }
    // An older try that a newer one has replaced.
    if (failure.code === 'cancelled') return;
    if (FATAL.has(failure.code)) {
      this.stop();
      this.setState('offline', { error: failure });
      return;
    }
    this.#wait(failure);
  }

  #wait(error: ChatError | undefined): void {
    this.#clearTimers();
    const [random = 0] = this.#platform.crypto.randomBytes(1);
    const delayMs = backoffMs(this.#attempt++, random / 255);
    this.setState('waiting', { retryAt: this.#platform.now() + delayMs, error });
    this.#retry = this.#platform.setTimer(() => this.#run(), delayMs);
  }

  async #try(register: boolean): Promise<void> {
    const identity = this.#identity!;
    const generation = ++this.#generation;
    this.#clearTimers();
    this.setState('connecting', { error: this.state.snapshot().error });
    let previous = this.#session;
    if (previous !== undefined && this.#platform.now() - this.#detachedAt > RESUME_WITHIN_MS) previous = undefined;
    const endpoint = await this.#options.endpoint();
    const owner: SessionOwner = {
      message: (stanza) => this.#options.owner.message(stanza),
      presence: (stanza) => this.#options.owner.presence(stanza),
      request: (stanza, payload) => this.#options.owner.request(stanza, payload),
      stanza: (stanza) => this.#options.owner.stanza(stanza),
      detached: (error) => this.#detached(error),
    };
    if (generation !== this.#generation) throw new ChatError('cancelled', 'Disconnected');
    const { session, keys, resumed } = await negotiate({
      platform: this.#platform,
      endpoint,
      domain: identity.domain,
      secret: identity.secret,
      owner,
      resource: identity.resource,
      register,
      allowPlaintext: this.#options.allowPlaintext,
      device: this.device,
      previous,
    });
    if (generation !== this.#generation) {
      session.close();
      throw new ChatError('cancelled', 'Disconnected');
    }
    this.#attempt = 0;
    // The password is not needed any more.
    if (keys !== undefined) this.#identity = { ...identity, secret: { ...identity.secret, password: undefined, keys } };
    if (resumed) {
      this.setState('online');
      this.#options.resumed();
    } else {
      const lost = this.#session?.end() ?? [];
      if (this.#session !== undefined) this.#options.ended();
      this.#session = session;
      this.setState('online', { syncing: true });
      this.#options.began(session, lost, keys);
    }
    this.#watch();
  }

  #detached(error: ChatError | undefined): void {
    if (!this.#wanted) return;
    this.#detachedAt = this.#platform.now();
    const { state } = this.state.snapshot();
    if (state !== 'online') return;
    // Another sign-in of this very device took over: fighting it would never end.
    if (error?.condition === 'conflict' || error?.code === 'session-expired') {
      this.#failed(
        error.code === 'session-expired' ? error : new ChatError('not-allowed', error.message, { cause: error, condition: 'conflict' }),
      );
      return;
    }
    this.#wait(error);
  }

  /** Liveness: after a quiet time ask, and without any byte in return take the connection for dead. */
  #watch(): void {
    this.#platform.clearTimer(this.#watchdog);
    const session = this.#session;
    if (session === undefined || !session.online) return;
    const quietMs = this.#platform.now() - session.lastDataAt;
    if (quietMs >= QUIET_MS) this.#check();
    else this.#watchdog = this.#platform.setTimer(() => this.#watch(), QUIET_MS - quietMs);
  }

  #check(): void {
    const session = this.#session;
    if (session === undefined || !session.online) return;
    const before = session.lastDataAt;
    session.probe();
    this.#platform.clearTimer(this.#watchdog);
    this.#watchdog = this.#platform.setTimer(() => {
      if (!session.online) return;
      if (session.lastDataAt === before) session.abort(new ChatError('connection-lost', 'The server stopped answering'));
      else this.#watch();
    }, ANSWER_MS);
  }
}
