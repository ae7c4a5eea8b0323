import type { Crypto } from '@parley/protocol';
import type { BlobLike } from './types.ts';

/** Where to connect, as the core has worked it out. */
export type Endpoint =
  | { readonly kind: 'websocket'; readonly url: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: 'direct' | 'starttls'; readonly srv: boolean };

/** What a connection tells the core. After `closed` nothing more comes. */
export interface LinkHandler {
  /** Text: one WebSocket message. Bytes: a piece of a TCP stream, only valid during the call. */
  data(chunk: string | Uint8Array): void;
  closed(error?: Error): void;
}

/** An open connection. */
export interface Link {
  readonly kind: 'websocket' | 'tcp';
  /** Encrypted, or to this machine (localhost). */
  readonly secure: boolean;
  send(text: string): void;
  close(): void;
  /** TCP only: TLS on the same socket (after `<proceed/>`). `servername` is the domain that the certificate must prove. */
  startTls?(servername: string): Promise<void>;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BlobLike | string;
  readonly onProgress?: (sentBytes: number) => void;
  readonly signal?: AbortSignalLike;
  readonly timeoutMs?: number;
}

export interface AbortSignalLike {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void): void;
}

/** Everything the core needs from where it runs. Time and randomness come through here, so that tests are in control. */
export interface Platform {
  readonly name: string;
  /** Resolves when open; rejects with an Error for people. */
  connect(endpoint: Endpoint, handler: LinkHandler, domain: string): Promise<Link>;
  readonly crypto: Crypto;
  /** Reads at most 1 MB of the answer. Rejects when there is none. */
  http(request: HttpRequest): Promise<HttpResponse>;
  /** Milliseconds since 1970. */
  now(): number;
  setTimer(callback: () => void, delayMs: number): unknown;
  clearTimer(timer: unknown): void;
  /** Size and placeholder of a picture; undefined when it is none. */
  inspectImage?(file: BlobLike): Promise<{ width: number; height: number; thumbhash: string | undefined } | undefined>;
  /** Calls back when the network came back or the device woke up (try at once), or went away. Returns the undo. */
  watchNetwork?(listener: (online: boolean) => void): () => void;
  /** True on networks where a download costs nothing. */
  unmetered?(): boolean;
  /** Default for `server`. */
  defaultServer?(): string | undefined;
  /** Browsers: runs `work` in only one tab at a time for each name; others go on without. */
  exclusively?(name: string, work: () => Promise<void>): Promise<void>;
  /** Browsers that have them: the person's authenticator makes a passkey, or uses one (WebAuthn, all as JSON). Rejects when the person does not want to. */
  readonly passkeys?: {
    create(options: Readonly<Record<string, unknown>>): Promise<unknown>;
    use(options: Readonly<Record<string, unknown>>): Promise<unknown>;
  };
  /** Browsers: tells other tabs that shared local data changed. */
  channel?(name: string, listener: (message: string) => void): { post(message: string): void; close(): void };
}
