/**
 * Sockets of our own on the handles that Node's server accepts.
 *
 * `net.Server` makes its own `Socket`, which allocates a fresh 64 KB slab for every read. A `Socket` that is made
 * with `onread` reads all connections into one buffer instead (reads are synchronous: the bytes are used up before
 * the next read). Node has no public way to ask a server for such sockets, so the handle is taken before Node makes one
 * (`acceptHandles`), and moved from a plain socket of ours to a secure one (`adoptTls`). This leans on things that are not
 * in Node's documentation: `server._handle.onconnection`, methods of the handle, `socket._handle`, the constructor option
 * `handle`, and `TLSSocket._wrapHandle`. Node is pinned, and `tcp.test.ts` fails when they change.
 */
import { type Server, Socket, type SocketConstructorOpts } from 'node:net';
import { type SecureContext, TLSSocket, type TlsOptions } from 'node:tls';

/** Node's native stream handle, a TCP connection. */
export interface Handle {
  getpeername(out: { address?: string }): number;
  setNoDelay(on: boolean): number;
  /** Delay in seconds. */
  setKeepAlive(on: boolean, delay: number): number;
  close(): void;
}
interface WithHandle {
  _handle: Handle | null;
}
interface ListeningHandle extends Pick<Handle, 'setNoDelay' | 'setKeepAlive'> {
  onconnection(error: number, handle: Handle | undefined): void;
}

/**
 * Gives the connections of a listening server to `accept`, by handle; `failed` hears of those that could not be accepted (libuv's
 * number). They send at once what is written, and after `keepAliveSeconds` of silence the system asks the peer's.
 */
export function acceptHandles(
  server: Server,
  keepAliveSeconds: number,
  accept: (handle: Handle) => void,
  failed: (error: number) => void,
): void {
  const listening = (server as unknown as { _handle: ListeningHandle | null })._handle;
  if (listening === null || typeof listening.onconnection !== 'function')
    throw new Error('This version of Node accepts connections in another way; run Parley with the one that it pins.');
  const tune = (handle: Pick<Handle, 'setNoDelay' | 'setKeepAlive'>): void => {
    handle.setNoDelay(true);
    handle.setKeepAlive(true, keepAliveSeconds);
  };
  // Linux hands these settings of the listening socket on to what it accepts, which saves five system calls each.
  const inherited = process.platform === 'linux';
  if (inherited) tune(listening);
  listening.onconnection = (error, handle) => {
    if (error !== 0 || handle === undefined) return failed(error);
    if (!inherited) tune(handle);
    accept(handle);
  };
}

/** The address of the other side; undefined when it is gone already. */
export function peerAddress(handle: Handle): string | undefined {
  const out: { address?: string } = {};
  return handle.getpeername(out) === 0 ? out.address : undefined;
}

const OWNER = Symbol('owner');

/** What a socket of ours belongs to; found again from the shared listeners below. */
export interface SocketOwner {
  received(bytes: Uint8Array): boolean;
  socketDrained(): void;
  socketSecured(): void;
  socketFailed(error: Error): void;
  socketClosed(): void;
}

interface Owned {
  [OWNER]?: SocketOwner;
}

/** 64 KiB is what libuv asks for at once; one buffer serves every connection of the process. */
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);

// Listeners are shared functions, not closures: what an idle connection costs is the budget.
function onDrain(this: Owned): void {
  this[OWNER]?.socketDrained();
}
function onError(this: Owned, error: Error): void {
  this[OWNER]?.socketFailed(error);
}
function onClose(this: Owned): void {
  this[OWNER]?.socketClosed();
}
function onSecure(this: Owned & { _releaseControl(): boolean }): void {
  this._releaseControl();
  this[OWNER]?.socketSecured();
}

