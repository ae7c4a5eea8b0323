/** The server's side of SCRAM: RFC 5802, RFC 7677; -PLUS with RFC 9266. */
import { utf8Encode } from '@parley/xml';
import { base64Encode } from './base64.ts';
import { type Awaitable, type Crypto, then } from './crypto.ts';
import { SaslError } from './error.ts';
import { fakeScramKeys, HASH_BYTES, type ScramHash, type ScramKeys, xor } from './scram-keys.ts';
import { type ClientFirst, decodeMessage, parseClientFinal, parseClientFirst } from './scram-message.ts';

export interface ScramServerOptions {
  readonly crypto: Crypto;
  readonly alg: ScramHash;
  /** The client chose the -PLUS mechanism. */
  readonly plus: boolean;
  /** A -PLUS mechanism was offered on this stream; then the flag `y` proves that somebody took it off the list (§6). */
  readonly plusOffered: boolean;
  /** The binding data of this channel, by name; undefined when it has none of that name. */
  channelBinding(type: string): Uint8Array | undefined;
  /** Keys of the name as the client wrote it (prepare it with `Jid`), or undefined for none. */
  credentials(username: string): Awaitable<ScramKeys | undefined>;
  /** The one spelling of a name, for the salt of names without an account. Default: as the client wrote it. */
  fakeName?(username: string): string;
  /** Key for the salts of names without an account; the same on every node and after a restart, or strangers can tell. */
  readonly fakeSecret: Uint8Array;
  /** Salt and iterations told for names without an account, made of 64 bytes that belong to the name: what new accounts get. */
  fakeKeys(bytes: Uint8Array): { readonly salt: Uint8Array; readonly iterations: number };
  /** XEP-0474: the hash (base64) of all that was advertised on this stream. Told to everybody, so that nobody can take from the list. */
  readonly downgrade?: Awaitable<string>;
  /** For tests with vectors only. */
  readonly nonce?: string;
}

export interface ScramSuccess {
  /** As the client wrote it. */
  readonly username: string;
  /** '' when the client asked for its own. Compare it with the account; another one is `invalid-authzid`. */
  readonly authzid: string;
  /** The server-final message, to go into `<success/>`. */
  readonly message: Uint8Array;
}

/** One exchange. `first`, then `final`, each once; both throw (or reject with) SaslError. */
export class ScramServer {
  readonly #options: ScramServerOptions;
  #state: 'first' | 'wait' | 'final' | 'over' = 'first';
  #client?: ClientFirst;
  #keys?: ScramKeys;
  #known = false;
  #binding?: Uint8Array;
  #nonce = '';
  #serverFirst = '';

  constructor(options: ScramServerOptions) {
    this.#options = options;
  }

  /** Takes the client-first message and gives the server-first one. */
  first(bytes: Uint8Array): Awaitable<Uint8Array> {
    if (this.#state !== 'first') throw this.#fail('malformed-request');
    this.#state = 'over';
    const { crypto, alg, plus, plusOffered, fakeSecret } = this.#options;
    const fakeName = (name: string): string => this.#options.fakeName?.(name) ?? name;
    const client = parseClientFirst(decodeMessage(bytes));
    if (plus !== (client.flag === 'p')) throw this.#fail('malformed-request');
    if (client.flag === 'y' && plusOffered) throw this.#fail('not-authorized', 'The list of mechanisms was changed on the way.');
    if (client.binding !== undefined) {
      this.#binding = this.#options.channelBinding(client.binding);
      if (this.#binding === undefined) throw this.#fail('malformed-request', 'This channel binding is not available.');
    }
    this.#client = client;
    this.#nonce = client.nonce + (this.#options.nonce ?? base64Encode(crypto.randomBytes(18)));
    this.#state = 'wait';
    return then(this.#options.credentials(client.username), (keys) => {
      this.#known = keys !== undefined;
      // The fake is made for known names too: both take the same work.
      return then(
        fakeScramKeys(crypto, alg, fakeSecret, fakeName(client.username), (of) => this.#options.fakeKeys(of)),
        (fake) => {
          const { downgrade } = this.#options;
          if (downgrade === undefined) return this.#answer(keys ?? fake, '');
          return then(downgrade, (hash) => this.#answer(keys ?? fake, `,h=${hash}`));
        },
      );
    });
  }

  #answer(keys: ScramKeys, extension: string): Uint8Array {
    this.#keys = keys;
    this.#serverFirst = `r=${this.#nonce},s=${base64Encode(keys.salt)},i=${keys.iterations}${extension}`;
    this.#state = 'final';
    return utf8Encode(this.#serverFirst);
  }

  /** Takes the client-final message. A wrong password, a replay and a name without an account fail alike: `not-authorized`. */
  final(bytes: Uint8Array): Awaitable<ScramSuccess> {
    const client = this.#client;
    const keys = this.#keys;
    if (this.#state !== 'final' || client === undefined || keys === undefined) throw this.#fail('malformed-request');
    this.#state = 'over';
    const { crypto, alg } = this.#options;
    const message = parseClientFinal(decodeMessage(bytes));
    const header = utf8Encode(client.gs2Header);
    const expected = new Uint8Array(header.length + (this.#binding?.length ?? 0));
    expected.set(header);
    if (this.#binding !== undefined) expected.set(this.#binding, header.length);
    if (!crypto.timingSafeEqual(message.binding, expected) || message.nonce !== this.#nonce) throw this.#fail('not-authorized');
    if (message.proof.length !== HASH_BYTES[alg]) throw this.#fail('not-authorized');
    const signed = utf8Encode(`${client.bare},${this.#serverFirst},${message.withoutProof}`);
    return then(crypto.hmac(alg, keys.storedKey, signed), (signature) =>
      then(crypto.hash(alg, xor(message.proof, signature)), (storedKey) => {
        const right = crypto.timingSafeEqual(storedKey, keys.storedKey);
        if (!right || !this.#known) throw this.#fail('not-authorized');
        return then(crypto.hmac(alg, keys.serverKey, signed), (verifier) => ({
          username: client.username,
          authzid: client.authzid,
          message: utf8Encode(`v=${base64Encode(verifier)}`),
        }));
      }),
    );
  }

  #fail(condition: 'malformed-request' | 'not-authorized', text?: string): SaslError {
    this.#state = 'over';
    return new SaslError(condition, text);
  }
}
