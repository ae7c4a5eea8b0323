// What has to be there before anything runs: packages, the web client, programs of the operating system.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, Problem, pinnedNode, root, run, step, works } from './shell.mjs';

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Why `npm ci` is needed, or undefined. npm's own record of what it put in node_modules is compared with the lock file. */
export function staleInstall() {
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages;
  if (installed === undefined) return 'nothing is installed yet';
  const wanted = readJson(join(root, 'package-lock.json'))?.packages;
  if (wanted === undefined) throw new Problem('package-lock.json is missing or damaged; restore it with: git checkout package-lock.json');
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/') || entry.optional || entry.link) continue;
    if (installed[path]?.version !== entry.version) return `${path.replace(/^.*node_modules\//, '')} is not installed at ${entry.version}`;
  }
  return undefined;
}

/** Installs the packages when they are missing or not those of the lock file. */
export async function ensureInstalled() {
  const reason = staleInstall();
  if (reason !== undefined) {
    const code = await step(`Installing packages (${reason})`, () => run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']));
    if (code !== 0) throw new Problem('npm ci failed; the lines above say why.');
  }
  pinnedNode();
}

const WEB_SOURCES = ['apps/web', 'packages/sdk', 'packages/sdk-react', 'packages/protocol', 'packages/xml'];

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name === 'node_modules' || entry.name === 'dist' || entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else if (!/\.test\.tsx?$/.test(entry.name)) yield path;
  }
}

/** Hash of everything the web client is made of. */
function webSourceHash() {
  const hash = createHash('sha256');
  for (const folder of WEB_SOURCES) {
    for (const path of files(join(root, folder))) hash.update(path.slice(root.length)).update('\0').update(readFileSync(path)).update('\0');
  }
  return hash.update(readFileSync(join(root, 'package-lock.json'))).digest('hex');
}

/** Builds the web client when its sources are not those of the last build. */
export async function ensureWebClient() {
  if (!existsSync(join(root, 'apps/web/index.html'))) return;
  const stamp = join(root, 'apps/web/dist/.stamp');
  const hash = webSourceHash();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  await step('Building the web client', async () => {
    const vite = join(root, 'node_modules/vite/bin/vite.js');
    const { code, output } = await capture(pinnedNode(), [vite, 'build', '--logLevel', 'warn'], { cwd: join(root, 'apps/web') });
    if (code !== 0) throw new Problem(`${output}\nThe web client could not be built; the lines above say why.`);
  });
  writeFileSync(stamp, hash);
}

/** What tests need from the operating system, and which suites need it. */
const SYSTEM = [
  {
    name: 'Chromium',
    package: 'chromium',
    suites: ['e2e', 'interop'],
    there: () => works('chromium', ['--version']) || works('chromium-browser', ['--version']),
  },
  { name: 'Profanity', package: 'profanity', suites: ['interop'], there: () => works('profanity', ['--version']) },
  { name: 'tmux', package: 'tmux', suites: ['interop'], there: () => works('tmux', ['-V']) },
  {
    name: 'slixmpp',
    package: 'python3-slixmpp',
    suites: ['interop', 'crash'],
    there: () => works('/usr/bin/python3', ['-c', 'import slixmpp']),
  },
  // slixmpp uploads with it, and Debian's package only recommends it.
  { name: 'aiohttp', package: 'python3-aiohttp', suites: ['interop'], there: () => works('/usr/bin/python3', ['-c', 'import aiohttp']) },
  { name: 'Gajim', package: 'gajim', suites: ['interop'], there: () => works('which', ['gajim']) },
  // Both come with a desktop, and not with a bare system. Without the first Gajim opens no window, and does not say why.
  {
    name: 'SVG pictures for Gajim',
    package: 'librsvg2-common',
    suites: ['interop'],
    there: () =>
      ['x86_64', 'aarch64'].some((cpu) => existsSync(`/usr/lib/${cpu}-linux-gnu/gdk-pixbuf-2.0/2.10.0/loaders/libpixbufloader-svg.so`)),
  },
  { name: 'gdbus', package: 'libglib2.0-bin', suites: ['interop'], there: () => works('which', ['gdbus']) },
  { name: 'a screen that nobody sees', package: 'xvfb', suites: ['interop'], there: () => works('which', ['Xvfb']) },
  { name: 'xdotool', package: 'xdotool', suites: ['interop'], there: () => works('which', ['xdotool']) },
  { name: 'dbus-daemon', package: 'dbus', suites: ['interop'], there: () => works('which', ['dbus-daemon']) },
  // What they export is imported.
  { name: 'Prosody', package: 'prosody', suites: ['interop'], there: () => works('which', ['prosody', 'prosody-migrator']) },
  { name: 'ejabberd', package: 'ejabberd', suites: ['interop'], there: () => works('which', ['ejabberdctl', 'erl']) },
  { name: 'coturn', package: 'coturn', suites: ['interop'], there: () => works('turnserver', ['--version']) },
];

/** A mirror that answers nothing must not hold up the tests that need none of it. */
const APT_MS = 10 * 60_000;

const POLICY = '/usr/sbin/policy-rc.d';

/**
 * Debian starts a server when it is installed; those that are only here for the tests would hold the ports of the one that is to be tested.
 * invoke-rc.d asks this file whether it may. A policy that is there already is somebody's decision and stays.
 */
async function withoutStartingServices(work) {
  const own = !existsSync(POLICY);
  if (own) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return await work();
  } finally {
    if (own) rmSync(POLICY, { force: true });
  }
}

/** Installs (as root on Debian) or names what the suites need from the operating system. Answers what is still missing. */
export async function ensureSystem(suites) {
  const missing = () => SYSTEM.filter((piece) => piece.suites.some((suite) => suites.includes(suite)) && !piece.there());
  let gone = missing();
  if (gone.length === 0) return [];
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    const packages = gone.map((piece) => piece.package);
    await step(`Installing ${packages.join(', ')} with apt-get`, async () => {
      const env = { DEBIAN_FRONTEND: 'noninteractive' };
      await capture('apt-get', ['update', '-q'], { env, timeout: APT_MS });
      const install = ['install', '-y', '-q', '--no-install-recommends', ...packages];
      const { code, output } = await withoutStartingServices(() => capture('apt-get', install, { env, timeout: APT_MS }));
      if (code !== 0) process.stderr.write(`${output.split('\n').slice(-6).join('\n')}\n`);
    });
    gone = missing();
  }
  for (const piece of gone) {
    process.stderr.write(`${piece.name} is missing: its tests are skipped. To have them: sudo apt-get install ${piece.package}\n`);
  }
  return gone;
}
