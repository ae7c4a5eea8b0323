/**
 * `/api/v1/codes`, `/api/v1/accounts`, `/api/v1/sessions`: accounts by an e-mail address or a phone number that was proved with a code. What is
 * answered here is a token for XEP-0484; the chat itself goes on over XMPP.
 */
import { type DeviceSignIn, type Identities, IdentityError, KINDS, MOST_KNOWN } from '@parley/features/identity/service';
import { z } from 'zod';
import { type ApiRequest, Moment, type Operation, operation, type Refusal } from '../api/operation.ts';
import { refusing } from '../api/refusing.ts';
import { HttpError } from '../errors.ts';

const TAG = 'Codes';

const Token = z.string().min(1).max(2048);
const Mechanism = z.string().min(1).max(64).describe('A mechanism of XEP-0484, such as HT-SHA-256-NONE');
const Proof = Token.describe('What a right code was traded for; good for 15 minutes, for the device that asked for the code');
const SignedIn = z.object({
  jid: z.string().describe('The address of the account'),
  token: z.string().describe('Signs this device in over XMPP (XEP-0484)'),
  mechanism: z.string(),
  expiresAt: Moment,
});

type Code = IdentityError['code'];
const REFUSALS: Readonly<Record<Code, Omit<Refusal, 'code'>>> = {
  off: { status: 404, when: 'this server does not send codes of this kind' },
  'bad-identifier': { status: 400, when: 'this is not a whole e-mail address or phone number' },
  'country-refused': { status: 403, when: 'no codes are sent to phone numbers of this country' },
  'bad-device': { status: 400, when: 'the id of the device is not one (XEP-0388 user-agent)' },
  'bad-name': { status: 400, when: 'the user name has characters that no account can have, or too many' },
  'too-many': { status: 429, when: 'there were too many, from this address or for this identifier' },
  'wrong-code': { status: 403, when: 'the code is wrong; the message says how many tries are left' },
  expired: { status: 410, when: 'the code or proof is over, used up, or not of this server' },
  'not-sent': { status: 503, when: 'whoever carries the code did not take it' },
  'no-account': { status: 404, when: 'no account has the identifier' },
  'has-account': { status: 409, when: 'an account has the identifier already' },
  closed: { status: 403, when: 'nobody may make an account in this way here' },
  conflict: { status: 409, when: 'the user name is taken' },
};
const refusals = (...codes: readonly Code[]): readonly Refusal[] => codes.map((code) => ({ code, ...REFUSALS[code] }));

/** Runs what the feature does; its refusals become answers. */
const asked = <T>(work: () => Promise<T>): Promise<T> => refusing(IdentityError, REFUSALS, work);

function identitiesOf({ site }: ApiRequest): Identities {
  const found = site.identities();
  if (found === undefined) throw new HttpError(404, 'off', 'This server knows no other way in than a password.');
  return found;
}

function signInAnswer({ account, token, mechanism, expiresAt }: DeviceSignIn): z.input<typeof SignedIn> {
  return { jid: `${account.localpart}@${account.domain}`, token, mechanism, expiresAt: new Date(expiresAt).toISOString() };
}

