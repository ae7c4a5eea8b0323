// What each `npm` command does.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { serverFlags } from '../../apps/server/node-flags.mjs';
import { ensureInstalled, ensureSystem, ensureWebClient } from './setup.mjs';
import { capture, Problem, pinnedNode, root, run } from './shell.mjs';
import { runSuite, SUITES } from './suites.mjs';

const SERVER = 'apps/server/src/main.ts';

/** `npm start [-- flags]`: everything that is missing, then the server. */
export async function start(args) {
  await ensureInstalled();
  await ensureWebClient();
  return run(pinnedNode(), [...serverFlags(), join(root, SERVER), ...args], {
    spawn: { cwd: process.env.INIT_CWD ?? root },
  });
}

/** `npm run dev`: restarts on change, log for people, the web client rebuilt as it is edited. */
export async function dev(args) {
  await ensureInstalled();
  await ensureWebClient();
  const server = run(pinnedNode(), ['--watch', ...serverFlags(), SERVER, '--log.format=pretty', '--log.level=debug', ...args]);
  if (existsSync(join(root, 'apps/web/index.html'))) {
    void run(pinnedNode(), [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--watch', '--logLevel', 'warn'], {
      spawn: { cwd: join(root, 'apps/web') },
    });
  }
  return server;
}

export async function build() {
  await ensureInstalled();
  await ensureWebClient();
  return 0;
}

export async function bench(args) {
  await ensureInstalled();
  return run(pinnedNode(), ['--disable-warning=ExperimentalWarning', 'bench/main.ts', ...args]);
}

/** Writes docs/reference from the sources. */
export async function docs(args) {
  await ensureInstalled();
  return run(pinnedNode(), ['--disable-warning=ExperimentalWarning', 'tools/docs/main.ts', ...args]);
}

/** What all suites together may take at most: several times what they need. Whoever runs them does not wait for ever. */
const ALL_SUITES_MS = 45 * 60_000;

/** `npm test [-- suite …]`. The last line is the counts; 1 when anything failed or a suite ran no test. */
export async function test(args) {
  const names = args.filter((arg) => !arg.startsWith('-'));
  for (const name of names) {
    if (!SUITES.some((suite) => suite.name === name))
      throw new Problem(`There is no suite "${name}". The suites are: ${SUITES.map((suite) => suite.name).join(', ')}.`);
  }
  const suites = names.length === 0 ? SUITES : SUITES.filter((suite) => names.includes(suite.name));
  await ensureInstalled();
  if (suites.some((suite) => suite.web)) await ensureWebClient();
  await ensureSystem(suites.map((suite) => suite.name));

  const total = { passed: 0, failed: 0, skipped: 0 };
  const deadline = Date.now() + ALL_SUITES_MS;
  let ok = true;
  let interrupted;
  for (const suite of suites) {
    if (interrupted !== undefined || Date.now() > deadline) {
      ok = false;
      total.failed++;
      console.log(
        `FAILED ${suite.name}: not run, ${interrupted === undefined ? 'the time for all suites is over' : `because of ${interrupted}`}.`,
      );
      continue;
    }
    const result = await runSuite(suite, undefined, deadline);
    interrupted = result.interrupted;
    total.passed += result.passed;
    total.failed += result.failed;
    total.skipped += result.skipped;
    ok &&= result.ok;
  }
  console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
  return ok ? 0 : 1;
}

const TSC = 'node_modules/typescript/bin/tsc';
const CHECKS = {
  types: async () => {
    const results = await Promise.all(
      ['std', 'node', 'dom'].map((name) => capture(pinnedNode(), [TSC, '-p', `tools/tsconfig/${name}.json`])),
    );
    // One mistake is often seen by two of the configurations: say it once.
    const lines = new Set(results.flatMap((result) => result.output.split('\n')));
    return { code: results.some((result) => result.code !== 0) ? 1 : 0, output: [...lines].join('\n') };
  },
  lint: () =>
    capture(pinnedNode(), [
      'node_modules/@biomejs/biome/bin/biome',
      'check',
      '--error-on-warnings',
      '--max-diagnostics=50',
      '--colors=off',
      '.',
    ]),
  tidy: () => capture(pinnedNode(), ['--test', '--test-reporter=spec', 'tools/tidy/*.test.ts']),
  unit: async () => {
    const result = await runSuite(SUITES[0]);
    return { code: result.ok ? 0 : 1, output: '' };
  },
};

/** `npm run check [-- types lint tidy unit]`: what a change must pass before it is shown to anybody. */
export async function check(args) {
  await ensureInstalled();
  for (const name of args)
    if (!Object.hasOwn(CHECKS, name)) throw new Problem(`There is no check "${name}". The checks are: ${Object.keys(CHECKS).join(', ')}.`);
  let code = 0;
  for (const name of args.length > 0 ? args : Object.keys(CHECKS)) {
    const began = Date.now();
    const result = await CHECKS[name]();
    if (result.code !== 0) {
      code = 1;
      process.stdout.write(`${result.output.trim()}\n`);
    }
    console.log(`${name}: ${result.code === 0 ? 'ok' : 'FAILED'} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  }
  return code;
}
