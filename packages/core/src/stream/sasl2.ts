/** XEP-0388: one SASL2 sign-in of a stream, with all that is done inside it: tasks (XEP-0480), resumption (XEP-0198), bind (XEP-0386). */
import {
  base64Encode,
  configVersionMismatch,
  decodeAuthenticate,
  decodeBind2,
  decodeConfigVersion,
  decodeUpgradeHash,
  decodeUpgrades,
  encodeSasl2Failure,
  encodeUpgradeSalt,
  NS,
  type Sasl2Authenticate,
  type ScramHash,
  type ScramUpgradeSalt,
  saslData,
  upgradeHash,
  upgradeTask,
} from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { type Element, escapeText, type Stanza } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import type { Core } from '../core.ts';
import { asStanzaError } from '../errors.ts';
import { type ForeignSignIn, foreignSignIn, inlineBind, signedIn } from '../hooks/catalogue.ts';
import { HANDLED } from '../hooks/hook.ts';
import { bindDevice } from '../session/binding.ts';
import type { Session } from '../session/session.ts';
import type { ClientStream } from './client-stream.ts';
import { enable, resumeSession } from './management-elements.ts';
import { UPGRADES } from './offer.ts';
import { SaslExchange, type SaslResult } from './sasl-exchange.ts';

const OPEN = `<success xmlns="${NS.sasl2}">`;

export class Sasl2 {
  readonly #core: Core;
  readonly #stream: ClientStream;
  #request: Element | undefined;
  #auth: Sasl2Authenticate | undefined;
  #exchange: SaslExchange | undefined;
  #account: AccountRecord | undefined;
  /** Upgrades that the client has asked for and that make sense, the next one first. */
  #tasks: ScramHash[] = [];
  #salt: ScramUpgradeSalt | undefined;

  constructor(core: Core, stream: ClientStream) {
    this.#core = core;
    this.#stream = stream;
  }

