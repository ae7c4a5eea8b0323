// The test suites, and how one is run: `node --test` with our reporter, a progress line, failures in full.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { environment, pinnedNode, root } from './shell.mjs';

const MINUTE = 60_000;

/** A run in which no test ends for so long hangs, and is ended. Many times what the longest needs: a loaded machine is slow. */
const SILENCE = 10 * MINUTE;

/** Signals that end the whole run: Ctrl-C, a CI that cancels, a terminal that is closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** How long a run that was told to end has for that. */
const GRACE = 10_000;

/** In the order they run: cheap ones first. `web`: the built web client is needed. Two cores are assumed. */
export const SUITES = [
  { name: 'unit', files: ['packages/**/*.test.ts', 'apps/**/*.test.ts', 'tools/**/*.test.ts'], concurrency: 2 },
  { name: 'scenarios', files: ['tests/scenarios/**/*.test.ts'], concurrency: 2 },
  { name: 'simulation', files: ['tests/simulation/**/*.test.ts'], concurrency: 2 },
  { name: 'crash', files: ['tests/crash/**/*.test.ts'], concurrency: 1 },
  { name: 'interop', files: ['tests/interop/**/*.test.ts'], concurrency: 1, web: true },
  { name: 'e2e', files: ['tests/e2e/**/*.test.ts'], concurrency: 1, web: true },
];

/**
 * Runs one suite. `ok` is false when a test failed, the run itself broke, or there was no test at all. A run in which nothing ends for
 * `silence` ms, or that is not over at `deadline` (ms since the epoch), is killed with all that it started, and counts as a failure that
 * names what was running. `interrupted` is the signal that ended it, if one did: then nothing else should be begun.
 */
export async function runSuite(suite, silence = SILENCE, deadline = Number.POSITIVE_INFINITY) {
  const result = { passed: 0, failed: 0, skipped: 0, ok: true, interrupted: undefined };
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1000);
  const label = `${suite.name}:`.padEnd(12);
  const child = spawn(
    pinnedNode(),
    [
      '--test',
      `--test-concurrency=${suite.concurrency}`,
      // A test that ends by itself after half the silence says where it was; --test-timeout does not end a file that is kept alive by a
      // socket, which is what is left when an assertion fails before a close: so a file ends when its tests have.
      `--test-timeout=${Math.round(silence / 2)}`,
      '--test-force-exit',
      '--test-reporter=./tools/run/reporter.mjs',
      '--disable-warning=ExperimentalWarning',
      ...suite.files,
    ],
    {
      cwd: root,
      env: environment({ NODE_OPTIONS: '--disable-warning=ExperimentalWarning' }),
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that what hangs can be ended with the servers and browsers that it started.
      detached: true,
    },
  );
  const signalAll = (signal) => {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // Nothing of it is left.
    }
  };
  // It may be over before all that it said was read.
  const exited = new Promise((resolve) => {
    child.once('error', () => resolve(1));
    child.once('exit', (value) => resolve(value ?? 1));
  });
  let killing;
  const interrupt = (signal) => {
    // Asked twice, or deaf: no more patience.
    signalAll(result.interrupted === undefined ? signal : 'SIGKILL');
    result.interrupted ??= signal;
    killing ??= setTimeout(signalAll, GRACE, 'SIGKILL');
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);

  let problems = '';
  child.stderr.on('data', (chunk) => {
    problems = (problems + chunk).slice(-20_000);
  });
  const live = process.stdout.isTTY === true;
  const skips = new Map();
  let last = '';
  const progress = () =>
    `${label}${result.passed} passed, ${result.failed} failed${result.skipped ? `, ${result.skipped} skipped` : ''}  ${seconds()} s`;
  const say = (text) => process.stdout.write(live ? `\r\x1b[2K${text}\n` : `${text}\n`);
  const draw = () => live && process.stdout.write(`\r\x1b[2K${progress()}  ${last.slice(0, 60)}`);
  const heartbeat = setInterval(() => (live ? draw() : say(progress())), live ? 500 : 20_000);
  if (!live) say(`${label}started`);

  const running = new Set();
  let hung;
  const kill = (why) => {
    hung ??= why;
    signalAll('SIGKILL');
  };
  const watchdog = setTimeout(kill, silence, `nothing ended for ${Math.round(silence / 1000)} s`);
  const end = Number.isFinite(deadline) ? setTimeout(kill, Math.max(0, deadline - began), 'the time for all suites is over') : undefined;

  for await (const line of createInterface({ input: child.stdout })) {
    let event;
    try {
      event = JSON.parse(line);
    } catch {
      say(line);
      continue;
    }
    if (event.kind === 'note') {
      say(event.text);
      continue;
    }
    if (event.kind === 'begun') {
      running.add(event.name);
      continue;
    }
    watchdog.refresh();
    if (event.kind === 'ended') {
      running.delete(event.name);
      continue;
    }
    result[event.kind]++;
    last = event.name;
    if (event.kind === 'failed') say(`\nFAILED ${event.file ?? ''} › ${event.name}\n${event.text}\n`);
    if (event.kind === 'skipped') skips.set(event.reason, (skips.get(event.reason) ?? 0) + 1);
    draw();
  }
  const code = await exited;
  clearInterval(heartbeat);
  for (const timer of [watchdog, end, killing]) clearTimeout(timer);
  for (const signal of SIGNALS) process.off(signal, interrupt);
  // What it started and left behind goes with it.
  signalAll('SIGKILL');

  if (hung !== undefined || result.interrupted !== undefined) {
    result.failed++;
    const why = hung === undefined ? `ended by ${result.interrupted}` : `${hung}, so it was killed`;
    say(`\nFAILED ${suite.name}: ${why}. Running were:\n${[...running].join('\n')}\n${problems}`);
  } else if (result.passed + result.failed === 0) {
    result.ok = false;
    say(`${label}no test ran${problems ? `\n${problems}` : ''}`);
  } else if (code !== 0 && result.failed === 0) {
    // The run broke outside of any test (a file that does not parse, a crash after the last test).
    result.failed++;
    say(`${label}the run ended with exit code ${code}\n${problems}`);
  }
  result.ok &&= result.failed === 0;
  for (const [reason, count] of skips) say(`${label}${count} skipped: ${reason}`);
  say(progress());
  return result;
}
