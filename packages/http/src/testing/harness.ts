/** For the tests of this package: a whole HTTP server over storage in memory and a folder of its own. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '@parley/core/ports';
import type { Identities } from '@parley/features/identity/service';
import type { Registrar } from '@parley/features/registration/service';
import type { BlobStore, Storage } from '@parley/storage';
import { openFileBlobs } from '@parley/storage/files';
import { openSqliteStorage } from '@parley/storage/sqlite';
import { createHttpServer } from '../listener/server.ts';
import { Media } from '../upload/media.ts';

export const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A request whose path is sent exactly as it stands here. */
export function send(
  port: number,
  method: string,
  path: string,
  options: { headers?: OutgoingHttpHeaders; body?: Uint8Array | string; chunked?: boolean } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, method, path, headers: options.headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }));
    });
    request.on('error', reject);
    if (options.body !== undefined && options.chunked !== true && options.headers?.['content-length'] === undefined)
      request.setHeader('content-length', Buffer.byteLength(options.body));
    if (options.chunked === true) request.setHeader('transfer-encoding', 'chunked');
    request.end(options.body);
  });
}

export interface Fixture {
  readonly port: number;
  readonly media: Media;
  readonly folder: string;
  readonly storage: Storage;
  readonly blobs: BlobStore;
  /** Opens the media server anew on what is kept, as after a crash: nothing of the first one is told. */
  reopenMedia(): Promise<Media>;
  /** The time that the media server sees, ms. */
  now: number;
  close(): Promise<void>;
}

export async function startFixture(
  options: {
    registrar?: Registrar;
    identities?: Identities;
    webRoot?: string;
    quotaBytes?: number;
    maxFileBytes?: number;
    errors?: string[];
    keepMs?: number;
    trustProxy?: boolean;
  } = {},
): Promise<Fixture> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-http-'));
  const storage = openSqliteStorage({ path: ':memory:', schedule: (run) => void setImmediate(run) });
  const blobs = await openFileBlobs({ folder: join(folder, 'media') });
  const fixture = { now: Date.now() };
  const clock = { now: () => fixture.now, after: () => () => {}, soon: (run: () => void) => void setImmediate(run) };
  let port = 0;
  const log: Log = { ...quiet, error: (event, fields) => void options.errors?.push(`${event} ${JSON.stringify(fields)}`) };
  const publicUrl = (): string => `http://127.0.0.1:${port}`;
  const openMedia = (): Promise<Media> =>
    Media.open({
      storage,
      blobs,
      clock,
      log,
      key: randomBytes(32),
      baseUrl: publicUrl,
      maxFileBytes: options.maxFileBytes ?? 1_000_000,
      quotaBytes: options.quotaBytes ?? 3_000_000,
      keepMs: options.keepMs,
    });
  const media = await openMedia();
  const server = await createHttpServer({
    host: '127.0.0.1',
    port: 0,
    tls: undefined,
    log,
    webRoot: options.webRoot ?? join(folder, 'no-web-client'),
    sites: [
      {
        domain: 'localhost',
        publicUrl,
        registrar: () => options.registrar,
        identities: () => options.identities,
        appKeys: () => undefined,
        linking: () => undefined,
        passkeys: () => undefined,
        social: () => undefined,
      },
    ],
    allowedOrigins: [],
    ready: () => true,
    metrics: () => [{ name: 'sessions', about: 'Sessions.', kind: 'gauge', value: 3 }],
    media,
    webSocket: (_request, socket) => socket.destroy(),
    bosh: (_request, response) => void response.destroy(),
    maxConnections: 1000,
    trustProxy: options.trustProxy ?? false,
    version: '1.2.3',
  });
  port = server.port;
  return Object.assign(fixture, {
    port,
    media,
    folder,
    storage,
    blobs,
    reopenMedia: openMedia,
    async close() {
      await server.close(0);
      await media.close();
      await storage.close();
      await rm(folder, { recursive: true });
    },
  });
}

/** Path and query of an absolute URL, as written. */
export function pathOf(url: string): string {
  return url.slice(url.indexOf('/', 'http://'.length));
}
