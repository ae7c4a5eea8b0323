import { closeSync, constants, copyFileSync, existsSync, fstatSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';

/** Where the write-ahead log ended when everything in it was durable. */
export interface DurablePoint {
  /** The salts of the log's header: they change when it starts again from the beginning. */
  readonly generation: string;
  /** Bytes from the start of the file. */
  readonly bytes: number;
}

// https://www.sqlite.org/fileformat2.html#the_write_ahead_log
const WAL_HEADER = 32;
const FRAME_HEADER = 24;
const SECTOR = 512;

/** A number from 0 (inclusive) to 1 (exclusive), such as of a seeded generator. */
type Random = () => number;

/**
 * The end of the last commit in the log of this database. Take it where all is durable (`hooks.beforeCommit`, or when nothing is
 * pending) and give it to crashCopy.
 */
export function durablePoint(path: string): DurablePoint {
  if (!existsSync(`${path}-wal`)) return { generation: '', bytes: 0 };
  const file = openSync(`${path}-wal`, 'r');
  try {
    const header = Buffer.alloc(WAL_HEADER);
    if (readSync(file, header, 0, WAL_HEADER, 0) < WAL_HEADER) return { generation: '', bytes: 0 };
    const frameBytes = FRAME_HEADER + header.readUInt32BE(8);
    const generation = header.toString('hex', 16, 24);
    const frames = Math.floor((fstatSync(file).size - WAL_HEADER) / frameBytes);
    const frame = Buffer.alloc(FRAME_HEADER);
    let bytes = WAL_HEADER;
    for (let i = 0; i < frames; i++) {
      readSync(file, frame, 0, FRAME_HEADER, WAL_HEADER + i * frameBytes);
      // Frames of an earlier generation follow the newest one; a frame with a database size is the last of its commit.
      if (frame.toString('hex', 8, 16) !== generation) break;
      if (frame.readUInt32BE(4) !== 0) bytes = WAL_HEADER + (i + 1) * frameBytes;
    }
    return { generation, bytes };
  } finally {
    closeSync(file);
  }
}

/**
 * Copies a database as a power cut would leave it: what was durable stays, and of what was written to the log since then any
 * part is missing (cut off, or sectors of it never written). Without `torn` everything written survives (a killed process).
 * Answers what was done, for the message of a failing seed.
 */
export function crashCopy(from: string, to: string, options: { torn?: Random; durable?: DurablePoint } = {}): string {
  copyFileSync(from, to, constants.COPYFILE_FICLONE);
  if (!existsSync(`${from}-wal`)) return 'no log';
  const log = readFileSync(`${from}-wal`);
  const { torn, durable } = options;
  if (!torn || !durable) {
    writeFileSync(`${to}-wal`, log);
    return 'log whole';
  }
  // A log that started again from the beginning holds nothing durable that the database has not got.
  const same = log.length >= WAL_HEADER && log.toString('hex', 16, 24) === durable.generation;
  const keep = same ? durable.bytes : 0;
  if (torn() < 0.5) {
    const bytes = keep + Math.floor(torn() * (log.length - keep + 1));
    writeFileSync(`${to}-wal`, log.subarray(0, bytes));
    return `log cut from ${log.length} to ${bytes} bytes, ${keep} durable`;
  }
  let lost = 0;
  for (let at = keep; at < log.length; at = (Math.floor(at / SECTOR) + 1) * SECTOR) {
    if (torn() < 0.5) continue;
    const end = Math.min(log.length, (Math.floor(at / SECTOR) + 1) * SECTOR);
    for (let i = at; i < end; i++) log[i] = Math.floor(torn() * 256);
    lost++;
  }
  writeFileSync(`${to}-wal`, log);
  return `${lost} sectors of the log lost after byte ${keep}`;
}
