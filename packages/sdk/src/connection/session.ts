import { NS, StanzaError } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import { ChatError } from '../errors.ts';
import type { Platform } from '../platform.ts';
import type { XmppStream } from './stream.ts';

/** How long an iq waits for its answer. */
const IQ_TIMEOUT_MS = 30_000;
/** Most stanzas kept for resending; beyond it the connection is taken for dead. */
const MAX_UNACKED = 2_000;
/** XEP-0198 counters wrap at 2^32. */
const COUNTER = 2 ** 32;

/** A stanza on its way, kept until the server has acknowledged it. */
export interface Unacked {
  readonly stanza: Element;
  readonly onAck: (() => void) | undefined;
}

export interface SessionOwner {
  message(stanza: Element): void;
  presence(stanza: Element): void;
  /** An iq get or set. Returns the payload of the result, or throws a StanzaError. Undefined: not known. */
  request(stanza: Element, payload: Element): Element | null | undefined;
  stanza(stanza: Element): void;
  /** The stream ended; the session may be resumed on another. */
  detached(error: ChatError | undefined): void;
}

interface PendingIq {
  /** Bare or full address that the answer must come from; empty: the own account (RFC 6120 §8.1.2.1). */
  readonly to: string;
  resolve(result: Element): void;
  reject(error: ChatError): void;
  readonly timer: unknown;
}

/**
 * A signed-in session: iq bookkeeping and stream management (XEP-0198). It outlives its stream: `attach` puts it on a new
 * one after `<resumed/>`.
 */
export class Session {
  readonly #platform: Platform;
  readonly #owner: SessionOwner;
  #stream: XmppStream | undefined;
  /** Full address. */
  readonly address: string;
  readonly bare: string;
  readonly domain: string;
  /** Resumption id; undefined: the server cannot resume. */
  resumeId: string | undefined;
  managed = false;
  #received = 0;
  #acked = 0;
  #unacked: Unacked[] = [];
  #ackWanted = false;
  readonly #iqs = new Map<string, PendingIq>();
  #over = false;

  constructor(platform: Platform, owner: SessionOwner, address: string) {
    this.#platform = platform;
    this.#owner = owner;
    this.address = address;
    this.bare = address.split('/', 1)[0]!;
    this.domain = this.bare.slice(this.bare.indexOf('@') + 1);
  }

  get online(): boolean {
    return this.#stream !== undefined;
  }

  get receivedCount(): number {
    return this.#received;
  }

  get lastDataAt(): number {
    return this.#stream?.lastDataAt ?? 0;
  }

  /** Stream management is on from here (`<enabled/>`); both counters are 0 (XEP-0198 §3). */
  enable(resumeId: string | undefined): void {
    this.managed = true;
    this.resumeId = resumeId;
    this.#received = 0;
    this.#acked = 0;
    this.#unacked = [];
  }

