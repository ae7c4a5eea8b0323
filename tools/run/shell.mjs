// Running other programs: progress lines, signals, exit codes.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Something that the person at the terminal can mend; the message is a whole sentence. */
export class Problem extends Error {}

/** The Node that everything runs on. It comes with `npm ci` as one of the platform packages. */
export function pinnedNode() {
  const path = join(root, 'node_modules', '.bin', 'node');
  if (existsSync(path)) return path;
  throw new Problem(
    `No Node for ${process.platform}-${process.arch} came with the install: the package node-${process.platform}-${process.arch} is missing.\n` +
      'Parley ships its own Node for linux-x64, linux-arm64 and darwin-arm64. If this is one of them, optional packages were left out; run: npm ci --include=optional',
  );
}

/**
 * The environment of everything that is started: the pinned Node comes first on PATH, and compiled code is kept between runs. A server
 * starts in a third of the time with it, and the suites start hundreds; where nothing can be written, Node goes without.
 */
export function environment(extra = {}) {
  return {
    NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'parley'),
    ...process.env,
    PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`,
    ...extra,
  };
}

/** Prints `label …` and how long `work` took. */
export async function step(label, work) {
  const began = Date.now();
  process.stderr.write(`${label} …\n`);
  const result = await work();
  process.stderr.write(`${label}: done in ${((Date.now() - began) / 1000).toFixed(1)} s\n`);
  return result;
}

/** Runs a program with our terminal; SIGINT and SIGTERM go to it. Answers its exit code (128 + n for a signal). */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', env: environment(options.env), ...options.spawn });
    const forward = (signal) => child.kill(signal);
    process.on('SIGINT', forward);
    process.on('SIGTERM', forward);
    const done = () => {
      process.off('SIGINT', forward);
      process.off('SIGTERM', forward);
    };
    child.once('error', (error) => {
      done();
      reject(error);
    });
    child.once('exit', (code, signal) => {
      done();
      resolve(code ?? 128 + (signal === 'SIGINT' ? 2 : signal === 'SIGKILL' ? 9 : 15));
    });
  });
}

/** Runs a program and keeps what it said; `output` is both streams together. After `timeout` ms, if given, it is told to end. */
export function capture(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment(options.env),
      timeout: options.timeout,
    });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() }));
  });
}

/** True when the program ran and ended with 0. */
export function works(command, args) {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 30_000 }).status === 0;
}
