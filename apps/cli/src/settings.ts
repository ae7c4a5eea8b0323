/** The server's own settings on the command line of `parley`: the same flags, file and environment as `npm start`. */
import { type Config, parseCommandLine, readConfig } from '@parley/server';
import type { Terminal } from './terminal.ts';

/** Flags of the server without a dot that take a value. */
const SERVER_FLAGS = new Set(['config', 'dataDir', 'domain']);

/**
 * Takes the server's flags (`--config FILE`, `--dataDir=…`, `--listen.http=…`) out of the arguments, wherever they stand;
 * the rest is for the commands.
 */
export function splitArguments(args: readonly string[]): { server: string[]; rest: string[] } {
  const server: string[] = [];
  const rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (arg === '--') {
      rest.push(...args.slice(i));
      break;
    }
    const name = /^--([^=]+)/.exec(arg)?.[1] ?? '';
    if (!SERVER_FLAGS.has(name) && !name.includes('.')) {
      rest.push(arg);
      continue;
    }
    server.push(arg);
    const next = args[i + 1];
    if (SERVER_FLAGS.has(name) && !arg.includes('=') && next !== undefined && !next.startsWith('--')) {
      server.push(next);
      i++;
    }
  }
  return { server, rest };
}

/** The settings that the server would run with. Throws ConfigError. */
export function settings(flags: readonly string[], terminal: Terminal): Promise<Config> {
  return readConfig(parseCommandLine(flags), terminal.environment, terminal.cwd);
}
