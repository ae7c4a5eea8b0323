/** `/metrics` for Prometheus: numbers that the server tells when asked, and those of the process. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** One number. Counters only rise; `name` without the prefix `parley_`. */
export interface Metric {
  readonly name: string;
  readonly about: string;
  readonly kind: 'gauge' | 'counter';
  readonly value: number;
  /** Several of one name and kind differ in the values of these, and have the same names of them. Never anything of a person. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** A page in the Prometheus text format, made from a fresh snapshot at each call. */
export class Metrics {
  readonly #snapshot: () => readonly Metric[] | Promise<readonly Metric[]>;
  readonly #process = new Registry();

  constructor(snapshot: () => readonly Metric[] | Promise<readonly Metric[]>) {
    this.#snapshot = snapshot;
    collectDefaultMetrics({ register: this.#process });
  }

  get contentType(): string {
    return this.#process.contentType;
  }

  async page(): Promise<string> {
    const registry = new Registry();
    const made = new Map<string, Gauge | Counter>();
    for (const { name, about, kind, value, labels = {} } of await this.#snapshot()) {
      const options = { name: `parley_${name}`, help: about, registers: [registry], labelNames: Object.keys(labels) };
      const metric = made.get(name) ?? (kind === 'gauge' ? new Gauge(options) : new Counter(options));
      made.set(name, metric);
      metric.inc(labels, value);
    }
    return `${await registry.metrics()}${await this.#process.metrics()}`;
  }

  /** Undoes what collectDefaultMetrics started. */
  close(): void {
    this.#process.clear();
  }
}
