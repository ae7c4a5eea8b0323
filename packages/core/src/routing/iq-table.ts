import { StanzaError } from '@parley/protocol';
import type { Stanza } from '@parley/xml';
import {
  type GuestIqHandler,
  type GuestStream,
  type IqAnswer,
  type IqCall,
  type IqHandler,
  type IqPlace,
  NOT_MINE,
} from '../feature/feature.ts';

function keyOf(type: string, place: string, ns: string, name: string): string {
  return `${type} ${place} ${name} ${ns}`;
}

/** Which feature answers which request. */
export class IqTable {
  readonly #handlers = new Map<string, IqHandler[]>();
  readonly #guests = new Map<string, GuestIqHandler>();

  on(type: 'get' | 'set', place: IqPlace, payload: { name: string; ns: string }, handle: IqHandler): () => void {
    const key = keyOf(type, place, payload.ns, payload.name);
    this.#handlers.set(key, [...(this.#handlers.get(key) ?? []), handle]);
    return () => {
      const rest = (this.#handlers.get(key) ?? []).filter((one) => one !== handle);
      if (rest.length === 0) this.#handlers.delete(key);
      else this.#handlers.set(key, rest);
    };
  }

  onGuest(type: 'get' | 'set', payload: { name: string; ns: string }, handle: GuestIqHandler): () => void {
    const key = keyOf(type, 'guest', payload.ns, payload.name);
    if (this.#guests.has(key)) throw new TypeError(`two features answer ${key}`);
    this.#guests.set(key, handle);
    return () => this.#guests.delete(key);
  }

  /** Nobody answering is `service-unavailable` (RFC 6120 §8.4). */
  answer(place: IqPlace, call: Omit<IqCall, 'payload'>): Exclude<IqAnswer, typeof NOT_MINE> | Promise<Exclude<IqAnswer, typeof NOT_MINE>> {
    const { stanza } = call;
    const child = stanza.children[0];
    const list = child === undefined ? undefined : this.#handlers.get(keyOf(stanza.type ?? '', place, child.ns, child.name));
    if (child === undefined || list === undefined) throw new StanzaError('service-unavailable');
    const payload = stanza.child(child.name, child.ns);
    if (payload === undefined) throw new StanzaError('bad-request');
    const whole: IqCall = { ...call, payload };
    for (let i = 0; i < list.length; i++) {
      const answer = (list[i] as IqHandler)(whole);
      if (answer instanceof Promise) return this.#later(list, i, whole, answer);
      if (answer !== NOT_MINE) return answer;
    }
    throw new StanzaError('service-unavailable');
  }

  async #later(
    list: readonly IqHandler[],
    at: number,
    call: IqCall,
    first: Promise<IqAnswer>,
  ): Promise<Exclude<IqAnswer, typeof NOT_MINE>> {
    let answer = await first;
    for (let i = at + 1; answer === NOT_MINE && i < list.length; i++) answer = await (list[i] as IqHandler)(call);
    if (answer === NOT_MINE) throw new StanzaError('service-unavailable');
    return answer;
  }

  /** undefined when nobody answers such requests before sign-in. */
  answerGuest(stream: GuestStream, stanza: Stanza): IqAnswer | Promise<IqAnswer> {
    const child = stanza.children[0];
    const handle = child === undefined ? undefined : this.#guests.get(keyOf(stanza.type ?? '', 'guest', child.ns, child.name));
    const payload = child === undefined ? undefined : stanza.child(child.name, child.ns);
    if (handle === undefined || payload === undefined) return NOT_MINE;
    return handle({ stream, stanza, payload });
  }
}
