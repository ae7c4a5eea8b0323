/** XEP-0388: sign-in, resumption (XEP-0198) or bind (XEP-0386), and a token for the next time (XEP-0484) in one step. */
import {
  base64Encode,
  decodeFastToken,
  decodeSasl2Failure,
  decodeSasl2Success,
  encodeAuthenticate,
  encodeBind2,
  encodeConfigVersion,
  encodeFastRequest,
  encodeFastUse,
  HtClient,
  htMechanism,
  NS,
  parseSmH,
  type Sasl2Feature,
  SaslError,
  saslData,
  smEnable,
  smResume,
} from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import { ChatError } from '../errors.ts';
import type { Platform } from '../platform.ts';
import type { Device, KeptToken } from './device.ts';
import { Session, type SessionOwner } from './session.ts';
import { chooseScram, expired, failureOf, type KeptKeys, type Secret, scramClient } from './sign-in.ts';
import type { XmppStream } from './stream.ts';

const STEP_TIMEOUT_MS = 20_000;
const SOFTWARE = 'Parley';
const TOKENS = ['HT-SHA-256-NONE'];

export interface InlineOptions {
  readonly platform: Platform;
  readonly secret: Secret;
  readonly owner: SessionOwner;
  readonly device: Device;
  readonly domain: string;
  readonly previous?: Session | undefined;
}

export interface SignedIn {
  readonly session: Session;
  readonly keys: KeptKeys | undefined;
  readonly resumed: boolean;
}

/** What names the offer of a server on this kind of connection; undefined when it names none. */
export function offerOf(features: Element): string | undefined {
  return features.child('config-version', NS.pipelining)?.attr('value');
}

export class InlineSignIn {
  readonly #stream: XmppStream;
  readonly #options: InlineOptions;
  #offer: string | undefined;

  constructor(stream: XmppStream, options: InlineOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  get #user(): string {
    return `${this.#options.secret.username}@${this.#options.domain}`;
  }

