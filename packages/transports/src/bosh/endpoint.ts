/** XEP-0124 and XEP-0206: XMPP for clients that have nothing but HTTP. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import { DEFAULT_LIMITS } from '@parley/xml';
import { isLoopback, normalAddress } from '../gate.ts';
import type { TransportContext } from '../transport.ts';
import { clientAddress, originAllowed } from '../websocket/endpoint.ts';
import { type BoshRequest, readBody, terminal } from './body.ts';
import { type Answer, BoshSession, type BoshShared } from './session.ts';

export interface BoshOptions {
  /** As for WebSockets. Asked at each request. */
  readonly allowedOrigins: readonly string[];
  /** Bytes of one stanza. Asked at each request. */
  readonly maxPayload: number;
  readonly trustProxy: boolean;
}

/** Answers requests for `/http-bind`. */
export interface BoshEndpoint {
  handle(request: IncomingMessage, response: ServerResponse): void;
  readonly connections: number;
  /** Takes no new sessions from now on. */
  stop(): void;
  close(): Promise<void>;
}

/** The wrapper around one stanza of the largest size. */
const WRAPPER_BYTES = 4096;
const PREFLIGHT_SECONDS = 86_400;
/** §7.1 lets a client choose the type of all responses; these are the ones that no browser runs. */
const CONTENT_TYPES = /^(?:text\/xml|text\/plain|application\/xml)(?:;\s*charset=utf-8)?$/i;
const XML = 'text/xml; charset=utf-8';

/** A body that is too large is thrown away up to this many times the limit, so that the client can read why; then its connection goes. */
const PATIENCE = 4;

/** The whole body; undefined when it is larger than `most`. Rejects when the client goes away. */
function read(request: IncomingMessage, most: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= most) chunks.push(chunk);
      else chunks = [];
      if (bytes > most * PATIENCE) request.destroy();
    });
    request.once('end', () => resolve(bytes > most ? undefined : Buffer.concat(chunks)));
    request.once('error', reject);
    request.once('close', () => reject(Object.assign(new Error('the client went away'), { code: 'ECONNRESET' })));
  });
}

/** The request that begins a session is small (§7.1): a larger one must name a session before anybody parses it. */
const STRANGER_BYTES = 8192;

/** The `sid` as it is written in the tag that the bytes begin with; '' when there is none. */
function sidOf(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 2048)).toString('latin1');
  const tag = start.slice(0, start.indexOf('>') + 1);
  return /\ssid\s*=\s*["']([A-Za-z0-9_-]{1,128})["']/.exec(tag)?.[1] ?? '';
}

export function createBoshEndpoint(context: TransportContext, options: BoshOptions): BoshEndpoint {
  const shared: BoshShared = { ...context, sessions: new Map() };
  let stopped = false;

  const answerTo = (request: IncomingMessage, response: ServerResponse): Answer => {
    const { origin } = request.headers;
    return {
      send(body, contentType) {
        if (response.destroyed || response.writableEnded) return false;
        if (origin !== undefined) response.setHeader('access-control-allow-origin', origin);
        response.writeHead(200, {
          'content-type': contentType,
          'content-length': Buffer.byteLength(body),
          'cache-control': 'no-store',
          'x-content-type-options': 'nosniff',
          vary: 'origin',
        });
        response.end(body);
        return true;
      },
    };
  };

  const begin = (body: BoshRequest, request: IncomingMessage, answer: Answer): BoshSession | undefined => {
    const contentType = body.attrs['content'] ?? XML;
    const refuse = (condition: string): undefined => void answer.send(terminal(condition), XML);
    if (stopped) return refuse('system-shutdown');
    if (!CONTENT_TYPES.test(contentType)) return refuse('bad-request');
    const peer = normalAddress(request.socket.remoteAddress);
    const address = clientAddress(request, peer, options.trustProxy);
    if (!context.gate.enter(address)) {
      context.log.debug('connection_refused', { address, reason: 'too many connections' });
      return refuse('policy-violation');
    }
    return new BoshSession(body, address, isSecure(request), contentType, shared);
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const answer = answerTo(request, response);
    const most = options.maxPayload + WRAPPER_BYTES;
    const bytes = await read(request, most);
    if (bytes !== undefined && bytes.length > STRANGER_BYTES && !shared.sessions.has(sidOf(bytes)))
      return void answer.send(terminal('item-not-found'), XML);
    const body = bytes === undefined ? undefined : readBody(bytes, { ...DEFAULT_LIMITS, stanzaBytes: options.maxPayload });
    const known = body?.sid === undefined ? undefined : shared.sessions.get(body.sid);
    // The socket would be closed for its silence; the session has its own timers.
    request.socket.setTimeout(0);
    response.once('close', () => {
      request.socket.setTimeout(IDLE_MS);
      session?.gone(answer);
    });
    let session: BoshSession | undefined;
    if (body === undefined) return void answer.send(terminal('bad-request'), XML);
    if (body.sid === undefined) {
      session = begin(body, request, answer);
      session?.begin(body, answer);
      return;
    }
    // One that began under TLS does not go on in the clear, where somebody may have read its name.
    if (known === undefined || known.secure !== isSecure(request)) return void answer.send(terminal('item-not-found'), XML);
    session = known;
    session.request(body, answer);
  };

  return {
    handle(request, response) {
      const refuse = (status: number, headers: Record<string, string> = {}): void => {
        request.resume();
        response.writeHead(status, { 'content-length': 0, ...headers }).end();
      };
      // Web pages of strangers stay out, and so does a request that a page can make without asking (the script syntax of §16: GET).
      if (!originAllowed(request, options.allowedOrigins)) return refuse(403);
      if (request.method === 'OPTIONS')
        return refuse(204, {
          'access-control-allow-origin': request.headers.origin ?? '*',
          'access-control-allow-methods': 'POST',
          'access-control-allow-headers': 'content-type',
          'access-control-max-age': String(PREFLIGHT_SECONDS),
          vary: 'origin',
        });
      if (request.method !== 'POST') return refuse(405, { allow: 'POST, OPTIONS' });
      serve(request, response).catch((error: unknown) => {
        // A client that goes away in the middle of its request.
        if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') context.log.error('bosh_request_failed', { error });
        response.destroy();
      });
    },
    get connections() {
      return shared.sessions.size;
    },
    stop() {
      stopped = true;
    },
    async close() {
      stopped = true;
      for (const session of [...shared.sessions.values()]) session.destroy();
    },
  };
}

/** A connection between two requests. */
const IDLE_MS = 30_000;

/** As for WebSockets: bytes between this machine's own programs need no TLS. */
function isSecure(request: IncomingMessage): boolean {
  return request.socket instanceof TLSSocket || isLoopback(normalAddress(request.socket.remoteAddress));
}
