// Bytes over any kind of connection (in the clear, TLS), matched by patterns in order.
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { PATIENCE_MS } from '../support/process.ts';
import type { TestServer } from '../support/server.ts';

export class Wire<S extends Socket = Socket> {
  readonly socket: S;
  /** Received and not matched yet. */
  rest = '';
  ended = false;
  #wake: () => void = () => {};

  constructor(socket: S) {
    this.socket = socket;
    socket.on('data', this.#take);
    socket.on('close', this.#over);
    socket.on('end', this.#over);
    socket.on('error', () => {});
  }

  readonly #take = (bytes: Buffer): void => {
    this.rest += bytes.toString('utf8');
    this.#wake();
  };
  readonly #over = (): void => {
    this.ended = true;
    this.#wake();
  };

  static async plain(server: TestServer): Promise<Wire> {
    const socket = connect({ port: server.ports.xmpp, host: server.host });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new Wire(socket);
  }

  /** XEP-0368. */
  static async direct(server: TestServer, options: ConnectionOptions = {}): Promise<Wire<TLSSocket>> {
    const socket = connectTls({
      port: server.ports.xmpps,
      host: server.host,
      servername: server.domain,
      ALPNProtocols: ['xmpp-client'],
      rejectUnauthorized: false,
      ...options,
    });
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    return new Wire(socket);
  }

  /** After `<proceed/>`: the same connection, encrypted. */
  async secure(options: ConnectionOptions = {}): Promise<Wire<TLSSocket>> {
    this.socket.off('data', this.#take);
    const socket = connectTls({ socket: this.socket, servername: 'localhost', rejectUnauthorized: false, ...options });
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    return new Wire(socket);
  }

  send(text: string): void {
    if (!this.socket.destroyed) this.socket.write(text);
  }

  /** Waits for the pattern, takes everything up to its end, and answers the match. */
  async expect(pattern: RegExp): Promise<RegExpExecArray> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const match = pattern.exec(this.rest);
      if (match !== null) {
        this.rest = this.rest.slice(match.index + match[0].length);
        return match;
      }
      if (this.ended) throw new Error(`the connection ended while waiting for ${pattern}; unmatched: ${this.rest.slice(-600)}`);
      if (Date.now() > end) throw new Error(`waited in vain for ${pattern}; unmatched: ${this.rest.slice(-600)}`);
      await this.#change(end - Date.now());
    }
  }

  async closed(): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    while (!this.ended) {
      if (Date.now() > end) throw new Error(`the server did not close; unmatched: ${this.rest.slice(-600)}`);
      await this.#change(end - Date.now());
    }
  }

  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, ms));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** A stream header; answers the features. */
  async open(): Promise<string> {
    this.send(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>`,
    );
    return (await this.expect(/<stream:features[^>]*>(.*?)<\/stream:features>/s))[1] ?? '';
  }

  cut(): void {
    this.socket.destroy();
  }
}
