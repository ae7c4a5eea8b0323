import { Jid, NS, StanzaError } from '@parley/protocol';
import { type Element, el, Stanza } from '@parley/xml';
import type { Clock, Random, Undo } from '../ports/index.ts';
import type { Services } from './services.ts';

interface Ask {
  readonly to: string;
  readonly resolve: (payload: Element | undefined) => void;
  readonly reject: (error: unknown) => void;
  readonly stop: Undo;
}

const TIMEOUT_MS = 30_000;
const OPEN = 5000;
const PREFIX = 'host-ask-';

/** Requests of the host to the services of this server. Only the address that was asked can answer, under a random id. */
export class ServiceAsks {
  readonly #host: Jid;
  readonly #services: Services;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #open = new Map<string, Ask>();

  constructor(host: string, services: Services, clock: Clock, random: Random) {
    this.#host = Jid.parse(host);
    this.#services = services;
    this.#clock = clock;
    this.#random = random;
    services.onAnswerToHost = (stanza, from) => this.#answered(stanza, from);
  }

  /** Answers the payload of the result. Rejects with the error that came, `remote-server-not-found`, or `remote-server-timeout`. */
  ask(
    to: Jid,
    payload: Element,
    options: { readonly type?: 'get' | 'set'; readonly timeoutMs?: number } = {},
  ): Promise<Element | undefined> {
    if (this.#open.size >= OPEN)
      return Promise.reject(new StanzaError('resource-constraint', { text: 'Too many requests wait for an answer.' }));
    let id = PREFIX;
    for (const byte of this.#random.bytes(10)) id += byte.toString(16).padStart(2, '0');
    const address = to.toString();
    return new Promise((resolve, reject) => {
      const stop = this.#clock.after(options.timeoutMs ?? TIMEOUT_MS, () =>
        this.#close(id)?.reject(new StanzaError('remote-server-timeout')),
      );
      this.#open.set(id, { to: address, resolve, reject, stop });
      const failed = (error: unknown): void => this.#close(id)?.reject(error);
      try {
        const stanza = Stanza.from(el('iq', { type: options.type ?? 'get', id, from: this.#host.toString(), to: address }, payload));
        const done = this.#services.fromHost(stanza, this.#host, to);
        if (done instanceof Promise) done.catch(failed);
      } catch (error) {
        failed(error);
      }
    });
  }

  #answered(stanza: Stanza, from: Jid): boolean {
    const { id, type } = stanza;
    if (id === undefined || (type !== 'result' && type !== 'error') || this.#open.get(id)?.to !== from.toString()) return false;
    const ask = this.#close(id);
    if (type === 'result') {
      const child = stanza.children[0];
      ask?.resolve(child === undefined ? undefined : stanza.child(child.name, child.ns));
    } else {
      const error = stanza.child('error', NS.client);
      ask?.reject(error === undefined ? new StanzaError('undefined-condition') : StanzaError.fromElement(error));
    }
    return true;
  }

  #close(id: string): Ask | undefined {
    const ask = this.#open.get(id);
    ask?.stop();
    this.#open.delete(id);
    return ask;
  }
}