  /** Uses `stream` from now on. With `resumedAt` (the server's h) everything it has not seen goes out again. */
  attach(stream: XmppStream, resumedAt?: number): void {
    this.#stream = stream;
    if (resumedAt !== undefined) {
      if (!this.acknowledge(resumedAt)) return;
      for (const { stanza } of this.#unacked) stream.send(stanza);
      if (this.#unacked.length > 0) this.requestAck();
    }
    stream.handOver({
      element: (element) => {
        if (this.#stream === stream) this.#element(element);
      },
      closed: (error) => {
        if (this.#stream !== stream) return;
        this.#stream = undefined;
        this.#owner.detached(error);
      },
    });
  }

  /** Sends a stanza. `onAck`: the server has it durably. While detached but resumable it is kept and sent on resume. */
  send(stanza: Element, onAck?: () => void): void {
    if (this.#over) throw new ChatError('offline', 'There is no connection');
    if (this.managed) {
      this.#unacked.push({ stanza, onAck });
      if (this.#unacked.length > MAX_UNACKED) {
        this.#stream?.abort(new ChatError('connection-lost', 'The server acknowledges nothing'));
        return;
      }
    }
    this.#stream?.send(stanza);
    if (onAck === undefined) return;
    if (this.managed) this.requestAck();
    // Without XEP-0198 an answered ping proves that the server has processed what was sent before it (RFC 6120 §10.1).
    else this.ping().then(onAck, () => undefined);
  }

  /** Asks for `<a/>` once for all stanzas of this turn. */
  requestAck(): void {
    if (this.#ackWanted) return;
    this.#ackWanted = true;
    queueMicrotask(() => {
      this.#ackWanted = false;
      this.#stream?.sendText(`<r xmlns="${NS.sm}"/>`);
    });
  }

  /** Any traffic will do; asks the cheapest question that is answered. */
  probe(): void {
    if (this.managed) this.requestAck();
    else this.ping().catch(() => undefined);
  }

  async ping(): Promise<void> {
    await this.iq(el('iq', { type: 'get', to: this.domain }, el('ping', { xmlns: NS.ping }))).catch((error: ChatError) => {
      if (error.condition === undefined) throw error;
    });
  }

  /** Sends an iq; resolves with the result stanza. Rejects with a ChatError. Answers count only from the one asked. */
  iq(request: Element, timeoutMs = IQ_TIMEOUT_MS): Promise<Element> {
    if (this.#stream === undefined || this.#over) return Promise.reject(new ChatError('offline', 'There is no connection'));
    const id = randomId(this.#platform);
    request.attrs['id'] = id;
    return new Promise((resolve, reject) => {
      const timer = this.#platform.setTimer(() => {
        this.#iqs.delete(id);
        reject(new ChatError('timeout', 'The server did not answer in time'));
      }, timeoutMs);
      this.#iqs.set(id, { to: request.attr('to') ?? '', resolve, reject, timer });
      this.send(request);
    });
  }

  /** Processes the server's counter. False: it was impossible and the stream is gone. */
  acknowledge(h: number): boolean {
    const count = (h - this.#acked + COUNTER) % COUNTER;
    if (!Number.isInteger(h) || count > this.#unacked.length) {
      this.#stream?.abort(new ChatError('protocol-violation', 'The server acknowledged more than was sent'));
      return false;
    }
    this.#acked = h;
    for (const { onAck } of this.#unacked.splice(0, count)) onAck?.();
    return true;
  }

  /** The session cannot be resumed any more: what was not acknowledged is handed back, waiting iqs fail. */
  end(): Unacked[] {
    this.#over = true;
    this.#stream = undefined;
    for (const pending of this.#iqs.values()) {
      this.#platform.clearTimer(pending.timer);
      pending.reject(new ChatError('connection-lost', 'The connection was lost before the answer came'));
    }
    this.#iqs.clear();
    return this.#unacked.splice(0);
  }

  /** Says goodbye: acknowledges what came, closes the stream. */
  close(): void {
    if (this.managed) this.#stream?.sendText(`<a xmlns="${NS.sm}" h="${this.#received}"/>`);
    this.#stream?.close();
  }

  abort(error: ChatError): void {
    this.#stream?.abort(error);
  }

  #element(element: Element): void {
    if (element.ns === NS.sm) {
      if (element.name === 'r') this.#stream?.sendText(`<a xmlns="${NS.sm}" h="${this.#received}"/>`);
      else if (element.name === 'a') this.acknowledge(Number(element.attr('h') ?? Number.NaN));
      return;
    }
    if (element.ns !== NS.client) return;
    if (element.name !== 'message' && element.name !== 'presence' && element.name !== 'iq') return;
    this.#received = (this.#received + 1) % COUNTER;
    if (element.name === 'message') this.#owner.message(element);
    else if (element.name === 'presence') this.#owner.presence(element);
    else this.#iq(element);
    this.#owner.stanza(element);
  }

  #iq(stanza: Element): void {
    const type = stanza.attr('type');
    const id = stanza.attr('id') ?? '';
    const from = stanza.attr('from') ?? '';
    if (type === 'result' || type === 'error') {
      const pending = this.#iqs.get(id);
      // CVE-2013-6483: an answer counts only from the entity that was asked.
      if (pending === undefined || !this.#answers(from, pending.to)) return;
      this.#iqs.delete(id);
      this.#platform.clearTimer(pending.timer);
      if (type === 'result') pending.resolve(stanza);
      else pending.reject(iqError(stanza));
      return;
    }
    if (type !== 'get' && type !== 'set') return;
    const reply = el('iq', { to: stanza.attr('from'), id, type: 'result' });
    try {
      const payload = stanza.elements()[0];
      const answer = payload === undefined ? undefined : this.#owner.request(stanza, payload);
      if (answer === undefined) throw new StanzaError('service-unavailable');
      if (answer !== null) reply.append(answer);
    } catch (error) {
      reply.attrs['type'] = 'error';
      reply.append((error instanceof StanzaError ? error : new StanzaError('internal-server-error')).toElement());
    }
    this.send(reply);
  }

  /** RFC 6120 §8.1.2.1: no `from` means the own account; a server may also write it out. */
  #answers(from: string, to: string): boolean {
    const own = from === '' || from === this.bare || from === this.address;
    if (to === '' || to === this.bare) return own || from === this.domain;
    return from === to || (to === this.domain && from === '');
  }
}

/** The error of an iq or message stanza of type error as ChatError. */
export function iqError(stanza: Element): ChatError {
  const element = stanza.child('error');
  if (element === undefined) return new ChatError('server-error', 'The server answered with an error');
  const error = StanzaError.fromElement(element);
  const options = { condition: error.condition, cause: error };
  const text = element.childText('text', NS.stanzas);
  switch (error.condition) {
    case 'item-not-found':
      return new ChatError('not-found', text ?? 'Not found', options);
    case 'forbidden':
    case 'not-allowed':
    case 'not-authorized':
    case 'registration-required':
    case 'subscription-required':
      return new ChatError('not-allowed', text ?? 'Not allowed', options);
    case 'feature-not-implemented':
      return new ChatError('not-supported', text ?? 'Not supported by the server', options);
    case 'service-unavailable':
      return new ChatError(
        'not-supported',
        text ?? (stanza.name === 'message' ? 'Not delivered. Is the address right?' : 'Not available'),
        options,
      );
    case 'jid-malformed':
      return new ChatError('invalid-address', text ?? 'Not a valid address', options);
    case 'remote-server-timeout':
    case 'remote-server-not-found':
      return new ChatError('not-found', text ?? 'That server cannot be reached', { ...options, retryable: true });
    case 'resource-constraint':
    case 'policy-violation':
      return new ChatError('rate-limited', text ?? 'The server asks to slow down', options);
    default:
      return new ChatError('server-error', text ?? `The server answered: ${error.condition}`, {
        ...options,
        retryable: error.type === 'wait',
      });
  }
}

/** 128 random bits as text; used for stanza ids, which nobody may guess (reply spoofing) or repeat (dedupe). */
export function randomId(platform: Platform): string {
  let text = '';
  for (const byte of platform.crypto.randomBytes(16)) text += byte.toString(16).padStart(2, '0');
  return text;
}
