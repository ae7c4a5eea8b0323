/** `/api/v1/passkeys`: proving who one is by a passkey. */
import { PasskeyError, type Passkeys } from '@parley/features/passkeys/service';
import { z } from 'zod';
import { type ApiRequest, Moment, type Operation, operation, type Refusal } from '../api/operation.ts';
import { refusing } from '../api/refusing.ts';
import { HttpError } from '../errors.ts';

const TAG = 'Passkeys';

const REFUSALS: Readonly<Record<PasskeyError['code'], Omit<Refusal, 'code'>>> = {
  off: { status: 404, when: 'this server has none, or browsers allow none at its address' },
  'bad-device': { status: 400, when: 'the id of the device is not one (XEP-0388 user-agent)' },
  'too-many': { status: 429, when: 'there were too many from this address' },
  expired: { status: 410, when: 'the attempt is over, used, or not of this server' },
  refused: { status: 403, when: 'the passkey opens no account here, or the answer does not fit' },
};
const refusals = (...codes: readonly PasskeyError['code'][]): readonly Refusal[] => codes.map((code) => ({ code, ...REFUSALS[code] }));

async function asked<T>({ site }: ApiRequest, work: (service: Passkeys) => Promise<T>): Promise<T> {
  const service = site.passkeys();
  if (service === undefined) throw new HttpError(404, 'off', 'This server has no passkeys.');
  return refusing(PasskeyError, REFUSALS, () => work(service));
}

export const passkeyOperations: readonly Operation[] = [
  operation({
    id: 'beginPasskey',
    method: 'POST',
    path: '/api/v1/passkeys',
    tag: TAG,
    summary: 'Begins to sign in by a passkey: what the browser is to sign.',
    body: z.strictObject({
      device: z.string().min(1).max(128).describe('The id that the device will sign in with (XEP-0388 user-agent)'),
    }),
    example: { device: 'd4565fa7-4d72-4749-b3d3-740edbf87770' },
    status: 200,
    answer: z.object({
      challenge: z.string().describe('base64url'),
      rpId: z.string(),
      flow: z.string().describe('Brought back with the answer: the server keeps nothing of this'),
      expiresAt: Moment,
    }),
    refusals: refusals('off', 'bad-device', 'too-many'),
    async run({ device }, request) {
      const begun = await asked(request, (service) => service.begin({ device, remoteAddress: request.remoteAddress }));
      return { ...begun, expiresAt: new Date(begun.expiresAt).toISOString() };
    },
  }),
  operation({
    id: 'finishPasskey',
    method: 'POST',
    path: '/api/v1/passkeys/finish',
    tag: TAG,
    summary: 'Trades what the authenticator has signed for a proof.',
    about: 'The proof signs in, as that of a code does. A passkey is added to an account over XMPP, by who is signed in to it.',
    body: z.strictObject({
      flow: z.string().min(1).max(2048),
      response: z.record(z.string().max(100), z.unknown()).describe('What PublicKeyCredential.toJSON() says'),
    }),
    example: { flow: '…', response: { id: '…', rawId: '…', type: 'public-key', response: {} } },
    status: 200,
    answer: z.object({ proof: z.string(), expiresAt: Moment, value: z.string(), jid: z.string() }),
    refusals: refusals('off', 'expired', 'refused', 'too-many'),
    async run(wish, request) {
      const { account, expiresAt, ...found } = await asked(request, (service) =>
        service.finish({ ...wish, remoteAddress: request.remoteAddress }),
      );
      return { ...found, jid: `${account.localpart}@${account.domain}`, expiresAt: new Date(expiresAt).toISOString() };
    },
  }),
];
