/** The HTTP(S) server: web client, WebSocket upgrades, media, API, health, metrics. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import type { Log } from '@parley/core/ports';
import { StorageError } from '@parley/storage';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { apiRoutes } from '../api/routes.ts';
import { HttpError } from '../errors.ts';
import { type Metric, Metrics } from '../metrics/metrics.ts';
import type { Media } from '../upload/media.ts';
import { mediaRoutes } from '../upload/routes.ts';
import { altConnections, hostMetaJson, hostMetaXml, type Link } from '../well-known/host-meta.ts';
import { securityHeaders } from './security-headers.ts';
import { type HttpSite, mediaOrigins, siteOf } from './sites.ts';
import { StaticFiles } from './static.ts';

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  /** Certificate and key; undefined serves plain HTTP. */
  readonly tls: TlsOptions | undefined;
  readonly log: Log;
  /** Folder of the built web client. */
  readonly webRoot: string;
  /** Every domain that is served; the first one is for requests that name another host, or none. At least one. */
  readonly sites: readonly HttpSite[];
  /** Other origins whose pages may use the API; `*` for any. Asked at each request. */
  readonly allowedOrigins: readonly string[];
  readonly ready: () => boolean;
  readonly metrics: () => readonly Metric[] | Promise<readonly Metric[]>;
  readonly media: Media;
  /** Upgrade requests for /ws. */
  readonly webSocket: (request: IncomingMessage, socket: Socket, head: Buffer) => void;
  /** Requests for /http-bind (XEP-0124). */
  readonly bosh: (request: IncomingMessage, response: ServerResponse) => void;
  /** HTTP connections together. */
  readonly maxConnections: number;
  /** A proxy on this machine says in X-Forwarded-For who asks. */
  readonly trustProxy: boolean;
  /** Of the server, for the description of the API. */
  readonly version: string;
}

export interface HttpServer {
  readonly host: string;
  readonly port: number;
  /** Other limits and another certificate, for connections from now on. */
  reconfigure(next: { readonly tls: TlsOptions | undefined; readonly maxConnections: number }): void;
  /** Takes no more connections and lets those that are open finish what they do, for at most `ms`. */
  close(ms: number): Promise<void>;
}

const BODY_BYTES = 16_384;
/** A client must send its headers within this time, and may be silent in the middle of a request for as long. */
const HEADERS_MS = 15_000;
const SILENCE_MS = 30_000;
/** A large file over a slow line. */
const REQUEST_MS = 3_600_000;

