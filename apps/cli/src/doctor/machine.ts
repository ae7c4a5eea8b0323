/** Node, open files, disk, clock. Each takes what it judges as arguments, so that tests need no bad machine. */
import { readFile, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bytes, dateTime, duration } from '../output.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

const NODE_MAJOR = 26;

export function judgeNode(version: string): Finding {
  const major = Number(/^v?(\d+)/.exec(version)?.[1] ?? 0);
  if (major >= NODE_MAJOR) return ok('node', `Node ${version}.`);
  return fail(
    'node',
    `This is Node ${version}, and Parley runs on Node ${NODE_MAJOR}.`,
    'Install again with `npm ci`, which brings the right one, and start with `npm start`.',
  );
}

/** Files, database, listeners, log, besides the connections. */
const SPARE_FILES = 256;

/** `hard`: the limit that the process may raise itself to (Node does so at its start); undefined for no limit or not known. */
export function judgeOpenFiles(hard: number | undefined, connections: number): Finding {
  if (hard === undefined) return ok('open files', 'No limit.');
  const needed = connections + SPARE_FILES;
  if (hard >= needed) return ok('open files', `${hard} allowed, enough for limits.connections=${connections}.`);
  const advice = `Raise it for the server (systemd: LimitNOFILE=${needed}; a shell: ulimit -Hn ${needed}), or set limits.connections=${Math.max(1, hard - SPARE_FILES)}.`;
  const text = `${hard} allowed, but limits.connections=${connections} needs ${needed}.`;
  return hard < 1024 ? fail('open files', text, advice) : warn('open files', text, advice);
}

/** Hard limit on open files: of the running server when it can be read (Linux), else of this process. */
export async function openFileLimit(pid: number | undefined): Promise<number | undefined> {
  if (pid !== undefined) {
    const text = await readFile(`/proc/${pid}/limits`, 'utf8').catch(() => '');
    const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(text)?.[1];
    if (hard !== undefined) return hard === 'unlimited' ? undefined : Number(hard);
  }
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { hard?: number | string } } };
  const hard = userLimits?.open_files?.hard;
  return typeof hard === 'number' ? hard : undefined;
}

const LOW_DISK = 1024 ** 3;
const NO_DISK = 128 * 1024 ** 2;

export function judgeDisk(folder: string, free: number, total: number, freeFiles: number | undefined): Finding {
  const text = `${bytes(free)} of ${bytes(total)} free at ${folder}.`;
  if (free < NO_DISK) return fail('disk', text, 'Free some space, or move dataDir to a larger disk: without space, messages are refused.');
  if (freeFiles !== undefined && freeFiles < 1000)
    return warn(
      'disk',
      `${text} Only ${freeFiles} more files can be made there.`,
      'Remove small files from this file system, or move dataDir.',
    );
  if (free < LOW_DISK)
    return warn('disk', text, 'Free some space soon, lower media.quota or history.keep, or move dataDir to a larger disk.');
  return ok('disk', text);
}

/** The file system of `folder`, or of what its nearest folder that exists is on. */
export async function diskFinding(folder: string): Promise<Finding> {
  let at = folder;
  for (;;) {
    try {
      const { bavail, blocks, bsize, files, ffree } = await statfs(at);
      return judgeDisk(at, bavail * bsize, blocks * bsize, files > 0 ? ffree : undefined);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' || dirname(at) === at)
        return warn('disk', `Cannot look at ${at}: ${message}.`, 'Check dataDir and its permissions.');
      at = dirname(at);
    }
  }
}

/** Before this program was written. */
const EARLIEST = Date.UTC(2026, 0, 1);
const TOLERANCE_MS = 120_000;

/** `newest`: when the data were written last, ms since the epoch. */
export function judgeClock(now: number, newest: number | undefined): Finding {
  const advice = 'Let the machine keep time: timedatectl set-ntp true (or install chrony).';
  if (now < EARLIEST) return fail('clock', `The clock says ${dateTime(now)} UTC, which is past.`, advice);
  if (newest !== undefined && newest > now + TOLERANCE_MS)
    return warn('clock', `The clock says ${dateTime(now)} UTC, but the data were written ${duration(newest - now)} after that.`, advice);
  return ok('clock', `${dateTime(now)} UTC.`);
}

export async function lastWritten(paths: readonly string[]): Promise<number | undefined> {
  const times = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => undefined,
      ),
    ),
  );
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
