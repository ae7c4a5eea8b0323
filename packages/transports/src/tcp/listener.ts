import { createServer } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { normalAddress } from '../gate.ts';
import type { TlsContext } from '../tls/context.ts';
import { type Listening, listenError, type TransportContext } from '../transport.ts';
import { acceptHandles, peerAddress } from './adopt.ts';
import { StreamConnection, type StreamShared } from './connection.ts';

export interface XmppListenOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** TLS from the first byte (RFC 7590, XEP-0368) instead of STARTTLS. Needs `tls`. */
  readonly directTls: boolean;
  /** Undefined: no TLS is offered. */
  readonly tls: TlsContext | undefined;
  /** Name of the setting, for error messages. */
  readonly key: string;
}

/** Silence after which the operating system asks the peer's whether it still knows the connection. */
const KEEP_ALIVE_SECONDS = 120;

/** Listens for XMPP clients over TCP. Throws ListenError. */
export async function listenXmpp(context: TransportContext, options: XmppListenOptions): Promise<Listening> {
  const shared: StreamShared = {
    acceptor: context.acceptor,
    clock: context.clock,
    flusher: context.flusher,
    gate: context.gate,
    limits: context.limits,
    log: context.log,
    tls: options.tls,
    directTls: options.directTls,
    connections: new Set(),
  };
  const server = createServer({ allowHalfOpen: false });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, options.key, options.host, options.port)));
    server.listen({ host: options.host, port: options.port, backlog: 1024 }, resolve);
  });
  server.removeAllListeners('error');
  server.on('error', (error: NodeJS.ErrnoException) => context.log.error('listener_failed', { listener: options.key, code: error.code }));
  acceptHandles(
    server,
    // A peer whose network is gone, and to whom nothing is sent, would stay for ever.
    KEEP_ALIVE_SECONDS,
    (handle) => {
      const address = normalAddress(peerAddress(handle));
      if (address === '' || !context.gate.enter(address)) {
        if (address !== '') context.log.debug('connection_refused', { address, reason: 'too many connections' });
        handle.close();
        return;
      }
      new StreamConnection(handle, address, shared);
    },
    // EMFILE and the like: said, and survived.
    (error) => context.log.error('accept_failed', { listener: options.key, code: getSystemErrorName(error) }),
  );
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address : { address: options.host, port: options.port };
  return {
    host: bound.address,
    port: bound.port,
    get connections() {
      return shared.connections.size;
    },
    stop() {
      server.close();
    },
    async close() {
      server.close();
      for (const connection of [...shared.connections]) connection.destroy();
      // 'close' of a socket comes a turn later.
      while (shared.connections.size > 0) await new Promise<void>((resolve) => setImmediate(resolve));
    },
  };
}
