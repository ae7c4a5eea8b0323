import type { Log, LogFields, LogLevel } from '@parley/core';
import pino from 'pino';

/** Fields whose value is never written, whoever passes them by mistake, two levels deep. */
const SECRETS = ['password', 'token', 'secret', 'authorization', 'cookie', 'body', 'key', 'credentials', 'proof', 'url'];

function pretty(line: string): string {
  const { level, time, event, ...fields } = JSON.parse(line) as { level: number; time: number; event: string } & LogFields;
  const mark = level >= 50 ? 'ERROR' : level >= 40 ? 'warn ' : level >= 30 ? 'info ' : 'debug';
  const rest = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
  );
  return `${new Date(time).toISOString().slice(11, 23)} ${mark} ${event} ${rest.join(' ')}\n`;
}

export interface ServerLog extends Log {
  /** The least important kind of event that is written from now on. */
  setLevel(level: string): void;
  flush(): void;
}

/** The log: events with fields, one JSON object a line (`pretty`: for people), to standard output. */
export function createLog(options: { level: string; format: string; write?: (text: string) => void }): ServerLog {
  const direct = options.write;
  const destination =
    options.format === 'pretty' || direct !== undefined
      ? {
          write: (line: string) =>
            (direct ?? ((text: string) => void process.stdout.write(text)))(options.format === 'pretty' ? pretty(line) : line),
        }
      : pino.destination({ fd: 1, sync: true });
  const logger = pino(
    {
      level: options.level,
      base: null,
      messageKey: 'event',
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '[hidden]' },
      serializers: { error: pino.stdSerializers.err },
    },
    destination,
  );
  const at =
    (level: LogLevel) =>
    (event: string, fields?: LogFields): void => {
      if (fields === undefined) logger[level](event);
      else logger[level](fields, event);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    setLevel: (level) => {
      logger.level = level;
    },
    flush: () => logger.flush(),
  };
}
