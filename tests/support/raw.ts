// A client that sends exactly the bytes it is told to, for stories and bad input on the wire.
import { createConnection, type Socket } from 'node:net';
import { PATIENCE_MS } from './process.ts';
import type { TestServer } from './server.ts';

/** Bytes as they come from a plain TCP connection, matched by patterns in order. */
export class RawClient {
  readonly socket: Socket;
  /** Received and not matched yet. */
  rest = '';
  /** Everything received. */
  all = '';
  ended = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      this.rest += text;
      this.all += text;
      this.#wake();
    });
    const over = (): void => {
      this.ended = true;
      this.#wake();
    };
    socket.on('close', over);
    socket.on('end', over);
    socket.on('error', () => {});
  }

  static connect(port: number, host = '127.0.0.1'): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = createConnection({ port, host });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RawClient(socket));
      });
    });
  }

  send(text: string | Uint8Array): void {
    if (!this.socket.destroyed) this.socket.write(text);
  }

  /** Waits for the pattern in what has not been matched yet, takes everything up to its end, and answers the match. */
  async expect(pattern: RegExp | string, timeoutMs = PATIENCE_MS): Promise<RegExpExecArray> {
    const wanted = typeof pattern === 'string' ? new RegExp(pattern.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)) : pattern;
    const end = Date.now() + timeoutMs;
    for (;;) {
      const match = wanted.exec(this.rest);
      if (match !== null) {
        this.rest = this.rest.slice(match.index + match[0].length);
        return match;
      }
      if (this.ended) throw new Error(`the server closed the stream before ${wanted}; last it sent: ${this.all.slice(-600)}`);
      if (Date.now() > end) throw new Error(`waited in vain for ${wanted}; unmatched: ${this.rest.slice(-600)}`);
      await this.#change(end - Date.now());
    }
  }

  /** Waits for the end of the connection. */
  async closed(timeoutMs = PATIENCE_MS): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!this.ended) {
      if (Date.now() > end) throw new Error(`the server did not close; it sent: ${this.all.slice(-600)}`);
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

  /** Sends a ping and waits for its answer: everything sent before has been handled, and nothing else is on its way. */
  async settled(): Promise<string> {
    const id = `settled${Math.random().toString(36).slice(2)}`;
    this.send(`<iq type='get' id='${id}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`);
    const end = Date.now() + PATIENCE_MS;
    const answer = new RegExp(`<iq [^>]*id=["']${id}["'][^>]*>`);
    for (;;) {
      const match = answer.exec(this.rest);
      if (match !== null) {
        const before = this.rest.slice(0, match.index);
        this.rest = this.rest.slice(match.index + match[0].length).replace(/^<\/iq>/, '');
        return before;
      }
      if (this.ended || Date.now() > end) throw new Error(`no answer to a ping; it sent: ${this.all.slice(-600)}`);
      await this.#change(end - Date.now());
    }
  }

  /** Opens a stream and waits for its features. */
  async open(domain = 'localhost'): Promise<void> {
    this.send(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}' version='1.0'>`,
    );
    await this.expect(/<\/stream:features>/);
  }

  /** SASL PLAIN and the new stream behind it. */
  async signIn(user: string, password: string): Promise<void> {
    await this.open();
    this.send(
      `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${user}\0${password}`).toString('base64')}</auth>`,
    );
    await this.expect(/<success[^>]*>/);
    await this.open();
  }

  /** Binds; answers the full JID. */
  async bind(resource?: string): Promise<string> {
    const wanted = resource === undefined ? '' : `<resource>${resource}</resource>`;
    this.send(`<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${wanted}</bind></iq>`);
    return (await this.expect(/<jid>([^<]*)<\/jid><\/bind><\/iq>/))[1] ?? '';
  }

  /** Initial presence, and what comes with it. */
  async present(priority = 0): Promise<void> {
    this.send(priority === 0 ? '<presence/>' : `<presence><priority>${priority}</priority></presence>`);
    await this.settled();
  }

  /** Closes the stream as a client should. */
  async bye(): Promise<void> {
    this.send('</stream:stream>');
    await this.closed();
    this.socket.destroy();
  }

  cut(): void {
    this.socket.destroy();
  }
}

/** A user's session over plain TCP (the server must allow it), available unless told otherwise. */
export async function rawSession(
  server: TestServer,
  user: string,
  options: { password?: string; resource?: string; presence?: boolean; priority?: number } = {},
): Promise<RawClient & { jid: string }> {
  const client = await RawClient.connect(server.ports.xmpp);
  await client.signIn(user, options.password ?? 'secret');
  const jid = await client.bind(options.resource);
  if (options.presence !== false) await client.present(options.priority ?? 0);
  return Object.assign(client, { jid });
}
