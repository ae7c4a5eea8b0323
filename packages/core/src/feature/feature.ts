/** The whole contract between the server and a feature. Only the makers exist at run time. */
import type { Crypto, Jid } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import type { Element, Stanza } from '@parley/xml';
import type { Accounts } from '../accounts/accounts.ts';
import type { Hook, Verdict } from '../hooks/hook.ts';
import type { CoreLimits } from '../limits.ts';
import type { Mailboxes } from '../mailbox/mailboxes.ts';
import type { Clock, Log, Random } from '../ports/index.ts';
import type { AskOptions } from '../routing/asks.ts';
import type { LocalService, ServiceHandlers, ServiceOptions } from '../routing/services.ts';
import type { Session } from '../session/session.ts';
import type { ConfigOf, Options } from './options.ts';

/** Something one feature lends to others: imported as a value from its `service.ts`. */
export interface Service<T> {
  readonly name: string;
  readonly _type?: (value: T) => void;
}
export const defineService = <T>(name: string): Service<T> => ({ name });

/** State that one feature keeps on a session, with its fate at resumption and hand-over stated. */
export interface Slot<T> {
  readonly name: string;
  readonly survives: 'nothing' | 'resume' | 'handover';
  readonly initial: T;
}
/** `initial` must be immutable: every session shares it until it sets its own. */
export const defineSlot = <T>(name: string, survives: Slot<T>['survives'], initial: T): Slot<T> => ({ name, survives, initial });

/** Turns a value into the text that a store keeps and back; `decode` throws on what it does not understand. */
export interface Codec<T> {
  encode(value: T): string;
  decode(text: string): T;
}
export const json = <T>(): Codec<T> => ({ encode: (value) => JSON.stringify(value), decode: (text) => JSON.parse(text) as T });

/** A typed table of one feature: account id (`ctx.hostOwner` for the host) and key to a value. Writes join the group commit. */
export interface Table<T> {
  get(owner: number, key: string): T | undefined | Promise<T | undefined>;
  /** Sorted by key; with a prefix only what begins with it. */
  list(owner: number, prefix?: string): Array<{ key: string; value: T }> | Promise<Array<{ key: string; value: T }>>;
  owners(key: string): number[] | Promise<number[]>;
  set(owner: number, key: string, value: T): void;
  delete(owner: number, key: string): void;
  deleteOwner(owner: number): void;
}

/** Where an IQ handler listens: the sender's own account, another account's bare JID, or the host. */
export type IqPlace = 'account' | 'contact' | 'host';

export interface IqCall {
  readonly from: Session;
  readonly stanza: Stanza;
  readonly payload: Element;
  /** The account addressed: the sender's own at 'account' and 'host', the other's at 'contact'. */
  readonly account: AccountRecord;
}
/**
 * The returned element is the payload of the result, nothing is an empty result, `NOT_MINE` lets the next
 * handler try, a StanzaError is the error answer. The answer is sent after the handler's writes are durable.
 */
export type IqAnswer = Element | void | typeof NOT_MINE;
export const NOT_MINE: unique symbol = Symbol('not mine');
export type IqHandler = (call: IqCall) => IqAnswer | Promise<IqAnswer>;

/** A not yet authenticated stream, for the few things allowed before sign-in (XEP-0077). */
export interface GuestStream {
  readonly remoteAddress: string;
  readonly secure: boolean;
  readonly host: string;
}
export type GuestIqHandler = (call: {
  readonly stream: GuestStream;
  readonly stanza: Stanza;
  readonly payload: Element;
}) => IqAnswer | Promise<IqAnswer>;

