import {
  base64Decode,
  base64Encode,
  Jid,
  parsePlain,
  SaslError,
  type ScramHash,
  type ScramKeys,
  ScramServer,
  type ScramSuccess,
} from '@parley/protocol';
import { type AccountRecord, type Awaitable, StorageError } from '@parley/storage';
import type { Stanza } from '@parley/xml';
import type { Core } from '../core.ts';
import { AccountError } from '../errors.ts';
import type { Connection } from '../ports/index.ts';
import { type Advertised, channelBindings, isBinding } from './offer.ts';

/** What a step came to; data in base64. */
export type SaslResult =
  | { readonly kind: 'challenge'; readonly data: string }
  | { readonly kind: 'success'; readonly data: string | undefined; readonly account: AccountRecord }
  | { readonly kind: 'failure'; readonly condition: string; readonly text?: string };

const NOT_AUTHORIZED: SaslResult = { kind: 'failure', condition: 'not-authorized' };

/** One exchange of a SASL mechanism: SCRAM with and without channel binding, PLAIN. How it is written on the wire is its caller's. */
export class SaslExchange {
  readonly #core: Core;
  readonly #connection: Connection;
  readonly #advertised: Advertised;
  #scram: ScramServer | undefined = undefined;
  #waitsForFinal = false;
  #account: AccountRecord | undefined = undefined;

  constructor(core: Core, connection: Connection, advertised: Advertised) {
    this.#core = core;
    this.#connection = connection;
    this.#advertised = advertised;
  }

