/** `/api/v1/sessions/token`: signs a device in for whom an app's server has signed a token. */
import { AppKeyError } from '@parley/features/app-keys/service';
import { z } from 'zod';
import { Moment, type Operation, operation, type Refusal } from '../api/operation.ts';
import { refusing } from '../api/refusing.ts';
import { HttpError } from '../errors.ts';

type Code = Exclude<AppKeyError['code'], 'not-found' | 'bad-key'>;
const REFUSALS: Readonly<Record<Code, Omit<Refusal, 'code'>>> = {
  off: { status: 404, when: 'no app has a key here' },
  'bad-token': { status: 401, when: 'the token was not signed for this domain by a key that is in force, or is good for too long' },
  expired: { status: 401, when: 'the token has expired' },
  'wrong-device': { status: 403, when: 'the token was signed for another device' },
  forbidden: { status: 403, when: 'the scope of the token lacks `chat`, the account is disabled, or is an administrator of the server' },
  'bad-device': { status: 400, when: 'the id of the device is not one (XEP-0388 user-agent), or the mechanism is none of XEP-0484' },
  'bad-name': { status: 400, when: 'the user name of the token has characters that no account can have' },
  'no-account': { status: 404, when: 'there is no such account, and the scope of the token lacks `register`' },
  'too-many': { status: 429, when: 'too many tokens were refused to this address' },
};

export const appKeyOperations: readonly Operation[] = [
  operation({
    id: 'signInByApp',
    method: 'POST',
    path: '/api/v1/sessions/token',
    tag: 'Apps',
    summary: "Signs a device in for whom an app's server has signed a token.",
    about:
      'The token is a JSON Web Token: `kid` is the id of the key (npx parley key add), `sub` the user name, `aud` the domain of the accounts, `iat` and `exp` as usual; `scope` has the word `chat`, and `register` when the account may be made; `device` binds it to one device. What is answered is good no longer than the token.',
    body: z.strictObject({
      token: z.string().min(1).max(4096),
      device: z.string().min(1).max(128).describe('The id that the device will sign in with (XEP-0388 user-agent)'),
      mechanism: z.string().min(1).max(64).describe('A mechanism of XEP-0484, such as HT-SHA-256-NONE'),
    }),
    example: { token: 'eyJhbGciOiJIUzI1NiIsImtpZCI6…', device: 'd4565fa7-4d72-4749-b3d3-740edbf87770', mechanism: 'HT-SHA-256-NONE' },
    status: 200,
    answer: z.object({
      jid: z.string().describe('The address of the account'),
      token: z.string().describe('Signs this device in over XMPP (XEP-0484)'),
      mechanism: z.string(),
      expiresAt: Moment,
    }),
    refusals: Object.entries(REFUSALS).map(([code, refusal]) => ({ code, ...refusal })),
    async run(wish, { site, remoteAddress }) {
      const keys = site.appKeys();
      if (keys?.inUse !== true) throw new HttpError(404, 'off', 'No app has a key of this server.');
      const { account, token, mechanism, expiresAt } = await refusing(AppKeyError, REFUSALS, () =>
        keys.signInWith({ ...wish, remoteAddress }),
      );
      return { jid: `${account.localpart}@${account.domain}`, token, mechanism, expiresAt: new Date(expiresAt).toISOString() };
    },
  }),
];
