// The do-nothing server against which the generator's own ceiling is measured.
import { join } from 'node:path';
import { type BenchServer, DOMAIN, freePorts, HOST, startPinned } from './server.ts';

export const stub: BenchServer = {
  name: 'stub',
  missing: '',
  version: async () => process.versions.node,
  mechanism: (purpose) => (purpose === 'login' ? 'SCRAM-SHA-1' : 'PLAIN'),
  ownAccounts: () => false,
  async start(dir) {
    const [port = 0] = await freePorts(1);
    const program = join(import.meta.dirname, 'stub-main.ts');
    return startPinned(process.execPath, [program, String(port)], {
      cwd: dir,
      target: { host: HOST, domain: DOMAIN, port, tlsPort: port },
    });
  },
};