export interface FeatureContext<Config> {
  /** The domain that is served. */
  readonly host: string;
  /** Owner of the rows that the domain keeps for itself. Tables are those of all domains of the server. */
  readonly hostOwner: number;
  /** One thing for this feature on all domains of the server, such as a cache of rows that more than one of them reads; made by who asks first. */
  once<S>(name: string, make: () => S): S;
  /** Always the present values: read hot options at each use. */
  readonly config: Readonly<Config>;
  /** Runs after options have changed, for what was made of hot ones; stream features are offered anew by themselves. */
  onReload(run: () => void): void;
  /** The bounds of the core, as configured. */
  readonly limits: CoreLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  readonly log: Log;
  readonly accounts: Accounts;
  readonly mailboxes: Mailboxes;
  /** 32 bytes of this feature's own for one purpose: the same each time, and not to be had from the database. */
  secret(purpose: string): Uint8Array | Promise<Uint8Array>;
  /** Acts at a stage of a hook. */
  on<E, S extends string>(hook: Hook<E, S>, stage: NoInfer<S>, handle: (event: E) => Verdict | Promise<Verdict>): void;
  /** Answers iq requests with this payload. */
  iq(type: 'get' | 'set', at: IqPlace, payload: { name: string; ns: string }, handle: IqHandler): void;
  /** Answers iq requests of streams that have not signed in yet. */
  guestIq(type: 'get' | 'set', payload: { name: string; ns: string }, handle: GuestIqHandler): void;
  table<T>(store: string, codec: Codec<T>): Table<T>;
  provide<T>(service: Service<T>, impl: T): void;
  use<T>(service: Service<T>): T;
  /** The service when the feature that lends it is on. */
  find<T>(service: Service<T>): T | undefined;
  /** The account of this address, on any domain of this server. */
  accountAt(jid: Jid): AccountRecord | undefined | Promise<AccountRecord | undefined>;
  /** The account with this number, on any domain of this server. */
  accountById(id: number): Promise<AccountRecord | undefined>;
  /** Whether this is a domain of this server: the host, or another one. */
  serves(domain: string): boolean;
  /** The service as another domain of this server has it, or this one. */
  findAt<T>(domain: string, service: Service<T>): T | undefined;
  /** Bound sessions of an account of any domain of this server, detached ones included. */
  sessionsOf(bareJid: string): Iterable<Session>;
  sessionAt(fullJid: string): Session | undefined;
  /** Every bound session of this domain. */
  sessions(): Iterable<Session>;
  /** Ends the sessions of a device that was signed out, and forgets how far it had taken what. */
  forgetDevice(account: AccountRecord, device: string): Promise<void>;
  /** Runs after everything written so far is durable; `failed` (optional) when it was refused. */
  afterCommit(done: () => void, failed?: (error: Error) => void): void;
  /**
   * Asks a client (iq get, or set) and answers the payload of its result; rejects with a StanzaError. Never wait for it in a hook or
   * iq handler of the same session: its answer comes behind what waits.
   */
  ask(session: Session, payload: Element, options?: AskOptions): Promise<Element | undefined>;
  /** Sends a message from the server or one of its accounts through the normal delivery rules (stored when kept). */
  sendMessage(message: Element): void;
  /** Answers for another domain (`conference.<host>`), undone on unload. Throws TypeError when it is taken. */
  service(domain: string, handlers: ServiceHandlers, options?: ServiceOptions): LocalService;
  /** Asks a service of this server in the name of the host; rejects with a StanzaError, `remote-server-not-found` when there is none. */
  askService(
    to: Jid,
    payload: Element,
    options?: { readonly type?: 'get' | 'set'; readonly timeoutMs?: number },
  ): Promise<Element | undefined>;
  /** Whether a service of this server answers for the domain. */
  hasService(domain: string): boolean;
  /** The services that the host lists (XEP-0030 items). */
  services(): ReadonlyArray<{ readonly jid: string; readonly name: string | undefined }>;
  /** Namespaces that disco#info of the host (and 'account': of bare JIDs) lists. */
  advertise(namespace: string, at?: 'host' | 'account'): void;
  advertised(at: 'host' | 'account'): readonly string[];
  /** Undone on unload, last first. */
  defer(cleanup: () => void | Promise<void>): void;
}

/** A specification, and how much of it is implemented. */
export interface Standard {
  readonly xep?: number;
  readonly rfc?: number;
  /** Of the XEP, as implemented. */
  readonly version?: string;
  readonly status: 'complete' | 'partial';
  readonly note?: string;
}

/** What a feature declares. `implements` generates the docs table and the DOAP file. */
export interface Feature<O extends Options = Options> {
  readonly name: string;
  /** One sentence for the docs. */
  readonly about: string;
  readonly implements: readonly Standard[];
  /** Namespaces that disco#info of the host lists while the feature is on. */
  readonly advertises?: readonly string[];
  /** The same for disco#info of accounts. */
  readonly advertisesOnAccounts?: readonly string[];
  readonly needs?: ReadonlyArray<Service<never>>;
  readonly provides?: ReadonlyArray<Service<never>>;
  readonly options: O;
  /** Domains beside the host's that it answers for with these options (`ctx.service`). Throws ConfigError. */
  domains?(host: string, config: Readonly<ConfigOf<O>>): readonly string[];
  /** Whether these options make sense, beyond their types: asked at the start and before a reload. Throws ConfigError. */
  check?(host: string, config: Readonly<ConfigOf<O>>): void;
  setup(ctx: FeatureContext<ConfigOf<O>>): void | Promise<void>;
}
export const defineFeature = <const O extends Options>(feature: Feature<O>): Feature<O> => feature;
export type { Jid };
