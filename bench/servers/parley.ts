// Parley with its defaults; abuse limits off as in the peers.
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { join } from 'node:path';
import { serverFlags } from '../../apps/server/node-flags.mjs';
import { type BenchServer, DOMAIN, freePorts, HOST, startPinned } from './server.ts';

const root = join(import.meta.dirname, '../..');

function healthy(port: number, secure: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const get = secure ? secureRequest : request;
    const sent = get({ host: HOST, port, path: '/healthz', rejectUnauthorized: false, timeout: 1000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    sent.once('timeout', () => sent.destroy());
    sent.once('error', () => resolve(false));
    sent.end();
  });
}

export const parley: BenchServer = {
  name: 'Parley',
  missing: 'run in a checkout of Parley',
  async version() {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    return version;
  },
  // It stores no password, only SCRAM keys: PLAIN would cost it a PBKDF2 for each sign-in.
  mechanism: () => 'SCRAM-SHA-1',
  // A server that was told to keep nothing would delete the whole archive of the lines before, and that would be counted in its lines.
  ownAccounts: (purpose) => purpose === 'archive',
  async start(dir, purpose) {
    const [port = 0, tlsPort = 0, http = 0] = await freePorts(3);
    const config = {
      domain: DOMAIN,
      dataDir: join(dir, 'data'),
      'listen.xmpp': `${HOST}:${port}`,
      'listen.xmpps': `${HOST}:${tlsPort}`,
      'listen.http': `${HOST}:${http}`,
      'tls.mode': 'selfsigned',
      'auth.allowPlaintext': true,
      'registration.open': true,
      'registration.perAddressPerHour': 0,
      'features.muc.messagesPerSecond': 0,
      'history.keep': purpose === 'archive' ? 'forever' : 'until-delivered',
    };
    const flags = Object.entries(config).map(([key, value]) => `--${key}=${value}`);
    // As it is launched on a machine of one core, for it is pinned to one.
    return startPinned(process.execPath, [...serverFlags(1), join(root, 'apps/server/src/main.ts'), ...flags], {
      cwd: dir,
      env: { ...process.env, NODE_ENV: 'production' },
      target: { host: HOST, domain: DOMAIN, port, tlsPort },
      ready: async () => (await healthy(http, false)) || (await healthy(http, true)),
      graceMs: 12_000,
    });
  },
};
