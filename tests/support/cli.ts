// `parley`, the real program, as an operator types it.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { repository, type TestServer } from './server.ts';

export interface CliAnswer {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs it on a server's data. `input` goes to its standard input. */
export function parley(
  server: Pick<TestServer, 'host' | 'ports' | 'dataDir'>,
  args: readonly string[],
  input: string | Uint8Array = '',
): Promise<CliAnswer> {
  const ports = (['xmpp', 'xmpps', 'http'] as const).map((key) => `--listen.${key}=${server.host}:${server.ports[key]}`);
  const child = spawn(join(repository, 'apps/cli/bin/parley.mjs'), [...args, `--dataDir=${server.dataDir}`, ...ports], {
    cwd: server.dataDir,
    stdio: 'pipe',
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (err += text));
  child.stdin.on('error', () => {}).end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
}
