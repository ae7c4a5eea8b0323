/** The folder that holds everything that is kept. */
import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@parley/core';

/** Paths in the data folder. */
export interface DataFolder {
  readonly path: string;
  readonly database: string;
  readonly media: string;
  readonly keys: string;
  readonly tls: string;
  /** The socket over which `parley` talks to the running server. */
  readonly adminSocket: string;
}

/** Names of Unix sockets may be 107 bytes long; for folders deep down the socket is elsewhere, found by the folder's name. */
const SOCKET_NAME_BYTES = 100;

export function dataFolder(path: string): DataFolder {
  const near = join(path, 'admin.sock');
  const far = join(tmpdir(), `parley-${createHash('sha256').update(path).digest('hex').slice(0, 24)}.sock`);
  return {
    path,
    database: join(path, 'parley.db'),
    media: join(path, 'media'),
    keys: join(path, 'keys'),
    tls: join(path, 'tls'),
    adminSocket: Buffer.byteLength(near) <= SOCKET_NAME_BYTES ? near : far,
  };
}

/** Makes the folder when it is missing. Throws ConfigError when it cannot be written to. */
export async function openDataFolder(path: string): Promise<DataFolder> {
  const folder = dataFolder(path);
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    await mkdir(folder.keys, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw folderError(path, error) ?? error;
  }
  return folder;
}

const WHY: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  ENOTDIR: 'it is a file, not a folder',
  EEXIST: 'it is a file, not a folder',
  EISDIR: 'it is a folder, not a file',
  EROFS: 'its file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota of this user is used up',
  EIO: 'the disk fails',
};

/** The sentence for an error of the file system that came up with the data folder; undefined for errors of another kind. */
export function folderError(path: string, error: unknown): ConfigError | undefined {
  const { code, syscall, path: file, message } = error as NodeJS.ErrnoException;
  if (syscall === undefined || code === undefined || (WHY[code] === undefined && code !== 'ENOENT')) return undefined;
  return new ConfigError(`dataDir: cannot use ${file ?? path}: ${WHY[code] ?? message}.`);
}

/** True when a server answers on this folder's socket. */
export function serverRuns(folder: DataFolder): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(folder.adminSocket);
    const answer = (runs: boolean): void => {
      socket.destroy();
      resolve(runs);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}

const SECRET_CHARACTERS = 16;

/** A key of 32 bytes that lives outside the database; made at the first start, readable by the owner only. */
export async function folderKey(folder: DataFolder, name: string): Promise<Uint8Array> {
  const path = join(folder.keys, name);
  try {
    const key = Buffer.from((await readFile(path, 'utf8')).trim(), 'hex');
    if (key.length === 32) return key;
    throw new ConfigError(
      `The key ${path} is damaged (it must hold 64 hexadecimal digits). Put back a backup, or remove it to have a new one made.`,
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const key = randomBytes(32);
  const temporary = `${path}.${randomBytes(4).toString('hex')}`;
  await writeFile(temporary, `${key.toString('hex')}\n`, { mode: 0o600, flush: true });
  await rename(temporary, path);
  return key;
}

/** The secret of an external component, in a file of its own; made when it is missing and `make` is set. An operator may put in another one. */
export async function componentSecret(folder: DataFolder, domain: string, make: boolean): Promise<string | undefined> {
  const path = join(folder.keys, `component-${encodeURIComponent(domain)}`);
  try {
    const secret = (await readFile(path, 'utf8')).trim();
    if (secret.length < SECRET_CHARACTERS)
      throw new ConfigError(
        `The secret in ${path} is too short: use at least ${SECRET_CHARACTERS} characters, or remove it to have one made.`,
      );
    return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  if (!make) return undefined;
  const secret = randomBytes(32).toString('hex');
  const temporary = `${path}.${randomBytes(4).toString('hex')}`;
  await writeFile(temporary, `${secret}\n`, { mode: 0o600, flush: true });
  await rename(temporary, path);
  return secret;
}
