/** The ports: all that the core needs from the world. A simulation gives its own. */

import type { Element } from '@parley/xml';

/** Undoes something: a timer, a registration. */
export type Undo = () => void;

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs once after `ms` milliseconds. The timer does not keep the process alive. */
  after(ms: number, run: () => void): Undo;
  /** Runs at the end of this turn of the event loop, after the input that is already there was read. */
  soon(run: () => void): void;
}

export interface Random {
  /** Cryptographically strong bytes (in a simulation: seeded). */
  bytes(length: number): Uint8Array;
}

/** Fields of a log event. Never bodies, passwords, tokens. */
export type LogFields = Record<string, unknown>;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
/** Logs are events with fields: `log.info('session_resumed', { device })`. */
export type Log = { readonly [L in LogLevel]: (event: string, fields?: LogFields) => void };

/**
 * What the core asks of one connection. Message-shaped on purpose (bytes and small commands, no shared
 * objects), so that sockets can live in another process than the logic.
 */
export interface Connection {
  /** Framing: RFC 6120 stream over TCP, or RFC 7395 one element a text frame. */
  readonly framing: 'tcp' | 'websocket';
  /** Address of the peer without port, for limits and logs. */
  readonly remoteAddress: string;
  /** True when the bytes are protected by TLS (here, or by a trusted proxy). */
  readonly secure: boolean;
  /** STARTTLS can be offered. */
  readonly canStartTls: boolean;
  /** TLS channel binding data (RFC 9266, RFC 5929), undefined when not to be had. */
  channelBinding(type: 'tls-exporter' | 'tls-server-end-point'): Uint8Array | undefined;
  /** Queues bytes; everything queued in one turn goes out in one write. With websocket framing each call is one frame. */
  write(bytes: Uint8Array): void;
  /** Bytes that were queued and not yet taken by the operating system. */
  readonly queuedBytes: number;
  /**
   * Begins TLS on the server side; every byte that was received and not yet handed over is dropped. The certificate is that of the name
   * that the client says in the handshake (SNI), else that of `domain`, to which the stream is.
   */
  startTls(domain: string): void;
  /** Stops and resumes reading from the peer (back-pressure). */
  pause(): void;
  resume(): void;
  /** Flushes, then closes. */
  close(): void;
  /** Closes at once. */
  destroy(): void;
}

/** What a transport tells the core about one connection. */
export interface ConnectionHandler {
  /** Bytes of the stream (tcp), or one whole text frame (websocket). Valid only during the call. */
  receive(bytes: Uint8Array): void;
  /** TLS is up after startTls(). */
  secured(): void;
  /** The queue went from over the high-water mark to empty. */
  drained(): void;
  /** The connection is gone; called exactly once. */
  closed(): void;
}

/** Accepts connections; the core's door for transports. */
export interface ConnectionAcceptor {
  accept(connection: Connection): ConnectionHandler;
}

/** The stream of an external component (XEP-0114), as what routes to it sees it. */
export interface ComponentLink {
  /** Takes one stanza, serialised without xmlns; false when the component does not read what it was sent, and nothing was taken. */
  send(stanza: Uint8Array): boolean;
  /** Ends the stream with this error. */
  end(condition: string, text: string): void;
}

/** A component that has shown its secret. */
export interface AttachedComponent {
  /** A stanza of its own, in jabber:client, `from` checked. A promise holds back what is behind it. */
  receive(stanza: Element): void | Promise<void>;
  /** The stream is over; called once. */
  detach(): void;
}

/** The server's door for streams of components. */
export interface ComponentHost {
  /** The shared secret of this domain; undefined when no component of that name is served. */
  secret(domain: string): Promise<string | undefined>;
  /** Takes the place of a stream of the same component that is still there. */
  attach(domain: string, link: ComponentLink): AttachedComponent;
}
