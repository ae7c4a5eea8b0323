/** Checks answers of authenticators with @simplewebauthn/server, which is loaded when the first one comes. */
import type { PasskeyVerifier } from '@parley/features/passkeys/service';
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { z } from 'zod';

const Base64Url = z
  .string()
  .max(8192)
  .regex(/^[\w-]*$/);
const Created = z.object({
  id: Base64Url,
  rawId: Base64Url,
  type: z.literal('public-key'),
  response: z.object({ clientDataJSON: Base64Url, attestationObject: Base64Url }),
});
const Used = z.object({
  id: Base64Url,
  rawId: Base64Url,
  type: z.literal('public-key'),
  response: z.object({ clientDataJSON: Base64Url, authenticatorData: Base64Url, signature: Base64Url, userHandle: Base64Url.nullish() }),
});

const load = (): Promise<typeof import('@simplewebauthn/server')> => import('@simplewebauthn/server');

/** What the library throws is what was wrong with the answer: nobody is told. */
async function orUndefined<T>(work: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await work();
  } catch {
    return undefined;
  }
}

export const passkeyVerifier: PasskeyVerifier = {
  async created(answer, { challenge, origin, rpId }) {
    const response = Created.safeParse(answer);
    if (!response.success) return undefined;
    const { verifyRegistrationResponse } = await load();
    return orUndefined(async () => {
      const { verified, registrationInfo } = await verifyRegistrationResponse({
        response: { ...response.data, clientExtensionResults: {} } as RegistrationResponseJSON,
        expectedChallenge: challenge,
        expectedOrigin: origin,
        expectedRPID: rpId,
        requireUserVerification: true,
      });
      if (!verified) return undefined;
      const { id, publicKey, counter } = registrationInfo.credential;
      return { id, publicKey: Buffer.from(publicKey).toString('base64url'), counter };
    });
  },
  async used(answer, { challenge, origin, rpId }, id, key) {
    const response = Used.safeParse(answer);
    if (!response.success) return undefined;
    const { verifyAuthenticationResponse } = await load();
    const { userHandle, ...parts } = response.data.response;
    return orUndefined(async () => {
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        response: {
          ...response.data,
          response: { ...parts, ...(typeof userHandle === 'string' ? { userHandle } : {}) },
          clientExtensionResults: {},
        } as AuthenticationResponseJSON,
        expectedChallenge: challenge,
        expectedOrigin: origin,
        expectedRPID: rpId,
        // Whether a count is a copy's is judged by whoever keeps it.
        credential: { id, publicKey: new Uint8Array(Buffer.from(key.publicKey, 'base64url')), counter: 0 },
        requireUserVerification: true,
      });
      return verified ? { counter: authenticationInfo.newCounter } : undefined;
    });
  },
};
