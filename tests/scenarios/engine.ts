// The engine without sockets, so that addresses, time, commits and slow readers are the test's own.
import assert from 'node:assert/strict';
import { type Connection, type ConnectionHandler, Core, DEFAULT_CORE_LIMITS, FeatureSet, type Log } from '@parley/core';
import { standardFeatures } from '@parley/features';
import { openSqliteStorage } from '@parley/storage/sqlite';
import { nodeCrypto, nodeRandom } from '../../apps/server/src/ports/crypto.ts';
import { PATIENCE_MS } from '../support/process.ts';

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export interface World {
  readonly core: Core;
  commit(): void;
  now: number;
  /** Lets time pass; timers that are due run. */
  pass(ms: number): void;
}
export async function world(t: { after(run: () => void): void }): Promise<World> {
  const commits: Array<() => void> = [];
  const timers = new Map<() => void, number>();
  const made: World = {
    core: undefined as unknown as Core,
    now: Date.UTC(2026, 0, 1),
    commit: () => {
      for (const run of commits.splice(0)) run();
    },
    pass: (ms) => {
      made.now += ms;
      for (const [run, at] of [...timers])
        if (at <= made.now) {
          timers.delete(run);
          run();
        }
    },
  };
  const storage = openSqliteStorage({ path: ':memory:', schedule: (run) => void commits.push(run), after: () => () => {} });
  const core = new Core({
    config: {
      domain: 'home.example',
      allowPlaintext: true,
      historyKeep: 'forever',
      undeliveredMs: 1e9,
      scramIterations: 4096,
      limits: DEFAULT_CORE_LIMITS,
    },
    storage,
    clock: {
      now: () => made.now,
      after: (ms, run) => {
        timers.set(run, made.now + ms);
        return () => void timers.delete(run);
      },
      soon: (run) => void setImmediate(run),
    },
    random: nodeRandom,
    crypto: nodeCrypto,
    log: silent,
    stableKey: new Uint8Array(32),
  });
  await new FeatureSet(core).load(standardFeatures);
  t.after(() => void storage.close());
  return Object.assign(made, { core });
}

/** A client whose bytes are seen at once, and who reads as much as the test says. */
export class Client {
  out = '';
  closed = false;
  readonly connection: Connection & { queuedBytes: number };
  readonly #handler: ConnectionHandler;
  constructor(core: Core, remoteAddress = '192.0.2.7') {
    this.connection = {
      framing: 'tcp',
      remoteAddress,
      secure: true,
      canStartTls: false,
      queuedBytes: 0,
      channelBinding: () => undefined,
      write: (bytes) => void (this.out += Buffer.from(bytes).toString()),
      startTls: () => {},
      pause: () => {},
      resume: () => {},
      close: () => void (this.closed = true),
      destroy: () => void (this.closed = true),
    };
    this.#handler = core.accept(this.connection);
    this.open();
  }
  /** Opens a stream; the one behind the sign-in, too. */
  open(): void {
    this.send(`<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='home.example' version='1.0'>`);
  }
  send(xml: string): void {
    this.#handler.receive(Buffer.from(xml));
  }
  cut(): void {
    this.#handler.closed();
  }
  async until(pattern: RegExp): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    while (!pattern.test(this.out) && Date.now() < end) await turn();
    assert.match(this.out, pattern);
  }
  async plain(user: string, password: string): Promise<string> {
    this.out = '';
    this.send(
      `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${user}\0${password}`).toString('base64')}</auth>`,
    );
    await this.until(/<success|<failure/);
    return this.out;
  }
}
export async function account(at: World, name: string): Promise<void> {
  const made = at.core.accounts.create(name, 'secret');
  let done = false;
  void made.then(() => (done = true));
  while (!done) {
    at.commit();
    await turn();
  }
}
export async function session(at: World, name: string): Promise<Client> {
  const client = new Client(at.core);
  assert.match(await client.plain(name, 'secret'), /<success/);
  client.open();
  client.send(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>`);
  client.send(`<enable xmlns='urn:xmpp:sm:3' resume='true'/>`);
  await client.until(/<enabled/);
  return client;
}
