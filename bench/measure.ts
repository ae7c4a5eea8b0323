// Runs the lines on one server: starts it for each phase, gives the generator its jobs, turns the answers into figures.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Generator } from './generator-process.ts';
import type { Line } from './lines.ts';
import type { Transport } from './load/connection.ts';
import type { LoginsResult, OfflineResult, OpenOptions } from './load/jobs.ts';
import type { Window } from './load/meter.ts';
import type { PairsResult } from './load/pairs.ts';
import { residentBytes } from './load/processor.ts';
import type { RoomResult } from './load/rooms.ts';
import { allowCores, type BenchServer, DOMAIN, GENERATOR_CORE, type Purpose, type Running, SERVER_CORE } from './servers/server.ts';

export interface Figure {
  /** What is compared, in the line's unit. */
  readonly value: number;
  /** Messages or sign-ins a second. */
  readonly rate?: number;
  readonly cpuMsEach?: number;
  readonly serverShare?: number;
  readonly generatorShare?: number;
  readonly othersShare?: number;
  readonly p50?: number;
  readonly p99?: number;
  readonly p999?: number;
  readonly empty?: number;
  readonly fromEmpty?: number;
  /** What went wrong without spoiling the figure; shown. */
  readonly remarks: readonly string[];
}

export interface Plan {
  readonly lines: readonly Line[];
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly connections: { readonly plain: number; readonly tls: number };
  readonly offlineUsers: number;
  /** At least and at most how long memory settles before it is read. */
  readonly settleSeconds: readonly [number, number];
  readonly say: (text: string) => void;
}

export type Figures = Map<string, Figure | { readonly error: string }>;

const PAIR_USERS = 200;
const LOGIN_USERS = 200;
const ROOM_USERS = 500;
/**
 * Sign-ins touch many functions, lines of a fixed rate do little a second, and the first line of messages finds a server that was just
 * started: their code takes longer to be compiled, and what is compared is what a server costs that runs, not one that starts.
 */
const WARM_LONGER = 4;
/** The first connections of a server also grow heaps and compile code: the cost of a connection is measured on top of them. */
const WARM_CONNECTIONS = 200;

