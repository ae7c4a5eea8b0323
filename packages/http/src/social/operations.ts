/** `/api/v1/social`: proving an account at another provider. */
import { SocialError, type SocialSignIn } from '@parley/features/social/service';
import { z } from 'zod';
import { type ApiRequest, Moment, type Operation, operation, type Refusal } from '../api/operation.ts';
import { refusing } from '../api/refusing.ts';
import { HttpError } from '../errors.ts';

const TAG = 'Other providers';

const REFUSALS: Readonly<Record<SocialError['code'], Omit<Refusal, 'code'>>> = {
  off: { status: 404, when: 'this server does not sign in by the provider' },
  'bad-device': { status: 400, when: 'the id of the device is not one (XEP-0388 user-agent)' },
  'too-many': { status: 429, when: 'there were too many from this address' },
  expired: { status: 410, when: 'the attempt is over, or not of this server' },
  refused: { status: 403, when: 'the person or the provider said no, or what came back does not belong to the attempt' },
  'provider-down': { status: 503, when: 'the provider does not answer as it should' },
};
const refusals = (...codes: readonly SocialError['code'][]): readonly Refusal[] => codes.map((code) => ({ code, ...REFUSALS[code] }));

async function asked<T>({ site }: ApiRequest, work: (service: SocialSignIn) => Promise<T>): Promise<T> {
  const service = site.social();
  if (service === undefined) throw new HttpError(404, 'off', 'This server does not sign in by other providers.');
  return refusing(SocialError, REFUSALS, () => work(service));
}

export const socialOperations: readonly Operation[] = [
  operation({
    id: 'beginSocial',
    method: 'POST',
    path: '/api/v1/social',
    tag: TAG,
    summary: 'Begins to prove an account at another provider: where the browser has to go.',
    about:
      'The provider sends the browser back to /sign-in/<provider> of this server with something in the query, which is brought to /api/v1/social/finish together with the flow.',
    body: z.strictObject({
      provider: z.string().min(1).max(32).describe('One of those that GET /api/v1/register lists'),
      device: z.string().min(1).max(128).describe('The id that the device will sign in with (XEP-0388 user-agent)'),
    }),
    example: { provider: 'google', device: 'd4565fa7-4d72-4749-b3d3-740edbf87770' },
    status: 200,
    answer: z.object({
      url: z.string().describe('Where the browser goes'),
      flow: z.string().describe('Brought back at the end: the server keeps nothing of this'),
      state: z.string().describe('Comes back as `state` in the query, so that attempts can be told apart'),
      expiresAt: Moment,
    }),
    refusals: refusals('off', 'bad-device', 'too-many', 'provider-down'),
    async run({ provider, device }, request) {
      const origin = request.site.publicUrl();
      const begun = await asked(request, (service) => service.begin({ provider, device, origin, remoteAddress: request.remoteAddress }));
      return { ...begun, expiresAt: new Date(begun.expiresAt).toISOString() };
    },
  }),
  operation({
    id: 'finishSocial',
    method: 'POST',
    path: '/api/v1/social/finish',
    tag: TAG,
    summary: 'Trades what the provider gave the browser for a proof.',
    about: 'The proof is good for what that of a code is: a new account, signing in, or adding to the account that is signed in.',
    body: z.strictObject({
      flow: z.string().min(1).max(2048),
      callback: z.string().min(1).max(4096).describe('The query with which the browser came back, without the question mark'),
    }),
    example: { flow: '…', callback: 'code=…&state=…' },
    status: 200,
    answer: z.object({
      proof: z.string(),
      expiresAt: Moment,
      provider: z.string(),
      value: z.string().describe('The identifier as the server keeps it'),
      label: z.string().describe('How the person may recognise it'),
      jid: z.string().nullable().describe('The account that has it'),
      sameEmail: z
        .boolean()
        .describe('No account has this sign-in, but one has its e-mail address: its owner should sign in there, and add this'),
    }),
    refusals: refusals('off', 'expired', 'refused', 'too-many', 'provider-down'),
    async run(wish, request) {
      const { account, expiresAt, ...found } = await asked(request, (service) =>
        service.finish({ ...wish, remoteAddress: request.remoteAddress }),
      );
      const jid = account === undefined ? null : `${account.localpart}@${account.domain}`;
      return { ...found, jid, expiresAt: new Date(expiresAt).toISOString() };
    },
  }),
];
