/** What the service worker keeps for opening offline. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Stands in the service worker's source where the list goes, as the content of a string literal. */
export const PRECACHE_TOKEN = '__PARLEY_PRECACHE__';

/** The precache may not cost a phone user more than this, uncompressed. */
export const PRECACHE_LIMIT_BYTES = 1_000_000;

/** One file of the precache: its address, and a revision that changes with its content. */
export interface PrecacheEntry {
  readonly url: string;
  readonly revision: string;
}

/** Paths of all files below `folder`, relative to it, with forward slashes, sorted. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length)
        .replace(/^[\\/]/, '')
        .replaceAll('\\', '/'),
    )
    .sort();
}

/** Everything the app needs offline: not the worker itself, not the big icons, not the compressed twins. Throws past the limit. */
export async function precacheList(outDir: string): Promise<PrecacheEntry[]> {
  const list: PrecacheEntry[] = [];
  let total = 0;
  for (const file of await filesBelow(outDir)) {
    if (file === 'sw.js' || file.endsWith('.br') || file.endsWith('.map') || file.endsWith('-512.png')) continue;
    const bytes = await readFile(join(outDir, file));
    total += bytes.length;
    list.push({
      url: file === 'index.html' ? '/' : `/${file}`,
      revision: createHash('sha256').update(bytes).digest('base64url').slice(0, 16),
    });
  }
  if (total > PRECACHE_LIMIT_BYTES) throw new Error(`The precache is ${total} bytes, more than the ${PRECACHE_LIMIT_BYTES} allowed.`);
  return list;
}
