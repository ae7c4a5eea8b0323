import type { IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import { isLoopback, normalAddress } from '../gate.ts';
import type { TlsContext } from '../tls/context.ts';
import type { TransportContext } from '../transport.ts';
import { WebSocketConnection, type WebSocketShared } from './connection.ts';

export interface WebSocketOptions {
  /** Origins (`https://chat.example`) besides the server's own that browsers may connect from; `*` for any. */
  readonly allowedOrigins: readonly string[];
  /** Bytes of one frame. Asked at each connection, as `allowedOrigins` is. */
  readonly maxPayload: number;
  /** A proxy on this machine says in X-Forwarded-For who connects. */
  readonly trustProxy: boolean;
  /** For channel binding when HTTP is served with TLS. */
  readonly tls: TlsContext | undefined;
}

/** Takes over the upgrade requests that an HTTP server gets for `/ws`. */
export interface WebSocketEndpoint {
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void;
  readonly connections: number;
  /** Refuses upgrades from now on. */
  stop(): void;
  close(): Promise<void>;
}

/** As for TCP: peers whose network is gone. */
const KEEP_ALIVE_MS = 120_000;

function refuse(socket: Socket, status: string): void {
  socket.once('error', () => socket.destroy());
  // Not left to the peer: after an upgrade request no timeout of the HTTP server looks after the socket any more.
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

/** RFC 6455 §10.2: a browser always says where the page came from; other programs send no Origin and are let in. */
export function originAllowed(request: Pick<IncomingMessage, 'headers'>, allowed: readonly string[]): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined || allowed.includes('*') || allowed.includes(origin)) return true;
  try {
    return host !== undefined && new URL(origin).host === host.toLowerCase();
  } catch {
    return false;
  }
}

/** Who connects: the peer, or what a trusted proxy on this machine says. Only the last address counts: a client can make up those before it. */
export function clientAddress(request: Pick<IncomingMessage, 'headers'>, peer: string, trustProxy: boolean): string {
  const forwarded = request.headers['x-forwarded-for'];
  if (!trustProxy || !isLoopback(peer) || forwarded === undefined) return peer;
  const last = String(forwarded).split(',').at(-1)?.trim() ?? '';
  return isIP(last) === 0 ? peer : normalAddress(last);
}

export function createWebSocketEndpoint(context: TransportContext, options: WebSocketOptions): WebSocketEndpoint {
  const shared: WebSocketShared = { ...context, tls: options.tls, connections: new Set() };
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: options.maxPayload,
    // RFC 7395 §3.1: the subprotocol is mandatory.
    handleProtocols: (offered) => (offered.has('xmpp') ? 'xmpp' : false),
  });
  let stopped = false;
  return {
    upgrade(request, socket, head) {
      const peer = normalAddress(socket.remoteAddress);
      const address = clientAddress(request, peer, options.trustProxy);
      const offered = String(request.headers['sec-websocket-protocol'] ?? '').split(',');
      if (stopped) return refuse(socket, '503 Service Unavailable');
      if (!originAllowed(request, options.allowedOrigins)) return refuse(socket, '403 Forbidden');
      if (!offered.some((name) => name.trim() === 'xmpp')) return refuse(socket, '400 Bad Request');
      if (!context.gate.enter(address)) {
        context.log.debug('connection_refused', { address, reason: 'too many connections' });
        return refuse(socket, '503 Service Unavailable');
      }
      server.options.maxPayload = options.maxPayload;
      // A request that ws finds fault with never reaches the callback: it answers and closes by itself.
      let taken = false;
      socket.once('close', () => {
        if (!taken) context.gate.leave(address);
      });
      server.handleUpgrade(request, socket, head, (webSocket) => {
        taken = true;
        socket.setNoDelay(true);
        socket.setKeepAlive(true, KEEP_ALIVE_MS);
        // Bytes between this machine's own programs (the browser beside the server, a TLS proxy) need no TLS.
        const secure = socket instanceof TLSSocket || isLoopback(peer);
        new WebSocketConnection(webSocket, socket, address, secure, shared);
      });
    },
    get connections() {
      return shared.connections.size;
    },
    stop() {
      stopped = true;
    },
    async close() {
      stopped = true;
      for (const connection of [...shared.connections]) connection.destroy();
      while (shared.connections.size > 0) await new Promise<void>((resolve) => setImmediate(resolve));
      server.close();
    },
  };
}
