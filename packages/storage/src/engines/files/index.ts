import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, type Dirent } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type BlobInfo, type BlobStore, StorageError } from '../../kinds/index.ts';

/** Keys become file names: nothing but these characters, and not longer than a file name may be. */
const KEY = /^[a-z0-9-]{1,200}$/;
/** Unfinished uploads; on the same file system, so that the rename is atomic. */
const TEMP = 'incoming';
/** First characters of the key that name the folder: 256 folders and more for random keys. */
const SHARD = 2;

/** Blobs as files of one folder: `ab/abcdef…`, unfinished ones in `incoming/`. */
export class FileBlobStore implements BlobStore {
  readonly #folder: string;
  readonly #shards = new Map<string, Promise<void>>();

  /** For openFileBlobs. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(key: string, source: AsyncIterable<Uint8Array>, options: { expectBytes: number }): Promise<BlobInfo> {
    const path = this.#path(key);
    const temp = join(this.#folder, TEMP, `${key}.${randomBytes(8).toString('hex')}`);
    try {
      const info = await write(temp, key, source, options.expectBytes);
      await this.#shard(dirname(path));
      await rename(temp, path);
      await syncFolder(dirname(path));
      return info;
    } catch (error) {
      await rm(temp, { force: true }).catch(() => {});
      throw blobError(error, 'keep a file');
    }
  }

  async stat(key: string): Promise<{ bytes: number } | undefined> {
    try {
      return { bytes: (await stat(this.#path(key))).size };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw blobError(error, 'look for a file');
    }
  }

  async read(key: string, range?: { start: number; end: number }): Promise<AsyncIterable<Uint8Array> | undefined> {
    let file: FileHandle | undefined;
    try {
      // The file is held open: a deletion in between does not cut off who is reading.
      file = await open(this.#path(key), 'r');
      const { size } = await file.stat();
      if (range && !(range.start >= 0 && range.start <= range.end && range.end < size)) {
        throw new RangeError(`Bytes ${range.start} to ${range.end} are not in a file of ${size}.`);
      }
      // An empty file has no first byte to name.
      return createReadStream('', { fd: file, ...(range ?? {}) });
    } catch (error) {
      await file?.close();
      if (isMissing(error)) return undefined;
      throw blobError(error, 'read a file');
    }
  }

  async delete(key: string): Promise<void> {
    const path = this.#path(key);
    try {
      await rm(path);
      await syncFolder(dirname(path));
    } catch (error) {
      if (!isMissing(error)) throw blobError(error, 'delete a file');
    }
  }

  #path(key: string): string {
    if (!KEY.test(key)) throw new RangeError('A blob key is 1 to 200 of a-z, 0-9 and "-".');
    return join(this.#folder, key.slice(0, SHARD).padEnd(SHARD, '-'), key);
  }

  /** Makes the folder of a shard, durably, once. */
  #shard(path: string): Promise<void> {
    let made = this.#shards.get(path);
    if (!made) {
      made = makeFolder(path, this.#folder);
      this.#shards.set(path, made);
      made.catch(() => this.#shards.delete(path));
    }
    return made;
  }
}

/**
 * Opens (or makes) a folder of blobs; what uploads left unfinished is removed.
 * @throws StorageError `io`, `full`
 */
export async function openFileBlobs(options: { folder: string }): Promise<FileBlobStore> {
  try {
    const temp = join(options.folder, TEMP);
    await mkdir(temp, { recursive: true, mode: 0o700 });
    const leftovers: Dirent[] = await readdir(temp, { withFileTypes: true });
    for (const leftover of leftovers) if (leftover.isFile()) await rm(join(temp, leftover.name), { force: true });
    return new FileBlobStore(options.folder);
  } catch (error) {
    throw blobError(error, `open ${options.folder}`);
  }
}

async function write(path: string, key: string, source: AsyncIterable<Uint8Array>, expectBytes: number): Promise<BlobInfo> {
  const file = await open(path, 'wx', 0o600);
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of source) {
      bytes += chunk.length;
      if (bytes > expectBytes) throw new RangeError(`More than the ${expectBytes} bytes that were announced.`);
      hash.update(chunk);
      for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at, chunk.length - at)).bytesWritten;
    }
    if (bytes !== expectBytes) throw new RangeError(`${bytes} bytes came, ${expectBytes} were announced.`);
    await file.sync();
    return { key, bytes, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

async function makeFolder(path: string, parent: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await syncFolder(parent);
}

/** Makes names in a folder durable. */
async function syncFolder(path: string): Promise<void> {
  // Windows cannot open folders; its file systems journal names themselves.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function isMissing(error: unknown): boolean {
  return errorCode(error) === 'ENOENT';
}

/** Errors of the source and wrong lengths pass; errors of the file system become StorageErrors. */
function blobError(error: unknown, doing: string): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error;
  const full = ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(errorCode(error) ?? '');
  return new StorageError(full ? 'full' : 'io', `Storage could not ${doing}: ${full ? 'the disk is full' : error.message}.`, {
    cause: error,
  });
}
