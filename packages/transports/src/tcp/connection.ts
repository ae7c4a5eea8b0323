import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock, Connection, ConnectionAcceptor, ConnectionHandler, Log, Undo } from '@parley/core/ports';
import { ByteBudget } from '../budget.ts';
import type { Flushable, Flusher } from '../flush.ts';
import type { ConnectionGate, TransportLimits } from '../gate.ts';
import { exportChannelBinding } from '../tls/channel-binding.ts';
import type { TlsContext } from '../tls/context.ts';
import { adoptPlain, adoptTls, feedTls, type Handle, type SocketOwner } from './adopt.ts';

/** What all connections of a listener share, so that none of them has to hold it. */
export interface StreamShared {
  readonly acceptor: ConnectionAcceptor;
  readonly clock: Clock;
  readonly flusher: Flusher;
  readonly gate: ConnectionGate;
  readonly limits: TransportLimits;
  readonly log: Log;
  /** Undefined when TLS is off. */
  readonly tls: TlsContext | undefined;
  readonly directTls: boolean;
  readonly connections: Set<StreamConnection>;
}

/** Output up to this size is copied together into one write; larger output is handed over piece by piece (one writev). */
const GATHER_BYTES = 65_536;
const XMPP_ALPN = ['xmpp-client'];

const OPEN = 0;
/** Output is being written before the handshake of STARTTLS; nothing is read. */
const UPGRADING = 1;
/** The next bytes are the beginning of a TLS handshake. */
const HELLO = 2;
const HANDSHAKE = 3;
/** close() was called: what arrives is not looked at any more. */
const CLOSING = 4;
const CLOSED = 5;

/** A connection over TCP, plain or with TLS. Reading goes through one shared buffer (`adopt.ts`). */
export class StreamConnection implements Connection, SocketOwner, Flushable {
  readonly framing = 'tcp' as const;
  readonly remoteAddress: string;
  readonly #shared: StreamShared;
  #socket: Socket;
  #handler: ConnectionHandler | undefined;
  #state: number;
  #out: Uint8Array[] | undefined;
  #outBytes = 0;
  #waiting = false;
  #overflowed = false;
  /** The core does not want to read. */
  #paused = false;
  /** The byte budget is used up until this timer. */
  #throttled: Undo | undefined;
  readonly #budget: ByteBudget;
  #deadline: Undo | undefined;
  /** Whose certificate is shown when the client says no name in the handshake. */
  #domain: string | undefined = undefined;

  /** Takes over an accepted connection and introduces itself to the core (with direct TLS: after the handshake). */
  constructor(accepted: Handle, remoteAddress: string, shared: StreamShared) {
    this.#shared = shared;
    this.remoteAddress = remoteAddress;
    this.#budget = new ByteBudget(shared.limits.bytesPerSecond);
    this.#state = shared.directTls ? HELLO : OPEN;
    shared.connections.add(this);
    this.#socket = adoptPlain(accepted, this);
    if (shared.directTls) this.#awaitHello();
    else this.#handler = shared.acceptor.accept(this);
  }

  get secure(): boolean {
    return this.#socket instanceof TLSSocket;
  }

  get canStartTls(): boolean {
    return !this.secure && this.#shared.tls !== undefined;
  }