/** Measures the plan's lines on `server`, in `dir`. A line that fails is an error in the result; the others go on. */
export async function measure(server: BenchServer, dir: string, generator: Generator, plan: Plan): Promise<Figures> {
  const figures: Figures = new Map();
  const registered = new Map<string, number>();
  await generator.run({ job: 'forget' });

  const openOptions = (
    running: Running,
    purpose: Purpose,
    from: number,
    count: number,
    transport: Transport = 'plain',
    streamManagement = false,
    sasl2 = false,
  ): OpenOptions => ({
    target: running.target,
    // SASL2 has no PLAIN without TLS.
    mechanism: sasl2 ? 'SCRAM-SHA-1' : server.mechanism(purpose),
    transport,
    streamManagement,
    ...(sasl2 ? { sasl2 } : undefined),
    from,
    count,
  });
  const start = async (purpose: Purpose, users: number): Promise<Running> => {
    const folder = server.ownAccounts(purpose) ? purpose : 'main';
    const place = join(dir, folder);
    await mkdir(place, { recursive: true });
    const running = await server.start(place, purpose);
    const have = registered.get(folder) ?? 0;
    if (users > have) {
      // Deriving keys for thousands of accounts is set-up, not load: it may use every core.
      await allowCores(running.pid, `${SERVER_CORE},${GENERATOR_CORE}`);
      await generator.run({ job: 'register', open: openOptions(running, purpose, have, users - have) });
      await allowCores(running.pid, SERVER_CORE);
      registered.set(folder, users);
    }
    return running;
  };
  const attempt = async (line: Line, work: () => Promise<Figure>): Promise<void> => {
    if (figures.has(line.id)) return;
    plan.say(line.title);
    try {
      figures.set(line.id, await work());
    } catch (error) {
      figures.set(line.id, { error: error instanceof Error ? error.message : String(error) });
    }
  };
  const inPhase = async (
    phase: Line['phase'],
    purpose: Purpose,
    users: number,
    work: (running: Running, line: Line) => Promise<Figure>,
  ): Promise<void> => {
    const lines = plan.lines.filter((line) => line.phase === phase);
    if (lines.length === 0) return;
    let running: Running | undefined;
    try {
      running = await start(purpose, users);
      for (const line of lines) await attempt(line, () => work(running as Running, line));
    } catch (error) {
      for (const line of lines)
        if (!figures.has(line.id)) figures.set(line.id, { error: error instanceof Error ? error.message : String(error) });
    } finally {
      await running?.stop();
    }
  };

  /** Servers that have had a line of messages. */
  const warm = new Set<Running>();
  const warmSeconds = (running: Running, longer = false): number => {
    const first = !warm.has(running);
    warm.add(running);
    return plan.warmSeconds * (longer || first ? WARM_LONGER : 1);
  };

  const pairs = async (running: Running, line: Line): Promise<Figure> => {
    if (line.load.kind !== 'pairs') throw new Error('not a line of pairs');
    const { window, rate, ack = false, noStore = false } = line.load;
    const result = (await generator.run({
      job: 'pairs',
      open: openOptions(running, line.purpose, 0, PAIR_USERS, 'plain', ack),
      load: {
        serverPid: running.pid,
        domain: DOMAIN,
        ack,
        noStore,
        warmSeconds: warmSeconds(running, rate !== undefined),
        seconds: plan.seconds,
        window,
        rate,
      },
    })) as PairsResult;
    return pairsFigure(result, line);
  };

  const offlineUsers = PAIR_USERS + 10 + plan.offlineUsers;
  await inPhase(
    'routing',
    'routing',
    plan.lines.some((line) => line.load.kind === 'offline') ? offlineUsers : PAIR_USERS,
    async (running, line) => {
      if (line.load.kind !== 'offline') return pairs(running, line);
      const open = openOptions(running, 'routing', PAIR_USERS, 0);
      const result = (await generator.run({ job: 'offline', open, users: plan.offlineUsers, serverPid: running.pid })) as OfflineResult;
      for (const part of ['store', 'drain'] as const) figures.set(`offline-${part}`, offlineFigure(result, part));
      return offlineFigure(result, line.load.part);
    },
  );
  await inPhase('archive', 'archive', PAIR_USERS, (running, line) => pairs(running, line));
  await inPhase('login', 'login', LOGIN_USERS, async (running, line) => {
    if (line.load.kind !== 'logins') throw new Error('not a line of sign-ins');
    const open = openOptions(running, 'login', 0, LOGIN_USERS, line.load.transport, false, line.load.sasl2);
    const result = (await generator.run({
      job: 'logins',
      open,
      serverPid: running.pid,
      seconds: plan.seconds,
      warmSeconds: plan.warmSeconds * WARM_LONGER,
    })) as LoginsResult;
    const cpuMsEach = (result.serverCpu * 1000) / result.logins;
    return { value: cpuMsEach, cpuMsEach, rate: result.logins / result.seconds, ...shares(result), remarks: [] };
  });
  await inPhase('rooms', 'routing', ROOM_USERS, async (running, line) => {
    if (line.load.kind !== 'room') throw new Error('not a line of rooms');
    const { occupants, absentMembers, window } = line.load;
    const result = (await generator.run({
      job: 'room',
      open: openOptions(running, 'routing', 0, occupants),
      load: { serverPid: running.pid, domain: DOMAIN, absentMembers, window, warmSeconds: warmSeconds(running), seconds: plan.seconds },
    })) as RoomResult;
    return roomFigure(result);
  });
  for (const line of plan.lines.filter((other) => other.load.kind === 'memory')) {
    await memory(line);
  }
  return figures;

  // Each memory line gets a server of its own, so that what one left behind is not counted in the next.
  async function memory(line: Line): Promise<void> {
    if (line.load.kind !== 'memory') return;
    const { transport, sasl2 } = line.load;
    const count = plan.connections[transport];
    await attempt(line, async () => {
      let running = await start('routing', WARM_CONNECTIONS + count);
      try {
        await running.stop();
        running = await start('routing', WARM_CONNECTIONS + count);
        const [min, max] = plan.settleSeconds;
        const empty = await settledBytes(running.pid, 2, 3);
        await generator.run({ job: 'hold', open: openOptions(running, 'routing', 0, WARM_CONNECTIONS, transport, false, sasl2) });
        const before = await settledBytes(running.pid, min, max);
        await generator.run({ job: 'hold', open: openOptions(running, 'routing', WARM_CONNECTIONS, count, transport, false, sasl2) });
        const after = await settledBytes(running.pid, min, max);
        const { closed } = (await generator.run({ job: 'release' })) as { closed: number };
        const perConnection = (after - before) / 1000 / count;
        const remarks = closed > 0 ? [`${closed} connections were closed by the server`] : [];
        return { value: perConnection, empty: empty / 1e6, fromEmpty: (after - empty) / 1000 / (WARM_CONNECTIONS + count), remarks };
      } finally {
        await running.stop();
      }
    });
  }
}

