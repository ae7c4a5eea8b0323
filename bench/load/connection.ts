// One client connection of the load generator: raw socket, strict request-answer sign-in (nothing pipelined), then bytes.
import { createHash } from 'node:crypto';
import { type Socket, connect as tcpConnect } from 'node:net';
import { createSecureContext, connect as tlsConnect } from 'node:tls';
import { clientFinal, clientFirst } from './scram.ts';
import { Walker, type WalkerHandler } from './walker.ts';

export type Transport = 'plain' | 'starttls' | 'tls';
export type Mechanism = 'PLAIN' | 'SCRAM-SHA-1';

export interface Target {
  readonly host: string;
  readonly domain: string;
  readonly port: number;
  readonly tlsPort: number;
}

export interface SignIn {
  readonly target: Target;
  readonly user: string;
  readonly password: string;
  readonly mechanism: Mechanism;
  readonly transport: Transport;
  /** XEP-0198 with resumption. */
  readonly streamManagement: boolean;
  /** SASL2 with Bind2 (XEP-0388, 0386) in place of SASL, a new stream and bind. */
  readonly sasl2?: boolean;
}

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const SASL2 = 'urn:xmpp:sasl:2';
const RESULT_START = "<iq type='result' id='";
const ACK_REQUEST = Buffer.from("<r xmlns='urn:xmpp:sm:3'/>");
/** One receive buffer for all plain connections: what arrives is used up before the next read. */
const receiveBuffer = Buffer.allocUnsafe(256 * 1024);
// One context for all: certificates are not verified (the servers are our own children), sessions are not resumed.
const secureContext = createSecureContext();

export interface Listener {
  message(connection: Connection, buffer: Buffer, start: number, end: number): void;
  acked?(connection: Connection, handled: number): void;
}

export class Connection implements WalkerHandler {
  readonly user: string;
  listener: Listener | undefined;
  closed = false;
  /** Why the server ended the stream, when it did. */
  failure = '';
  readonly #options: SignIn;
  #socket: Socket;
  #walker: Walker | undefined;
  #text = '';
  #received = 0;
  #pending: Buffer[] = [];
  #scheduled = false;
  #resolve: ((connection: Connection) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;
  #state = 'features';
  #scramBare = '';
  #onClose: (() => void) | undefined;

