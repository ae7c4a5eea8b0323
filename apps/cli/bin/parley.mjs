#!/usr/bin/env node
// Plain JavaScript for any Node >= 20: hands over to the pinned Node that came with the install.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const pinned = fileURLToPath(new URL('../../../node_modules/.bin/node', import.meta.url));
const cache = fileURLToPath(new URL('../../../node_modules/.cache/parley', import.meta.url));
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

if (!existsSync(pinned)) {
  process.stderr.write('Parley is not installed yet; run this first: npm ci\n');
  process.exitCode = 1;
} else {
  const child = spawn(pinned, ['--disable-warning=ExperimentalWarning', main, ...process.argv.slice(2)], {
    stdio: 'inherit',
    // Compiled code is kept: it halves the time of a command. Where nothing can be written, Node goes without.
    env: { NODE_COMPILE_CACHE: cache, ...process.env },
  });
  // Ctrl-C reaches the child by itself, which decides; this process only waits for it.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => {
    process.stderr.write(`Cannot start ${pinned}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.once('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
  });
}
