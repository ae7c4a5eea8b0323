// What the bench needs to know of a server: how to start it for a purpose, and how clients sign in at the least cost to it.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Mechanism, Target } from '../load/connection.ts';

/** `routing`: nothing is kept of what was delivered. `archive`: everything is kept (XEP-0313). `login`: passwords are stored hashed. */
export type Purpose = 'routing' | 'archive' | 'login';

export interface Running {
  readonly pid: number;
  readonly target: Target;
  /** What the process wrote, for when it fails. */
  output(): string;
  stop(): Promise<void>;
}

export interface BenchServer {
  readonly name: string;
  /** Undefined when it is not installed; then `missing` says what to install. */
  version(): Promise<string | undefined>;
  readonly missing: string;
  /** Starts it pinned to core 0 on the data in `dir`, and waits until it takes connections. */
  start(dir: string, purpose: Purpose): Promise<Running>;
  /** The cheapest sign-in for this server with the password storage of that purpose. */
  mechanism(purpose: Purpose): Mechanism;
  /** Purposes that keep their accounts in a folder of their own. */
  ownAccounts(purpose: Purpose): boolean;
}

const run = promisify(execFile);

export const HOST = '127.0.0.1';
export const DOMAIN = 'localhost';
/** The core of the server; the generator gets the other one. */
export const SERVER_CORE = '0';
export const GENERATOR_CORE = '1';

/** Moves all threads of a started server to these cores (taskset's list). */
export async function allowCores(pid: number, cores: string): Promise<void> {
  await run('taskset', ['-a', '-c', '-p', cores, String(pid)]);
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, HOST, resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return address !== null && typeof address !== 'string' ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Starts a command pinned to the server's core; ready when `ready` says so (default: its ports accept). Throws with its output when it ends first. */
export async function startPinned(
  command: string,
  args: readonly string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv; target: Target; ready?: () => Promise<boolean>; graceMs?: number },
): Promise<Running> {
  const child: ChildProcess = spawn('taskset', ['-c', SERVER_CORE, command, ...args], {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: string): void => {
    output = (output + chunk).slice(-100_000);
  };
  child.stdout?.setEncoding('utf8').on('data', keep);
  child.stderr?.setEncoding('utf8').on('data', keep);
  let ended = false;
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => keep(error.message));
    child.once('close', () => {
      ended = true;
      resolve();
    });
  });
  const stop = async (): Promise<void> => {
    if (ended) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), options.graceMs ?? 10_000);
    await exited;
    clearTimeout(timer);
  };
  started.add(stop);
  const ready = options.ready ?? (async () => (await accepts(options.target.port)) && (await accepts(options.target.tlsPort)));
  const deadline = Date.now() + 30_000;
  while (!(await ready().catch(() => false))) {
    if (ended || Date.now() > deadline) {
      await stop();
      throw new Error(`${command} did not start:\n${output.slice(-3000)}`);
    }
    await sleep(50);
  }
  return {
    pid: child.pid ?? 0,
    target: options.target,
    output: () => output,
    stop: async () => {
      await stop();
      started.delete(stop);
    },
  };
}

const started = new Set<() => Promise<void>>();

/** Stops whatever still runs: for the end of a run that failed. */
export async function stopAll(): Promise<void> {
  await Promise.all([...started].map((stop) => stop()));
}