  /**
   * Signs in before the server has said what it offers, when it said so at the last time (XEP-0509). Answers its features then, and the
   * session unless it wants to be asked in another way now.
   */
  async early(): Promise<{ readonly features: Element; readonly done: SignedIn | undefined } | undefined> {
    const { device } = this.#options;
    if (!this.#stream.secure || !(await device.mayHaveToken())) return undefined;
    const { id, token } = await device.of(this.#user);
    const believed = token?.offer[this.#stream.kind];
    if (token === undefined || believed === undefined) return undefined;
    const client = await this.#useToken(id, token, undefined, believed);
    const features = await this.#stream.next(STEP_TIMEOUT_MS);
    if (features.name !== 'features') throw new ChatError('protocol-violation', 'The server did not say what it can do');
    this.#offer = offerOf(features);
    return { features, done: await this.#tokenAnswer(client) };
  }

  /** Signs in by what `offer` allows: a token, else the password or its keys. */
  async run(features: Element, offer: Sasl2Feature): Promise<SignedIn> {
    const { device, secret } = this.#options;
    this.#offer = offerOf(features);
    const { id, token } = await device.of(this.#user);
    if (token !== undefined && offer.fast?.includes(token.mechanism) === true) {
      const done = await this.#tokenAnswer(await this.#useToken(id, token, offer, undefined));
      if (done !== undefined) return done;
    }
    const mechanism = chooseScram(offer.mechanisms, secret);
    if (mechanism === undefined) return await this.#renew(id, offer);
    const scram = scramClient(this.#options.platform, mechanism, secret);
    this.#stream.send(this.#request(mechanism.name, scram.client.first(), id, offer));
    const challenge = await this.#stream.next(STEP_TIMEOUT_MS);
    if (challenge.name !== 'challenge' || challenge.ns !== NS.sasl2) throw this.#failed(challenge);
    const data = saslData(challenge);
    if (data === undefined) throw new ChatError('protocol-violation', 'The server sent a malformed sign-in answer');
    try {
      const proof = await scram.client.final(data);
      this.#stream.send(responseOf(proof));
      const success = await this.#stream.next(STEP_TIMEOUT_MS);
      const value = decodeSasl2Success(success);
      if (value === undefined) throw this.#failed(success);
      scram.client.verify(value.additionalData ?? new Uint8Array(0));
      return await this.#enter(success, value.authorizationIdentifier, scram.keys());
    } catch (error) {
      if (error instanceof SaslError)
        throw new ChatError('protocol-violation', `The server failed to prove who it is: ${error.message}`, { cause: error });
      throw error;
    }
  }

  /** There is neither a password nor a token that does: the last way is a new token. */
  async #renew(id: string, offer: Sasl2Feature): Promise<SignedIn> {
    const token = await this.#options.device.renewed(id);
    if (token === undefined || offer.fast?.includes(token.mechanism) !== true) throw expired();
    const done = await this.#tokenAnswer(await this.#useToken(id, token, offer, undefined));
    if (done === undefined) throw expired();
    return done;
  }

  #failed(answer: Element): ChatError {
    return failureOf(decodeSasl2Failure(answer)?.condition, this.#options.secret.password === undefined);
  }

  /** `<authenticate/>` with everything that is to happen in the same step. */
  #request(
    mechanism: string,
    response: Uint8Array,
    id: string,
    offer: Sasl2Feature | undefined,
    ...more: (Element | undefined)[]
  ): Element {
    const { previous } = this.#options;
    const resume = previous?.resumeId === undefined ? undefined : smResume({ previd: previous.resumeId, h: previous.receivedCount });
    const bind = encodeBind2({ tag: SOFTWARE }, el('enable', { xmlns: NS.carbons }), smEnable({ resume: true }));
    const token = TOKENS.find((name) => offer?.fast?.includes(name) === true);
    const agent = { id, software: SOFTWARE, device: this.#options.platform.name };
    return encodeAuthenticate(
      { mechanism, initialResponse: response, userAgent: agent },
      resume,
      bind,
      token === undefined || more.length > 0 ? undefined : encodeFastRequest(token),
      ...more,
    );
  }

  async #useToken(id: string, token: KeptToken, offer: Sasl2Feature | undefined, believed: string | undefined): Promise<HtClient> {
    const { device, platform, secret } = this.#options;
    const mechanism = htMechanism(token.mechanism);
    if (mechanism === undefined) throw expired();
    const used = { ...token, count: token.count + 1 };
    await device.setToken(used);
    const client = new HtClient(platform.crypto, mechanism, token.token, undefined);
    const version = believed === undefined ? undefined : encodeConfigVersion(believed);
    const fast = encodeFastUse({ count: used.count, invalidate: false });
    this.#stream.send(this.#request(token.mechanism, await client.first(secret.username), id, offer, fast, version));
    return client;
  }

  /** Undefined: the token does not do (any more), or the server has changed; go on in another way. */
  async #tokenAnswer(client: HtClient): Promise<SignedIn | undefined> {
    const answer = await this.#stream.next(STEP_TIMEOUT_MS);
    const value = decodeSasl2Success(answer);
    if (value === undefined) {
      const failure = decodeSasl2Failure(answer);
      if (failure === undefined) throw new ChatError('protocol-violation', 'The server answered the sign-in with something else');
      if (failure.condition === 'temporary-auth-failure') throw failureOf(failure.condition, true);
      if (failure.condition !== 'aborted') await this.#options.device.setToken(undefined);
      return undefined;
    }
    try {
      await client.verify(value.additionalData);
    } catch (cause) {
      throw new ChatError('protocol-violation', 'The server failed to prove who it is', { cause });
    }
    return this.#enter(answer, value.authorizationIdentifier, undefined);
  }

  async #enter(success: Element, address: string, keys: KeptKeys | undefined): Promise<SignedIn> {
    const { device, owner, platform, previous } = this.#options;
    const given = success.child('token', NS.fast);
    const token = given === undefined ? undefined : decodeFastToken(given);
    const kept = (await device.of(this.#user)).token;
    const offer = this.#offer === undefined ? (kept?.offer ?? {}) : { ...kept?.offer, [this.#stream.kind]: this.#offer };
    if (token !== undefined) await device.setToken({ ...token, mechanism: kept?.mechanism ?? (TOKENS[0] as string), count: 0, offer });
    else if (kept !== undefined && kept.offer[this.#stream.kind] !== offer[this.#stream.kind]) await device.setToken({ ...kept, offer });
    const resumed = success.child('resumed', NS.sm);
    if (resumed !== undefined && previous !== undefined && resumed.attr('previd') === previous.resumeId) {
      previous.attach(this.#stream, Number(resumed.attr('h') ?? Number.NaN));
      if (!previous.online) throw new ChatError('connection-lost', 'The session could not be resumed');
      return { session: previous, keys, resumed: true };
    }
    // XEP-0198 §5: a failed resume may still say how much the server had taken.
    const taken = parseSmH(success.child('failed', NS.sm)?.attr('h'));
    if (taken !== undefined) previous?.acknowledge(taken);
    const bound = success.child('bound', NS.bind2);
    if (bound === undefined || !address.includes('/')) throw new ChatError('protocol-violation', 'The server gave no address');
    const session = new Session(platform, owner, address);
    const enabled = bound.child('enabled', NS.sm);
    if (enabled !== undefined) {
      const resumable = enabled.attr('resume') === 'true' || enabled.attr('resume') === '1';
      session.enable(resumable ? enabled.attr('id') : undefined);
    }
    session.attach(this.#stream);
    return { session, keys, resumed: false };
  }
}

function responseOf(data: Uint8Array): Element {
  return el('response', { xmlns: NS.sasl2 }, base64Encode(data));
}
