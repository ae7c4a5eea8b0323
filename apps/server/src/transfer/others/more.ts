/** What other servers have of an account and do not export: read from their own files. */
import { open } from 'node:fs/promises';
import { type Element, parseElement } from '@parley/xml';
import { TransferError } from '../walk.ts';
import { EjabberdDump } from './ejabberd.ts';
import { ProsodyData } from './prosody.ts';
import type { OtherRoom } from './rooms.ts';

export type MoreMessage =
  /** In the archive. */
  | { readonly kind: 'archived'; readonly id: string; readonly at: number; readonly message: Element }
  /** Waits for its recipient. */
  | { readonly kind: 'waiting'; readonly at: number; readonly message: Element };

export interface More {
  /** Messages of this account, the archived ones first, in order; `left` is told of those that cannot be read. */
  of(local: string, left: (what: string) => void): AsyncIterable<MoreMessage>;
  /** Addresses that this account has blocked, where the export does not tell. */
  blocked(local: string, left: (what: string) => void): Promise<readonly string[]>;
  /** Rooms at this address that stay when everybody has left. */
  rooms(service: string, left: (what: string) => void): AsyncIterable<OtherRoom>;
  close(): Promise<void>;
}

/** A dump of ejabberd's tables, or Prosody's data folder. Throws TransferError. */
export async function openMore(path: string, domain: string): Promise<More> {
  try {
    const file = await open(path, 'r');
    try {
      if ((await file.stat()).isDirectory()) return await ProsodyData.open(path, domain);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0);
      if (buffer.toString('latin1', 0, bytesRead).startsWith('{tables,')) return await EjabberdDump.open(path, domain);
    } finally {
      await file.close();
    }
  } catch (error) {
    const { syscall, code } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new TransferError(`Cannot read ${path}: ${code === 'ENOENT' ? 'there is no such file' : (error as Error).message}.`);
  }
  throw new TransferError(`${path} is neither a dump of ejabberd (ejabberdctl dump) nor the data folder of Prosody.`);
}

const LIMITS = { stanzaBytes: 4 * 1024 * 1024, elements: 50_000, depth: 130, attributes: 64 };

/** Checked by the strict parser, like everything that comes from elsewhere. Throws on what is not well-formed. */
export const elementOf = (xml: string): Element => parseElement(xml, LIMITS);
