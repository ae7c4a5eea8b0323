/** Tokens of app keys: JSON Web Tokens (RFC 7519), read with jose. */
import type { Algorithm, AppTokens, PublicKey } from '@parley/features/app-keys/service';
import { decodeProtectedHeader, errors, exportJWK, importJWK, importSPKI, type JWK, jwtVerify } from 'jose';
import { z } from 'zod';

const LONGEST_KEY = 8192;
const LEAST_RSA_BITS = 2048;
/** Clocks of two machines differ. Seconds. */
const SKEW = 60;

const Claims = z.object({
  sub: z.string().min(1).max(1023),
  iat: z.number().int().min(0).max(1e11),
  exp: z.number().int().min(0).max(1e11),
  scope: z.string().max(1000).default('chat'),
  device: z.string().min(1).max(128).optional(),
});

const CURVES: Readonly<Record<string, Algorithm>> = { Ed25519: 'EdDSA', 'P-256': 'ES256' };

/** How a public key signs; undefined for kinds that are not taken. Nothing private may be in it. */
function algorithmOf(key: JWK): Algorithm | undefined {
  if (['d', 'p', 'q', 'k'].some((part) => Object.hasOwn(key, part))) return undefined;
  if (key.kty === 'RSA') return (key.n?.length ?? 0) * 6 >= LEAST_RSA_BITS ? 'RS256' : undefined;
  return CURVES[key.crv ?? ''];
}

async function parsed(text: string): Promise<JWK> {
  if (text.trimStart().startsWith('{')) return JSON.parse(text) as JWK;
  // The text does not say how the key signs; importing it as each kind does.
  for (const algorithm of ['EdDSA', 'ES256', 'RS256']) {
    try {
      return await exportJWK(await importSPKI(text, algorithm, { extractable: true }));
    } catch {
      // Of another kind.
    }
  }
  throw new Error('no key');
}

export const appTokens: AppTokens = {
  keyOf(token) {
    try {
      const { kid } = decodeProtectedHeader(token);
      return typeof kid === 'string' ? kid : undefined;
    } catch {
      return undefined;
    }
  },

  async read(token, key, { audience, now }) {
    try {
      const material = 'secret' in key ? key.secret : await importJWK(key.publicKey as JWK, key.algorithm);
      const { payload } = await jwtVerify(token, material, {
        algorithms: [key.algorithm],
        audience,
        currentDate: new Date(now),
        clockTolerance: SKEW,
        requiredClaims: ['sub', 'iat', 'exp', 'aud'],
      });
      const claims = Claims.safeParse(payload);
      if (!claims.success) return 'refused';
      const { sub, iat, exp, scope, device } = claims.data;
      return { user: sub, issuedAt: iat, expiresAt: exp, scope: scope.split(' ').filter((word) => word !== ''), device };
    } catch (error) {
      if (error instanceof errors.JWTExpired) return 'expired';
      if (error instanceof errors.JOSEError) return 'refused';
      throw error;
    }
  },

  async publicKey(text) {
    const sentence =
      'This is no public key. Give a PEM (BEGIN PUBLIC KEY) or JWK file of an Ed25519, P-256 or RSA (2048 bits or more) key.';
    if (text.length > LONGEST_KEY) throw new Error(sentence);
    let key: JWK;
    try {
      key = await parsed(text);
    } catch (cause) {
      throw new Error(sentence, { cause });
    }
    const algorithm = algorithmOf(key);
    if (algorithm === undefined) throw new Error(sentence);
    const { kty, crv, x, y, n, e } = key;
    const publicKey = Object.fromEntries(
      Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => typeof value === 'string'),
    ) as PublicKey;
    try {
      await importJWK(publicKey as JWK, algorithm);
    } catch (cause) {
      throw new Error(sentence, { cause });
    }
    return { algorithm, publicKey };
  },
};
