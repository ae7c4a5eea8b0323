// `npm run bench`: the same load on Parley, ejabberd and Prosody, each alone in turn, and the ratios.
//   node bench/main.ts [--quick] [--only none-10,login] [--servers parley,prosody] [--seconds N]
import { access, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Generator } from './generator-process.ts';
import { LINES, QUICK_LINES, STUB_LINES } from './lines.ts';
import { type Figures, measure, type Plan } from './measure.ts';
import { compare, machine, print, type Results, save } from './report.ts';
import { ejabberd } from './servers/ejabberd.ts';
import { parley } from './servers/parley.ts';
import { prosody } from './servers/prosody.ts';
import { type BenchServer, stopAll } from './servers/server.ts';
import { stub } from './servers/stub.ts';

const SERVERS: readonly BenchServer[] = [stub, parley, ejabberd, prosody];

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    servers: { type: 'string' },
    seconds: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

/** A list from the command line, checked against the names there are. */
function chosen(list: string | undefined, names: readonly string[], what: string): readonly string[] {
  if (list === undefined) return names;
  const wanted = list.split(',').map((name) => name.trim());
  for (const name of wanted) if (!names.includes(name)) throw new Error(`There is no ${what} "${name}". There are: ${names.join(', ')}.`);
  return wanted;
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(
      `Lines: ${LINES.map((line) => line.id).join(', ')}\nServers: ${SERVERS.map((server) => server.name.toLowerCase()).join(', ')}`,
    );
    return 0;
  }
  if (process.platform !== 'linux') throw new Error('The bench reads /proc and pins processes to cores: it runs on Linux only.');
  await access('/usr/bin/taskset').catch(() => {
    throw new Error('The bench pins processes with taskset: apt-get install util-linux');
  });
  const quick = values.quick;
  const seconds = values.seconds === undefined ? (quick ? 1 : 3) : Number(values.seconds);
  if (!(seconds > 0 && seconds <= 60)) throw new Error('--seconds takes a number of seconds from 1 to 60.');
  const ids = chosen(
    values.only,
    LINES.map((line) => line.id),
    'line',
  );
  const names = chosen(
    values.servers,
    SERVERS.map((server) => server.name.toLowerCase()),
    'server',
  );
  const lines = LINES.filter((line) => ids.includes(line.id) && (!quick || values.only !== undefined || QUICK_LINES.includes(line.id)));

  // Beside the sources, not in /tmp: that may be memory, where an fsync costs nothing.
  const parent = join(import.meta.dirname, 'tmp');
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, 'run-'));
  const generator = new Generator();
  const clean = async (): Promise<void> => {
    generator.stop();
    await stopAll();
    await rm(folder, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      clean().finally(() => process.exit(130));
    });
  }

  const byServer = new Map<string, Figures>();
  const versions: Record<string, string> = {};
  const began = performance.now();
  try {
    for (const server of SERVERS) {
      if (!names.includes(server.name.toLowerCase())) continue;
      const version = await server.version();
      if (version === undefined) {
        console.log(`${server.name}: not installed (${server.missing}); left out.`);
        continue;
      }
      versions[server.name] = version;
      const isStub = server === stub;
      const own = lines.filter((line) => (isStub ? STUB_LINES.includes(line.id) : server === parley || line.peersUse === undefined));
      if (own.length === 0) continue;
      const plan: Plan = {
        lines: own,
        seconds: isStub ? Math.min(seconds, 2) : seconds,
        warmSeconds: quick || isStub ? 0.5 : 1,
        connections: quick ? { plain: 500, tls: 300 } : { plain: 2000, tls: 1000 },
        offlineUsers: quick ? 50 : 200,
        settleSeconds: quick ? [2, 4] : [6, 12],
        say: (text) => console.log(`${String(Math.round((performance.now() - began) / 1000)).padStart(4)} s  ${server.name}: ${text}`),
      };
      byServer.set(server.name, await measure(server, join(folder, server.name.toLowerCase()), generator, plan));
    }
  } finally {
    await clean();
  }
  const peers = [ejabberd.name, prosody.name];
  const results: Results = {
    date: new Date().toISOString(),
    machine: machine(),
    settings: { seconds, quick },
    versions,
    lines: compare(lines, byServer, parley.name, peers),
  };
  console.log(`\n${print(results, [...byServer.keys()], parley.name)}\n`);
  console.log(
    `${results.machine.cpu}, ${results.machine.cores} cores, Node ${results.machine.node}; server on core 0, generator on core 1; ${Math.round((performance.now() - began) / 1000)} s`,
  );
  console.log(`Written to ${await save(results)}`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
