import { encodeSasl2Failure, errorReply, Jid, NS, StanzaError } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import {
  type Element,
  el,
  elementBytes,
  parseStanza,
  type Stanza,
  type StreamHeader,
  StreamReader,
  serialize,
  utf8Encode,
  XmlError,
} from '@parley/xml';
import type { Core } from '../core.ts';
import { asStanzaError } from '../errors.ts';
import type { GuestStream } from '../feature/feature.ts';
import { elementFromClient } from '../hooks/catalogue.ts';
import { HANDLED } from '../hooks/hook.ts';
import type { Connection, ConnectionHandler } from '../ports/index.ts';
import { bind, bindResult } from '../session/binding.ts';
import type { Session } from '../session/session.ts';
import { type Framing, headerOfFrame, streamError, TCP_FRAMING, WEBSOCKET_FRAMING } from './framing.ts';
import { answerGuest } from './guest-requests.ts';
import { headerProblem } from './header.ts';
import { ACK_REQUEST, managementElement, managementFailed, resumeSession } from './management-elements.ts';
import { type OfferTo, offerFor, type StreamOffer } from './offer.ts';
import { SaslExchange } from './sasl-exchange.ts';
import { Sasl2 } from './sasl2.ts';

/** Where a stream stands: before its header, negotiating, signed in but without a resource, bound, over. */
type Phase = 'header' | 'guest' | 'securing' | 'restart' | 'binding' | 'bound' | 'closed';

const MAX_WAITING_FRAMES = 64;

/** One client's XML stream, from the first byte to the last (RFC 6120 §4, RFC 7395). */
export class ClientStream implements ConnectionHandler, GuestStream {
  readonly connection: Connection;
  readonly openedAt: number;
  /** That of the domain that the stream is to; the first one's until the header says. */
  #core: Core;
  readonly #framing: Framing;
  #reader: StreamReader | undefined;
  /** Frames that wait for a handler (websocket). */
  #frames: Uint8Array[] | undefined = undefined;
  #phase: Phase = 'header';
  #headerSent = false;
  /** A stanza waits for something: what is behind it waits too. */
  #busy = false;
  /** What it waits for. */
  working: Promise<void> | undefined = undefined;
  /** The client does not read what it is sent, so it is not read from either. */
  #unread = false;
  #sasl: SaslExchange | undefined = undefined;
  #sasl2: Sasl2 | undefined = undefined;
  #offer: StreamOffer | undefined = undefined;
  /** Whom the stream header said to be (RFC 6120 §4.7.1). */
  from: Jid | undefined = undefined;
  /** The client's id of itself (XEP-0388), for a session that is bound by RFC 6120 §7. */
  #device = '';
  /** What is to be written after the answer to the sign-in. */
  #late: Uint8Array[] | undefined = undefined;
  #account: AccountRecord | undefined = undefined;
  #failures = 0;
  #guestRequests = 0;
  session: Session | undefined = undefined;
  byToken = false; // let in by a mechanism of a feature, which proves the device and no password

  constructor(core: Core, connection: Connection) {
    this.#core = core;
    this.connection = connection;
    this.openedAt = core.clock.now();
    if (connection.framing === 'tcp') {
      this.#framing = TCP_FRAMING;
      this.#reader = new StreamReader(this, this.#core.preAuthXml);
    } else {
      this.#framing = WEBSOCKET_FRAMING;
      this.#reader = undefined;
    }
  }

  get remoteAddress(): string {
    return this.connection.remoteAddress;
  }
  get secure(): boolean {
    return this.connection.secure;
  }
  get host(): string {
    return this.#core.config.domain;
  }
  get queuedBytes(): number {
    return this.connection.queuedBytes;
  }
  get bound(): boolean {
    return this.#phase === 'bound';
  }
  get over(): boolean {
    return this.#phase === 'closed';
  }
  get offer(): StreamOffer {
    return this.#offer as StreamOffer;
  }

  // --- from the transport ---