function shares(window: Window): { serverShare: number; generatorShare: number; othersShare: number } {
  return { serverShare: window.serverCpu / window.seconds, generatorShare: window.generatorShare, othersShare: window.othersShare };
}

function pairsFigure(result: PairsResult, line: Line): Figure {
  const remarks: string[] = [];
  if (result.lost > 0) remarks.push(`${result.lost} messages not delivered within 8 s after the window`);
  if (result.unacked > 0) remarks.push(`${result.unacked} messages not acked`);
  if (result.serverFailure !== '') remarks.push(`the server ended a stream: ${result.serverFailure.slice(0, 120)}`);
  const rate = result.delivered / result.seconds;
  if (line.load.kind === 'pairs' && line.load.rate !== undefined && rate < line.load.rate * 0.97) remarks.push('saturated');
  if (result.delivered === 0) throw new Error(`nothing was delivered in the window; ${remarks.join('; ')}`);
  const cpuMsEach = (result.serverCpu * 1000) / result.delivered;
  const { p50, p99, p999 } = result.latency;
  return { value: line.unit === 'p99 ms' ? p99 : cpuMsEach, cpuMsEach, rate, ...shares(result), p50, p99, p999, remarks };
}

function roomFigure(result: RoomResult): Figure {
  const remarks: string[] = [];
  if (result.lost > 0) remarks.push(`${result.lost} deliveries missing 8 s after the window`);
  if (result.serverFailure !== '') remarks.push(`the server ended a stream: ${result.serverFailure.slice(0, 120)}`);
  if (result.deliveries === 0) throw new Error(`nothing was delivered in the window; ${remarks.join('; ')}`);
  const cpuMsEach = (result.serverCpu * 1000) / result.deliveries;
  return { value: cpuMsEach * 1000, cpuMsEach, rate: result.deliveries / result.seconds, ...shares(result), remarks };
}

function offlineFigure(result: OfflineResult, part: 'store' | 'drain'): Figure {
  const remarks: string[] = [];
  if (result.lost > 0) remarks.push(`${result.lost} lost`);
  if (result.duplicated > 0) remarks.push(`${result.duplicated} duplicated`);
  if (result.outOfOrder > 0) remarks.push(`${result.outOfOrder} out of order`);
  const window = result[part];
  const cpuMsEach = (window.serverCpu * 1000) / result.messages;
  return { value: cpuMsEach, cpuMsEach, rate: result.messages / window.seconds, ...shares(window), remarks };
}

/** Resident bytes once they have not moved by more than 0.5 % in 3 s; at least `min` and at most `max` seconds. */
async function settledBytes(pid: number, min: number, max: number): Promise<number> {
  const samples: number[] = [];
  for (let second = 0; second < max; second++) {
    await sleep(1000);
    samples.push(residentBytes(pid));
    const recent = samples.slice(-4);
    if (second >= min && recent.length === 4 && Math.max(...recent) - Math.min(...recent) < 0.005 * Math.max(...recent)) break;
  }
  return samples.at(-1) ?? 0;
}
