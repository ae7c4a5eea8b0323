import * as nodeCrypto from 'node:crypto';
import { resolveSrv } from 'node:dns/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import type { Endpoint, HttpRequest, HttpResponse, Link, LinkHandler, Platform } from '../../platform.ts';
import { isLocalHost, openWebSocket } from '../web-socket.ts';

const CONNECT_TIMEOUT_MS = 15_000;
const MAX_ANSWER_BYTES = 1_048_576;
const DIGEST = { 'SHA-1': 'sha1', 'SHA-256': 'sha256', 'SHA-512': 'sha512' } as const;
const pbkdf2 = promisify(nodeCrypto.pbkdf2);

export interface NodePlatformOptions {
  /** Trusted certificate authorities in PEM, instead of the system's. For servers with their own certificate. */
  readonly ca?: string;
}

/** Sockets, crypto, timers and HTTP of Node. */
export function nodePlatform(options: NodePlatformOptions = {}): Platform {
  return {
    name: 'node',
    connect: (endpoint, handler, domain) =>
      endpoint.kind === 'websocket'
        ? openWebSocket(endpoint.url, handler, CONNECT_TIMEOUT_MS)
        : openTcp(endpoint, handler, domain, options),
    crypto: {
      hash: (alg, data) => nodeCrypto.createHash(DIGEST[alg]).update(data).digest(),
      hmac: (alg, key, data) => nodeCrypto.createHmac(DIGEST[alg], key).update(data).digest(),
      pbkdf2: (alg, password, salt, iterations, length) => pbkdf2(password, salt, iterations, length, DIGEST[alg]),
      randomBytes: (length) => nodeCrypto.randomBytes(length),
      timingSafeEqual: (a, b) => a.length === b.length && nodeCrypto.timingSafeEqual(a, b),
    },
    http,
    now: () => Date.now(),
    setTimer: (callback, delayMs) => setTimeout(callback, delayMs),
    clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
  };
}

async function openTcp(
  endpoint: Endpoint & { kind: 'tcp' },
  handler: LinkHandler,
  domain: string,
  options: NodePlatformOptions,
): Promise<Link> {
  const { host, port } = await locate(endpoint);
  let socket: Socket = connectTcp({ host, port, noDelay: true });
  await opened(socket, 'connect');
  let secure = false;
  const upgrade = async (servername: string): Promise<void> => {
    socket.removeAllListeners();
    socket.on('error', () => undefined);
    socket = connectTls({
      socket,
      // RFC 6125: the certificate must prove the domain of the accounts, not the host that DNS named.
      ...(isIP(servername) ? {} : { servername }),
      ...(options.ca === undefined ? {} : { ca: options.ca }),
      ALPNProtocols: endpoint.tls === 'direct' ? ['xmpp-client'] : undefined,
      minVersion: 'TLSv1.2',
    });
    await opened(socket, 'secureConnect');
    secure = true;
  };
  if (endpoint.tls === 'direct') await upgrade(domain);
  let failure: Error | undefined;
  const listen = (): void => {
    socket.removeAllListeners('error');
    socket.on('data', (chunk: Buffer) => handler.data(chunk));
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => handler.closed(failure));
  };
  listen();
  return {
    kind: 'tcp',
    get secure() {
      return secure;
    },
    send: (text) => {
      socket.write(text);
    },
    close: () => {
      socket.end();
      // A peer that never closes must not keep the process alive.
      setTimeout(() => socket.destroy(), 1_000).unref();
    },
    startTls: async (servername) => {
      await upgrade(servername);
      listen();
    },
  };
}

/** RFC 6120 §3.2.1: SRV first, then the domain itself. */
async function locate(endpoint: Endpoint & { kind: 'tcp' }): Promise<{ host: string; port: number }> {
  const { host, port } = endpoint;
  if (!endpoint.srv || isLocalHost(host) || isIP(host) !== 0) return { host, port };
  const records = await resolveSrv(`_xmpp-client._tcp.${host}`).catch(() => []);
  const [best] = records
    .filter((record) => record.name !== '' && record.name !== '.')
    .sort((a, b) => a.priority - b.priority || b.weight - a.weight);
  return best === undefined ? { host, port } : { host: best.name, port: best.port };
}

function opened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error('no answer')), CONNECT_TIMEOUT_MS);
    const fail = (error?: Error): void => {
      clearTimeout(timer);
      reject(error ?? new Error('the connection was closed'));
    };
    socket.once('error', fail);
    socket.once('close', () => fail());
    socket.once(event, () => {
      clearTimeout(timer);
      socket.removeAllListeners('close');
      resolve();
    });
  });
}

/** `fetch` cannot tell the progress of an upload, so this uses the client below it. */
async function http(request: HttpRequest): Promise<HttpResponse> {
  const { body } = request;
  const bytes = body === undefined ? undefined : typeof body === 'string' ? Buffer.from(body) : Buffer.from(await body.arrayBuffer());
  const send = request.url.startsWith('https:') ? httpsRequest : httpRequest;
  return await new Promise((resolve, reject) => {
    const outgoing = send(
      request.url,
      {
        method: request.method,
        headers: { ...request.headers, ...(bytes === undefined ? {} : { 'content-length': bytes.length }) },
        timeout: request.timeoutMs,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        let size = 0;
        incoming.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > MAX_ANSWER_BYTES) incoming.destroy(new Error('the answer is too large'));
          else chunks.push(chunk);
        });
        incoming.on('error', reject);
        incoming.on('end', () => {
          const headers: Record<string, string> = {};
          for (const [name, value] of Object.entries(incoming.headers)) headers[name] = String(value);
          resolve({ status: incoming.statusCode ?? 0, headers, text: Buffer.concat(chunks).toString('utf8') });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
    request.signal?.addEventListener('abort', () => outgoing.destroy(new Error('cancelled')));
    if (request.signal?.aborted === true) {
      outgoing.destroy(new Error('cancelled'));
      return;
    }
    if (bytes === undefined) {
      outgoing.end();
      return;
    }
    const piece = 65_536;
    const next = (from: number): void => {
      if (outgoing.destroyed) return;
      request.onProgress?.(from);
      if (from >= bytes.length) outgoing.end();
      else outgoing.write(bytes.subarray(from, from + piece), () => next(Math.min(from + piece, bytes.length)));
    };
    next(0);
  });
}
