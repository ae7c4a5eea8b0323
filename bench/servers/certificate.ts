// A self-signed P-256 certificate for the peers: the same kind that Parley makes for itself.
import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Writes cert.pem, key.pem and both.pem (key and certificate in one) to `dir` unless they are there. Needs the openssl command. */
export async function certificate(dir: string): Promise<{ cert: string; key: string; both: string }> {
  const files = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem'), both: join(dir, 'both.pem') };
  try {
    await access(files.both);
  } catch {
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
    await run('openssl', [
      ...args,
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost',
      '-keyout',
      files.key,
      '-out',
      files.cert,
    ]);
    const { readFile, writeFile } = await import('node:fs/promises');
    await writeFile(files.both, (await readFile(files.key, 'utf8')) + (await readFile(files.cert, 'utf8')), { mode: 0o600 });
  }
  return files;
}

/** The first line of a command's output that matches, or undefined when the command is not there. */
export async function versionOf(command: string, args: readonly string[], pattern: RegExp): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await run(command, args, { timeout: 10_000 });
    return pattern.exec(stdout + stderr)?.[1];
  } catch {
    return undefined;
  }
}
