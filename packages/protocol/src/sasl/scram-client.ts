/** The client's side of SCRAM: RFC 5802, RFC 7677; -PLUS with RFC 9266. */
import { utf8Encode } from '@parley/xml';
import { preparePassword } from '../jid/precis.ts';
import { base64Decode, base64Encode } from './base64.ts';
import { type Awaitable, type Crypto, then } from './crypto.ts';
import { SaslError } from './error.ts';
import { deriveScramClientKeys, type ScramClientKeys, type ScramHash, xor } from './scram-keys.ts';
import { decodeMessage, encodeName, parseServerFirst, type ServerFirst } from './scram-message.ts';

/** Where derived keys wait for the next sign-in; a Map will do. Keys tell hash, name, salt and iterations. */
export interface ScramKeyCache {
  get(key: string): ScramClientKeys | undefined;
  set(key: string, keys: ScramClientKeys): void;
}

export interface ScramClientOptions {
  readonly crypto: Crypto;
  readonly alg: ScramHash;
  readonly username: string;
  readonly password: string;
  readonly authzid?: string;
  /** 'n': this client cannot bind. 'y': it can, the server did not offer to. Else the binding of a -PLUS mechanism. */
  readonly binding: 'n' | 'y' | { readonly type: string; readonly data: Uint8Array };
  readonly cache?: ScramKeyCache;
  /** Default 1: what old servers have is accepted; a pinned minimum refuses a downgrade (RFC 7677 §4 says 4096). */
  readonly minIterations?: number;
  /** What the server advertised, as `downgradeText` writes it: when the server says a hash of it, they must agree (XEP-0474 §5.2). */
  readonly advertised?: string;
  /** For tests with vectors only. */
  readonly nonce?: string;
}

/** More would be a way to burn a client's battery. */
export const MAX_SCRAM_ITERATIONS = 1_000_000;

/** One exchange: `first`, `final`, `verify`, each once. They throw (or reject with) SaslError. */
export class ScramClient {
  readonly #options: ScramClientOptions;
  readonly #nonce: string;
  readonly #header: string;
  readonly #bare: string;
  #signature?: Uint8Array;
  #state: 'first' | 'final' | 'verify' | 'over' = 'first';

  constructor(options: ScramClientOptions) {
    this.#options = options;
    this.#nonce = options.nonce ?? base64Encode(options.crypto.randomBytes(18));
    const { binding, authzid } = options;
    const flag = typeof binding === 'string' ? binding : `p=${binding.type}`;
    this.#header = `${flag},${authzid === undefined || authzid === '' ? '' : `a=${encodeName(authzid)}`},`;
    this.#bare = `n=${encodeName(options.username)},r=${this.#nonce}`;
  }

  /** The client-first message. */
  first(): Uint8Array {
    this.#step('first', 'final');
    return utf8Encode(this.#header + this.#bare);
  }

  /** Takes the server-first message and gives the client-final one. At once when the keys are cached and the port is synchronous. */
  final(bytes: Uint8Array): Awaitable<Uint8Array> {
    this.#step('final', 'over');
    const { minIterations = 1 } = this.#options;
    const serverFirst = decodeMessage(bytes);
    const answer = parseServerFirst(serverFirst);
    const { nonce, iterations, downgrade } = answer;
    if (!nonce.startsWith(this.#nonce) || nonce.length <= this.#nonce.length)
      throw new SaslError('not-authorized', 'The server answered another nonce.');
    if (iterations > MAX_SCRAM_ITERATIONS) throw new SaslError('not-authorized', 'The server asks for too many iterations.');
    if (iterations < minIterations) throw new SaslError('mechanism-too-weak', 'The server asks for too few iterations.');
    const { advertised, crypto, alg } = this.#options;
    if (downgrade === undefined || advertised === undefined) return this.#prove(serverFirst, answer);
    return then(crypto.hash(alg, utf8Encode(advertised)), (hash) => {
      if (base64Encode(hash) !== downgrade)
        throw new SaslError('mechanism-too-weak', 'The list of sign-in methods was changed on its way from the server.');
      return this.#prove(serverFirst, answer);
    });
  }

  #prove(serverFirst: string, { nonce, salt, saltText, iterations }: ServerFirst): Awaitable<Uint8Array> {
    const { crypto, alg, username, password, cache, binding } = this.#options;
    const header = utf8Encode(this.#header);
    const data = typeof binding === 'string' ? new Uint8Array(0) : binding.data;
    const bound = new Uint8Array(header.length + data.length);
    bound.set(header);
    bound.set(data, header.length);
    const withoutProof = `c=${base64Encode(bound)},r=${nonce}`;
    const signed = utf8Encode(`${this.#bare},${serverFirst},${withoutProof}`);
    const cacheKey = `${alg}:${iterations}:${saltText}:${username}`;
    const cached = cache?.get(cacheKey);
    const prepared = cached === undefined ? preparePassword(password) : '';
    if (prepared === undefined) throw new SaslError('not-authorized', 'The password has characters that no password can have.');
    const finish = (keys: ScramClientKeys): Awaitable<Uint8Array> =>
      then(crypto.hmac(alg, keys.storedKey, signed), (clientSignature) =>
        then(crypto.hmac(alg, keys.serverKey, signed), (serverSignature) => {
          this.#signature = serverSignature;
          this.#state = 'verify';
          return utf8Encode(`${withoutProof},p=${base64Encode(xor(keys.clientKey, clientSignature))}`);
        }),
      );
    if (cached !== undefined) return finish(cached);
    return deriveScramClientKeys(crypto, alg, prepared, salt, iterations).then((keys) => {
      cache?.set(cacheKey, keys);
      return finish(keys);
    });
  }

  /** Checks the server-final message: that the server knows the keys, too. Nothing of a session may be trusted before. */
  verify(bytes: Uint8Array): void {
    this.#step('verify', 'over');
    const text = decodeMessage(bytes);
    if (text.startsWith('e=')) throw new SaslError('not-authorized', 'The server refused the sign-in.');
    const [v = ''] = text.split(',');
    const signature = v.startsWith('v=') ? base64Decode(v.slice(2)) : undefined;
    if (signature === undefined || this.#signature === undefined || !this.#options.crypto.timingSafeEqual(signature, this.#signature))
      throw new SaslError('not-authorized', 'The server does not know this account.');
  }

  #step(from: 'first' | 'final' | 'verify', to: 'final' | 'over'): void {
    if (this.#state !== from) {
      this.#state = 'over';
      throw new SaslError('malformed-request', 'The steps of the sign-in came out of order.');
    }
    this.#state = to;
  }
}
