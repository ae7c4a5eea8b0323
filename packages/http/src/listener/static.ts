/** The web client: files of one folder, known by name beforehand, so that no request can name anything else. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';

interface StaticFile {
  readonly bytes: Buffer;
  readonly brotli: Buffer | undefined;
  readonly type: string;
  readonly etag: string;
  readonly immutable: boolean;
}

export interface StaticAnswer {
  readonly bytes: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  /** The client has this version already. */
  readonly notModified: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
  '.mp3': 'audio/mpeg',
  '.ogg': 'audio/ogg',
};

/** Vite puts a hash of the content in the names below /assets/: such a name never gets another content. */
const HASHED = /^\/assets\/.+-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$/;

export class StaticFiles {
  readonly #folder: string;
  #files = new Map<string, StaticFile>();
  #stamp = '';

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Reads the folder; there may be none yet (then there is no web client, and `has('/')` is false). */
  static async open(folder: string): Promise<StaticFiles> {
    const files = new StaticFiles(folder);
    await files.refresh();
    return files;
  }

  /** Reads the folder again when it was built anew since. */
  async refresh(): Promise<void> {
    const index = await stat(join(this.#folder, 'index.html')).catch(() => undefined);
    const stamp = index === undefined ? '' : `${index.mtimeMs}:${index.size}:${index.ino}`;
    if (stamp === this.#stamp) return;
    const files = new Map<string, StaticFile>();
    if (index !== undefined) await this.#read('', files);
    this.#files = files;
    this.#stamp = stamp;
  }

  async #read(path: string, into: Map<string, StaticFile>): Promise<void> {
    for (const entry of await readdir(join(this.#folder, path), { withFileTypes: true })) {
      const name = `${path}/${entry.name}`;
      if (entry.isDirectory()) await this.#read(name, into);
      else if (entry.isFile() && !entry.name.startsWith('.') && !entry.name.endsWith('.br')) {
        const bytes = await readFile(join(this.#folder, name));
        const brotli = await readFile(join(this.#folder, `${name}.br`)).catch(() => undefined);
        const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 27)}"`;
        into.set(name, { bytes, brotli, etag, type: TYPES[extname(name)] ?? 'application/octet-stream', immutable: HASHED.test(name) });
      }
    }
  }

  has(path: string): boolean {
    return this.#files.has(path === '/' ? '/index.html' : path);
  }

  /** `path` as it stands in the request line, without the query; it is compared, never decoded or opened. */
  answer(path: string, acceptEncoding: string, ifNoneMatch: string | undefined): StaticAnswer | undefined {
    const file = this.#files.get(path === '/' ? '/index.html' : path);
    if (file === undefined) return undefined;
    const packed =
      file.brotli !== undefined && /(?:^|[\s,])br(?!\s*;\s*q=0(?:\.0+)?\s*(?:,|$))/.test(acceptEncoding) ? file.brotli : undefined;
    const etag = packed === undefined ? file.etag : `${file.etag.slice(0, -1)}-br"`;
    const headers: Record<string, string> = {
      'content-type': file.type,
      etag,
      vary: 'accept-encoding',
      'cache-control': file.immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    };
    if (packed !== undefined) headers['content-encoding'] = 'br';
    const notModified = ifNoneMatch !== undefined && ifNoneMatch.split(',').some((one) => one.trim().replace(/^W\//, '') === etag);
    return { bytes: packed ?? file.bytes, headers, notModified };
  }
}
