import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Connection, ConnectionHandler, Undo } from '@parley/core/ports';
import type { RawData, WebSocket } from 'ws';
import { ByteBudget } from '../budget.ts';
import type { Flushable } from '../flush.ts';
import { exportChannelBinding } from '../tls/channel-binding.ts';
import type { TlsContext } from '../tls/context.ts';
import type { TransportContext } from '../transport.ts';

export interface WebSocketShared extends TransportContext {
  readonly tls: TlsContext | undefined;
  readonly connections: Set<WebSocketConnection>;
}

const OWNER = Symbol('owner');
interface Owned {
  [OWNER]?: WebSocketConnection;
}

// Shared listeners, as in tcp/adopt.ts.
function onMessage(this: WebSocket & Owned, data: RawData, isBinary: boolean): void {
  this[OWNER]?.message(data, isBinary);
}
function onClose(this: WebSocket & Owned): void {
  this[OWNER]?.gone();
}
function onError(this: WebSocket & Owned, error: Error): void {
  this[OWNER]?.failed(error);
}
function onDrain(this: Owned): void {
  this[OWNER]?.socketDrained();
}

/** A connection over WebSocket (RFC 7395): one element in each text frame. */
export class WebSocketConnection implements Connection, Flushable {
  readonly framing = 'websocket' as const;
  readonly remoteAddress: string;
  readonly secure: boolean;
  readonly canStartTls = false;
  readonly #shared: WebSocketShared;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #budget: ByteBudget;
  #handler: ConnectionHandler | undefined;
  #corked = false;
  #overflowed = false;
  #paused = false;
  #closing = false;
  #closed = false;
  #throttled: Undo | undefined;
  #deadline: Undo | undefined;

  constructor(webSocket: WebSocket, socket: Socket, remoteAddress: string, secure: boolean, shared: WebSocketShared) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.remoteAddress = remoteAddress;
    this.secure = secure;
    this.#shared = shared;
    this.#budget = new ByteBudget(shared.limits.bytesPerSecond);
    (webSocket as Owned)[OWNER] = this;
    (socket as Owned)[OWNER] = this;
    webSocket.on('message', onMessage);
    webSocket.on('close', onClose);
    webSocket.on('error', onError);
    socket.on('drain', onDrain);
    shared.connections.add(this);
    this.#handler = shared.acceptor.accept(this);
  }

  channelBinding(type: 'tls-exporter' | 'tls-server-end-point'): Uint8Array | undefined {
    if (!(this.#socket instanceof TLSSocket)) return undefined;
    return type === 'tls-exporter' ? exportChannelBinding(this.#socket) : this.#shared.tls?.serverEndPoint(this.#socket);
  }

  write(bytes: Uint8Array): void {
    if (this.#closing || this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      this.#shared.flusher.add(this);
    }
    this.#webSocket.send(bytes, { binary: false });
    if (this.#socket.writableNeedDrain) this.#overflowed = true;
  }

  get queuedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  flush(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket.uncork();
    // The socket drained while these frames were gathered, and took them all: no other word of it will come.
    if (this.#overflowed && !this.#socket.writableNeedDrain) this.#drained();
  }

  startTls(): void {
    // RFC 7395 §3.9: TLS comes with the URL (wss), never from within.
  }

  pause(): void {
    this.#paused = true;
    this.#webSocket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#read();
  }

  #read(): void {
    if (!this.#paused && this.#throttled === undefined) this.#webSocket.resume();
  }

  close(): void {
    this.#end(1000);
  }

  #end(code: number): void {
    if (this.#closing) return;
    this.flush();
    this.#closing = true;
    this.#throttled?.();
    this.#throttled = undefined;
    this.#webSocket.resume();
    this.#webSocket.close(code);
    this.#deadline = this.#shared.clock.after(this.#shared.limits.closeMs, () => this.#webSocket.terminate());
  }

  destroy(): void {
    this.#closing = true;
    this.flush();
    this.#webSocket.terminate();
  }

  message(data: RawData, isBinary: boolean): void {
    if (this.#closing) return;
    if (isBinary) {
      // RFC 7395 §3.2: data frames are text; RFC 6455 §7.4.1: 1003.
      this.#end(1003);
      return;
    }
    const bytes = data as Buffer;
    const { clock } = this.#shared;
    const wait = this.#budget.take(bytes.length, clock.now());
    if (wait > 0 && this.#throttled === undefined) {
      this.#webSocket.pause();
      this.#throttled = clock.after(wait, () => {
        this.#throttled = undefined;
        this.#read();
      });
    }
    this.#handler?.receive(bytes);
  }

  socketDrained(): void {
    if (this.#overflowed && this.queuedBytes === 0) this.#drained();
  }

  #drained(): void {
    this.#overflowed = false;
    this.#handler?.drained();
  }

  failed(error: Error): void {
    this.#shared.log.debug('connection_failed', {
      address: this.remoteAddress,
      code: (error as NodeJS.ErrnoException).code,
      reason: error.message,
    });
  }

  gone(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closing = true;
    this.#deadline?.();
    this.#throttled?.();
    this.#shared.connections.delete(this);
    this.#shared.gate.leave(this.remoteAddress);
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.closed();
  }
}
