/**
 * How Node runs the server. Plain JavaScript, because the launcher reads it before the pinned Node is there.
 *
 * - A young generation of 8 MiB a half space instead of 16: measured, an idle connection costs 11 kB instead of 25 (most of it was
 *   garbage waiting to be collected), at about the same CPU time.
 * - On one core V8's helper threads take the core from the event loop for 6 to 15 ms at a time, just while it waits for a commit
 *   (seen as CPU time in fsync): there is one of them then instead of four, and it compiles only; garbage is collected by the main
 *   thread, which costs less than two threads that wait for each other on one core. With more cores they help.
 *
 * docs/design/decisions/0003-node-flags.md has the figures.
 */
import { availableParallelism } from 'node:os';

/** @param {number} [cores] cores that the server may use */
export function serverFlags(cores = availableParallelism()) {
  return [
    '--disable-warning=ExperimentalWarning',
    '--max-semi-space-size=8',
    ...(cores === 1 ? ['--v8-pool-size=0', '--single-threaded-gc'] : []),
  ];
}
