import { errorReply, iqResult, Jid, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { type Element, el, Stanza, stanzaBytes } from '@parley/xml';
import { asStanzaError } from '../errors.ts';
import { stanzaFromService, stanzaToService } from '../hooks/catalogue.ts';
import { HANDLED, type Hooks } from '../hooks/hook.ts';
import type { Pending } from '../mailbox/commits.ts';
import type { Log } from '../ports/index.ts';
import type { Directory } from '../session/directory.ts';
import type { Session } from '../session/session.ts';

/** A stanza for an address of a service. */
export interface ServiceStanza {
  /** As it was sent; `from` below is who sent it, whatever it says itself. */
  readonly stanza: Stanza;
  readonly to: Jid;
  /** A client's full JID, or an address of another service. */
  readonly from: Jid;
  /** The session that sent it; undefined when another service did. */
  readonly session: Session | undefined;
}

/**
 * What answers for a domain beside the host's. A StanzaError that is thrown is the answer to the sender; a promise holds back what the
 * same client sent behind it.
 */
export interface ServiceHandlers {
  message(call: ServiceStanza): void | Promise<void>;
  /** Unavailable presence of a session that has gone comes by itself to each address that it had sent presence to. */
  presence(call: ServiceStanza): void | Promise<void>;
  /** Requests, and answers to requests that the service made. */
  iq(call: ServiceStanza): void | Promise<void>;
}

/** A domain inside this server that a feature answers for: group chats, an external component. */
export interface LocalService {
  readonly domain: string;
  /**
   * Sends a stanza to an account, a session or another service by the usual rules; messages to accounts are kept like others.
   * What cannot be delivered comes back to the handlers as an error. Throws StanzaError when `from` is not on this domain.
   */
  send(stanza: Element | Stanza): void | Promise<void>;
  /** The result of a request; goes out when what was written so far is durable. */
  reply(call: ServiceStanza, payload?: Element): void;
  /** Answers a stanza with an error, when it is too late to throw one. */
  refuse(call: ServiceStanza, cause: unknown): void;
  /** Runs when everything written in this turn is durable (or refused); the sender's next stanzas do not overtake it. */
  whenDurable(session: Session | undefined, item: Pending): void;
  /** Runs now, or behind the kept messages that this session sent before. */
  inOrder(session: Session | undefined, run: () => void): void;
  /** No unavailable presence is due for this address when the session ends. */
  forgetPresence(session: Session, address: string): void;
}

export interface ServiceOptions {
  /** For people, in the list of the host's services (XEP-0030). */
  readonly name?: string;
  /** Whether disco#items of the host shows it. Default true. */
  readonly listed?: boolean;
  /** Whether its requests to the host and to bare addresses of accounts are answered, as far as strangers are. Default false. */
  readonly asks?: boolean;
}

interface Entry {
  readonly domain: string;
  readonly handlers: ServiceHandlers;
  readonly options: ServiceOptions;
}

/** What the table of services asks of the router. */
export interface ServiceHost {
  readonly domain: string;
  readonly hooks: Hooks;
  readonly directory: Directory;
  readonly log: Log;
  account(localpart: string): AccountRecord | undefined | Promise<AccountRecord | undefined>;
  /** A message to an account by the usual rules. Throws StanzaError when it is for nobody. */
  toAccount(stanza: Stanza, to: Jid, recipient: AccountRecord): void;
  /** What an address of a service is answered by the host, or by the server for an account. Throws StanzaError. */
  answer(stanza: Stanza, from: Jid, recipient: AccountRecord | undefined): Awaitable<Element | void>;
  enlist(session: Session, item: Pending): void;
  whenDurable(item: Pending): void;
  refuse(session: Session, stanza: Stanza, cause: unknown): void;
  /** The table of another domain of this server that has this domain or service. */
  servicesFor(domain: string): Services | undefined;
}

/** Addresses of services that one session may have sent presence to at the same time. */
const MAX_DIRECTED = 1000;
const GONE = Stanza.from(el('presence', { type: 'unavailable' }));

/** The domains beside the host's that features answer for, and the way to and from them. */
export class Services {
  readonly #host: ServiceHost;
  readonly #byDomain = new Map<string, Entry>();
  /** Addresses that a session has sent presence to (RFC 6121 §4.6): full text to JID. */
  readonly #directed = new WeakMap<Session, Map<string, Jid>>();

  /** Takes the answers to requests of the host itself; false when it made none. */
  onAnswerToHost: (stanza: Stanza, from: Jid) => boolean = () => false;

  constructor(host: ServiceHost) {
    this.#host = host;
  }

  /** Whether somebody answers for this domain. */
  has(domain: string): boolean {
    return this.#byDomain.has(domain);
  }

  /** A request of the host itself. Throws StanzaError. */
  fromHost(stanza: Stanza, from: Jid, to: Jid): void | Promise<void> {
    const entry = this.#byDomain.get(to.domain);
    if (entry === undefined) throw new StanzaError('remote-server-not-found');
    return this.#hand(entry, { stanza, from, to, session: undefined });
  }

  /** Answers for a domain from now on. Throws TypeError when somebody else does. */
  add(domain: string, handlers: ServiceHandlers, options: ServiceOptions): { service: LocalService; undo: () => void } {
    const jid = Jid.tryParse(domain);
    if (jid === undefined || jid.toString() !== domain || jid.domain !== domain) throw new TypeError(`${domain} is not a domain`);
    if (domain === this.#host.domain || this.#byDomain.has(domain)) throw new TypeError(`${domain} is taken`);
    const entry: Entry = { domain, handlers, options };
    this.#byDomain.set(domain, entry);
    const service: LocalService = {
      domain,
      send: (stanza) => this.#send(entry, stanza instanceof Stanza ? stanza : Stanza.from(stanza)),
      reply: (call, payload) => this.#reply(entry, call, payload),
      refuse: (call, cause) => this.#refuse(call, cause),
      whenDurable: (session, item) => (session === undefined ? this.#host.whenDurable(item) : this.#host.enlist(session, item)),
      inOrder: (session, run) => {
        if (session === undefined || session.pendingKept === 0) run();
        else this.#host.enlist(session, { seq: 0, committed: run, refused: run });
      },
      forgetPresence: (session, address) => void this.#directed.get(session)?.delete(address),
    };
    return { service, undo: () => void this.#byDomain.delete(domain) };
  }

  /** Those that the host lists. */
  listed(): { jid: string; name: string | undefined }[] {
    return [...this.#byDomain.values()]
      .filter(({ options }) => options.listed !== false)
      .map(({ domain, options }) => ({ jid: domain, name: options.name }));
  }

  /** Who answers for a domain: a service of this one, or of another domain of this server. */
  #entry(domain: string): Entry | undefined {
    const own = this.#byDomain.get(domain);
    if (own !== undefined) return own;
    const table = this.#host.servicesFor(domain);
    return table === undefined ? undefined : table.#byDomain.get(domain);
  }

  /** A client's stanza for another domain than the host's. Throws StanzaError. */
  fromClient(session: Session, stanza: Stanza, to: Jid): void | Promise<void> {
    const entry = this.#entry(to.domain);
    if (entry === undefined) {
      if (stanza.name === 'presence' && (stanza.type === 'error' || stanza.type === 'unavailable')) return;
      throw new StanzaError('remote-server-not-found');
    }
    const event = { from: session, stanza, to };
    const go = (): void | Promise<void> => this.#hand(entry, { stanza: event.stanza, to, from: session.jid, session });
    if (this.#host.hooks.idle(stanzaToService)) return go();
    const verdict = this.#host.hooks.run(stanzaToService, event);
    if (verdict instanceof Promise) return verdict.then((answer) => (answer === HANDLED ? undefined : go()));
    if (verdict !== HANDLED) return go();
  }

  #hand(entry: Entry, call: ServiceStanza): void | Promise<void> {
    const { stanza, session, to } = call;
    if (stanza.name === 'message') return entry.handlers.message(call);
    if (stanza.name === 'iq') return entry.handlers.iq(call);
    if (session !== undefined && stanza.type === undefined) this.#remember(session, to);
    else if (session !== undefined && stanza.type === 'unavailable') this.#directed.get(session)?.delete(to.toString());
    return entry.handlers.presence(call);
  }

  #remember(session: Session, to: Jid): void {
    let directed = this.#directed.get(session);
    if (directed === undefined) {
      directed = new Map();
      this.#directed.set(session, directed);
    }
    const address = to.toString();
    if (directed.size >= MAX_DIRECTED && !directed.has(address))
      throw new StanzaError('resource-constraint', { text: `Presence goes to at most ${MAX_DIRECTED} addresses of services at a time.` });
    directed.set(address, to);
  }

  /** The session is not available any more: services it has sent presence to are told (RFC 6121 §4.6.3). */
  left(session: Session, farewell: Stanza | undefined): void {
    const directed = this.#directed.get(session);
    if (directed === undefined) return;
    this.#directed.delete(session);
    for (const to of directed.values()) {
      const entry = this.#entry(to.domain);
      if (entry === undefined) continue;
      const failed = (error: unknown): void => this.#host.log.error('service_not_told_of_leave', { service: to.domain, error });
      try {
        const done = entry.handlers.presence({ stanza: farewell ?? GONE, to, from: session.jid, session });
        if (done instanceof Promise) done.catch(failed);
      } catch (error) {
        failed(error);
      }
    }
  }

  #reply(entry: Entry, call: ServiceStanza, payload: Element | undefined): void {
    const { session, stanza, from, to } = call;
    const reply = iqResult(stanza, payload);
    reply.attrs.from = to.toString();
    reply.attrs.to = from.toString();
    if (session === undefined) {
      const send = (): void => void this.#send(entry, Stanza.from(reply));
      this.#host.whenDurable({ seq: 0, committed: send, refused: (error) => this.#refuse(call, error) });
      return;
    }
    this.#host.enlist(session, {
      seq: 0,
      committed: () => session.send(reply),
      refused: (error) => this.#host.refuse(session, stanza, error),
    });
  }

  #refuse(call: ServiceStanza, error: unknown): void {
    if (call.session !== undefined) return this.#host.refuse(call.session, call.stanza, error);
    const origin = this.#entry(call.from.domain);
    if (origin !== undefined) this.#bounce(origin, call.stanza, call.from, call.to, error);
  }

  // --- from a service ---

  #send(entry: Entry, stanza: Stanza): void | Promise<void> {
    const from = Jid.tryParse(stanza.from ?? '');
    if (from === undefined || from.domain !== entry.domain)
      throw new StanzaError('forbidden', { text: `A stanza of ${entry.domain} must be from there.` });
    const to = Jid.tryParse(stanza.to ?? '');
    if (to === undefined) throw new StanzaError('jid-malformed');
    const bounce = (error: unknown): void => this.#bounce(entry, stanza, from, to, error);
    try {
      const done = this.#deliver(entry, stanza, from, to);
      if (done instanceof Promise) return done.catch(bounce);
    } catch (error) {
      bounce(error);
    }
  }

  #deliver(entry: Entry, stanza: Stanza, from: Jid, to: Jid): void | Promise<void> {
    if (to.domain !== this.#host.domain) {
      const other = this.#byDomain.get(to.domain);
      if (other !== undefined) return this.#hand(other, { stanza, from, to, session: undefined });
      const elsewhere = this.#host.servicesFor(to.domain);
      if (elsewhere === undefined || elsewhere === this) throw new StanzaError('remote-server-not-found');
      return elsewhere.#deliver(entry, stanza, from, to);
    }
    if (to.local === '') {
      if (stanza.name === 'iq' && this.onAnswerToHost(stanza, from)) return;
      return this.#ask(entry, stanza, from, to, undefined);
    }
    const found = this.#host.account(to.local);
    return found instanceof Promise
      ? found.then((account) => this.#guarded(entry, stanza, from, to, account))
      : this.#guarded(entry, stanza, from, to, found);
  }

  #guarded(entry: Entry, stanza: Stanza, from: Jid, to: Jid, recipient: AccountRecord | undefined): void | Promise<void> {
    if (recipient === undefined) throw new StanzaError('service-unavailable');
    const verdict = this.#host.hooks.run(stanzaFromService, { from, stanza, to, recipient });
    const go = (): void | Promise<void> =>
      stanza.name === 'iq' && to.resource === '' ? this.#ask(entry, stanza, from, to, recipient) : this.#local(stanza, to, recipient);
    if (verdict instanceof Promise) return verdict.then((answer) => (answer === HANDLED ? undefined : go()));
    if (verdict !== HANDLED) return go();
  }

  /** A request to the host, or to the bare address of an account. */
  #ask(entry: Entry, stanza: Stanza, from: Jid, to: Jid, recipient: AccountRecord | undefined): void | Promise<void> {
    // Nobody waits for an answer to an answer.
    if (stanza.name === 'iq' && (stanza.type === 'result' || stanza.type === 'error')) return;
    if (entry.options.asks !== true || stanza.name !== 'iq' || to.resource !== '') throw new StanzaError('service-unavailable');
    const reply = (payload: Element | void): void | Promise<void> => {
      const result = iqResult(stanza, payload ?? undefined);
      result.attrs.from = to.toString();
      result.attrs.to = from.toString();
      return this.#hand(entry, { stanza: Stanza.from(result), from: to, to: from, session: undefined });
    };
    const answer = this.#host.answer(stanza, from, recipient);
    return answer instanceof Promise ? answer.then(reply) : reply(answer);
  }

  #local(stanza: Stanza, to: Jid, recipient: AccountRecord): void {
    if (stanza.name === 'message') return this.#host.toAccount(stanza, to, recipient);
    const exact = to.resource === '' ? undefined : this.#host.directory.at(to.full);
    if (stanza.name === 'iq') {
      if (exact === undefined || exact.ended) throw new StanzaError('service-unavailable');
      // An answer it waits for; a request can be refused.
      const asked = stanza.type === 'get' || stanza.type === 'set';
      if (exact.full || (asked && exact.connected && exact.congested))
        throw new StanzaError('resource-constraint', { type: 'wait', text: 'This device does not take requests now.' });
      exact.sendBytes(stanzaBytes(stanza));
      return;
    }
    const { type } = stanza;
    if (type !== undefined && type !== 'unavailable' && type !== 'error') throw new StanzaError('feature-not-implemented');
    const bytes = stanzaBytes(stanza);
    if (to.resource !== '') {
      if (exact !== undefined && !exact.full) exact.sendBytes(bytes);
      return;
    }
    for (const session of this.#host.directory.of(to.bare)) if (session.available && !session.full) session.sendBytes(bytes);
  }

  /** An error goes back to the service; never for an error or an answer (RFC 6120 §8.3.1). */
  #bounce(entry: Entry, stanza: Stanza, from: Jid, to: Jid, cause: unknown): void {
    const error = asStanzaError(cause);
    if (error.condition === 'internal-server-error')
      this.#host.log.error('service_stanza_failed', { service: entry.domain, stanza: stanza.name, error: cause });
    if (stanza.type === 'error' || (stanza.name === 'iq' && stanza.type === 'result')) return;
    const failed = (thrown: unknown): void => this.#host.log.error('service_bounce_failed', { service: entry.domain, error: thrown });
    try {
      const done = this.#hand(entry, { stanza: Stanza.from(errorReply(stanza, error)), from: to, to: from, session: undefined });
      if (done instanceof Promise) done.catch(failed);
    } catch (thrown) {
      failed(thrown);
    }
  }
}
