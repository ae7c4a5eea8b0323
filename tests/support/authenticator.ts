// An authenticator in software (WebAuthn §6, "none" attestation, ES256), for what a browser's own would never answer.
import { createHash, createSign, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';

const sha256 = (data: string | Buffer): Buffer => createHash('sha256').update(data).digest();
const url = (data: string | Buffer): string => Buffer.from(data).toString('base64url');

/** CBOR (RFC 8949) of what a credential needs: whole numbers, bytes, texts, maps. */
function cbor(value: unknown): Buffer {
  const head = (major: number, length: number): Buffer =>
    length < 24
      ? Buffer.from([(major << 5) | length])
      : length < 256
        ? Buffer.from([(major << 5) | 24, length])
        : Buffer.from([(major << 5) | 25, length >> 8, length & 255]);
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  const entries = [...(value as Map<unknown, unknown>)];
  return Buffer.concat([head(5, entries.length), ...entries.flatMap(([key, one]) => [cbor(key), cbor(one)])]);
}

/** How an answer may be wrong. */
export interface Twist {
  readonly origin?: string;
  readonly rpId?: string;
  readonly challenge?: string;
  readonly type?: string;
  /** Nobody showed that it was them. */
  readonly unverified?: boolean;
  readonly counter?: number;
  /** Signed by another key. */
  readonly foreignKey?: boolean;
}

const FLAGS = { present: 1, verified: 4, attested: 64 };

export class Authenticator {
  readonly id = url(randomBytes(32));
  readonly #key: KeyObject;
  readonly #cose: Buffer;
  counter = 0;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#key = privateKey;
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    this.#cose = cbor(
      new Map<number, number | Buffer>([
        [1, 2],
        [3, -7],
        [-1, 1],
        [-2, Buffer.from(x, 'base64url')],
        [-3, Buffer.from(y, 'base64url')],
      ]),
    );
  }

  #data(rpId: string, twist: Twist, attested: boolean): Buffer {
    const flags = FLAGS.present | (twist.unverified === true ? 0 : FLAGS.verified) | (attested ? FLAGS.attested : 0);
    const count = Buffer.alloc(4);
    count.writeUInt32BE(twist.counter ?? this.counter);
    const id = Buffer.from(this.id, 'base64url');
    const credential = attested ? Buffer.concat([Buffer.alloc(16), Buffer.from([0, id.length]), id, this.#cose]) : Buffer.alloc(0);
    return Buffer.concat([sha256(twist.rpId ?? rpId), Buffer.from([flags]), count, credential]);
  }

  #client(type: string, challenge: string, origin: string, twist: Twist): string {
    return JSON.stringify({
      type: twist.type ?? type,
      challenge: twist.challenge ?? challenge,
      origin: twist.origin ?? origin,
      crossOrigin: false,
    });
  }

  /** What `navigator.credentials.create` answers, as JSON. */
  create(challenge: string, origin: string, twist: Twist = {}): Record<string, unknown> {
    const authData = this.#data(new URL(origin).hostname, twist, true);
    const attestation = cbor(
      new Map<string, unknown>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', authData],
      ]),
    );
    const client = this.#client('webauthn.create', challenge, origin, twist);
    return {
      id: this.id,
      rawId: this.id,
      type: 'public-key',
      response: { clientDataJSON: url(client), attestationObject: url(attestation) },
    };
  }

  /** What `navigator.credentials.get` answers, as JSON. */
  use(challenge: string, origin: string, twist: Twist = {}): Record<string, unknown> {
    const authData = this.#data(new URL(origin).hostname, twist, false);
    const client = this.#client('webauthn.get', challenge, origin, twist);
    const key = twist.foreignKey === true ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey : this.#key;
    const signature = createSign('sha256')
      .update(Buffer.concat([authData, sha256(client)]))
      .sign(key);
    return {
      id: this.id,
      rawId: this.id,
      type: 'public-key',
      response: { clientDataJSON: url(client), authenticatorData: url(authData), signature: url(signature) },
    };
  }
}
