/** One stream of an external component: jabber:component:accept (XEP-0114 §3). */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { AttachedComponent, ComponentHost, ComponentLink, Connection, ConnectionHandler, Log, Undo } from '@parley/core/ports';
import { Jid, NS } from '@parley/protocol';
import {
  DEFAULT_LIMITS,
  type Element,
  escapeAttr,
  PRE_AUTH_LIMITS,
  parseStanza,
  type Stanza,
  type StreamHeader,
  StreamReader,
  stanzaBytes,
  utf8Decode,
  utf8Encode,
  type XmlError,
} from '@parley/xml';

export interface ComponentStreams {
  readonly host: ComponentHost;
  readonly log: Log;
  after(ms: number, run: () => void): Undo;
  /** Bytes of one stanza. Asked at each stream. */
  readonly stanzaBytes: number;
  /** Time to show the secret, ms. Asked at each stream. */
  readonly handshakeMs: number;
  /** Bytes that may wait for a component that does not read. Asked at each stanza. */
  readonly queueBytes: number;
}

const NAMESPACE = NS.component;
const DECLARATION = ` xmlns="${NAMESPACE}"`;
/** A component serves many people. */
const QUEUES = 16;

/** The words that a component shows: SHA-1 of stream id and secret, in lower-case hexadecimal digits. */
export function handshake(streamId: string, secret: string): string {
  return createHash('sha1').update(streamId).update(secret).digest('hex');
}

/** The same stanza as a client would have written it. The content inherits the namespace of the stream, so that only the start tag says it. */
function asClient(stanza: Stanza): Element {
  const text = utf8Decode(stanzaBytes(stanza));
  return parseStanza(utf8Encode(text.replace(DECLARATION, '')), DEFAULT_LIMITS, NS.client).element();
}

export class ComponentStream implements ConnectionHandler, ComponentLink {
  readonly #parts: ComponentStreams;
  readonly #connection: Connection;
  readonly #reader: StreamReader;
  readonly #id = randomBytes(15).toString('hex');
  #domain = '';
  #headerSent = false;
  /** Undefined until a secret of the domain was looked up. */
  #secret: string | undefined;
  #attached: AttachedComponent | undefined;
  #over = false;
  #stopTimer: Undo;

  constructor(connection: Connection, parts: ComponentStreams) {
    this.#connection = connection;
    this.#parts = parts;
    this.#reader = new StreamReader(this, PRE_AUTH_LIMITS);
    this.#stopTimer = parts.after(parts.handshakeMs, () => this.end('connection-timeout', 'The handshake took too long.'));
  }

  // --- from the connection ---

  receive(bytes: Uint8Array): void {
    if (!this.#over) this.#reader.feed(bytes);
  }
  secured(): void {}
  drained(): void {}
  closed(): void {
    this.#finish();
  }

  // --- from the reader ---

  open(header: StreamHeader): void {
    if (header.ns !== NS.streams || header.name !== 'stream' || header.defaultNs !== NAMESPACE)
      return this.end('invalid-namespace', `This port is for ${NAMESPACE}.`);
    const domain = Jid.tryParse(header.to ?? '')?.domain ?? '';
    this.#domain = domain;
    this.#hold(
      this.#parts.host.secret(domain).then((secret) => {
        if (this.#over) return;
        if (secret === undefined) return this.end('host-unknown', 'There is no component of this name.');
        this.#secret = secret;
        this.#sendHeader();
      }),
    );
  }

  stanza(stanza: Stanza): void {
    if (this.#attached === undefined) return this.#handshake(stanza);
    const { name, ns } = stanza;
    if (ns !== NAMESPACE || (name !== 'message' && name !== 'presence' && name !== 'iq'))
      return this.end('unsupported-stanza-type', 'A component sends message, presence and iq.');
    if (stanza.from === undefined || stanza.to === undefined)
      return this.end('improper-addressing', 'Stanzas of a component have from and to.');
    if (Jid.tryParse(stanza.from)?.domain !== this.#domain)
      return this.end('invalid-from', `This component speaks for ${this.#domain} only.`);
    let element: Element;
    try {
      element = asClient(stanza);
    } catch {
      return this.end('invalid-xml', 'This stanza cannot be read as one of jabber:client.');
    }
    try {
      const done = this.#attached.receive(element);
      if (done !== undefined) this.#hold(done);
    } catch (error) {
      this.#failed(error);
    }
  }

  close(): void {
    if (this.#over) return;
    this.#connection.write(utf8Encode('</stream:stream>'));
    this.#finish();
    this.#connection.close();
  }

  error(error: XmlError): void {
    this.end(error.condition, 'The XML of this stream cannot be read.');
  }

  // --- ours ---

  #handshake(stanza: Stanza): void {
    if (stanza.name !== 'handshake' || stanza.ns !== NAMESPACE || this.#secret === undefined)
      return this.end('not-authorized', 'The handshake comes first.');
    const shown = Buffer.from(stanza.element().text().trim());
    const wanted = Buffer.from(handshake(this.#id, this.#secret));
    this.#secret = undefined;
    if (shown.length !== wanted.length || !timingSafeEqual(shown, wanted)) {
      this.#parts.log.warn('component_refused', { domain: this.#domain, address: this.#connection.remoteAddress });
      return this.end('not-authorized', 'The secret is not right.');
    }
    this.#stopTimer();
    this.#reader.setLimits({ ...DEFAULT_LIMITS, stanzaBytes: this.#parts.stanzaBytes });
    this.#connection.write(utf8Encode('<handshake/>'));
    this.#attached = this.#parts.host.attach(this.#domain, this);
  }

  send(stanza: Uint8Array): boolean {
    if (this.#over || this.#connection.queuedBytes >= this.#parts.queueBytes * QUEUES) return false;
    this.#connection.write(stanza);
    return true;
  }

  end(condition: string, text: string): void {
    if (this.#over) return;
    if (!this.#headerSent) this.#sendHeader();
    const words = `<${condition} xmlns="${NS.streamErrors}"/><text xmlns="${NS.streamErrors}" xml:lang="en">${escapeAttr(text)}</text>`;
    this.#connection.write(utf8Encode(`<stream:error>${words}</stream:error></stream:stream>`));
    this.#finish();
    this.#connection.close();
  }

  #sendHeader(): void {
    this.#headerSent = true;
    const from = this.#domain === '' ? '' : ` from="${escapeAttr(this.#domain)}"`;
    this.#connection.write(
      utf8Encode(`<?xml version='1.0'?><stream:stream xmlns="${NAMESPACE}" xmlns:stream="${NS.streams}" id="${this.#id}"${from}>`),
    );
  }

  #failed(error: unknown): void {
    this.#parts.log.error('component_stanza_failed', { domain: this.#domain, error });
    this.end('internal-server-error', 'The server failed at this stanza.');
  }

  /** What is behind waits; order is kept. */
  #hold(done: Promise<void>): void {
    this.#reader.pause();
    this.#connection.pause();
    done
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        if (this.#over) return;
        this.#reader.resume();
        if (!this.#reader.paused) this.#connection.resume();
      });
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopTimer();
    this.#reader.destroy();
    this.#attached?.detach();
    this.#attached = undefined;
  }
}
