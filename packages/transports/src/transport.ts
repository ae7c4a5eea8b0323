import type { Clock, ConnectionAcceptor, Log } from '@parley/core/ports';
import type { Flusher } from './flush.ts';
import type { ConnectionGate, TransportLimits } from './gate.ts';

/** What every transport is given. */
export interface TransportContext {
  readonly acceptor: ConnectionAcceptor;
  readonly clock: Clock;
  readonly log: Log;
  /** One for the process. */
  readonly gate: ConnectionGate;
  /** One for the process. */
  readonly flusher: Flusher;
  readonly limits: TransportLimits;
}

/** A transport that listens. */
export interface Listening {
  /** Where it listens really (the port when 0 was asked for). */
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  /** Takes no more connections; those that are open stay. */
  stop(): void;
  /** Destroys what is still open; resolves when the last one is gone. */
  close(): Promise<void>;
}

/** Listening failed; the message is a sentence for the operator. */
export class ListenError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ListenError';
    this.code = code;
  }
}

/** Says in one sentence why `host:port` could not be listened on, and what to do. `key` is the name of the setting. */
export function listenError(error: NodeJS.ErrnoException, key: string, host: string, port: number): ListenError {
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const sentence =
    error.code === 'EADDRINUSE'
      ? `${key}: another program listens on ${where} already; stop it or choose another port with --${key}=${host}:<port>.`
      : error.code === 'EACCES'
        ? `${key}: this user may not listen on ${where}; ports below 1024 need root or the capability cap_net_bind_service.`
        : error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND'
          ? `${key}: ${host} is not an address of this machine.`
          : `${key}: cannot listen on ${where}: ${error.message}.`;
  return new ListenError(error.code ?? 'unknown', sentence, { cause: error });
}
