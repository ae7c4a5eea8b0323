/** `POST /api/v1/register`: an account with user name and password, for web clients. */
import { RegistrationError } from '@parley/features/registration/service';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { HttpError } from '../errors.ts';
import type { HttpSite } from '../listener/sites.ts';

const Request = z.strictObject({ username: z.string().min(1).max(1023), password: z.string().min(1).max(1024) });

const STATUS: Readonly<Record<RegistrationError['code'], number>> = {
  closed: 403,
  'too-many': 429,
  conflict: 409,
  'bad-name': 400,
  'bad-password': 400,
};

/** `site`: which domain a request is about. */
export function registrationRoutes(app: FastifyInstance, site: (request: FastifyRequest) => HttpSite): void {
  app.get('/api/v1/register', async (request) => {
    const { domain, registrar, identities } = site(request);
    const codes = identities();
    return {
      open: registrar()?.open ?? false,
      domain,
      // What codes are sent to, and whether they may lead to a new account.
      codes: codes?.kinds ?? [],
      signUpByCode: codes?.signUp ?? false,
    };
  });

  app.post('/api/v1/register', async (request, reply) => {
    const registrar = site(request).registrar();
    if (registrar === undefined) throw new HttpError(403, 'closed', 'This server takes no registrations. Ask its operator for an account.');
    const wish = Request.safeParse(request.body);
    if (!wish.success) throw new HttpError(400, 'bad-request', 'Send {"username": …, "password": …} as JSON, both of them not empty.');
    const { username, password } = wish.data;
    try {
      const account = await registrar.register({ localpart: username, password, remoteAddress: request.ip });
      reply.code(201);
      return { jid: `${account.localpart}@${account.domain}` };
    } catch (error) {
      if (!(error instanceof RegistrationError)) throw error;
      const wait = error.retryAfterMs === undefined ? undefined : Math.ceil(error.retryAfterMs / 1000);
      throw new HttpError(STATUS[error.code], error.code, error.message, wait === undefined ? {} : { 'retry-after': String(wait) });
    }
  });
}
