import { NS } from '@parley/protocol';
import { DEFAULT_LIMITS, type Element, escapeAttr, parseElement, StreamReader, type XmlError } from '@parley/xml';
import { ChatError } from '../errors.ts';
import type { Endpoint, Link, Platform } from '../platform.ts';

/** Who hears what the stream says once negotiation is over. */
export interface StreamHandler {
  element(element: Element): void;
  closed(error: ChatError | undefined): void;
}

/**
 * One XML stream to the server over TCP (RFC 6120 §4) or WebSocket (RFC 7395), as whole elements.
 * During negotiation elements are asked for one by one with `next`; afterwards they go to a handler.
 */
export class XmppStream {
  readonly #platform: Platform;
  readonly #domain: string;
  /** Who will sign in; said only where nobody else hears it (RFC 6120 §4.7.1). */
  readonly #user: string;
  #link: Link | undefined;
  #reader: StreamReader | undefined;
  #handler: StreamHandler | undefined;
  readonly #queue: Element[] = [];
  #waiting: { resolve(element: Element): void; reject(error: ChatError): void } | undefined;
  #ended: { error: ChatError | undefined } | undefined;
  #closing = false;
  #headerSeen = false;
  /** Length of the last data, for liveness: any byte proves that the server lives. */
  lastDataAt: number;

  private constructor(platform: Platform, domain: string, user: string) {
    this.#platform = platform;
    this.#domain = domain;
    this.#user = user;
    this.lastDataAt = platform.now();
  }

