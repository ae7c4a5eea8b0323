/**
 * `/api/v1/codes`, `/api/v1/accounts`, `/api/v1/sessions`: accounts by an e-mail address or a phone number that was proved with a code. What is
 * answered here is a token for XEP-0484; the chat itself goes on over XMPP.
 */
import { type DeviceSignIn, type Identities, IdentityError, KINDS } from '@parley/features/identity/service';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { HttpError } from '../errors.ts';
import type { HttpSite } from '../listener/sites.ts';

const Token = z.string().min(1).max(2048);
const Mechanism = z.string().min(1).max(64);
const SendCode = z.strictObject({ kind: z.enum(KINDS), to: z.string().min(1).max(320), device: z.string().min(1).max(128) });
const CheckCode = z.strictObject({ challenge: Token, code: z.string().min(1).max(32) });
const SignUp = z.strictObject({ proof: Token, username: z.string().min(1).max(1023), mechanism: Mechanism });
const SignIn = z.strictObject({ proof: Token, mechanism: Mechanism, deviceName: z.string().max(200).optional() });

const STATUS: Readonly<Record<IdentityError['code'], number>> = {
  off: 404,
  'bad-identifier': 400,
  'bad-device': 400,
  'bad-name': 400,
  'too-many': 429,
  'wrong-code': 403,
  expired: 410,
  'not-sent': 503,
  'no-account': 404,
  'has-account': 409,
  closed: 403,
  conflict: 409,
};

function parse<T>(shape: z.ZodType<T>, body: unknown, example: string): T {
  const result = shape.safeParse(body);
  if (!result.success) throw new HttpError(400, 'bad-request', `Send ${example} as JSON.`);
  return result.data;
}

/** Runs what the feature does; its refusals become answers. */
async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    const wait = error.retryAfterMs === undefined ? undefined : Math.max(1, Math.ceil(error.retryAfterMs / 1000));
    throw new HttpError(STATUS[error.code], error.code, error.message, wait === undefined ? {} : { 'retry-after': String(wait) });
  }
}

function signInAnswer({ account, token, mechanism, expiresAt }: DeviceSignIn): Readonly<Record<string, unknown>> {
  return { jid: `${account.localpart}@${account.domain}`, token, mechanism, expiresAt: new Date(expiresAt).toISOString() };
}

/** `site`: which domain a request is about. */
export function identityRoutes(app: FastifyInstance, site: (request: FastifyRequest) => HttpSite): void {
  const service = (request: FastifyRequest): Identities => {
    const found = site(request).identities();
    if (found === undefined || found.kinds.length === 0) throw new HttpError(404, 'off', 'This server does not send codes.');
    return found;
  };

  app.post('/api/v1/codes', async (request, reply) => {
    const wish = parse(SendCode, request.body, '{"kind": "email", "to": …, "device": …}');
    const sent = await refusing(() => service(request).sendCode({ ...wish, remoteAddress: request.ip }));
    reply.code(202);
    return { ...sent, expiresAt: new Date(sent.expiresAt).toISOString(), resendAt: new Date(sent.resendAt).toISOString() };
  });

  app.post('/api/v1/codes/check', async (request) => {
    const wish = parse(CheckCode, request.body, '{"challenge": …, "code": …}');
    const { proof, expiresAt, identifier, account } = await refusing(() =>
      service(request).checkCode({ ...wish, remoteAddress: request.ip }),
    );
    return {
      proof,
      expiresAt: new Date(expiresAt).toISOString(),
      ...identifier,
      // Whoever holds the identifier may know whose account it is; nobody else gets this far.
      jid: account === undefined ? null : `${account.localpart}@${account.domain}`,
    };
  });

  app.post('/api/v1/accounts', async (request, reply) => {
    const { username, ...wish } = parse(SignUp, request.body, '{"proof": …, "username": …, "mechanism": …}');
    const made = await refusing(() => service(request).signUpWith({ ...wish, localpart: username, remoteAddress: request.ip }));
    reply.code(201);
    return signInAnswer(made);
  });

  app.post('/api/v1/sessions', async (request) => {
    const { deviceName = '', ...wish } = parse(SignIn, request.body, '{"proof": …, "mechanism": …, "deviceName": …}');
    return signInAnswer(await refusing(() => service(request).signInWith({ ...wish, deviceName })));
  });
}