  receive(bytes: Uint8Array): void {
    if (this.#phase === 'closed') return;
    if (this.#reader !== undefined) {
      this.#reader.feed(bytes);
      return;
    }
    if (this.#busy || this.#unread) {
      this.#frames ??= [];
      if (this.#frames.length >= MAX_WAITING_FRAMES) return this.fail('policy-violation', 'Too many frames wait.');
      this.#frames.push(bytes.slice());
      return;
    }
    this.#frame(bytes);
  }

  #frame(bytes: Uint8Array): void {
    try {
      const guest = this.#account === undefined && this.session === undefined;
      const stanza = parseStanza(bytes, guest ? this.#core.preAuthXml : this.#core.signedInXml, '');
      if (stanza.ns === NS.framing) {
        if (stanza.name === 'open') return this.open(headerOfFrame(stanza));
        return stanza.name === 'close' ? this.close() : this.fail('bad-format');
      }
      if (this.#phase === 'header' || this.#phase === 'restart') return this.fail('bad-format', 'A stream begins with <open/>.');
      this.stanza(stanza);
    } catch (error) {
      if (error instanceof XmlError) return this.error(error);
      throw error;
    }
  }

  secured(): void {
    if (this.#phase !== 'securing') return;
    this.#phase = 'header';
    this.#headerSent = false;
    this.#reader?.destroy();
    this.#reader = new StreamReader(this, this.#core.preAuthXml);
  }

  drained(): void {
    if (this.#unread && this.queuedBytes < this.#core.limits.queueBytes) {
      this.#unread = false;
      this.#core.waitsForReader(this, false);
      this.#goOn();
    }
    if (this.session !== undefined) this.#core.drained(this.session);
  }

  closed(): void {
    this.#over();
    const session = this.session;
    this.session = undefined;
    if (session !== undefined && session.stream === this) this.#core.connectionLost(session, true, this.working);
  }

  // --- from the reader ---

  open(header: StreamHeader): void {
    if (this.#phase !== 'header' && this.#phase !== 'restart') return this.fail('not-well-formed', 'A second stream header.');
    const restarted = this.#phase === 'restart';
    if (!restarted) {
      this.#core = this.#core.handOn(this, header.to);
      if (this.over) return;
      this.#reader?.setLimits(this.#core.preAuthXml);
    }
    const { domain } = this.#core.config;
    const account = restarted && this.#account !== undefined ? `${this.#account.localpart}@${domain}` : undefined;
    const problem = headerProblem(header, domain, restarted, account);
    if (problem !== undefined) return this.fail(problem);
    if (!restarted && header.from !== undefined) this.from = Jid.tryParse(header.from);
    this.#sendHeader();
    this.#phase = restarted ? 'binding' : 'guest';
    this.#sendFeatures(restarted ? 'signed-in' : 'guest');
  }

  #sendHeader(): void {
    this.#headerSent = true;
    this.connection.write(this.#framing.open(this.#core.config.domain, this.#core.token(12)));
  }

  #sendFeatures(to: OfferTo): void {
    this.#offer = offerFor(this.#core, this.connection, this.#framing, to);
    this.connection.write(this.#offer.bytes);
  }

  close(): void {
    if (this.#phase === 'closed') return;
    const session = this.session;
    this.#finish();
    if (session !== undefined) {
      this.session = undefined;
      this.#core.endSession(session, true);
    }
  }

  error(error: XmlError): void {
    this.fail(error.condition, undefined, error.limit === 'stanzaBytes' ? el('stanza-too-big', { xmlns: 'urn:xmpp:errors' }) : undefined);
  }

  stanza(stanza: Stanza): void {
    let done: void | Promise<void>;
    try {
      done = this.#handle(stanza);
    } catch (error) {
      return this.crashed(error);
    }
    if (done !== undefined) this.#hold(done);
    else if (this.queuedBytes >= this.#core.limits.queueBytes) this.#waitForReader();
  }

  crashed(error: unknown): void {
    this.#core.log.error('stream_failed', { error });
    this.fail('internal-server-error');
  }

  /** Whoever asks and does not read is asked for patience: answers must not pile up here. */
  #waitForReader(): void {
    if (this.#unread || this.#phase === 'closed') return;
    this.#unread = true;
    this.#core.waitsForReader(this, true);
    this.#reader?.pause();
    this.connection.pause();
  }

  /** Reads on, unless there is still a reason not to. */
  #goOn(): void {
    const waits = (): boolean => this.#busy || this.#unread || this.#phase === 'closed';
    if (waits()) return;
    this.#reader?.resume();
    while (!waits() && this.#frames !== undefined && this.#frames.length > 0) this.#frame(this.#frames.shift() as Uint8Array);
    if (!waits()) this.connection.resume();
  }

  /** Holds back what is behind a stanza that waits for something, so that order is kept. */
  #hold(done: Promise<void>): void {
    this.#busy = true;
    this.working = done;
    this.#reader?.pause();
    this.connection.pause();
    done
      .catch((error: unknown) => this.crashed(error))
      .finally(() => {
        this.#busy = false;
        this.working = undefined;
        if (this.queuedBytes >= this.#core.limits.queueBytes) this.#waitForReader();
        this.#goOn();
      });
  }

  #handle(stanza: Stanza): void | Promise<void> {
    switch (this.#phase) {
      case 'bound':
        return this.#whenBound(stanza);
      case 'guest':
        return this.#whenGuest(stanza);
      case 'binding':
        return this.#whenBinding(stanza);
      case 'restart':
        return this.fail('not-authorized', 'After sign-in a new stream header is due.');
    }
  }

  // --- before sign-in ---

  #whenGuest(stanza: Stanza): void | Promise<void> {
    if (this.#sasl2 !== undefined && stanza.ns !== NS.sasl2) return this.fail('policy-violation', 'A sign-in is under way.');
    if (stanza.ns === NS.sasl2) return this.#sasl2Step(stanza);
    if (stanza.ns === NS.tls && stanza.name === 'starttls') {
      if (this.connection.secure || !this.connection.canStartTls || this.#sasl !== undefined) return this.fail('unsupported-stanza-type');
      this.#phase = 'securing';
      this.#reader?.discard();
      this.connection.write(utf8Encode(`<proceed xmlns="${NS.tls}"/>`));
      this.connection.startTls(this.#core.config.domain);
      return;
    }
    if (stanza.ns === NS.sasl) return this.#saslStep(stanza);
    if (stanza.ns === NS.client && stanza.name === 'iq') {
      if (++this.#guestRequests > 20) return this.fail('policy-violation', 'Too many requests before sign-in.');
      return answerGuest(this.#core, this, stanza);
    }
    if (stanza.ns === NS.sm) return managementFailed(this.connection, 'unexpected-request');
    this.fail(stanza.ns === NS.client ? 'not-authorized' : 'unsupported-stanza-type');
  }

  #saslStep(stanza: Stanza): void | Promise<void> {
    if (!this.connection.secure && !this.#core.config.allowPlaintext) return this.#saslFailed('encryption-required');
    if (stanza.name === 'auth') {
      if (this.#sasl !== undefined) return this.#saslFailed('malformed-request');
      this.#sasl = new SaslExchange(this.#core, this.connection, this.offer.sasl);
    }
    if (this.#sasl === undefined) return this.#saslFailed(stanza.name === 'abort' ? 'aborted' : 'malformed-request');
    const step = this.#sasl.step(stanza);
    return step instanceof Promise ? step.then((result) => this.#saslResult(result)) : this.#saslResult(step);
  }

  #saslResult(result: Awaited<ReturnType<SaslExchange['step']>>): void {
    if (this.#phase === 'closed') return;
    switch (result.kind) {
      case 'challenge':
        this.connection.write(utf8Encode(`<challenge xmlns="${NS.sasl}">${result.data}</challenge>`));
        return;
      case 'failure':
        this.#saslFailed(result.condition, result.text);
        return;
      case 'success':
        this.#sasl = undefined;
        this.#account = result.account;
        this.#phase = 'restart';
        // What is said from here on belongs to the new stream, an error too.
        this.#headerSent = false;
        this.#reader?.setLimits(this.#core.signedInXml);
        this.#reader?.restart();
        this.connection.write(
          utf8Encode(result.data === undefined ? `<success xmlns="${NS.sasl}"/>` : `<success xmlns="${NS.sasl}">${result.data}</success>`),
        );
    }
  }

  #saslFailed(condition: string, text?: string): void {
    this.#sasl = undefined;
    const words = text === undefined ? undefined : el('text', { 'xml:lang': 'en' }, text);
    this.connection.write(utf8Encode(serialize(el('failure', { xmlns: NS.sasl }, el(condition), words))));
    this.#blame(condition);
  }

  #blame(condition: string): void {
    if (condition === 'not-authorized') this.#core.signInFailed(this.remoteAddress);
    if (++this.#failures >= this.#core.config.limits.signInTries) this.fail('policy-violation', 'Too many failed sign-ins.');
  }

  // --- XEP-0388, for Sasl2 ---

  #sasl2Step(stanza: Stanza): void | Promise<void> {
    if (!this.connection.secure && !this.#core.config.allowPlaintext)
      return this.refuse(encodeSasl2Failure('encryption-required'), 'encryption-required', false);
    if (this.#sasl2 === undefined) {
      if (stanza.name !== 'authenticate' || this.#sasl !== undefined)
        return this.refuse(encodeSasl2Failure('malformed-request'), 'malformed-request', false);
      this.#sasl2 = new Sasl2(this.#core, this);
    }
    return this.#sasl2.handle(stanza);
  }

  say(text: string): void {
    if (this.#phase !== 'closed') this.connection.write(utf8Encode(text));
  }

  /** The attempt is over: `<failure/>` goes out. `blameless`: it does not count as a failed sign-in. */
  refuse(failure: Element, condition: string, blameless: boolean): void {
    if (this.#phase === 'closed') return;
    this.#sasl2 = undefined;
    this.say(serialize(failure));
    if (!blameless) this.#blame(condition);
  }

  /** The attempt is over: `<success/>` goes out, the features of the stream as it stands now, and what waits for that. */
  succeed(success: string, account: AccountRecord, device: string): void {
    if (this.#phase === 'closed') return;
    this.#sasl2 = undefined;
    if (this.#phase !== 'bound') {
      this.#account = account;
      this.#device = device;
      this.#phase = 'binding';
    }
    this.#reader?.setLimits(this.#core.signedInXml);
    this.say(success);
    this.#sendFeatures(this.#phase === 'bound' ? 'bound' : 'signed-in');
    const late = this.#late;
    this.#late = undefined;
    if (late !== undefined) for (const bytes of late) this.connection.write(bytes);
  }

  // --- after sign-in ---

  #whenBinding(stanza: Stanza): void | Promise<void> {
    if (stanza.ns === NS.sm && stanza.name === 'resume')
      return this.#ifCurrent((account) => resumeSession(this.#core, this, account, stanza.attrs));
    if (stanza.ns === NS.sm) return managementFailed(this.connection, 'unexpected-request');
    if (stanza.ns !== NS.client) return this.fail('unsupported-stanza-type');
    if (stanza.name !== 'iq' || stanza.type !== 'set' || !stanza.has('bind', NS.bind) || stanza.id === undefined) {
      if (stanza.name === 'iq' && stanza.id !== undefined && (stanza.type === 'get' || stanza.type === 'set')) {
        this.writeElement(errorReply(stanza, new StanzaError('not-allowed', { text: 'Bind a resource first.' })));
        return;
      }
      return this.fail('not-authorized', 'Bind a resource first.');
    }
    return this.#ifCurrent((account) => this.#bind(account, stanza));
  }

  /** Between sign-in and session the account may have gone, and another one have taken its name (R10). */
  #ifCurrent(go: (account: AccountRecord) => void): void | Promise<void> {
    const account = this.#account as AccountRecord;
    const check = (current: boolean): void => {
      if (this.#phase !== 'binding') return;
      if (current) go(account);
      else this.fail('not-authorized', 'The account has changed; sign in again.');
    };
    const current = this.#core.accounts.isCurrent(account);
    return current instanceof Promise ? current.then(check) : check(current);
  }

  #bind(account: AccountRecord, stanza: Stanza): void {
    try {
      const wanted = stanza.child('bind', NS.bind)?.childText('resource', NS.bind);
      const session = bind(this.#core, this, account, wanted, this.#device);
      this.session = session;
      this.#phase = 'bound';
      this.#account = undefined;
      this.writeStanza(bindResult(stanza, session.address));
    } catch (error) {
      this.writeElement(errorReply(stanza, asStanzaError(error)));
    }
  }

  #whenBound(stanza: Stanza): void | Promise<void> {
    const session = this.session as Session;
    if (stanza.ns === NS.client && (stanza.name === 'message' || stanza.name === 'iq' || stanza.name === 'presence')) {
      // RFC 6120 §8.1.2.1: a client speaks for itself only.
      const from = stanza.from;
      if (from !== undefined && from !== session.address && from !== session.bare) {
        const jid = Jid.tryParse(from);
        if (jid === undefined || (jid.full !== session.address && jid.full !== session.bare)) return this.fail('invalid-from');
      }
      session.management?.countIn();
      return this.#core.router.handle(session, stanza);
    }
    if (stanza.ns === NS.sm) return managementElement(this.#core, this, session, stanza);
    const verdict = this.#core.hooks.run(elementFromClient, { from: session, element: stanza });
    if (verdict instanceof Promise)
      return verdict.then((answer) => {
        if (answer !== HANDLED) this.fail('unsupported-stanza-type');
      });
    if (verdict !== HANDLED) this.fail('unsupported-stanza-type');
  }

  // --- XEP-0198 ---

  /** The session goes on over this stream; with `answerFirst` nothing is written for it before the answer to the sign-in. */
  adopt(session: Session, answerFirst = false): void {
    if (answerFirst) this.#late = [];
    this.session = session;
    this.#phase = 'bound';
    this.#account = undefined;
  }

  requestAck(): void {
    this.#write(ACK_REQUEST);
  }

  // --- writing and ending ---

  writeStanza(bytes: Uint8Array): void {
    this.#write(this.#framing.stanza(bytes));
  }

  #write(bytes: Uint8Array): void {
    if (this.#late === undefined) this.connection.write(bytes);
    else this.#late.push(bytes);
  }

  writeElement(element: Element): void {
    this.writeStanza(elementBytes(element));
  }

  /** Sends a stream error and closes (RFC 6120 §4.9.1.1). A session that can be resumed stays for that. */
  fail(condition: string, text?: string, extra?: Element): void {
    if (this.#phase === 'closed') return;
    if (!this.#headerSent) this.#sendHeader();
    this.connection.write(streamError(this.#framing, condition, text, extra));
    this.#core.streamErrors++;
    const session = this.session;
    this.#finish();
    this.session = undefined;
    if (session !== undefined && session.stream === this) this.#core.connectionLost(session, condition !== 'system-shutdown', this.working);
  }

  /** Our closing tag, then the connection. */
  #finish(): void {
    if (this.#headerSent) this.connection.write(this.#framing.close);
    this.#over();
    this.connection.close();
  }

  #over(): void {
    this.#phase = 'closed';
    this.#reader?.destroy();
    this.#frames = undefined;
    this.#core.streamOver(this);
  }

  /** Sign-in took too long (XEP-0205). */
  expire(): void {
    if (!this.bound) this.fail('connection-timeout');
  }
}
