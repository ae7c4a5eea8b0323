import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { packedEmoji } from './tools/emoji.ts';
import { filesBelow, PRECACHE_TOKEN, precacheList } from './tools/precache.ts';

const brotli = promisify(brotliCompress);
const COMPRESSIBLE = /\.(js|css|html|svg|json|webmanifest)$/;

/**
 * Two things that need the finished output: the service worker learns the names and hashes of the files it keeps (precache),
 * and every text file gets a `.br` beside it, so that the server never compresses while somebody waits.
 */
function finishOutput(): Plugin {
  let outDir = 'dist';
  return {
    name: 'parley-finish-output',
    apply: 'build',
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
    },
    async closeBundle() {
      const worker = join(outDir, 'sw.js');
      const code = await readFile(worker, 'utf8');
      if (!code.includes(PRECACHE_TOKEN)) throw new Error(`sw.js has no ${PRECACHE_TOKEN} to fill in`);
      await writeFile(worker, code.replace(PRECACHE_TOKEN, JSON.stringify(JSON.stringify(await precacheList(outDir))).slice(1, -1)));
      for (const file of await filesBelow(outDir)) {
        if (!COMPRESSIBLE.test(file)) continue;
        const bytes = await readFile(join(outDir, file));
        if (bytes.length < 512) continue;
        const packed = await brotli(bytes, {
          params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
        });
        if (packed.length < bytes.length) await writeFile(join(outDir, `${file}.br`), packed);
      }
    },
  };
}

/** `virtual:emoji`: the picker's list as a module of its own, loaded when the picker is opened. */
function emojiModule(): Plugin {
  const id = '\0virtual:emoji';
  return {
    name: 'parley-emoji',
    resolveId: (source) => (source === 'virtual:emoji' ? id : undefined),
    load: (source) => (source === id ? `export default JSON.parse(${JSON.stringify(JSON.stringify(packedEmoji()))})` : undefined),
  };
}

export default defineConfig({
  plugins: [react(), emojiModule(), finishOutput()],
  build: {
    target: ['chrome111', 'edge111', 'firefox114', 'safari16.4'],
    // Nothing as data: URL: files are cached for ever by name, and the content security policy stays simple.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: { main: 'index.html', sw: 'src/worker/sw.ts' },
      output: {
        entryFileNames: (chunk) => (chunk.name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
      },
    },
  },
});
