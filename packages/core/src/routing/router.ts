import { errorReply, iqResult, Jid, NS, StanzaError } from '@parley/protocol';
import type { AccountRecord, MailboxCopy, StorageError } from '@parley/storage';
import { type Element, el, Stanza, stanzaBytes } from '@parley/xml';
import { asStanzaError } from '../errors.ts';
import type { IqPlace } from '../feature/feature.ts';
import {
  type ClientMessage,
  iqFromClient,
  iqToSession,
  messageFromClient,
  messageRouted,
  presenceAddressed,
  presenceFromClient,
  stanzaFromService,
} from '../hooks/catalogue.ts';
import { HANDLED, type Verdict } from '../hooks/hook.ts';
import type { Pending } from '../mailbox/commits.ts';
import { shouldKeep } from '../mailbox/rules.ts';
import { isTombstone } from '../mailbox/tombstone.ts';
import type { Session } from '../session/session.ts';
import { isSubscription, messageType, priorityOf, routeMessage } from './delivery.ts';
import type { RouterParts } from './parts.ts';
import { Enlisted, KeptMessage, NOTHING } from './pending.ts';
import { sameContent, stampSender, withoutForged } from './sender.ts';
import { Services } from './services.ts';
import { tellsStrangers } from './visitor.ts';

const NOBODY: readonly Session[] = [];
/** Content of a presence. */
const PRESENCE_BYTES = 16_384;

/** Decides what becomes of each stanza of a bound session (RFC 6121 §8). */
export class Router {
  readonly #parts: RouterParts;
  /** The domain as a JID, for stanzas that the server answers itself. */
  readonly #host: Jid;
  /** Domains beside the host's. */
  readonly services: Services;
  /** Stanzas of clients handled since start, for metrics. */
  messages = 0;
  presences = 0;
  iqs = 0;

  constructor(parts: RouterParts) {
    this.#parts = parts;
    this.#host = Jid.parse(parts.domain);
    this.services = new Services({
      domain: parts.domain,
      hooks: parts.hooks,
      directory: parts.directory,
      log: parts.log,
      account: (localpart) => parts.accounts.get(localpart),
      toAccount: (stanza, to, recipient) => this.#fromService(stanza, to, recipient),
      answer: parts.answerService,
      enlist: (session, item) => this.#enlist(session, item),
      whenDurable: (item) => parts.mailboxes.whenDurable(item),
      refuse: (session, stanza, cause) => this.#refuse(session, stanza, cause),
      servicesFor: parts.servicesFor,
    });
  }

  /**
   * Handles one stanza of a client. A promise only when something was waited for; the stream holds back the
   * stanzas behind it so that order is kept (RFC 6120 §10.1).
   */
  handle(session: Session, stanza: Stanza): void | Promise<void> {
    try {
      const done = this.#dispatch(session, stanza);
      if (done instanceof Promise) return done.catch((error: unknown) => this.#refuse(session, stanza, error));
    } catch (error) {
      this.#refuse(session, stanza, error);
    }
  }

  #dispatch(session: Session, stanza: Stanza): void | Promise<void> {
    let to: Jid | undefined;
    if (stanza.to !== undefined) {
      to = Jid.tryParse(stanza.to);
      if (to === undefined) throw new StanzaError('jid-malformed');
    }
    switch (stanza.name) {
      case 'message':
        this.messages++;
        return this.#message(session, stanza, to ?? session.jid.toBare());
      case 'presence':
        this.presences++;
        // D4: it does not overtake the messages before it.
        if (session.pendingKept > 0) return this.#afterKept(session).then(() => this.#presence(session, stanza, to));
        return this.#presence(session, stanza, to);
      default:
        this.iqs++;
        return this.#iq(session, stanza, to);
    }
  }

  #afterKept(session: Session): Promise<void> {
    return new Promise((resolve) => this.#enlist(session, { seq: 0, committed: resolve, refused: () => resolve() }));
  }

