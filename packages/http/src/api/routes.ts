/** The HTTP API: every operation, and its description at /api/docs (a page) and /api/openapi.json. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { appKeyOperations } from '../app-keys/operations.ts';
import { identityOperations } from '../identity/operations.ts';
import { linkOperations } from '../linking/operations.ts';
import type { HttpSite } from '../listener/sites.ts';
import { passkeyOperations } from '../passkeys/operations.ts';
import { registrationOperations } from '../registration/operations.ts';
import { socialOperations } from '../social/operations.ts';
import { openApi } from './document.ts';
import { type Operation, serveOperations } from './operation.ts';
import { apiPage, STYLE } from './page.ts';

/** All that the API can do. */
export const OPERATIONS: readonly Operation[] = [
  ...registrationOperations,
  ...identityOperations,
  ...socialOperations,
  ...passkeyOperations,
  ...linkOperations,
  ...appKeyOperations,
];

/**
 * Adds the API to a server.
 *
 * @param site which domain a request is about
 * @param version of the server
 */
export function apiRoutes(app: FastifyInstance, site: (request: FastifyRequest) => HttpSite, version: string): void {
  serveOperations(app, OPERATIONS, site);
  const document = JSON.stringify(openApi(OPERATIONS, version));
  const page = apiPage(OPERATIONS, version);
  app.get('/api/openapi.json', async (_request, reply) => reply.type('application/json').send(document));
  app.get('/api/docs', async (_request, reply) => reply.type('text/html; charset=utf-8').send(page));
  app.get('/api/docs.css', async (_request, reply) => reply.type('text/css; charset=utf-8').send(STYLE));
}