  channelBinding(type: 'tls-exporter' | 'tls-server-end-point'): Uint8Array | undefined {
    if (!(this.#socket instanceof TLSSocket)) return undefined;
    return type === 'tls-exporter' ? exportChannelBinding(this.#socket) : this.#shared.tls?.serverEndPoint(this.#socket);
  }

  write(bytes: Uint8Array): void {
    if (this.#state >= CLOSING || bytes.length === 0) return;
    if (this.#out === undefined) this.#out = [bytes];
    else this.#out.push(bytes);
    this.#outBytes += bytes.length;
    if (!this.#waiting) {
      this.#waiting = true;
      this.#shared.flusher.add(this);
    }
  }

  get queuedBytes(): number {
    return this.#outBytes + this.#socket.writableLength;
  }

  /** Called by the flusher at the end of the turn. */
  flush(): void {
    this.#waiting = false;
    if (this.#state !== OPEN) return;
    this.#send();
    // The socket drained while this output was gathered, and took it all: no other word of it will come.
    if (this.#overflowed && !this.#socket.writableNeedDrain) this.socketDrained();
  }

  #send(): void {
    const out = this.#out;
    if (out === undefined) return;
    const bytes = this.#outBytes;
    this.#out = undefined;
    this.#outBytes = 0;
    const socket = this.#socket;
    if (out.length === 1 || bytes <= GATHER_BYTES) {
      const whole = out.length === 1 ? (out[0] as Uint8Array) : Buffer.concat(out, bytes);
      this.#overflowed = !socket.write(whole) || this.#overflowed;
      return;
    }
    socket.cork();
    for (const piece of out) this.#overflowed = !socket.write(piece) || this.#overflowed;
    socket.uncork();
  }

  startTls(domain: string): void {
    if (this.#state !== OPEN || !this.canStartTls) return;
    this.#domain = domain;
    this.#state = UPGRADING;
    this.#socket.pause();
    const out = this.#out === undefined ? new Uint8Array(0) : Buffer.concat(this.#out, this.#outBytes);
    this.#out = undefined;
    this.#outBytes = 0;
    // The handle changes hands only when the last plain byte (<proceed/>) is with the operating system.
    this.#socket.write(out, () => {
      if (this.#state === UPGRADING) this.#awaitHello();
    });
  }

  #awaitHello(): void {
    const { limits, clock, log } = this.#shared;
    this.#state = HELLO;
    this.#socket.resume();
    this.#deadline = clock.after(limits.tlsHandshakeMs, () => {
      log.debug('tls_handshake_timed_out', { address: this.remoteAddress });
      this.#socket.destroy();
    });
  }

  #handshake(hello: Uint8Array): void {
    this.#state = HANDSHAKE;
    const { tls } = this.#shared;
    const socket =
      tls === undefined
        ? undefined
        : adoptTls(this.#socket, this, { secureContext: tls.contextFor(this.#domain), SNICallback: tls.SNICallback, alpn: XMPP_ALPN });
    if (socket === undefined) {
      this.#socket.destroy();
      this.socketClosed();
      return;
    }
    this.#socket = socket;
    // The bytes are those of the buffer that everybody reads into; a copy, because OpenSSL's callbacks may come back here.
    feedTls(socket, Uint8Array.prototype.slice.call(hello));
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#read();
  }

  #read(): void {
    if (!this.#paused && this.#throttled === undefined && this.#state !== CLOSED) this.#socket.resume();
  }

  close(): void {
    if (this.#state >= CLOSING) return;
    if (this.#state === OPEN) this.#send();
    this.#state = CLOSING;
    // Reading goes on so that the peer's last bytes do not turn our close into a reset, which would eat what we sent.
    this.#paused = false;
    this.#throttled?.();
    this.#throttled = undefined;
    this.#socket.resume();
    this.#socket.end();
    this.#deadline?.();
    this.#deadline = this.#shared.clock.after(this.#shared.limits.closeMs, () => this.#socket.destroy());
  }

  destroy(): void {
    if (this.#state === CLOSED) return;
    this.#state = CLOSING;
    this.#socket.destroy();
  }

  // What the socket tells.

  received(bytes: Uint8Array): boolean {
    if (this.#state === HELLO) this.#handshake(bytes);
    if (this.#state !== OPEN) return true;
    const { clock, limits } = this.#shared;
    if (limits.bytesPerSecond > 0) {
      const wait = this.#budget.take(bytes.length, clock.now());
      if (wait > 0 && this.#throttled === undefined) {
        this.#socket.pause();
        this.#throttled = clock.after(wait, () => {
          this.#throttled = undefined;
          this.#read();
        });
      }
    }
    this.#handler?.receive(bytes);
    return !this.#paused && this.#throttled === undefined;
  }

  socketDrained(): void {
    // Also with output of this turn waiting: if the socket takes it at once, it will not say again that it has room.
    if (!this.#overflowed) return;
    this.#overflowed = false;
    this.#handler?.drained();
  }

  socketSecured(): void {
    if (this.#state !== HANDSHAKE) return;
    this.#deadline?.();
    this.#deadline = undefined;
    this.#state = OPEN;
    const socket = this.#socket as TLSSocket;
    // RFC 7301: a client that offers ALPN and means another protocol is at the wrong door (Node refuses those with an
    // alert); one that offers none is an XMPP client all the same (XEP-0368 §4).
    if (this.#shared.directTls) this.#handler = this.#shared.acceptor.accept(this);
    else this.#handler?.secured();
    if (!socket.destroyed) this.#read();
  }

  socketFailed(error: Error): void {
    this.#shared.log.debug('connection_failed', {
      address: this.remoteAddress,
      code: (error as NodeJS.ErrnoException).code,
      reason: error.message,
    });
    this.#socket.destroy();
  }

  socketClosed(): void {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    this.#deadline?.();
    this.#throttled?.();
    this.#deadline = undefined;
    this.#throttled = undefined;
    this.#out = undefined;
    this.#outBytes = 0;
    this.#shared.connections.delete(this);
    this.#shared.gate.leave(this.remoteAddress);
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.closed();
  }
}
