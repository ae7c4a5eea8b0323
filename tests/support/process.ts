// Child processes of tests: free ports, captured output, stopped by pid.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * The longest that a test waits for one condition, in milliseconds. It is reached only when the test fails, so it is far above what a slow
 * machine under load needs.
 */
export const PATIENCE_MS = 60_000;

/** Room of one test file among the ports. */
const BLOCK = 64;
const FIRST_PORT = 10_000;
/** The first port of the block of this process, once it has one. */
let own: Promise<number | undefined> | undefined;
let taken = 0;

/** Where the ports begin that the system gives to outgoing connections and to listeners that want any (Linux; elsewhere a usual value). */
function firstEphemeral(): number {
  try {
    return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
  } catch {
    return 32_768;
  }
}

/** Listens on the port of 127.0.0.1 (0: any) for a moment; answers which one it was, or undefined when it is taken. */
async function tried(port: number): Promise<number | undefined> {
  const server = createServer();
  const listening = new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
  });
  if (!(await listening)) return undefined;
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' ? address?.port : undefined;
}

/** Takes a block for as long as this process lives, by listening on its first port; undefined when there is no room for blocks. */
async function takeBlock(): Promise<number | undefined> {
  const blocks = Math.floor((firstEphemeral() - FIRST_PORT) / BLOCK);
  for (let tries = 0; tries < blocks; tries++) {
    const first = FIRST_PORT + ((process.pid + tries) % blocks) * BLOCK;
    const server = createServer((socket) => socket.destroy());
    const mine = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(first, '127.0.0.1', () => resolve(true));
    });
    if (mine) {
      server.unref();
      return first;
    }
  }
  return undefined;
}

/**
 * `count` TCP ports of 127.0.0.1 that were free a moment ago. They lie where the system gives none away by itself, and each process
 * has a block of its own: nobody takes one before it is used, nor while a server that has it is started again.
 */
export async function freePorts(count: number): Promise<number[]> {
  own ??= takeBlock();
  const first = await own;
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries > 1000) throw new Error('there are no free TCP ports');
    const port = await tried(first === undefined ? 0 : first + 1 + (taken++ % (BLOCK - 1)));
    if (port !== undefined && !ports.includes(port)) ports.push(port);
  }
  return ports;
}

/** Polls until `check` gives something other than undefined or false. Throws with `what` after `timeoutMs`; the last error of `check` is the cause. */
export async function waitFor<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = PATIENCE_MS,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`, { cause });
    await sleep(25);
  }
}

/** A started program whose output is kept (the last 8 MiB of it). */
export class Program {
  readonly child: ChildProcess;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  output = '';
  #ended = false;

  constructor(
    command: string,
    args: readonly string[],
    options: { env?: NodeJS.ProcessEnv; cwd?: string; uid?: number; gid?: number } = {},
  ) {
    this.child = spawn(command, args, { ...options, env: options.env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (text: string): void => {
      this.output += text;
      if (this.output.length > 8 * 1024 * 1024) this.output = this.output.slice(-6 * 1024 * 1024);
    };
    this.child.stdout?.setEncoding('utf8').on('data', keep);
    this.child.stderr?.setEncoding('utf8').on('data', keep);
    this.exited = new Promise((resolve) => {
      this.child.once('error', (error) => {
        keep(`${error.message}\n`);
        this.#ended = true;
        resolve({ code: null, signal: null });
      });
      this.child.once('close', (code, signal) => {
        this.#ended = true;
        resolve({ code, signal });
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }
  get running(): boolean {
    return !this.#ended;
  }

  /** Sends `signal` and waits for the exit; SIGKILL after `graceMs`. */
  async end(
    signal: NodeJS.Signals = 'SIGTERM',
    graceMs = PATIENCE_MS,
  ): Promise<{ code: number | null; signal: NodeJS.Signals | null; forced: boolean }> {
    if (!this.running) return { ...(await this.exited), forced: false };
    this.child.kill(signal);
    let forced = false;
    const timer = setTimeout(() => {
      forced = true;
      this.child.kill('SIGKILL');
    }, graceMs);
    const result = await this.exited;
    clearTimeout(timer);
    return { ...result, forced };
  }
}
