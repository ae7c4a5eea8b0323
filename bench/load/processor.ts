// What a process tree used, from /proc (Linux).
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second of /proc/PID/stat: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** `pid` and its descendants, threads not listed. */
function tree(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const id = Number(name);
    if (!Number.isInteger(id)) continue;
    const parent = Number(statFields(id)?.[1]);
    const list = children.get(parent);
    if (list) list.push(id);
    else children.set(parent, [id]);
  }
  const found: number[] = [];
  const queue = [pid];
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    found.push(id);
    queue.push(...(children.get(id) ?? []));
  }
  return found;
}

/** Fields from `state` on (proc(5)): [0] state, [1] ppid, [11] utime, [12] stime, [13] cutime, [14] cstime. */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** CPU seconds (user + system, all threads, children that ended included) of `pid` and its descendants. */
export function cpuSeconds(pid: number): number {
  let ticks = 0;
  for (const id of tree(pid)) {
    const fields = statFields(id);
    if (fields) ticks += Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Resident memory in bytes of `pid` and its descendants (`Rss` of smaps_rollup; shared pages count in each). */
export function residentBytes(pid: number): number {
  let kilobytes = 0;
  for (const id of tree(pid)) {
    try {
      kilobytes += Number(/^Rss:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, 'latin1'))?.[1] ?? 0);
    } catch {
      // Ended meanwhile.
    }
  }
  return kilobytes * 1024;
}

/** Busy CPU seconds of one core since boot, by everybody (stolen time included). */
export function coreBusySeconds(core: number): number {
  const line = readFileSync('/proc/stat', 'latin1')
    .split('\n')
    .find((text) => text.startsWith(`cpu${core} `));
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (line ?? '').split(' ').slice(1).map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}
