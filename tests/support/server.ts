// A chat server as a child process, for black-box tests: started in its own folder, ready when it returns, stopped by pid.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serverFlags } from '../../apps/server/node-flags.mjs';
import { freePorts, PATIENCE_MS, Program, waitFor } from './process.ts';
import { prosodyProgram, registerInBand } from './prosody.ts';

export const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

type Settings = Readonly<Record<string, string | number | boolean | undefined>>;

export interface ServerSpec {
  /** Which program. Default: `PARLEY_INTEROP_SERVER` of the environment, else 'parley'. */
  readonly kind?: 'parley' | 'prosody';
  /** Parley's configuration by key (`'history.keep': 'until-delivered'`), over what {@link startServer} sets; undefined leaves a setting out. */
  readonly config?: Settings | ((ports: Ports) => Settings);
  /** Kept when given; otherwise a fresh temporary folder that `stop` removes. */
  readonly dataDir?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Error lines of the log (level >= 50) that the test provokes on purpose. */
  readonly expectedErrors?: readonly RegExp[];
}

export interface Ports {
  readonly xmpp: number;
  readonly xmpps: number;
  readonly http: number;
}

export interface TestServer {
  readonly kind: 'parley' | 'prosody';
  readonly domain: string;
  readonly host: string;
  readonly ports: Ports;
  readonly dataDir: string;
  /** `https://127.0.0.1:PORT`, or `http://…` when that is what answers. */
  readonly httpOrigin: string;
  /** The WebSocket endpoint of RFC 7395. */
  readonly webSocket: string;
  readonly pid: number;
  /** Everything the process wrote so far, earlier runs of {@link restart} included. */
  log(): string;
  /** Error lines nobody expected. */
  unexpectedErrors(): string[];
  createUser(username: string, password: string): Promise<void>;
  /** SIGKILL, at once; the folder stays. */
  kill(): Promise<void>;
  /** Starts it again on the same folder and ports (after `kill`, or after a clean SIGTERM when it runs). */
  restart(): Promise<void>;
  /** SIGTERM, waits, removes a temporary folder, and fails on an unexpected error in the log or an unclean exit. */
  stop(): Promise<void>;
}

