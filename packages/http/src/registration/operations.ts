/** `/api/v1/register`: what the server offers to newcomers, and an account with user name and password. */
import { RegistrationError } from '@parley/features/registration/service';
import { z } from 'zod';
import { type Operation, operation, type Refusal } from '../api/operation.ts';
import { refusing } from '../api/refusing.ts';
import { HttpError } from '../errors.ts';

const TAG = 'Registration';

const REFUSALS: Readonly<Record<RegistrationError['code'], Omit<Refusal, 'code'>>> = {
  closed: { status: 403, when: 'the server takes no registrations' },
  'too-many': { status: 429, when: 'there were too many from this address' },
  conflict: { status: 409, when: 'the user name is taken' },
  'bad-name': { status: 400, when: 'the user name has characters that no account can have, or too many' },
  'bad-password': { status: 400, when: 'the password is too weak, or has characters that no password can have' },
};

export const registrationOperations: readonly Operation[] = [
  operation({
    id: 'registrationOffered',
    method: 'GET',
    path: '/api/v1/register',
    tag: TAG,
    summary: 'What this server offers to somebody who has no account.',
    status: 200,
    answer: z.object({
      open: z.boolean().describe('An account may be made with user name and password'),
      domain: z.string().describe('The domain of the accounts'),
      codes: z.array(z.enum(['email', 'phone'])).describe('What codes can be sent to'),
      linking: z.boolean().describe('A device that is signed in can let a new one in'),
      passkeys: z.boolean().describe('One can sign in by a passkey'),
      social: z.array(z.object({ id: z.string(), name: z.string() })).describe('Other providers by whom one can sign in'),
      signUpByCode: z.boolean().describe('An account may be made by proving one of these, or by one of these providers'),
      phoneCountry: z.string().describe('The country of phone numbers without a country code, as ISO 3166 code; empty when none is set'),
    }),
    refusals: [],
    async run(_body, { site: { domain, registrar, identities, linking, passkeys, social } }) {
      const codes = identities();
      return {
        open: registrar()?.open ?? false,
        domain,
        codes: [...(codes?.kinds ?? [])],
        linking: linking() !== undefined,
        passkeys: passkeys()?.usable ?? false,
        social: [...(social()?.providers ?? [])],
        signUpByCode: codes !== undefined && (codes.kinds.length > 0 || social() !== undefined) && codes.signUp,
        phoneCountry: codes?.country ?? '',
      };
    },
  }),
  operation({
    id: 'register',
    method: 'POST',
    path: '/api/v1/register',
    tag: TAG,
    summary: 'Makes an account with user name and password.',
    body: z.strictObject({ username: z.string().min(1).max(1023), password: z.string().min(1).max(1024) }),
    example: { username: 'ann', password: 'correct horse battery staple' },
    status: 201,
    answer: z.object({ jid: z.string().describe('The address of the new account') }),
    refusals: Object.entries(REFUSALS).map(([code, refusal]) => ({ code, ...refusal })),
    async run({ username, password }, { site, remoteAddress }) {
      const registrar = site.registrar();
      if (registrar === undefined)
        throw new HttpError(403, 'closed', 'This server takes no registrations. Ask its operator for an account.');
      const account = await refusing(RegistrationError, REFUSALS, () =>
        registrar.register({ localpart: username, password, remoteAddress }),
      );
      return { jid: `${account.localpart}@${account.domain}` };
    },
  }),
];