  /** Connects and sends the stream header. Rejects with `offline` when nobody answers. */
  static async connect(platform: Platform, endpoint: Endpoint, domain: string, user = ''): Promise<XmppStream> {
    const stream = new XmppStream(platform, domain, user);
    try {
      stream.#link = await platform.connect(
        endpoint,
        { data: (chunk) => stream.#data(chunk), closed: (error) => stream.#lost(error) },
        domain,
      );
    } catch (cause) {
      if (cause instanceof ChatError) throw cause;
      throw new ChatError('offline', `Cannot reach the server: ${cause instanceof Error ? cause.message : 'no connection'}`, { cause });
    }
    if (stream.#link.kind === 'tcp') {
      stream.#reader = new StreamReader(
        {
          open: () => {
            stream.#headerSeen = true;
          },
          stanza: (stanza) => stream.#element(stanza.element()),
          close: () => stream.#peerClosed(),
          error: (error) => stream.#malformed(error),
        },
        DEFAULT_LIMITS,
      );
    }
    stream.#sendHeader();
    return stream;
  }

  get secure(): boolean {
    return this.#link?.secure === true;
  }

  get kind(): Link['kind'] {
    return this.#link!.kind;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  #sendHeader(): void {
    this.#headerSeen = false;
    const from = this.secure && this.#user !== '' ? ` from="${escapeAttr(this.#user)}"` : '';
    const to = escapeAttr(this.#domain);
    this.#link?.send(
      this.kind === 'websocket'
        ? `<open xmlns="${NS.framing}" to="${to}"${from} version="1.0"/>`
        : `<?xml version='1.0'?><stream:stream xmlns="${NS.client}" xmlns:stream="${NS.streams}" to="${to}"${from} version="1.0">`,
    );
  }

  /** A new header after SASL or TLS. */
  restart(): void {
    this.#reader?.restart();
    this.#sendHeader();
  }

  /** TLS on the same socket; what was read before it is thrown away (no injected plain text survives). */
  async startTls(): Promise<void> {
    const link = this.#link;
    if (link?.startTls === undefined) throw new ChatError('not-supported', 'This connection cannot be encrypted');
    this.#reader?.discard();
    this.#queue.length = 0;
    try {
      await link.startTls(this.#domain);
    } catch (cause) {
      throw new ChatError('insecure-connection', `The server's certificate or TLS was refused: ${String((cause as Error).message)}`, {
        cause,
      });
    }
    this.restart();
  }

  send(element: Element): void {
    this.sendText(this.serialise(element));
  }

  /** The text that `send` would write. WebSocket frames name the namespace themselves (RFC 7395 §3.3.3). */
  serialise(element: Element): string {
    return element.toString(this.kind === 'websocket' ? '' : NS.client);
  }

  sendText(text: string): void {
    if (this.#ended === undefined && !this.#closing) this.#link?.send(text);
  }

  /** The next element during negotiation. Rejects with `timeout`, `connection-lost` or the stream error. */
  next(timeoutMs: number): Promise<Element> {
    const queued = this.#queue.shift();
    if (queued !== undefined) return Promise.resolve(queued);
    if (this.#ended !== undefined) return Promise.reject(this.#ended.error ?? lost());
    return new Promise((resolve, reject) => {
      const timer = this.#platform.setTimer(() => {
        this.#waiting = undefined;
        reject(new ChatError('timeout', 'The server did not answer in time'));
      }, timeoutMs);
      this.#waiting = {
        resolve: (element) => {
          this.#platform.clearTimer(timer);
          resolve(element);
        },
        reject: (error) => {
          this.#platform.clearTimer(timer);
          reject(error);
        },
      };
    });
  }

  /** Hands everything from now on (and what is queued) to `handler`. */
  handOver(handler: StreamHandler): void {
    this.#handler = handler;
    for (const element of this.#queue.splice(0)) handler.element(element);
    if (this.#ended !== undefined) handler.closed(this.#ended.error);
  }

  /** Ends the stream in order. The handler hears `closed` with no error. */
  close(): void {
    if (this.#closing || this.#ended !== undefined) return;
    this.#link?.send(this.kind === 'websocket' ? `<close xmlns="${NS.framing}"/>` : '</stream:stream>');
    this.#closing = true;
    this.#link?.close();
    this.#end(undefined);
  }

  /** Breaks off without the closing tag, so that the session can be resumed. */
  abort(error: ChatError): void {
    this.#closing = true;
    this.#link?.close();
    this.#end(error);
  }

  #data(chunk: string | Uint8Array): void {
    if (this.#ended !== undefined) return;
    this.lastDataAt = this.#platform.now();
    if (typeof chunk !== 'string') {
      this.#reader?.feed(chunk);
      return;
    }
    let element: Element;
    try {
      element = parseElement(chunk, DEFAULT_LIMITS, '');
    } catch (cause) {
      this.#malformed(cause as XmlError);
      return;
    }
    if (element.ns === NS.framing) {
      if (element.name === 'open') this.#headerSeen = true;
      else if (element.name === 'close') this.#peerClosed();
      return;
    }
    this.#element(element);
  }

  #element(element: Element): void {
    if (this.#ended !== undefined) return;
    if (!this.#headerSeen) {
      this.abort(new ChatError('protocol-violation', 'The server sent data before its stream header'));
      return;
    }
    if (element.name === 'error' && element.ns === NS.streams) {
      this.abort(streamError(element));
      return;
    }
    if (this.#handler !== undefined) {
      this.#handler.element(element);
    } else if (this.#waiting !== undefined) {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting.resolve(element);
    } else if (this.#queue.length < 64) {
      this.#queue.push(element);
    } else {
      this.abort(new ChatError('protocol-violation', 'The server sent too much during sign-in'));
    }
  }

  #malformed(cause: Error): void {
    this.abort(new ChatError('protocol-violation', 'The server sent malformed XML', { cause, retryable: true }));
  }

  #peerClosed(): void {
    this.#closing = true;
    this.#link?.close();
    this.#end(new ChatError('connection-lost', 'The server closed the connection'));
  }

  #lost(cause: Error | undefined): void {
    this.#end(lost(cause));
  }

  #end(error: ChatError | undefined): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    this.#reader?.destroy();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(error ?? lost());
    this.#handler?.closed(error);
  }
}

function lost(cause?: Error): ChatError {
  return new ChatError('connection-lost', 'The connection was lost', cause === undefined ? {} : { cause });
}

/** RFC 6120 §4.9: what a stream error means for the one who connects. */
function streamError(element: Element): ChatError {
  const condition =
    element.elements().find((child) => child.ns === NS.streamErrors && child.name !== 'text')?.name ?? 'undefined-condition';
  const text = element.childText('text', NS.streamErrors);
  const options = { condition };
  switch (condition) {
    case 'host-unknown':
      return new ChatError('not-found', 'The server does not serve this domain', options);
    case 'not-authorized':
      return new ChatError('session-expired', 'The server ended the session', options);
    case 'policy-violation':
    case 'resource-constraint':
      return new ChatError('rate-limited', text ?? 'The server asks to slow down', options);
    case 'conflict':
      return new ChatError('connection-lost', 'This device signed in again elsewhere', options);
    default:
      return new ChatError('connection-lost', text ?? `The server ended the connection (${condition})`, options);
  }
}
