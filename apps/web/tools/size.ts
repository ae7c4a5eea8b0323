/**
 * How much JavaScript a newcomer loads before the sign-in page stands, in brotli kilobytes, and what the rest weighs.
 * `node apps/web/tools/size.ts` after a build; exits 1 above the budget.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { filesBelow } from './precache.ts';

/** JavaScript to the sign-in page, brotli, in bytes (1 kB = 1,000 bytes). */
export const FIRST_LOAD_BUDGET_BYTES = 120_000;

/** What was weighed. All figures are bytes after brotli. */
export interface Weight {
  readonly firstLoad: number;
  readonly firstLoadFiles: readonly string[];
  readonly allScripts: number;
  readonly styles: number;
}

const IMPORT = /(?:\bfrom|\bimport)\s*["'](\.{1,2}\/[^"']+\.js)["']/g;

/** Follows the scripts that `index.html` names, and what those import statically; dynamic imports come later and do not count. */
export async function weigh(outDir: string): Promise<Weight> {
  const html = await readFile(join(outDir, 'index.html'), 'utf8');
  const first = new Set<string>();
  const queue = [...html.matchAll(/(?:src|href)="\/([^"]+\.js)"/g)].map((match) => match[1] ?? '');
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (first.has(file)) continue;
    first.add(file);
    const code = await readFile(join(outDir, file), 'utf8');
    for (const match of code.matchAll(IMPORT)) queue.push(new URL(match[1] ?? '', `http://app/${file}`).pathname.slice(1));
  }
  if (first.size === 0) throw new Error('index.html names no script: is the build complete?');
  const size = async (file: string): Promise<number> => brotliCompressSync(await readFile(join(outDir, file))).length;
  const sum = async (files: readonly string[]): Promise<number> => (await Promise.all(files.map(size))).reduce((a, b) => a + b, 0);
  const all = await filesBelow(outDir);
  return {
    firstLoad: await sum([...first]),
    firstLoadFiles: [...first].sort(),
    allScripts: await sum(all.filter((file) => file.endsWith('.js'))),
    styles: await sum(all.filter((file) => file.endsWith('.css'))),
  };
}

if (import.meta.main) {
  const weight = await weigh(new URL('../dist/', import.meta.url).pathname);
  const kB = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
  console.log(`JavaScript to the sign-in page: ${kB(weight.firstLoad)} brotli (budget ${kB(FIRST_LOAD_BUDGET_BYTES)})`);
  console.log(`All JavaScript: ${kB(weight.allScripts)}, all styles: ${kB(weight.styles)}`);
  if (weight.firstLoad > FIRST_LOAD_BUDGET_BYTES) {
    console.error(`Too much before the sign-in page: ${weight.firstLoadFiles.join(', ')}`);
    process.exitCode = 1;
  }
}