  /** One element of the client. A promise: nothing more is read until it is over. */
  handle(stanza: Stanza): Awaitable<void> {
    const element = stanza.element();
    if (stanza.name === 'authenticate' && this.#request === undefined) return this.#authenticate(element);
    if (stanza.name === 'abort') return this.#refuse('aborted');
    if (stanza.name === 'response' && this.#exchange !== undefined) {
      const data = saslData(element);
      if (data === undefined) return this.#refuse('incorrect-encoding');
      return whenReady(this.#exchange.respond(data), (result) => this.#result(result));
    }
    if (this.#account !== undefined && this.#tasks.length > 0) {
      if (stanza.name === 'next' && this.#salt === undefined) return this.#startTask(element);
      if (stanza.name === 'task-data' && this.#salt !== undefined) return this.#endTask(element, this.#salt);
    }
    // §2.4: anything else ends the connection.
    this.#stream.fail('policy-violation', 'This does not belong into a sign-in.');
  }

  #refuse(condition: string, text?: string): void {
    this.#stream.refuse(encodeSasl2Failure(condition, text), condition, false);
  }

  #authenticate(element: Element): Awaitable<void> {
    const auth = decodeAuthenticate(element);
    if (auth === undefined) return this.#refuse('malformed-request');
    this.#request = element;
    this.#auth = auth;
    const { offer } = this.#stream;
    const believed = element.child('config-version', NS.pipelining);
    if (believed !== undefined && (offer.version === undefined || decodeConfigVersion(believed) !== offer.version))
      return this.#stream.refuse(
        encodeSasl2Failure('aborted', 'What this server offers has changed.', configVersionMismatch()),
        'aborted',
        true,
      );
    if (!offer.sasl2.mechanisms.includes(auth.mechanism)) return this.#foreign(auth, element);
    this.#exchange = new SaslExchange(this.#core, this.#stream.connection, offer.sasl2);
    return whenReady(this.#exchange.begin(auth.mechanism, auth.initialResponse), (result) => this.#result(result));
  }

  /** A mechanism of a feature, such as tokens. */
  #foreign(auth: Sasl2Authenticate, request: Element): Awaitable<void> {
    const { connection } = this.#stream;
    if (this.#core.mustWaitToSignIn(connection.remoteAddress))
      return this.#refuse('temporary-auth-failure', 'Too many sign-ins from your address have failed. Try again later.');
    const event: ForeignSignIn = {
      mechanism: auth.mechanism,
      data: auth.initialResponse,
      request,
      agent: auth.userAgent,
      channelBinding: (type) => (type === 'tls-exporter' || type === 'tls-server-end-point' ? connection.channelBinding(type) : undefined),
      outcome: undefined,
    };
    const failed = (error: unknown): void => {
      // A crash was reported where it happened; what is left to say is that it is not the client's fault.
      this.#core.log.debug('sign_in_refused', { error });
      this.#refuse('temporary-auth-failure');
    };
    try {
      const verdict = this.#core.hooks.run(foreignSignIn, event);
      const go = (answer: typeof HANDLED | void): Awaitable<void> => {
        const { outcome } = event;
        if (answer !== HANDLED || outcome === undefined) return this.#refuse('invalid-mechanism');
        if ('refused' in outcome) return this.#refuse(outcome.refused);
        return this.#proved(outcome.account, outcome.data, false);
      };
      return verdict instanceof Promise ? verdict.then(go, failed) : go(verdict);
    } catch (error) {
      failed(error);
    }
  }

  #result(result: SaslResult): Awaitable<void> {
    switch (result.kind) {
      case 'challenge':
        return this.#stream.say(`<challenge xmlns="${NS.sasl2}">${result.data}</challenge>`);
      case 'failure':
        return this.#refuse(result.condition, result.text);
      case 'success':
        return this.#proved(result.account, result.data, true);
    }
  }

  #proved(account: AccountRecord, data: string | undefined, byPassword: boolean): Awaitable<void> {
    const { from } = this.#stream;
    // The header says who it is; somebody else is a mistake at least.
    if (from !== undefined && from.bare !== `${account.localpart}@${this.#core.config.domain}`) return this.#refuse('invalid-authzid');
    this.#exchange = undefined;
    this.#stream.byToken = !byPassword;
    this.#account = account;
    const { scram } = this.#core.accounts.credentials(account);
    const lacks = (hash: ScramHash): boolean => (scram[hash]?.iterations ?? 0) < this.#core.accounts.iterations;
    if (byPassword) {
      const wanted = new Set(decodeUpgrades(this.#request as Element).map(upgradeHash));
      this.#tasks = UPGRADES.filter((hash) => wanted.has(hash) && lacks(hash));
    }
    const [task] = this.#tasks;
    return task === undefined ? this.#finish(account, data) : this.#continue(task, data);
  }

  // --- tasks ---

  #continue(hash: ScramHash, data: string | undefined): void {
    const more = data === undefined ? '' : `<additional-data>${data}</additional-data>`;
    this.#stream.say(`<continue xmlns="${NS.sasl2}">${more}<tasks><task>${upgradeTask(hash)}</task></tasks></continue>`);
  }

  #startTask(next: Element): void {
    const hash = this.#tasks[0] as ScramHash;
    if (next.attr('task') !== upgradeTask(hash)) return this.#refuse('malformed-request');
    this.#salt = { salt: this.#core.crypto.randomBytes(16), iterations: this.#core.accounts.iterations };
    this.#stream.say(`<task-data xmlns="${NS.sasl2}">${encodeUpgradeSalt(this.#salt).toString(NS.sasl2)}</task-data>`);
  }