/** Starts a server on free ports of 127.0.0.1 and waits until it is ready. Pair with `t.after(() => server.stop())`. */
export async function startServer(spec: ServerSpec = {}): Promise<TestServer> {
  const kind = spec.kind ?? (process.env['PARLEY_INTEROP_SERVER'] === 'prosody' ? 'prosody' : 'parley');
  const dataDir = spec.dataDir ?? (await mkdtemp(join(tmpdir(), 'parley-test-')));
  const [xmpp = 0, xmpps = 0, http = 0] = await freePorts(3);
  const server = new RunningServer(kind, spec, dataDir, { xmpp, xmpps, http });
  try {
    await server.start();
  } catch (error) {
    await server.kill();
    if (spec.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
  return server;
}

class RunningServer implements TestServer {
  readonly kind: 'parley' | 'prosody';
  readonly domain = 'localhost';
  readonly host = '127.0.0.1';
  readonly ports: Ports;
  readonly dataDir: string;
  httpOrigin = '';
  readonly #spec: ServerSpec;
  #program: Program | undefined;
  #earlier = '';

  constructor(kind: 'parley' | 'prosody', spec: ServerSpec, dataDir: string, ports: Ports) {
    this.kind = kind;
    this.#spec = spec;
    this.dataDir = dataDir;
    this.ports = ports;
  }

  get pid(): number {
    return this.#program?.pid ?? 0;
  }
  get webSocket(): string {
    return `${this.httpOrigin.replace('http', 'ws')}/${this.kind === 'prosody' ? 'xmpp-websocket' : 'ws'}`;
  }

  async start(): Promise<void> {
    this.#earlier += this.#program?.output ?? '';
    const program = this.kind === 'prosody' ? await prosodyProgram(this.dataDir, this.ports) : this.#parley();
    this.#program = program;
    this.httpOrigin = await waitFor(
      `the ${this.kind} server to be ready`,
      async () => {
        if (!program.running) return 'ended';
        for (const scheme of ['http', 'https']) {
          const path = this.kind === 'prosody' ? '/xmpp-websocket' : '/healthz';
          const status = await statusOf(`${scheme}://${this.host}:${this.ports.http}${path}`, { timeoutMs: 5000 }).catch(() => 0);
          if (status === 200) return `${scheme}://${this.host}:${this.ports.http}`;
        }
        return undefined;
      },
      2 * PATIENCE_MS,
    ).catch((cause: unknown) => {
      throw new Error(`the ${this.kind} server did not become ready. Its output:\n${program.output.slice(-4000)}`, { cause });
    });
    if (this.httpOrigin === 'ended')
      throw new Error(`the ${this.kind} server ended while starting. Its output:\n${program.output.slice(-4000)}`);
  }

  #parley(): Program {
    const config: Record<string, string | number | boolean | undefined> = {
      domain: this.domain,
      dataDir: this.dataDir,
      'listen.xmpp': `${this.host}:${this.ports.xmpp}`,
      'listen.xmpps': `${this.host}:${this.ports.xmpps}`,
      'listen.http': `${this.host}:${this.ports.http}`,
      'tls.mode': 'selfsigned',
      'registration.open': true,
      'registration.perAddressPerHour': 0,
      ...(typeof this.#spec.config === 'function' ? this.#spec.config(this.ports) : this.#spec.config),
    };
    const flags = Object.entries(config).flatMap(([key, value]) => (value === undefined ? [] : [`--${key}=${value}`]));
    return new Program(process.execPath, [...serverFlags(), join(repository, 'apps/server/src/main.ts'), ...flags], {
      cwd: this.dataDir,
      env: { ...process.env, ...this.#spec.env },
    });
  }

  log(): string {
    return this.#earlier + (this.#program?.output ?? '');
  }

  unexpectedErrors(): string[] {
    const expected = this.#spec.expectedErrors ?? [];
    return this.log()
      .split('\n')
      .filter((line) => isErrorLine(line) && !expected.some((pattern) => pattern.test(line)));
  }

  async createUser(username: string, password: string): Promise<void> {
    if (this.kind === 'prosody') return registerInBand(this.host, this.ports.xmpp, this.domain, username, password);
    const body = JSON.stringify({ username, password });
    const status = await statusOf(`${this.httpOrigin}/api/v1/register`, { body });
    if (status < 200 || status > 299) throw new Error(`registering ${username} was answered with HTTP status ${status}`);
  }

  async kill(): Promise<void> {
    await this.#program?.end('SIGKILL');
  }

  async restart(): Promise<void> {
    if (this.#program?.running) await this.#program.end();
    await this.start();
  }

  async stop(): Promise<void> {
    const alive = this.#program?.running === true;
    const end = await this.#program?.end();
    if (this.#spec.dataDir === undefined) await rm(this.dataDir, { recursive: true, force: true });
    if (this.kind !== 'parley') return;
    const errors = this.unexpectedErrors();
    assert.equal(errors.length, 0, `unexpected errors in the server's log:\n${errors.slice(0, 10).join('\n')}`);
    if (!alive && end?.signal !== 'SIGKILL') assert.fail(`the server ended by itself with code ${end?.code}:\n${this.log().slice(-4000)}`);
    if (alive)
      assert.deepEqual(
        { code: end?.code, forced: end?.forced },
        { code: 0, forced: false },
        'SIGTERM must end the server within 10 s with exit code 0',
      );
  }
}

/** The lines of a log without the numbers of its own, times and the process: a code may look like a part of one. */
export function wordsOf(log: string): string[] {
  return log.split('\n').map((line) => {
    if (!line.startsWith('{') || !line.endsWith('}')) return line;
    return JSON.stringify({ ...(JSON.parse(line) as object), time: 0, pid: 0 });
  });
}

function isErrorLine(line: string): boolean {
  if (!line.startsWith('{')) return false;
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === 'object' && entry !== null && 'level' in entry && typeof entry.level === 'number' && entry.level >= 50;
  } catch {
    return false;
  }
}

/** The status of a GET, or of a POST of JSON when `body` is given. Any certificate is taken: it is the test's own server. */
function statusOf(url: string, { body, timeoutMs = PATIENCE_MS }: { body?: string; timeoutMs?: number }): Promise<number> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const options = {
      method: body === undefined ? 'GET' : 'POST',
      headers: body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      rejectUnauthorized: false,
      timeout: timeoutMs,
      agent: false as const,
    };
    const sent = request(url, options, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.once('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.once('error', reject);
    sent.end(body);
  });
}