  /** One element of RFC 6120 §6: auth, response or abort. */
  step(stanza: Stanza): Awaitable<SaslResult> {
    return this.#guard(() => {
      switch (stanza.name) {
        case 'auth':
          return this.#begin(stanza.attrs.mechanism ?? '', stanza.inner.length === 0 ? undefined : decode(stanza));
        case 'response':
          return this.#respond(decode(stanza));
        case 'abort':
          throw new SaslError('aborted');
        default:
          throw new SaslError('malformed-request');
      }
    });
  }

  /** The client's choice with its first data, if there is any. */
  begin(mechanism: string, data: Uint8Array | undefined): Awaitable<SaslResult> {
    return this.#guard(() => this.#begin(mechanism, data));
  }

  /** The client's answer to a challenge. */
  respond(data: Uint8Array): Awaitable<SaslResult> {
    return this.#guard(() => this.#respond(data));
  }

  #guard(run: () => Awaitable<SaslResult>): Awaitable<SaslResult> {
    try {
      const step = run();
      return step instanceof Promise ? step.catch((error: unknown) => this.#failed(error)) : step;
    } catch (error) {
      return this.#failed(error);
    }
  }

  #failed(error: unknown): SaslResult {
    if (error instanceof SaslError) {
      const text = error.message === error.condition ? undefined : error.message;
      return { kind: 'failure', condition: error.condition, ...(text === undefined ? undefined : { text }) };
    }
    if (error instanceof StorageError) return { kind: 'failure', condition: 'temporary-auth-failure' };
    if (error instanceof AccountError && error.code === 'busy')
      return { kind: 'failure', condition: 'temporary-auth-failure', text: error.message };
    this.#core.log.error('sign_in_failed', { error });
    return { kind: 'failure', condition: 'temporary-auth-failure' };
  }

  #respond(data: Uint8Array): Awaitable<SaslResult> {
    const scram = this.#scram;
    if (scram === undefined) throw new SaslError('malformed-request');
    if (!this.#waitsForFinal) return this.#first(scram, data);
    const done = scram.final(data);
    return done instanceof Promise ? done.then((result) => this.#final(result)) : this.#final(done);
  }

  #begin(mechanism: string, data: Uint8Array | undefined): Awaitable<SaslResult> {
    // Before any work is done for it.
    if (this.#core.mustWaitToSignIn(this.#connection.remoteAddress))
      throw new SaslError('temporary-auth-failure', 'Too many sign-ins from your address have failed. Try again later.');
    if (mechanism === 'PLAIN') {
      if (data === undefined) throw new SaslError('malformed-request');
      return this.#plain(data);
    }
    const match = /^SCRAM-(SHA-1|SHA-256|SHA-512)(-PLUS)?$/.exec(mechanism);
    const plus = match?.[2] !== undefined;
    const canBind = channelBindings(this.#connection).length > 0;
    if (match === null || (plus && !canBind)) throw new SaslError('invalid-mechanism');
    const alg = match[1] as ScramHash;
    this.#scram = new ScramServer({
      crypto: this.#core.crypto,
      alg,
      plus,
      plusOffered: canBind,
      channelBinding: (type) => (isBinding(type) ? this.#connection.channelBinding(type) : undefined),
      credentials: (username) => this.#keys(username, alg),
      // Spellings of one name have one salt, as they have when there is an account (U3).
      fakeName: (username) => this.#nameOf(username) ?? username,
      fakeSecret: this.#core.stableKey,
      fakeKeys: (bytes) => this.#core.accounts.pretendedKeys(alg, bytes),
      downgrade: this.#advertised.hash(alg),
    });
    return data === undefined ? { kind: 'challenge', data: '' } : this.#first(this.#scram, data);
  }

  #first(scram: ScramServer, data: Uint8Array): Awaitable<SaslResult> {
    this.#waitsForFinal = true;
    const first = scram.first(data);
    const challenge = (bytes: Uint8Array): SaslResult => ({ kind: 'challenge', data: base64Encode(bytes) });
    return first instanceof Promise ? first.then(challenge) : challenge(first);
  }

  #keys(username: string, alg: ScramHash): Awaitable<ScramKeys | undefined> {
    const found = this.#find(username);
    const keys = (account: AccountRecord | undefined): ScramKeys | undefined => {
      this.#account = account;
      return account === undefined || account.disabled ? undefined : this.#core.accounts.credentials(account).scram[alg];
    };
    return found instanceof Promise ? found.then(keys) : keys(found);
  }

  #find(username: string): Awaitable<AccountRecord | undefined> {
    const name = this.#nameOf(username);
    return name === undefined ? undefined : this.#core.accounts.get(name);
  }

  /** The prepared name of an account of ours; undefined when it cannot be one. */
  #nameOf(username: string): string | undefined {
    const jid = Jid.tryParse(`${username}@${this.#core.config.domain}`);
    return jid === undefined || jid.domain !== this.#core.config.domain || jid.resource !== '' ? undefined : jid.local;
  }

  #final(result: ScramSuccess): SaslResult {
    const account = this.#account;
    if (account === undefined) return NOT_AUTHORIZED;
    this.#checkIdentity(result.authzid, account);
    return { kind: 'success', data: base64Encode(result.message), account };
  }

  /** A1 (security): a client may only ask for its own identity. */
  #checkIdentity(authzid: string, account: AccountRecord): void {
    if (authzid === '') return;
    const jid = Jid.tryParse(authzid);
    if (jid === undefined || jid.resource !== '' || jid.bare !== `${account.localpart}@${this.#core.config.domain}`)
      throw new SaslError('invalid-authzid');
  }

  async #plain(data: Uint8Array): Promise<SaslResult> {
    if (!this.#connection.secure && !this.#core.config.allowPlaintext) throw new SaslError('encryption-required');
    const { authzid, username, password } = parsePlain(data);
    const account = await this.#find(username);
    const name = this.#nameOf(username) ?? username;
    if (!(await this.#core.accounts.verifyPassword(account, password, name)) || account === undefined) return NOT_AUTHORIZED;
    this.#checkIdentity(authzid, account);
    return { kind: 'success', data: undefined, account: await this.#core.accounts.completeKeys(account, password) };
  }
}

function decode(stanza: Stanza): Uint8Array {
  const text = stanza.text().trim();
  if (text === '=') return new Uint8Array(0);
  const bytes = base64Decode(text);
  if (bytes === undefined) throw new SaslError('incorrect-encoding');
  return bytes;
}
