/** Who sends, towards the push service: RFC 8292 (VAPID), a signed token for each push service. */
import { createECDH, createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';

const TOKEN_MS = 12 * 3_600_000;
const RENEW_MS = 3_600_000;
const KEPT_TOKENS = 200;

export class Vapid {
  /** Uncompressed point, base64url: what a browser is given to subscribe with. */
  readonly publicKey: string;
  readonly #key: KeyObject;
  readonly #subject: () => string;
  /** The one in the tokens that are kept. */
  #said = '';
  readonly #now: () => number;
  readonly #tokens = new Map<string, { token: Promise<string>; until: number }>();

  /** `secret`: 32 bytes from outside the database. `subject`: a mailto: or https: address of the operator. */
  constructor(secret: Uint8Array, subject: () => string, now: () => number) {
    const pair = createECDH('prime256v1');
    // Nearly every number of 32 bytes is a private key; the few that are not are hashed until they are.
    for (let scalar = Buffer.from(secret); ; scalar = createHash('sha256').update(scalar).digest()) {
      try {
        pair.setPrivateKey(scalar);
        break;
      } catch {
        // The next one.
      }
    }
    const point = pair.getPublicKey();
    this.publicKey = point.toString('base64url');
    const d = pair.getPrivateKey();
    this.#key = createPrivateKey({
      format: 'jwk',
      key: {
        kty: 'EC',
        crv: 'P-256',
        x: point.subarray(1, 33).toString('base64url'),
        y: point.subarray(33).toString('base64url'),
        d: Buffer.concat([Buffer.alloc(32 - d.length), d]).toString('base64url'),
      },
    });
    this.#subject = subject;
    this.#now = now;
  }

  /** The Authorization header for the push service of this endpoint. */
  async authorization(endpoint: URL): Promise<string> {
    const { origin } = endpoint;
    const now = this.#now();
    const subject = this.#subject();
    if (subject !== this.#said) this.#tokens.clear();
    this.#said = subject;
    let kept = this.#tokens.get(origin);
    if (kept === undefined || kept.until - now < RENEW_MS) {
      if (this.#tokens.size >= KEPT_TOKENS) this.#tokens.clear();
      const until = now + TOKEN_MS;
      const token = new SignJWT({ sub: subject })
        .setProtectedHeader({ typ: 'JWT', alg: 'ES256' })
        .setAudience(origin)
        .setExpirationTime(Math.floor(until / 1000))
        .sign(this.#key);
      kept = { token, until };
      this.#tokens.set(origin, kept);
    }
    return `vapid t=${await kept.token}, k=${this.publicKey}`;
  }
}