// `onread.callback` is called with the socket as `this`.
function onRead(this: Owned, length: number, buffer: Uint8Array): boolean {
  const owner = this[OWNER];
  // Cheaper than a part of a Buffer, and it is made for everything that is read.
  return owner === undefined ? true : owner.received(new Uint8Array(buffer.buffer, buffer.byteOffset, length));
}
const ONREAD = { buffer: READ_BUFFER, callback: onRead as (length: number, buffer: Uint8Array) => boolean };

function own(socket: Socket, owner: SocketOwner): void {
  (socket as Owned)[OWNER] = owner;
  socket.on('drain', onDrain);
  socket.on('error', onError);
  socket.on('close', onClose);
}

/** Takes the handle out of a socket and leaves the socket dead. */
function take(socket: Socket): Handle | undefined {
  const holder = socket as unknown as WithHandle;
  const handle = holder._handle;
  if (handle === null || socket.destroyed) return undefined;
  (socket as Owned)[OWNER] = undefined;
  holder._handle = null;
  socket.destroy();
  return handle;
}

/** A plain socket of ours on the handle of an accepted connection; it begins to read. */
export function adoptPlain(handle: Handle, owner: SocketOwner): Socket {
  const options = { handle, allowHalfOpen: false, onread: ONREAD };
  const socket = new Socket(options as unknown as SocketConstructorOpts);
  own(socket, owner);
  return socket;
}

let adopting: Handle | undefined;

class AdoptedTlsSocket extends TLSSocket {
  // Called by the constructor of TLSSocket, before a field of this class could exist: hence the module variable.
  _wrapHandle(wrap: null, _handle: undefined, activeWrite: boolean): unknown {
    const inherited = TLSSocket.prototype as unknown as {
      _wrapHandle(wrap: null, handle: Handle | undefined, activeWrite: boolean): unknown;
    };
    return inherited._wrapHandle.call(this, wrap, adopting, activeWrite);
  }
}

/** Less than the 1024 bytes of the first buffer below. */
const HELLO_PIECE = 1000;

/**
 * Hands over what the client began its handshake with, read by the plain socket. Node keeps a TLS connection's first input
 * buffer for as long as the connection lives, and makes it 64 KB large when libuv fills it but 1 KB when it is fed by hand;
 * a piece that fills it exactly would get it a neighbour of 16 KB. Measured: 54.8 KB for an idle TLS connection as Node does
 * it, 34.8 KB so (with the settings of `tls/context.ts`).
 */
export function feedTls(socket: TLSSocket, bytes: Uint8Array): void {
  const holder = socket as unknown as { _handle: { receive(bytes: Uint8Array): void } | null };
  for (let at = 0; at < bytes.length; at += HELLO_PIECE) holder._handle?.receive(bytes.subarray(at, at + HELLO_PIECE));
}

/** A TLS server socket of ours on the handle of a plain one, for direct TLS and for STARTTLS. Nothing may be left to write on the plain one. */
export function adoptTls(
  plain: Socket,
  owner: SocketOwner,
  options: { secureContext: SecureContext; SNICallback: TlsOptions['SNICallback'] | undefined; alpn?: string[] },
): TLSSocket | undefined {
  adopting = take(plain);
  if (adopting === undefined) return undefined;
  try {
    const tlsOptions = {
      isServer: true,
      secureContext: options.secureContext,
      ...(options.SNICallback === undefined ? undefined : { SNICallback: options.SNICallback }),
      ALPNProtocols: options.alpn,
      onread: ONREAD,
      allowHalfOpen: false,
    };
    const socket = new AdoptedTlsSocket(undefined as unknown as Socket, tlsOptions);
    // Without a socket to wrap TLSSocket believes that it is a client which has not connected yet.
    (socket as { connecting: boolean }).connecting = false;
    own(socket, owner);
    socket.on('secure', onSecure);
    // Handshake errors come as this event, later ones as 'error'.
    socket.on('_tlsError', onError);
    return socket;
  } finally {
    adopting = undefined;
  }
}