/** Throws the error of `listen` as it is (EADDRINUSE and so on). */
export async function createHttpServer(options: HttpOptions): Promise<HttpServer> {
  const { log } = options;
  const files = await StaticFiles.open(options.webRoot);
  const metrics = new Metrics(options.metrics);
  const site = (request: FastifyRequest): HttpSite => siteOf(options.sites, request.headers.host);
  const common = {
    bodyLimit: BODY_BYTES,
    // The last address that no proxy of this machine has: what a client says of itself stands before it.
    trustProxy: options.trustProxy ? 'loopback' : false,
    connectionTimeout: SILENCE_MS,
    requestTimeout: REQUEST_MS,
    forceCloseConnections: 'idle' as const,
    routerOptions: { maxParamLength: 2000, caseSensitive: true, ignoreTrailingSlash: false },
    return503OnClosing: true,
    exposeHeadRoutes: false,
  };
  const app = (options.tls === undefined
    ? Fastify(common)
    : Fastify({ ...common, https: { ...options.tls, minVersion: 'TLSv1.2' } })) as unknown as FastifyInstance;
  app.server.headersTimeout = HEADERS_MS;
  app.server.maxHeadersCount = 100;
  app.server.maxConnections = options.maxConnections;

  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders(request.headers.host, mediaOrigins(options.sites), options.tls !== undefined));
    if (request.raw.url === undefined || request.raw.url.length > 4096) throw new HttpError(414, 'too-long', 'The address is too long.');
  });
  app.setErrorHandler((error, request, reply) => {
    const { status, code, message, headers } = asHttpError(error);
    if (status >= 500 && status !== 503 && status !== 507)
      log.error('http_request_failed', { method: request.method, route: request.routeOptions.url, error });
    return reply.code(status).headers(headers).type('application/json').send({ error: code, message });
  });

  app.get('/healthz', async (_request, reply) => {
    const ready = options.ready();
    return reply
      .code(ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .type('application/json')
      .send({ status: ready ? 'ok' : 'starting' });
  });
  app.get('/metrics', async (request, reply) => {
    if (!fromThisMachine(request.raw)) throw new HttpError(404, 'not-found', 'There is nothing at this address.');
    return reply
      .type(metrics.contentType)
      .header('cache-control', 'no-store')
      .send(await metrics.page());
  });

  const links = (request: FastifyRequest): Link[] => altConnections(site(request).publicUrl(), { webSocket: '/ws', bosh: '/http-bind' });
  const open = { 'access-control-allow-origin': '*', 'cache-control': 'no-cache' };
  app.get('/.well-known/host-meta', async (request, reply) =>
    reply
      .headers(open)
      .type('application/xrd+xml')
      .send(hostMetaXml(links(request))),
  );
  app.get('/.well-known/host-meta.json', async (request, reply) =>
    reply
      .headers(open)
      .type('application/json')
      .send(hostMetaJson(links(request))),
  );

  await app.register(async (api) => {
    api.addHook('onRequest', async (request, reply) => {
      reply.header('cache-control', 'no-store').header('vary', 'origin');
      const { origin } = request.headers;
      if (origin !== undefined && (options.allowedOrigins.includes(origin) || options.allowedOrigins.includes('*'))) {
        reply.headers({
          'access-control-allow-origin': origin,
          'access-control-allow-headers': 'content-type',
          'access-control-allow-methods': 'GET, POST',
        });
      }
    });
    apiRoutes(api, site, options.version);
    api.options('/api/*', async (_request, reply) => reply.code(204).send());
  });
  await app.register(async (scope) => {
    // The endpoint reads its requests itself.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    scope.route({
      method: ['GET', 'POST', 'OPTIONS'],
      url: '/http-bind',
      handler: (request, reply) => {
        reply.hijack();
        options.bosh(request.raw, reply.raw);
      },
    });
  });
  await app.register(async (scope) => mediaRoutes(scope, options.media));

  app.setNotFoundHandler(async (request, reply) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') throw new HttpError(404, 'not-found', 'There is nothing at this address.');
    const asked = (request.raw.url ?? '/').split('?', 1)[0] ?? '/';
    // Where other providers send the browser back to: the page looks at the rest.
    const path = SIGN_IN_PAGE.test(asked) ? '/' : asked;
    if (path === '/' || path === '/index.html') await files.refresh();
    const answer = files.answer(path, String(request.headers['accept-encoding'] ?? ''), request.headers['if-none-match']);
    if (answer === undefined) {
      if (path === '/') throw new HttpError(404, 'no-web-client', 'The web client is not built; run: npm run build');
      throw new HttpError(404, 'not-found', 'There is nothing at this address.');
    }
    reply.headers(answer.headers);
    if (answer.notModified) return reply.code(304).send();
    reply.code(200).header('content-length', answer.bytes.length);
    return request.method === 'HEAD' ? reply.send() : reply.send(answer.bytes);
  });

  app.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if ((request.url ?? '').split('?', 1)[0] === '/ws') {
      options.webSocket(request, socket, head);
      return;
    }
    socket.once('error', () => socket.destroy());
    // No timeout looks after a socket after an upgrade request.
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', () => socket.destroy());
  });

  await app.listen({ host: options.host, port: options.port });
  const address = app.server.address() as AddressInfo;
  return {
    host: address.address,
    port: address.port,
    reconfigure({ tls, maxConnections }) {
      app.server.maxConnections = maxConnections;
      if (tls !== undefined && app.server instanceof HttpsServer) app.server.setSecureContext({ ...tls, minVersion: 'TLSv1.2' });
    },
    async close(ms) {
      const timer = setTimeout(() => app.server.closeAllConnections(), ms);
      await app.close();
      clearTimeout(timer);
      metrics.close();
    },
  };
}

const SIGN_IN_PAGE = /^\/sign-in\/[a-z][a-z0-9-]{0,31}$/;

/** Headers with which proxies say that they pass on what somebody else asked. */
const PASSED_ON = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'forwarded', 'via'];

/** Asked by a program on this machine for itself: a loopback peer that is no proxy, and no web page that had its name pointed here. */
export function fromThisMachine({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): boolean {
  if (!/^(?:::ffff:)?127\.|^::1$/.test(socket.remoteAddress ?? '')) return false;
  if (!/^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i.test(headers.host ?? '')) return false;
  return PASSED_ON.every((name) => headers[name] === undefined);
}

/** Fastify's own refusals of a request, in our words; any other of them is `bad-request`. */
const OWN_REFUSALS: Readonly<Record<number, readonly [code: string, message: string]>> = {
  404: ['not-found', 'There is nothing at this address.'],
  413: ['too-large', 'This is longer than what is taken here.'],
  415: ['bad-type', 'Send JSON, with the Content-Type application/json.'],
};

function asHttpError(error: unknown): Pick<HttpError, 'status' | 'code' | 'message' | 'headers'> {
  if (error instanceof HttpError) return error;
  if (error instanceof StorageError && error.code === 'full')
    return new HttpError(507, 'full', 'The server has no room to keep this. Try again later.');
  if (error instanceof StorageError && (error.code === 'busy' || error.code === 'closed'))
    return new HttpError(503, 'busy', 'The server cannot store this now. Try again soon.');
  const { statusCode, message } = error as { statusCode?: number; message?: string };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    const [code, sentence] = OWN_REFUSALS[statusCode] ?? ['bad-request', message ?? 'The request is not understood.'];
    return new HttpError(statusCode, code, sentence);
  }
  return new HttpError(500, 'internal', 'The server failed at this; its log says why.');
}
