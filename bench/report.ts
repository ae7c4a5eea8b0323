// The table, and the file of results.
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Line } from './lines.ts';
import type { Figure, Figures } from './measure.ts';

export interface Results {
  readonly date: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly kernel: string;
    readonly node: string;
  };
  readonly settings: { readonly seconds: number; readonly quick: boolean };
  readonly versions: Readonly<Record<string, string>>;
  readonly lines: readonly {
    id: string;
    title: string;
    unit: string;
    ratio?: number;
    goal?: string;
    reached?: boolean;
    figures: Record<string, Figure | { error: string }>;
  }[];
}

export function machine(): Results['machine'] {
  const processors = cpus();
  return {
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
  };
}

/** Ratios of the better peer to Parley on each line (above 1: Parley is better). */
export function compare(
  lines: readonly Line[],
  byServer: ReadonlyMap<string, Figures>,
  own: string,
  peers: readonly string[],
): Results['lines'] {
  return lines.map((line) => {
    const figures: Record<string, Figure | { error: string }> = {};
    for (const [server, all] of byServer) {
      const figure = all.get(line.id);
      if (figure) figures[server] = figure;
    }
    const mine = comparable(byServer.get(own)?.get(line.id));
    const theirs = peers
      .map((peer) => comparable(byServer.get(peer)?.get(line.peersUse ?? line.id)))
      .filter((value) => value !== undefined);
    const ratio = mine !== undefined && mine > 0 && theirs.length > 0 ? Math.min(...theirs) / mine : undefined;
    const reached = ratio !== undefined && line.goal ? ratio >= line.goal.ratio : undefined;
    return { id: line.id, title: line.title, unit: line.unit, ratio, goal: line.goal?.text, reached, figures };
  });
}

function comparable(figure: Figure | { error: string } | undefined): number | undefined {
  if (figure === undefined || 'error' in figure || !Number.isFinite(figure.value)) return undefined;
  return figure.value;
}

const number = (value: number | undefined): string => {
  if (value === undefined || Number.isNaN(value)) return '-';
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : value.toFixed(3);
};

/** Rows in columns, padded. The first column is text, the others are numbers. */
function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  const text = rows.map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '));
  text.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '));
  return text.join('\n');
}

export function print(results: Results, servers: readonly string[], own: string): string {
  const parts: string[] = [];
  const peers = servers.filter((server) => server !== own && server !== 'stub');
  const cell = (figure: Figure | { error: string } | undefined): string =>
    figure === undefined ? '-' : 'error' in figure ? 'failed' : number(figure.value);
  const shown = results.lines.filter((line) => servers.some((server) => server !== 'stub' && line.figures[server] !== undefined));
  if (shown.length > 0)
    parts.push(
      table([
        ['line', 'unit', own, ...peers, 'ratio', 'goal', ''],
        ...shown.map((line) => [
          line.title,
          line.unit,
          cell(line.figures[own]),
          ...peers.map((peer) => cell(line.figures[peer])),
          line.ratio === undefined ? '-' : `${line.ratio.toFixed(line.ratio < 10 ? 2 : 1)}×`,
          line.goal ?? '',
          line.reached === undefined ? '' : line.reached ? 'reached' : 'missed',
        ]),
      ]),
      'ratio: the better peer ÷ ours (above 1: ours is better).',
    );
  const details: string[][] = [
    ['line · server', 'per s', 'CPU ms', 'p50 ms', 'p99 ms', 'p99.9 ms', 'server CPU', 'generator CPU', 'others'],
  ];
  const share = (value: number | undefined): string => (value === undefined ? '-' : `${Math.round(value * 100)} %`);
  for (const line of results.lines) {
    if (line.unit === 'kB/connection') continue;
    for (const server of servers) {
      const figure = line.figures[server];
      if (figure === undefined || 'error' in figure) continue;
      details.push([
        `${line.id} · ${server}`,
        number(figure.rate),
        number(figure.cpuMsEach),
        number(figure.p50),
        number(figure.p99),
        number(figure.p999),
        share(figure.serverShare),
        share(figure.generatorShare) + ((figure.generatorShare ?? 0) > 0.9 ? ' !' : ''),
        share(figure.othersShare),
      ]);
    }
  }
  if (details.length > 1)
    parts.push(
      table(details),
      "!: the generator was at its own limit; the rate is a lower bound, CPU for each stays true. others: share of the server's core that other programs took.",
    );
  const memory = results.lines.filter((line) => line.unit === 'kB/connection');
  for (const line of memory) {
    for (const server of servers) {
      const figure = line.figures[server];
      if (figure && !('error' in figure))
        parts.push(
          `${line.id} · ${server}: ${number(figure.value)} kB for each further connection; ${number(figure.fromEmpty)} kB counted from the empty server (${number(figure.empty)} MB)`,
        );
    }
  }
  const remarks = results.lines.flatMap((line) =>
    Object.entries(line.figures).flatMap(([server, figure]) =>
      'error' in figure
        ? [`${line.id} · ${server}: failed: ${figure.error}`]
        : figure.remarks.map((remark) => `${line.id} · ${server}: ${remark}`),
    ),
  );
  if (remarks.length > 0) parts.push(`Remarks:\n${remarks.map((remark) => `  ${remark}`).join('\n')}`);
  return parts.join('\n\n');
}

/** Writes bench/results/DATE.json and returns its path inside the repository. */
export async function save(results: Results): Promise<string> {
  const folder = join(import.meta.dirname, 'results');
  await mkdir(folder, { recursive: true });
  const name = `${results.date.slice(0, 19).replaceAll(':', '')}${results.settings.quick ? '-quick' : ''}.json`;
  await writeFile(join(folder, name), `${JSON.stringify(results, round, 2)}\n`);
  return `bench/results/${name}`;
}

function round(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}