  private constructor(options: SignIn) {
    this.user = options.user;
    this.#options = options;
    const { target } = options;
    if (options.transport === 'tls') {
      this.#socket = this.#secure(undefined);
    } else {
      this.#socket = tcpConnect({
        host: target.host,
        port: target.port,
        noDelay: true,
        // A socket that will be upgraded to TLS reads in the ordinary way: `onread` cannot be handed over.
        ...(options.transport === 'plain' && {
          onread: {
            buffer: receiveBuffer,
            callback: (length: number) => {
              this.#data(receiveBuffer.subarray(0, length));
              return true;
            },
          },
        }),
      });
      if (options.transport === 'starttls') this.#socket.on('data', (chunk: Buffer) => this.#data(chunk));
      this.#socket.once('connect', () => this.#openStream());
      this.#watch(this.#socket);
    }
  }

  /** Signs in up to the result of resource binding (and of `<enable/>`). Rejects when refused or when the connection ends. */
  static open(options: SignIn): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const connection = new Connection(options);
      connection.#resolve = resolve;
      connection.#reject = reject;
    });
  }

  /** Queues bytes; everything queued in one pass of the event loop goes out in one write. */
  write(bytes: Buffer): void {
    this.#pending.push(bytes);
    if (this.#scheduled) return;
    this.#scheduled = true;
    flushSoon(this);
  }

  flush(): void {
    this.#scheduled = false;
    const pending = this.#pending;
    if (pending.length === 0 || this.closed) return;
    this.#socket.write(pending.length === 1 ? (pending[0] as Buffer) : Buffer.concat(pending));
    this.#pending = [];
  }

  /** Writes at once, without waiting for the end of the pass. */
  writeNow(bytes: Buffer): void {
    if (this.closed) return;
    if (this.#pending.length > 0) this.flush();
    this.#socket.write(bytes);
  }

  requestAck(): void {
    this.write(ACK_REQUEST);
  }

  sendPresence(): void {
    this.write(Buffer.from('<presence/>'));
  }

  /** Ends the stream and waits for the connection to close (at most 5 s, then it is cut). */
  close(): Promise<void> {
    if (this.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#socket.destroy(), 5000);
      this.#onClose = () => {
        clearTimeout(timer);
        resolve();
      };
      this.flush();
      this.#socket.end('</stream:stream>');
    });
  }

  message(buffer: Buffer, start: number, end: number): void {
    this.#received++;
    this.listener?.message(this, buffer, start, end);
  }
  iq(buffer: Buffer, start: number, end: number): void {
    this.#received++;
    // A server that asks (a ping, a version query) gets an empty result, so that it knows the connection is alive.
    const tag = buffer.toString('latin1', start, Math.min(end, start + 400));
    const open = tag.slice(0, tag.indexOf('>'));
    if (/ type=['"]get['"]/.test(open)) {
      const id = / id=['"]([^'"]*)['"]/.exec(open)?.[1] ?? '';
      const from = / from=['"]([^'"]*)['"]/.exec(open)?.[1];
      this.write(Buffer.from(`${RESULT_START}${id}'${from === undefined ? '' : ` to='${from}'`}/>`));
    }
  }
  presence(): void {
    this.#received++;
  }
  ackRequested(): void {
    this.write(Buffer.from(`<a xmlns='urn:xmpp:sm:3' h='${this.#received}'/>`));
  }
  acked(buffer: Buffer, start: number, end: number): void {
    const listener = this.listener;
    if (listener?.acked === undefined) return;
    const h = /h=['"](\d+)/.exec(buffer.toString('latin1', start, end))?.[1];
    listener.acked(this, Number(h));
  }
  other(buffer: Buffer, start: number, end: number): void {
    const text = buffer.toString('latin1', start, end);
    if (text.startsWith('<stream:error') || text.startsWith('</stream'))
      this.failure ||= buffer.toString('latin1', start, Math.min(buffer.length, start + 300));
  }

  #watch(socket: Socket): void {
    socket.on('error', (error) => {
      this.failure ||= error.message;
    });
    socket.on('close', () => {
      if (socket !== this.#socket) return;
      this.closed = true;
      this.#reject?.(
        new Error(`${this.user} could not sign in (${this.#state}): ${this.failure || this.#text.slice(-300) || 'connection closed'}`),
      );
      this.#onClose?.();
    });
  }

  #secure(socket: Socket | undefined): Socket {
    const { target } = this.#options;
    const where = socket === undefined ? { host: target.host, port: target.tlsPort } : { socket };
    const secure = tlsConnect({
      ...where,
      secureContext,
      servername: target.domain,
      rejectUnauthorized: false,
      ALPNProtocols: ['xmpp-client'],
    });
    secure.setNoDelay(true);
    secure.once('secureConnect', () => this.#openStream());
    secure.on('data', (chunk: Buffer) => this.#data(chunk));
    this.#watch(secure);
    return secure;
  }

  #openStream(): void {
    this.#socket.write(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${this.#options.target.domain}' version='1.0'>`,
    );
  }

  #data(chunk: Buffer): void {
    if (this.#walker !== undefined) {
      this.#walker.feed(chunk);
      return;
    }
    this.#text += chunk.toString('latin1', 0, chunk.length);
    this.#signIn();
  }

  /** The next step once its answer is complete. */
  #signIn(): void {
    const text = this.#text;
    const { transport, password, streamManagement } = this.#options;
    if (text.includes('</stream:stream>') || text.includes('<failure')) {
      this.failure ||= text.slice(-300);
      this.#socket.destroy();
      return;
    }
    switch (this.#state) {
      case 'features':
        if (!text.includes('</stream:features>')) return;
        this.#text = '';
        if (transport === 'starttls') {
          this.#state = 'proceed';
          this.#socket.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        } else this.#authenticate();
        return;
      case 'proceed': {
        if (!text.includes('<proceed')) return;
        this.#text = '';
        this.#state = 'secure-features';
        const plain = this.#socket;
        plain.removeAllListeners('data');
        this.#socket = this.#secure(plain);
        return;
      }
      case 'secure-features':
        if (!text.includes('</stream:features>')) return;
        this.#text = '';
        this.#authenticate();
        return;
      case 'challenge': {
        const challenge = /<challenge[^>]*>([^<]*)<\/challenge>/.exec(text)?.[1];
        if (challenge === undefined) return;
        this.#text = '';
        this.#state = 'success';
        const respond = (final: string): void => {
          this.#socket.write(`<response xmlns='${this.#options.sasl2 ? SASL2 : SASL}'>${final}</response>`);
        };
        const final = clientFinal(password, this.#scramBare, challenge);
        if (typeof final === 'string') respond(final);
        else final.then(respond, (error: Error) => this.#socket.destroy(error));
        return;
      }
      case 'success':
        if (this.#options.sasl2) {
          const end = text.indexOf('</stream:features>');
          if (end >= 0) this.#ready(text.slice(end + '</stream:features>'.length));
          return;
        }
        if (!/<success[^>]*(\/>|>[^<]*<\/success>)/.test(text)) return;
        this.#text = '';
        this.#state = 'bind-features';
        this.#openStream();
        return;
      case 'bind-features':
        if (!text.includes('</stream:features>')) return;
        this.#text = '';
        this.#state = 'bind';
        this.#socket.write("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>bench</resource></bind></iq>");
        return;
      case 'bind':
        if (!text.includes('</iq>')) return;
        this.#text = '';
        if (streamManagement) {
          this.#state = 'enable';
          this.#socket.write("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
        } else this.#ready('');
        return;
      default: {
        const end = text.indexOf('>', text.indexOf('<enabled'));
        if (!text.includes('<enabled') || end < 0) return;
        this.#ready(text.slice(end + 1));
      }
    }
  }

  #authenticate(): void {
    const { user, password, mechanism } = this.#options;
    let initial: string;
    if (mechanism === 'PLAIN') {
      this.#state = 'success';
      initial = Buffer.from(`\0${user}\0${password}`).toString('base64');
    } else {
      this.#state = 'challenge';
      const first = clientFirst(user);
      this.#scramBare = first.bare;
      initial = first.message;
    }
    if (!this.#options.sasl2) {
      this.#socket.write(`<auth xmlns='${SASL}' mechanism='${mechanism}'>${initial}</auth>`);
      return;
    }
    const enable = this.#options.streamManagement ? "<enable xmlns='urn:xmpp:sm:3' resume='true'/>" : '';
    this.#socket.write(
      `<authenticate xmlns='${SASL2}' mechanism='${mechanism}'><initial-response>${initial}</initial-response><user-agent id='${deviceId(this.user)}'/><bind xmlns='urn:xmpp:bind:0'><tag>bench</tag>${enable}</bind></authenticate>`,
    );
  }

  #ready(rest: string): void {
    this.#text = '';
    this.#state = 'signed in';
    this.#walker = new Walker(this);
    this.#reject = undefined;
    this.#resolve?.(this);
    this.#resolve = undefined;
    if (rest !== '') this.#walker.feed(Buffer.from(rest, 'latin1'));
  }
}

/** A UUID v4 for the one device of this user: the same at each sign-in, as that of a real one. */
function deviceId(user: string): string {
  const hex = createHash('sha256').update(user).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

let dirty: Connection[] = [];

function flushSoon(connection: Connection): void {
  if (dirty.push(connection) === 1) setImmediate(flushAll);
}

function flushAll(): void {
  const now = dirty;
  dirty = [];
  for (const connection of now) connection.flush();
}
