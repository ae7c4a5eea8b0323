/** The program: read the settings, start, say where everything is, drain on SIGTERM or SIGINT. */
import { readFileSync } from 'node:fs';
import { ConfigError } from '@parley/core';
import { StorageError } from '@parley/storage';
import { CertificateError, ListenError } from '@parley/transports';
import type { Config } from './config/config.ts';
import { helpText } from './config/help.ts';
import { parseCommandLine, readConfig } from './config/read.ts';
import { createLog } from './ports/log.ts';
import { type RunningServer, startServer } from './server.ts';

/** SIGTERM must end the process within ten seconds, whatever hangs. */
const STOP_MS = 9000;
/** A terminal sends Ctrl-C to us and to `npm start`, which passes it on: that is one wish, not two. */
const SAME_WISH_MS = 1000;

function version(): string {
  return (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;
}

/** Errors that are a sentence for the operator; anything else is a fault of ours and shown whole. */
function isForPeople(error: unknown): error is Error {
  return error instanceof ConfigError || error instanceof StorageError || error instanceof ListenError || error instanceof CertificateError;
}

function banner(server: RunningServer, config: Config): string {
  const { xmpp, xmpps, http } = server.addresses;
  const at = (address: { host: string; port: number }): string =>
    `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
  const domains = config.domains.map(({ domain }) => domain).join(', ');
  const lines = ['', `Parley ${version()} is running for ${domains}.`, ''];
  if (http !== undefined) lines.push(`  Browser      ${server.publicUrl}`);
  if (xmpp !== undefined)
    lines.push(
      `  XMPP client  ${at(xmpp)} (STARTTLS${config.tls.mode === 'off' ? ' is off' : ''})${xmpps === undefined ? '' : `, ${at(xmpps)} (TLS)`}; addresses are name@${config.domain}`,
    );
  else if (xmpps !== undefined) lines.push(`  XMPP client  ${at(xmpps)} (TLS); addresses are name@${config.domain}`);
  lines.push(`  Data         ${config.dataDir}`);
  lines.push(`  Accounts     ${config.registration.open ? 'anyone may register' : 'made with: npx parley user add <name>'}`);
  lines.push('  Stop         Ctrl-C', '');
  return `${lines.join('\n')}\n`;
}

async function main(): Promise<void> {
  const line = parseCommandLine(process.argv.slice(2));
  if (line.asked === 'help') return void process.stdout.write(helpText());
  if (line.asked === 'version') return void process.stdout.write(`${version()}\n`);
  const config = await readConfig(line, process.env, process.cwd());
  const { level, format } = config.log;
  const log = createLog({ level, format: format === 'auto' ? (process.stdout.isTTY ? 'pretty' : 'json') : format });

  const crash = (error: unknown): void => {
    log.error('crashed', { error });
    log.flush();
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);

  let server: RunningServer | undefined;
  let stopping = 0;
  const stop = (signal: NodeJS.Signals): void => {
    const now = Date.now();
    if (stopping > 0) {
      if (now - stopping > SAME_WISH_MS) process.exit(1);
      return;
    }
    stopping = now;
    log.info('server_stopping', { signal });
    setTimeout(() => {
      log.error('server_stop_timed_out');
      process.exit(1);
    }, STOP_MS).unref();
    // A signal during the start: wait for the start to be over.
    void (async () => {
      const started = server ?? (await starting.catch(() => undefined));
      await started?.stop();
      log.info('server_stopped');
      log.flush();
      process.exit(0);
    })().catch(crash);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', (signal) => {
    // The terminal is gone: nobody is left who could stop us.
    if (process.stdin.isTTY) return stop(signal);
    if (stopping > 0) return;
    void starting
      .then((started) => started.reload())
      .catch((error: unknown) => log.warn('config_not_reloaded', isForPeople(error) ? { reason: error.message } : { error }));
  });

  const starting = startServer(config, log, () => readConfig(line, process.env, process.cwd()));
  server = await starting;
  log.info('server_started', { domain: config.domain, ...server.addresses });
  process.stderr.write(banner(server, config));
}

main().catch((error: unknown) => {
  process.stderr.write(isForPeople(error) ? `${error.message}\n` : `${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
