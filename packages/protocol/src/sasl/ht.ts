/** The hashed token mechanisms HT-*: draft-schmaus-kitten-sasl-ht-09, as XEP-0484 uses them. One round trip, both sides prove the token. */
import { utf8Decode, utf8Encode } from '@parley/xml';
import { type Awaitable, type Crypto, type HashName, then } from './crypto.ts';
import { SaslError } from './error.ts';

/** The channel binding of a mechanism by the last part of its name (§3); undefined: none. */
const BINDINGS = { EXPR: 'tls-exporter', ENDP: 'tls-server-end-point', NONE: undefined } as const;

export interface HtMechanism {
  readonly name: string;
  readonly hash: HashName;
  readonly binding: 'tls-exporter' | 'tls-server-end-point' | undefined;
}

/** Reads the name of a mechanism; undefined when it is none of these. */
export function htMechanism(name: string): HtMechanism | undefined {
  const match = /^HT-(SHA-256|SHA-512)-(EXPR|ENDP|NONE)$/.exec(name);
  if (match === null) return undefined;
  return { name, hash: match[1] as HashName, binding: BINDINGS[match[2] as keyof typeof BINDINGS] };
}

const INITIATOR = utf8Encode('Initiator');
const RESPONDER = utf8Encode('Responder');
const NAME_BYTES = 1023;
const HASH_BYTES = 64;

function proof(crypto: Crypto, hash: HashName, token: string, role: Uint8Array, binding: Uint8Array | undefined): Awaitable<Uint8Array> {
  const data = new Uint8Array(role.length + (binding?.length ?? 0));
  data.set(role);
  if (binding !== undefined) data.set(binding, role.length);
  return crypto.hmac(hash, utf8Encode(token), data);
}

export interface HashedToken {
  /** As the client wrote it; prepare it with `Jid`. */
  readonly username: string;
  readonly hash: Uint8Array;
}

/** Reads `authcid NUL HMAC(token, "Initiator" || cb-data)`. Throws SaslError `malformed-request`. */
export function parseHashedToken(message: Uint8Array): HashedToken {
  const end = message.indexOf(0);
  if (end <= 0 || end > NAME_BYTES || message.length - end - 1 > HASH_BYTES || message.length === end + 1)
    throw new SaslError('malformed-request');
  try {
    return { username: utf8Decode(message.subarray(0, end)), hash: message.slice(end + 1) };
  } catch {
    throw new SaslError('malformed-request');
  }
}

/** The server's side, for one connection: compares what came with what a token would have given. */
export class HtServer {
  readonly #crypto: Crypto;
  readonly #mechanism: HtMechanism;
  readonly #binding: Uint8Array | undefined;

  /** `binding`: the data of the channel that the mechanism names. */
  constructor(crypto: Crypto, mechanism: HtMechanism, binding: Uint8Array | undefined) {
    this.#crypto = crypto;
    this.#mechanism = mechanism;
    this.#binding = binding;
  }

  /** Whether `hash` was made with this token; in constant time. */
  matches(token: string, hash: Uint8Array): Awaitable<boolean> {
    return then(proof(this.#crypto, this.#mechanism.hash, token, INITIATOR, this.#binding), (expected) =>
      this.#crypto.timingSafeEqual(expected, hash),
    );
  }

  /** The server's own proof, which goes with success. */
  answer(token: string): Awaitable<Uint8Array> {
    return proof(this.#crypto, this.#mechanism.hash, token, RESPONDER, this.#binding);
  }
}

/** The client's side: `first`, then `verify` with the data of success. */
export class HtClient {
  readonly #crypto: Crypto;
  readonly #mechanism: HtMechanism;
  readonly #token: string;
  readonly #binding: Uint8Array | undefined;

  constructor(crypto: Crypto, mechanism: HtMechanism, token: string, binding: Uint8Array | undefined) {
    this.#crypto = crypto;
    this.#mechanism = mechanism;
    this.#token = token;
    this.#binding = binding;
  }

  first(username: string): Awaitable<Uint8Array> {
    return then(proof(this.#crypto, this.#mechanism.hash, this.#token, INITIATOR, this.#binding), (hash) => {
      const name = utf8Encode(username);
      const out = new Uint8Array(name.length + 1 + hash.length);
      out.set(name);
      out.set(hash, name.length + 1);
      return out;
    });
  }

  /** Throws SaslError when the server does not know the token. */
  verify(data: Uint8Array | undefined): Awaitable<void> {
    return then(proof(this.#crypto, this.#mechanism.hash, this.#token, RESPONDER, this.#binding), (expected) => {
      if (data === undefined || !this.#crypto.timingSafeEqual(expected, data))
        throw new SaslError('not-authorized', 'The server does not know this token.');
    });
  }
}
