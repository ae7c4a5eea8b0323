/** For the tests of this package: an acceptor that records, and the ports of a real process. */
import type { Clock, Connection, ConnectionAcceptor, ConnectionHandler, Log } from '@parley/core/ports';
import { Flusher } from '../flush.ts';
import { ConnectionGate, DEFAULT_TRANSPORT_LIMITS, type TransportLimits } from '../gate.ts';
import type { TransportContext } from '../transport.ts';

export const clock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms).unref();
    return () => clearTimeout(timer);
  },
  soon: (run) => {
    setImmediate(run);
  },
};

export const log: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** What the core saw of one connection. */
export class Seen implements ConnectionHandler {
  readonly connection: Connection;
  text = '';
  chunks = 0;
  securedCount = 0;
  drainedCount = 0;
  closedCount = 0;
  onReceive: ((seen: Seen, text: string) => void) | undefined;
  #waiting: (() => void)[] = [];

  constructor(connection: Connection) {
    this.connection = connection;
  }
  receive(bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString();
    this.text += text;
    this.chunks++;
    this.onReceive?.(this, text);
    this.#changed();
  }
  secured(): void {
    this.securedCount++;
    this.#changed();
  }
  drained(): void {
    this.drainedCount++;
    this.#changed();
  }
  closed(): void {
    this.closedCount++;
    this.#changed();
  }
  #changed(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
  /** Resolves when `condition` holds; looked at whenever something happened. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

export class RecordingAcceptor implements ConnectionAcceptor {
  readonly all: Seen[] = [];
  onReceive: ((seen: Seen, text: string) => void) | undefined;
  #waiting: (() => void)[] = [];

  accept(connection: Connection): ConnectionHandler {
    const seen = new Seen(connection);
    seen.onReceive = this.onReceive;
    this.all.push(seen);
    for (const wake of this.#waiting.splice(0)) wake();
    return seen;
  }
  async nth(index: number): Promise<Seen> {
    for (;;) {
      const seen = this.all[index];
      if (seen !== undefined) return seen;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

export function transportContext(acceptor: ConnectionAcceptor, limits: Partial<TransportLimits> = {}): TransportContext {
  const all = { ...DEFAULT_TRANSPORT_LIMITS, ...limits };
  return { acceptor, clock, log, flusher: new Flusher(clock), gate: new ConnectionGate(all), limits: all };
}
