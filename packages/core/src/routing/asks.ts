import { NS, StanzaError } from '@parley/protocol';
import { type Element, el, type Stanza } from '@parley/xml';
import type { Clock, Random, Undo } from '../ports/index.ts';
import type { Session } from '../session/session.ts';

export interface AskOptions {
  /** Default `get`. */
  readonly type?: 'get' | 'set';
  /** The address that asks; by default the server's own. */
  readonly from?: string;
  /** Default 30 seconds. */
  readonly timeoutMs?: number;
}

interface Ask {
  readonly from: string;
  readonly resolve: (payload: Element | undefined) => void;
  readonly reject: (error: StanzaError) => void;
  readonly stop: Undo;
}

const TIMEOUT_MS = 30_000;
const PER_SERVER = 20_000;
const PER_SESSION = 16;
const PREFIX = 'ask-';

/**
 * Requests of the server to its clients (RFC 6120 §8.2.3). Only the session that was asked can answer, under the random id
 * that it was given, and to the address that asked.
 */
export class Asks {
  readonly #host: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #open = new Map<Session, Map<string, Ask>>();
  #size = 0;

  constructor(host: string, clock: Clock, random: Random) {
    this.#host = host;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * Sends the request and answers the payload of the result. Rejects with the client's error, with `remote-server-timeout`, with
   * `recipient-unavailable` when the session is not connected or ends, and with `resource-constraint` when too much is asked already.
   */
  ask(session: Session, payload: Element, options: AskOptions = {}): Promise<Element | undefined> {
    if (session.ended || !session.connected) return Promise.reject(new StanzaError('recipient-unavailable'));
    const asked = this.#open.get(session) ?? new Map<string, Ask>();
    if (this.#size >= PER_SERVER || asked.size >= PER_SESSION)
      return Promise.reject(new StanzaError('resource-constraint', { text: 'Too many requests wait for an answer.' }));
    let id = PREFIX;
    for (const byte of this.#random.bytes(10)) id += byte.toString(16).padStart(2, '0');
    const from = options.from ?? this.#host;
    return new Promise((resolve, reject) => {
      const stop = this.#clock.after(options.timeoutMs ?? TIMEOUT_MS, () => {
        this.#close(session, id);
        reject(new StanzaError('remote-server-timeout'));
      });
      asked.set(id, { from, resolve, reject, stop });
      this.#open.set(session, asked);
      this.#size++;
      session.send(el('iq', { type: options.type ?? 'get', id, from, to: session.address }, payload));
    });
  }

  /** Takes the answer to a request of ours; false when it is none. */
  answered(session: Session, stanza: Stanza, id: string): boolean {
    if (this.#size === 0 || !id.startsWith(PREFIX)) return false;
    const ask = this.#open.get(session)?.get(id);
    if (ask === undefined || (stanza.to !== undefined && stanza.to !== ask.from)) return false;
    this.#close(session, id);
    if (stanza.type === 'result') {
      const child = stanza.children[0];
      ask.resolve(child === undefined ? undefined : stanza.child(child.name, child.ns));
    } else {
      const error = stanza.child('error', NS.client);
      ask.reject(error === undefined ? new StanzaError('undefined-condition') : StanzaError.fromElement(error));
    }
    return true;
  }

  /** The session is over: nobody is going to answer. */
  over(session: Session): void {
    const asked = this.#open.get(session);
    if (asked === undefined) return;
    for (const [id, ask] of asked) {
      this.#close(session, id);
      ask.reject(new StanzaError('recipient-unavailable'));
    }
  }

  #close(session: Session, id: string): void {
    const asked = this.#open.get(session);
    const ask = asked?.get(id);
    if (asked === undefined || ask === undefined) return;
    ask.stop();
    asked.delete(id);
    this.#size--;
    if (asked.size === 0) this.#open.delete(session);
  }
}