export const identityOperations: readonly Operation[] = [
  operation({
    id: 'sendCode',
    method: 'POST',
    path: '/api/v1/codes',
    tag: TAG,
    summary: 'Sends a code to an e-mail address or a phone number.',
    about: 'What is answered is the same whether or not an account has it.',
    body: z.strictObject({
      kind: z.enum(KINDS),
      to: z
        .string()
        .min(1)
        .max(320)
        .describe('An e-mail address, or a phone number in any usual spelling; without a country code it is one of `phoneCountry`'),
      device: z.string().min(1).max(128).describe('The id that the device will sign in with (XEP-0388 user-agent)'),
      known: z
        .array(z.string().min(1).max(128))
        .max(MOST_KNOWN)
        .optional()
        .describe('What earlier checks on this device have answered as `known`, for whatever identifiers'),
    }),
    example: { kind: 'email', to: 'ann@mail.example', device: 'd4565fa7-4d72-4749-b3d3-740edbf87770' },
    status: 202,
    answer: z.object({
      challenge: z.string().describe('Brought back with the code: the server keeps nothing of this'),
      digits: z.int().describe('Length of the code'),
      expiresAt: Moment,
      resendAt: Moment.describe('When another one may be asked for.'),
      value: z.string().describe('The identifier as the server keeps it'),
      code: z.string().optional().describe('The code itself; only where the operator has it shown, for development'),
    }),
    refusals: refusals('bad-identifier', 'country-refused', 'bad-device', 'off', 'too-many', 'not-sent'),
    async run(wish, request) {
      const sent = await asked(() => identitiesOf(request).sendCode({ ...wish, remoteAddress: request.remoteAddress }));
      const { code, ...rest } = sent;
      return {
        ...rest,
        ...(code === undefined ? undefined : { code }),
        expiresAt: new Date(sent.expiresAt).toISOString(),
        resendAt: new Date(sent.resendAt).toISOString(),
      };
    },
  }),
  operation({
    id: 'checkCode',
    method: 'POST',
    path: '/api/v1/codes/check',
    tag: TAG,
    summary: 'Trades a challenge and its code for a proof.',
    body: z.strictObject({ challenge: Token, code: z.string().min(1).max(32) }),
    example: { challenge: '…', code: '123456' },
    status: 200,
    answer: z.object({
      proof: z.string(),
      expiresAt: Moment,
      kind: z.enum(KINDS),
      value: z.string().describe('The identifier as the server keeps it'),
      // Whoever holds the identifier may know whose account it is; nobody else gets this far.
      jid: z.string().nullable().describe('The account that has it'),
      known: z
        .string()
        .describe('For this device to keep, and to bring along when it asks for a code again; it says nothing to anybody else'),
    }),
    refusals: refusals('off', 'wrong-code', 'expired', 'too-many'),
    async run(wish, request) {
      const { proof, expiresAt, identifier, account, known } = await asked(() =>
        identitiesOf(request).checkCode({ ...wish, remoteAddress: request.remoteAddress }),
      );
      const jid = account === undefined ? null : `${account.localpart}@${account.domain}`;
      return { proof, expiresAt: new Date(expiresAt).toISOString(), ...identifier, jid, known };
    },
  }),
  operation({
    id: 'signUp',
    method: 'POST',
    path: '/api/v1/accounts',
    tag: TAG,
    summary: 'Makes an account for an identifier that was proved and that no account has.',
    about: 'The account has no password; the device that proved the identifier is signed in.',
    body: z.strictObject({ proof: Proof, username: z.string().min(1).max(1023), mechanism: Mechanism }),
    example: { proof: '…', username: 'ann', mechanism: 'HT-SHA-256-NONE' },
    status: 201,
    answer: SignedIn,
    refusals: refusals('bad-name', 'bad-device', 'closed', 'off', 'conflict', 'has-account', 'expired'),
    async run({ username, ...wish }, request) {
      return signInAnswer(
        await asked(() => identitiesOf(request).signUpWith({ ...wish, localpart: username, remoteAddress: request.remoteAddress })),
      );
    },
  }),
  operation({
    id: 'signIn',
    method: 'POST',
    path: '/api/v1/sessions',
    tag: TAG,
    summary: 'Signs the device in that proved the identifier of an account.',
    about: 'The other devices of the account are told.',
    body: z.strictObject({ proof: Proof, mechanism: Mechanism, deviceName: z.string().max(200).optional() }),
    example: { proof: '…', mechanism: 'HT-SHA-256-NONE', deviceName: 'Firefox on Linux' },
    status: 200,
    answer: SignedIn,
    refusals: refusals('bad-device', 'off', 'no-account', 'expired'),
    async run({ deviceName = '', ...wish }, request) {
      return signInAnswer(await asked(() => identitiesOf(request).signInWith({ ...wish, deviceName })));
    },
  }),
];
