/** A log that remembers, so that an unexpected error fails the test that caused it. */
import type { Log, LogFields, LogLevel } from '@parley/core/ports';

export interface LogEntry {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: LogFields;
}

export class LogSink {
  readonly entries: LogEntry[] = [];
  readonly #expected = new Set<string>();
  readonly log: Log = {
    debug: () => {},
    info: (event, fields) => this.#add('info', event, fields),
    warn: (event, fields) => this.#add('warn', event, fields),
    error: (event, fields) => this.#add('error', event, fields),
  };

  #add(level: LogLevel, event: string, fields: LogFields = {}): void {
    if (this.entries.length < 10_000) this.entries.push({ level, event, fields });
  }

  /** This error is part of the test. */
  expect(event: string): void {
    this.#expected.add(event);
  }

  /** Errors that nobody expected. */
  unexpected(): LogEntry[] {
    return this.entries.filter((entry) => entry.level === 'error' && !this.#expected.has(entry.event));
  }
}
