// CPU of the engine alone, without sockets: bytes in, bytes out, over the real storage. `node bench/core.ts [--messages=N] [--window=N]`
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Connection, type ConnectionHandler, Core, DEFAULT_CORE_LIMITS, FeatureSet, type HistoryKeep } from '@parley/core';
import { standardFeatures } from '@parley/features';
import { openSqliteStorage } from '@parley/storage/sqlite';
import { nodeClock } from '../apps/server/src/ports/clock.ts';
import { nodeCrypto, nodeRandom } from '../apps/server/src/ports/crypto.ts';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '40000' },
    window: { type: 'string', default: '10' },
    only: { type: 'string', default: '' },
  },
});
const MESSAGES = Number(values.messages);
const WINDOW = Number(values.window);
const PAIRS = 100;

class Pipe implements Connection {
  readonly framing = 'tcp' as const;
  readonly remoteAddress = '127.0.0.1';
  readonly secure = true;
  readonly canStartTls = false;
  readonly queuedBytes = 0;
  handler!: ConnectionHandler;
  out = '';
  /** Messages and acks that came, by a cheap mark. */
  messages = 0;
  counting = false;
  channelBinding(): undefined {}
  write(bytes: Uint8Array): void {
    if (this.counting) {
      // `<m` starts a message and nothing else that comes while counting.
      if (bytes[1] === 0x6d) this.messages++;
    } else this.out += Buffer.from(bytes).toString();
  }
  startTls(): void {}
  pause(): void {}
  resume(): void {}
  close(): void {}
  destroy(): void {}
  send(text: string): void {
    this.handler.receive(Buffer.from(text));
  }
  async until(text: string): Promise<void> {
    for (let i = 0; !this.out.includes(text); i++) {
      if (i > 500_000) throw new Error(`no ${text} in ${this.out.slice(-300)}`);
      await turn();
    }
    this.out = '';
  }
}

async function run(name: string, keep: HistoryKeep, options: { noStore?: boolean; sm?: boolean }): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-bench-'));
  const storage = openSqliteStorage({ path: join(folder, 'p.db'), schedule: (done) => void setImmediate(done) });
  const core = new Core({
    config: {
      domain: 'localhost',
      allowPlaintext: true,
      historyKeep: keep,
      undeliveredMs: 30 * 86_400_000,
      scramIterations: 4096,
      limits: DEFAULT_CORE_LIMITS,
    },
    storage,
    clock: nodeClock,
    random: nodeRandom,
    crypto: nodeCrypto,
    log: { debug() {}, info() {}, warn: console.warn, error: console.error },
    stableKey: new Uint8Array(32),
  });
  await new FeatureSet(core).load(standardFeatures);
  const pipes: Pipe[] = [];
  for (let i = 0; i < PAIRS * 2; i++) {
    await core.accounts.create(`u${i}`, 'p');
    const pipe = new Pipe();
    pipe.handler = core.accept(pipe);
    const open =
      "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>";
    pipe.send(open);
    await pipe.until('</stream:features>');
    pipe.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0u${i}\0p`).toString('base64')}</auth>`);
    await pipe.until('<success');
    pipe.send(open);
    await pipe.until('</stream:features>');
    pipe.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>");
    await pipe.until('</iq>');
    if (options.sm) {
      pipe.send("<enable xmlns='urn:xmpp:sm:3'/>");
      await pipe.until('<enabled');
    }
    pipe.send('<presence/>');
    await turn();
    pipes.push(pipe);
  }
  for (const pipe of pipes) pipe.counting = true;
  const body = 'x'.repeat(100);
  const hint = options.noStore ? "<no-store xmlns='urn:xmpp:hints'/>" : '';
  const ask = options.sm ? "<r xmlns='urn:xmpp:sm:3'/>" : '';
  let sent = 0;
  const cpu = process.cpuUsage();
  const started = performance.now();
  while (sent < MESSAGES) {
    for (let i = 0; i < PAIRS && sent < MESSAGES; i++) {
      let text = '';
      for (let w = 0; w < WINDOW; w++)
        text += `<message to='u${i + PAIRS}@localhost' type='chat' id='m${sent++}'><body>${body}</body>${hint}</message>${ask}`;
      (pipes[i] as Pipe).handler.receive(Buffer.from(text));
    }
    await turn();
    await turn();
    if (options.sm)
      for (let i = PAIRS; i < PAIRS * 2; i++) (pipes[i] as Pipe).send(`<a xmlns='urn:xmpp:sm:3' h='${(pipes[i] as Pipe).messages + 1}'/>`);
  }
  await turn();
  const used = process.cpuUsage(cpu);
  const got = pipes.reduce((sum, pipe) => sum + pipe.messages, 0);
  console.log(
    `${name.padEnd(46)} ${((used.user + used.system) / sent).toFixed(1).padStart(6)} µs CPU a message, ${Math.round((sent / (performance.now() - started)) * 1000)} a second, ${got} of ${sent} delivered`,
  );
  await core.drain();
  await storage.close();
  rmSync(folder, { recursive: true, force: true });
}

const lines: Array<[string, HistoryKeep, { noStore?: boolean; sm?: boolean }]> = [
  ['no-store', 'forever', { noStore: true }],
  ['no-store, resumption, <r/> each', 'forever', { noStore: true, sm: true }],
  ['kept for ever', 'forever', {}],
  ['kept for ever, resumption, <r/> each', 'forever', { sm: true }],
  ['until-delivered', 'until-delivered', {}],
  ['until-delivered, resumption, <r/> each', 'until-delivered', { sm: true }],
];
for (const [name, keep, options] of lines) if (name.includes(values.only)) await run(name, keep, options);
process.exit(0);
