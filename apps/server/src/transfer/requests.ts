/** Asks the features in the name of an account, as its own client would: the same checks and limits, nobody else involved. */
import { Session } from '@parley/core';
import { Jid, NS } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { type Element, el, Stanza } from '@parley/xml';
import type { Host } from '../engine.ts';

export class Requests {
  readonly #engine: Host;
  readonly #account: AccountRecord;
  readonly #session: Session;
  #id = 0;

  constructor(engine: Host, account: AccountRecord) {
    this.#engine = engine;
    this.#account = account;
    const jid = Jid.of(account.localpart, account.domain).withResource('transfer');
    // In no directory: nothing is delivered to it.
    this.#session = new Session(engine.core, jid, account, '', engine.core.clock.now(), undefined);
  }

  /** The payload of the result. Throws StanzaError. */
  async ask(type: 'get' | 'set', payload: Element): Promise<Element | undefined> {
    const stanza = Stanza.from(el('iq', { xmlns: NS.client, type, id: `t${++this.#id}`, from: this.#session.address }, payload));
    return (await this.#engine.core.iqs.answer('account', { from: this.#session, stanza, account: this.#account })) ?? undefined;
  }
}
