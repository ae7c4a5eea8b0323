// Measures one window: wall clock, CPU of the server's processes, CPU of this generator, latencies.
import { coreBusySeconds, cpuSeconds } from './processor.ts';

export interface Window {
  readonly seconds: number;
  readonly serverCpu: number;
  /** CPU seconds of the generator by second of wall clock: near 1 means that the generator was the limit. */
  readonly generatorShare: number;
  /** Share of the server's core that went to other programs: above a tenth or so the rates are not worth much. */
  readonly othersShare: number;
}

const SERVER_CORE = 0;

/** Starts a window; the returned function ends it. */
export function startWindow(serverPid: number): () => Window {
  const cpu = cpuSeconds(serverPid);
  const core = coreBusySeconds(SERVER_CORE);
  const own = process.cpuUsage();
  const began = performance.now();
  return () => {
    const seconds = (performance.now() - began) / 1000;
    const used = process.cpuUsage(own);
    const serverCpu = cpuSeconds(serverPid) - cpu;
    const othersShare = Math.max(0, coreBusySeconds(SERVER_CORE) - core - serverCpu) / seconds;
    return { seconds, serverCpu, generatorShare: (used.user + used.system) / 1e6 / seconds, othersShare };
  };
}

/** Milliseconds, all of them kept (up to a bound), so that percentiles are exact. */
export class Latencies {
  readonly #values = new Float32Array(4_000_000);
  #count = 0;

  clear(): void {
    this.#count = 0;
  }
  add(ms: number): void {
    if (this.#count < this.#values.length) this.#values[this.#count++] = ms;
  }
  /** NaN when nothing was measured. */
  percentiles(): { p50: number; p99: number; p999: number; max: number } {
    const sorted = this.#values.slice(0, this.#count).sort();
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
    return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
  }
}