  async #endTask(data: Element, salt: ScramUpgradeSalt): Promise<void> {
    const hash = this.#tasks.shift() as ScramHash;
    const child = data.child('hash', NS.scramUpgrade);
    const salted = child === undefined ? undefined : decodeUpgradeHash(child);
    const account = this.#account as AccountRecord;
    this.#salt = undefined;
    try {
      const upgraded = salted === undefined ? undefined : await this.#core.accounts.upgradeKeys(account, hash, salted, salt);
      if (upgraded === undefined) return this.#refuse('malformed-request');
      this.#account = upgraded;
    } catch (error) {
      this.#core.log.warn('keys_not_upgraded', { account: account.id, error });
      return this.#refuse('temporary-auth-failure');
    }
    const [task] = this.#tasks;
    return task === undefined ? this.#finish(this.#account, undefined) : this.#continue(task, undefined);
  }

  // --- success ---

  #finish(account: AccountRecord, data: string | undefined): Awaitable<void> {
    return whenReady(this.#core.accounts.isCurrent(account), (current) => {
      if (!current) return this.#refuse('not-authorized');
      const results: Element[] = [];
      const auth = this.#auth as Sasl2Authenticate;
      const done = this.#core.hooks.idle(signedIn)
        ? undefined
        : this.#core.hooks.run(signedIn, {
            account,
            mechanism: auth.mechanism,
            request: this.#request as Element,
            agent: auth.userAgent,
            remoteAddress: this.#stream.remoteAddress,
            bindings: this.#stream.offer.sasl2.bindings,
            results,
          });
      return done instanceof Promise
        ? done.then(() => this.#resumeOrBind(account, data, results))
        : this.#resumeOrBind(account, data, results);
    });
  }

  #resumeOrBind(account: AccountRecord, data: string | undefined, results: readonly Element[]): Awaitable<void> {
    const resume = this.#request?.child('resume', NS.sm);
    if (resume === undefined) return this.#bind(account, data, results, '');
    return new Promise((resolve, reject) => {
      resumeSession(this.#core, this.#stream, account, resume.attrs, {
        failed: (text) => Promise.resolve(this.#bind(account, data, results, text)).then(resolve, reject),
        resumed: (session, text, refused) => {
          this.#succeed(account, session.address, data, refused ? [] : results, text);
          resolve();
        },
      });
    });
  }

  /** Everything written for the sign-in is durable, or could not be; then nothing of it is told. */
  #settled(results: readonly Element[]): Awaitable<readonly Element[]> {
    const { storage } = this.#core;
    if (!storage.pending) return results;
    return new Promise((resolve) =>
      storage.afterCommit(
        () => resolve(results),
        (error) => {
          this.#core.log.warn('sign_in_not_recorded', { account: this.#account?.id, code: error.code });
          resolve([]);
        },
      ),
    );
  }

  #bind(account: AccountRecord, data: string | undefined, written: readonly Element[], resumeFailed: string): Awaitable<void> {
    const bind = this.#request?.child('bind', NS.bind2);
    return whenReady(this.#settled(written), (results) => {
      const bare = `${account.localpart}@${this.#core.config.domain}`;
      if (bind === undefined) return this.#succeed(account, bare, data, results, resumeFailed);
      return whenReady(this.#resource(account, decodeBind2(bind)?.tag), (resources) => {
        if (this.#stream.over) return;
        let session: Session;
        try {
          session = bindDevice(this.#core, this.#stream, account, resources, this.#auth?.userAgent?.id ?? '');
        } catch (error) {
          return this.#refuse('temporary-auth-failure', asStanzaError(error).text);
        }
        this.#stream.adopt(session, true);
        const enableSm = bind.child('enable', NS.sm);
        const managed = enableSm === undefined ? '' : enable(this.#core, session, enableSm.attrs);
        const bound: Element[] = [];
        const done = this.#core.hooks.run(inlineBind, { session, request: bind, results: bound });
        const succeed = (): void => {
          const inside = bound.map((one) => one.toString(NS.bind2)).join('');
          this.#succeed(account, session.address, data, results, `${resumeFailed}<bound xmlns="${NS.bind2}">${managed}${inside}</bound>`);
        };
        return done instanceof Promise ? done.then(succeed) : succeed();
      });
    });
  }

  /**
   * Wishes for the resource, the best first (XEP-0386 §3.2.1): the same one for the same device each time, without telling its id
   * to those who see the address.
   */
  #resource(account: AccountRecord, tag: string | undefined): Awaitable<readonly string[]> {
    const id = this.#auth?.userAgent?.id;
    const from = (own: string): readonly string[] => (tag === undefined ? [own] : [`${tag}/${own}`, own]);
    if (id === undefined) return from(this.#core.token(10));
    return whenReady(this.#core.secret('resource', `${account.id} ${id} ${tag ?? ''}`), (hash) =>
      from(base64Encode(hash.subarray(0, 9)).replaceAll('+', '-').replaceAll('/', '_')),
    );
  }

  #succeed(account: AccountRecord, identifier: string, data: string | undefined, results: readonly Element[], inside: string): void {
    const proof = data === undefined ? '' : `<additional-data>${data}</additional-data>`;
    const told = results.map((one) => one.toString(NS.sasl2)).join('');
    this.#stream.succeed(
      `${OPEN}${proof}<authorization-identifier>${escapeText(identifier)}</authorization-identifier>${inside}${told}</success>`,
      account,
      this.#auth?.userAgent?.id ?? '',
    );
  }
}