  #presence(session: Session, stanza: Stanza, to: Jid | undefined): void | Promise<void> {
    // It is copied for each contact, and its last one is kept for as long as the session is there.
    if (stanza.inner.length > PRESENCE_BYTES)
      throw new StanzaError('policy-violation', { text: `A presence holds at most ${PRESENCE_BYTES} bytes.` });
    return to === undefined ? this.#ownPresence(session, stanza) : this.#addressedPresence(session, stanza, to);
  }

  /** Answers with a stanza error; never to an error, never to an iq result (RFC 6120 §8.3.1). */
  #refuse(session: Session, stanza: Stanza, cause: unknown): void {
    const error = asStanzaError(cause);
    if (error.condition === 'internal-server-error') this.#parts.log.error('stanza_failed', { stanza: stanza.name, error: cause });
    if (stanza.type === 'error' || (stanza.name === 'iq' && stanza.type === 'result')) return;
    const reply = errorReply(stanza, error);
    reply.attrs.to = session.address;
    session.send(reply);
  }

  // --- messages ---

  #message(session: Session, stanza: Stanza, to: Jid): void | Promise<void> {
    const at = to.domain === this.#parts.domain ? this : this.#parts.neighbour(to.domain);
    if (at === undefined) return this.services.fromClient(session, stanza, to);
    const recipient = at.#parts.accounts.get(to.local);
    if (recipient instanceof Promise) return recipient.then((found) => this.#toAccount(session, stanza, to, found, at));
    return this.#toAccount(session, stanza, to, recipient, at);
  }

  /** `at`: the router of the recipient's domain. */
  #toAccount(session: Session, stanza: Stanza, to: Jid, recipient: AccountRecord | undefined, at: Router): void | Promise<void> {
    const { keep, quiet } = shouldKeep(stanza);
    const event: ClientMessage = { from: session, stanza, to, recipient, keep: recipient !== undefined && keep, quiet, kept: undefined };
    const verdict = this.#parts.hooks.run(messageFromClient, event);
    if (verdict instanceof Promise)
      return verdict.then((answer) => {
        if (answer !== HANDLED) return this.#admitted(event, at);
      });
    if (verdict !== HANDLED) return this.#admitted(event, at);
  }

  /** What its own domain lets go has to be let in by the recipient's, when that is another one. */
  #admitted(event: ClientMessage, at: Router): void | Promise<void> {
    if (at === this || event.recipient === undefined) return this.#keepOrPass(event, at);
    const verdict = at.#admit(event.from, event.stanza, event.to, event.recipient);
    if (verdict instanceof Promise) return verdict.then((answer) => (answer === HANDLED ? undefined : this.#keepOrPass(event, at)));
    if (verdict !== HANDLED) return this.#keepOrPass(event, at);
  }

  /** A stanza of a session of another domain of this server is for an account here. Throws what refuses it. */
  #admit(from: Session, stanza: Stanza, to: Jid, recipient: AccountRecord): Verdict | Promise<Verdict> {
    return this.#parts.hooks.run(stanzaFromService, { from: from.jid, stanza, to, recipient });
  }

  #keepOrPass(event: ClientMessage, at: Router): void | Promise<void> {
    const { from, stanza, recipient, to } = event;
    if (recipient === undefined) {
      if (stanza.type === 'error') return;
      throw new StanzaError('service-unavailable');
    }
    if (!event.keep) {
      const type = messageType(stanza.type);
      const route = routeMessage(type, to.resource, at.#exact(to), at.#parts.directory.of(to.bare));
      if ('nobody' in route && route.nobody === 'service-unavailable') throw new StanzaError('service-unavailable');
      const bytes = this.#stamped(from, stanza, at);
      this.inOrder(from, () => at.#passOn(from, stanza, to, recipient, bytes, this));
      return;
    }
    const originId = stanza.has('origin-id', NS.sid) ? stanza.child('origin-id', NS.sid)?.attr('id') : undefined;
    if (originId === undefined || originId.length === 0 || originId.length > 256) return this.#keep(event, undefined, at);
    const before = this.#parts.mailboxes.store.findOrigin(from.account.id, originId);
    if (before instanceof Promise) return before.then((seq) => this.#keepOnce(event, originId, seq, at));
    return this.#keepOnce(event, originId, before, at);
  }

  /** Design §5.3: a resend with the same origin-id is the same message. Another content under the same id is a conflict. */
  #keepOnce(event: ClientMessage, originId: string, seq: number | undefined, at: Router): void | Promise<void> {
    if (seq === undefined) return this.#keep(event, originId, at);
    const { from, stanza } = event;
    const bytes = this.#stamped(from, stanza, at);
    const there = this.#parts.mailboxes.store.get(from.account.id, seq);
    const compare = (entry: { stanza: Uint8Array; peer: string } | undefined): void => {
      if (entry !== undefined && (entry.peer !== event.to.bare || !(sameContent(entry.stanza, bytes) || isTombstone(entry.stanza))))
        throw new StanzaError('conflict', { text: 'Another message was sent under this origin-id.' });
      // The first one may still wait for its commit; the acknowledgement of this one must wait with it.
      this.#enlist(from, NOTHING);
    };
    if (there instanceof Promise) return there.then(compare);
    compare(there);
  }

  /** With the sender's address; without what claims to be of the one domain or of the other. */
  #stamped(from: Session, stanza: Stanza, at: Router): Uint8Array {
    return stampSender(from, stanza, this.#parts.domain, at.#parts.domain);
  }

  #keep(event: ClientMessage, originId: string | undefined, at: Router): void {
    const { from, stanza, to } = event;
    const recipient = event.recipient as AccountRecord;
    const { mailboxes } = this.#parts;
    if (at.#parts.mailboxes.isFull(recipient.id))
      throw new StanzaError('resource-constraint', { type: 'wait', text: 'The mailbox of the recipient is full.' });
    const bytes = this.#stamped(from, stanza, at);
    const copies: MailboxCopy[] = [];
    const self = recipient.id === from.account.id;
    const { quiet } = event;
    copies.push({
      mailbox: recipient.id,
      peer: from.bare,
      outgoing: false,
      quiet,
      ...(self ? { device: from.device, originId } : undefined),
    });
    if (!self && (!this.#parts.ephemeral || originId !== undefined || this.#parts.directory.of(from.bare).length > 1))
      copies.push({ mailbox: from.account.id, peer: to.bare, outgoing: true, quiet, device: from.device, originId });
    const seq = mailboxes.append(bytes, copies);
    if (at !== this) at.#parts.mailboxes.grew(recipient.id);
    if (event.kept !== undefined) for (const run of event.kept) run(seq);
    this.#enlist(from, new KeptMessage(this, from, stanza, to, recipient, bytes, seq, at));
  }

  #enlist(from: Session, item: Pending): void {
    from.pendingKept++;
    this.#parts.mailboxes.whenDurable(new Enlisted(from, item));
  }

  /** Runs now, or after the kept messages that this session sent before (order between two entities, RFC 6120 §10.1). */
  inOrder(from: Session, run: () => void): void {
    if (from.pendingKept === 0) run();
    else this.#enlist(from, { seq: 0, committed: run, refused: run });
  }

  /**
   * Runs when everything that was written so far, by whomever, is durable or refused: an acknowledgement also covers changes
   * of rosters and subscriptions (D1).
   */
  whenSettled(from: Session, run: () => void, refused: () => void = run): void {
    if (from.pendingKept === 0 && !this.#parts.storage.pending) run();
    else this.#enlist(from, { seq: 0, committed: run, refused });
  }

  #exact(to: Jid): Session | undefined {
    return to.resource === '' ? undefined : this.#parts.directory.at(to.full);
  }

  /** A message that is not kept: to whom it may concern now, or nobody. */
  #passOn(from: Session | undefined, stanza: Stanza, to: Jid, recipient: AccountRecord, bytes: Uint8Array, sender: Router = this): void {
    const route = routeMessage(messageType(stanza.type), to.resource, this.#exact(to), this.#parts.directory.of(to.bare));
    const targets = 'to' in route ? route.to : NOBODY;
    for (let i = 0; i < targets.length; i++) {
      const session = targets[i] as Session;
      // A chat state or other passing thing is not worth a backlog; a device that is behind gets what is kept.
      if (session.connected && !session.congested) session.sendBytes(bytes);
    }
    this.#routed(from, stanza, to, recipient, bytes, undefined, targets);
    if (sender !== this) sender.#routed(from, stanza, to, recipient, bytes, undefined, targets);
  }

  /** The message is durable: hand it to the recipient's sessions. `sender`: the router of the sender's domain. */
  deliverKept(
    from: Session | undefined,
    stanza: Stanza,
    to: Jid,
    recipient: AccountRecord,
    bytes: Uint8Array,
    seq: number,
    sender: Router = this,
  ): void {
    const sessions = this.#parts.directory.of(to.bare);
    if (sessions.length === 0 && sender === this && this.#parts.hooks.idle(messageRouted)) return;
    const route = routeMessage(messageType(stanza.type), to.resource, this.#exact(to), sessions);
    const targets = 'to' in route ? route.to : NOBODY;
    if (targets.length > 0) {
      const stamped = this.#parts.mailboxes.stamps.live(bytes, to.bare, seq);
      for (let i = 0; i < targets.length; i++) {
        const session = targets[i] as Session;
        // A device of negative priority, or one that never asked, is in no step with its mailbox; addressed by its full JID it is served all the same.
        // There is no hurry then: it is in the mailbox, and read from there when there is no room.
        if (session.mailboxMode === 'off') {
          if (!session.congested) session.sendBytes(stamped);
        } else this.#parts.mailboxes.deliver(session, stamped, seq);
      }
    }
    this.#routed(from, stanza, to, recipient, bytes, seq, targets);
    if (sender !== this) sender.#routed(from, stanza, to, recipient, bytes, seq, targets);
  }

  #routed(
    from: Session | undefined,
    stanza: Stanza,
    to: Jid,
    recipient: AccountRecord,
    bytes: Uint8Array,
    seq: number | undefined,
    deliveredTo: readonly Session[],
  ): void {
    if (this.#parts.hooks.idle(messageRouted)) return;
    const done = this.#parts.hooks.run(messageRouted, { from, to, stanza, bytes, recipient, seq, deliveredTo });
    if (done instanceof Promise) done.catch((error: unknown) => this.#parts.log.error('message_routed_failed', { error }));
  }

  /** A message that the server itself sends, by the same rules; `from` must be set. */
  async sendFromServer(message: Element): Promise<void> {
    const stanza = Stanza.from(message);
    const to = Jid.parse(stanza.to ?? '');
    const at = to.domain === this.#parts.domain ? this : this.#parts.neighbour(to.domain);
    const recipient = at === undefined ? undefined : await at.#parts.accounts.get(to.local);
    if (at === undefined || recipient === undefined) return;
    if (shouldKeep(stanza).keep && at.#parts.mailboxes.isFull(recipient.id))
      throw new StanzaError('resource-constraint', { type: 'wait', text: 'The mailbox of the recipient is full.' });
    await new Promise<void>((resolve, reject) => at.#sendKept(stanza, stanzaBytes(stanza), to, recipient, resolve, reject));
  }

  /** Keeps the message for the account when the rules say so, else passes it on. */
  #sendKept(
    stanza: Stanza,
    bytes: Uint8Array,
    to: Jid,
    recipient: AccountRecord,
    done: () => void,
    refused: (error: StorageError) => void,
  ): void {
    const { keep, quiet } = shouldKeep(stanza);
    if (!keep) {
      this.#passOn(undefined, stanza, to, recipient, bytes);
      return done();
    }
    const peer = Jid.tryParse(stanza.from ?? '')?.bare ?? this.#parts.domain;
    const seq = this.#parts.mailboxes.append(bytes, [{ mailbox: recipient.id, peer, outgoing: false, quiet }]);
    this.#parts.mailboxes.whenDurable({
      seq,
      committed: () => {
        this.deliverKept(undefined, stanza, to, recipient, bytes, seq);
        done();
      },
      refused,
    });
  }

  #fromService(stanza: Stanza, to: Jid, recipient: AccountRecord): void {
    const route = routeMessage(messageType(stanza.type), to.resource, this.#exact(to), this.#parts.directory.of(to.bare));
    if ('nobody' in route && route.nobody === 'service-unavailable') throw new StanzaError('service-unavailable');
    if (this.#parts.mailboxes.isFull(recipient.id))
      throw new StanzaError('resource-constraint', { type: 'wait', text: 'The mailbox of the recipient is full.' });
    const refused = (error: StorageError): void => this.#parts.log.warn('service_message_refused', { code: error.code });
    this.#sendKept(stanza, withoutForged(stanza, this.#parts.domain), to, recipient, () => {}, refused);
  }

  keptRefused(session: Session, stanza: Stanza, error: StorageError): void {
    this.#refuse(session, stanza, error);
  }

  // --- presence ---

  #ownPresence(session: Session, stanza: Stanza): void | Promise<void> {
    const type = stanza.type;
    if (type !== undefined && type !== 'unavailable') {
      if (type === 'error') return;
      throw new StanzaError('bad-request', { text: 'This presence needs an address in `to`.' });
    }
    if (type === undefined) {
      return this.setPresence(session, stanza, priorityOf(stanza), false);
    }
    return this.setPresence(session, undefined, 0, false, stanza);
  }

  /** The session is (un)available from now on; tells the features, then hands over what waits in the mailbox. */
  setPresence(session: Session, presence: Stanza | undefined, priority: number, implied: boolean, farewell?: Stanza): void | Promise<void> {
    const wasAvailable = session.available;
    if (presence === undefined) this.services.left(session, farewell);
    if (presence === undefined && !wasAvailable && implied) return;
    session.presence = presence;
    session.priority = priority;
    // What comes while it may be given nothing waits in the mailbox, and follows when it asks again.
    if (!session.receptive) this.#parts.mailboxes.hold(session);
    const stanza = presence ?? farewell ?? Stanza.from(el('presence', { type: 'unavailable' }));
    const verdict = this.#parts.hooks.run(presenceFromClient, {
      from: session,
      stanza,
      available: presence !== undefined,
      wasAvailable,
      implied,
    });
    if (verdict instanceof Promise) return verdict.then(() => (session.receptive ? this.#parts.mailboxes.start(session) : undefined));
    if (session.receptive && session.mailboxMode === 'off') return this.#parts.mailboxes.start(session);
  }

  #addressedPresence(session: Session, stanza: Stanza, to: Jid): void | Promise<void> {
    const at = to.domain === this.#parts.domain ? this : this.#parts.neighbour(to.domain);
    if (at === undefined) return this.services.fromClient(session, stanza, to);
    const recipient = at.#parts.accounts.get(to.local);
    const handle = (found: AccountRecord | undefined): void | Promise<void> => {
      const verdict = this.#parts.hooks.run(presenceAddressed, { from: session, stanza, to, recipient: found });
      if (verdict instanceof Promise) return verdict.then(() => undefined);
    };
    const go = (found: AccountRecord | undefined): void | Promise<void> => {
      // Subscriptions go on when they are blocked: for the sender they end as with somebody who does not answer.
      if (at === this || found === undefined || isSubscription(stanza.type)) return handle(found);
      const verdict = at.#admit(session, stanza, to, found);
      if (verdict instanceof Promise) return verdict.then((answer) => (answer === HANDLED ? undefined : handle(found)));
      if (verdict !== HANDLED) return handle(found);
    };
    return recipient instanceof Promise ? recipient.then(go) : go(recipient);
  }

  // --- iq ---

  #iq(session: Session, stanza: Stanza, to: Jid | undefined): void | Promise<void> {
    const { type, id } = stanza;
    if (id === undefined || id === '') throw new StanzaError('bad-request', { text: 'A request needs an id.' });
    if (type === 'result' || type === 'error') return this.#iqAnswer(session, stanza, to, id);
    if (type !== 'get' && type !== 'set') throw new StanzaError('bad-request', { text: 'The type of an iq is get, set, result or error.' });
    if (stanza.children.length !== 1) throw new StanzaError('bad-request', { text: 'A request has exactly one payload.' });
    const verdict = this.#parts.hooks.run(iqFromClient, { from: session, stanza, to });
    if (verdict instanceof Promise)
      return verdict.then((answer) => (answer === HANDLED ? undefined : this.#iqRequest(session, stanza, to)));
    if (verdict !== HANDLED) return this.#iqRequest(session, stanza, to);
  }

  #iqAnswer(session: Session, stanza: Stanza, to: Jid | undefined, id: string): void | Promise<void> {
    if (to === undefined || to.full === this.#host.full || to.bare === session.bare) {
      if (this.#parts.mailboxes.proofAnswered(session, id) || this.#parts.asks.answered(session, stanza, id)) return;
      if (to === undefined || to.resource === '') return;
    }
    const at = to.domain === this.#parts.domain ? this : this.#parts.neighbour(to.domain);
    if (at === undefined) return this.services.fromClient(session, stanza, to);
    const target = at.#exact(to);
    if (target === undefined || target.ended) return;
    const pass = (): void => {
      // Nobody waits that long for an answer; what waits for a device that is away is bounded.
      if (target.full) return;
      this.inOrder(session, () => target.sendBytes(stanzaBytes(stanza, { from: session.address })));
    };
    // Only who could have asked is answered: the other way round the request had to pass the same guards (XEP-0191 §4).
    const verdict = this.#parts.hooks.run(iqToSession, { from: target, stanza, to: session.jid, target: session });
    if (verdict instanceof Promise) return verdict.then((answer) => (answer === HANDLED ? undefined : pass()));
    if (verdict !== HANDLED) pass();
  }

  #iqRequest(session: Session, stanza: Stanza, to: Jid | undefined): void | Promise<void> {
    if (to === undefined || to.full === session.bare) return this.#answer(session, stanza, 'account', session.account);
    if (to.domain !== this.#parts.domain) {
      const other = this.#parts.neighbour(to.domain);
      if (other === undefined) return this.services.fromClient(session, stanza, to);
      const verdict = other.#parts.hooks.run(iqFromClient, { from: session, stanza, to });
      if (verdict instanceof Promise)
        return verdict.then((answer) => (answer === HANDLED ? undefined : this.#iqTo(session, stanza, to, other)));
      return verdict === HANDLED ? undefined : this.#iqTo(session, stanza, to, other);
    }
    return this.#iqTo(session, stanza, to, this);
  }

  /** `at`: the router of the domain that is asked. */
  #iqTo(session: Session, stanza: Stanza, to: Jid, at: Router): void | Promise<void> {
    if (to.local === '') {
      if (to.resource !== '') throw new StanzaError('service-unavailable');
      if (at !== this && !tellsStrangers(stanza)) throw new StanzaError('service-unavailable');
      return this.#answer(session, stanza, 'host', session.account, at);
    }
    if (to.resource !== '') {
      const target = at.#exact(to);
      if (target === undefined || target.ended) throw new StanzaError('service-unavailable');
      const verdict = at.#parts.hooks.run(iqToSession, { from: session, stanza, to, target });
      const pass = (): void => {
        if (target.full || (target.connected && target.congested))
          throw new StanzaError('resource-constraint', { type: 'wait', text: 'This device does not take requests now.' });
        const bytes = stanzaBytes(stanza, { from: session.address });
        this.inOrder(session, () => target.sendBytes(bytes));
      };
      if (verdict instanceof Promise) return verdict.then((answer) => (answer === HANDLED ? undefined : pass()));
      if (verdict !== HANDLED) pass();
      return;
    }
    const account = at.#parts.accounts.get(to.local);
    const go = (found: AccountRecord | undefined): void | Promise<void> => {
      if (found === undefined) throw new StanzaError('service-unavailable');
      return this.#answer(session, stanza, 'contact', found, at);
    };
    return account instanceof Promise ? account.then(go) : go(account);
  }

  #answer(session: Session, stanza: Stanza, place: IqPlace, account: AccountRecord, at: Router = this): void | Promise<void> {
    const answer = at.#parts.iqs.answer(place, { from: session, stanza, account });
    if (answer instanceof Promise) return answer.then((payload) => this.#reply(session, stanza, payload));
    this.#reply(session, stanza, answer);
  }

  /** The result goes out after what the handler wrote is durable, and behind what it sent. */
  #reply(session: Session, stanza: Stanza, payload: Element | undefined | void): void {
    const reply = iqResult(stanza, payload ?? undefined);
    if (stanza.to === undefined) delete reply.attrs.from;
    reply.attrs.to = session.address;
    if (!this.#parts.storage.pending) {
      session.send(reply);
      return;
    }
    this.#enlist(session, {
      seq: 0,
      committed: () => session.send(reply),
      refused: (error) => this.#refuse(session, stanza, error),
    });
  }
}
