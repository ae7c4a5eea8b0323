// The load generator's process: does one job at a time for bench/main.ts, over IPC.
import type { Connection } from './connection.ts';
import { closeAll, logins, type OpenOptions, offline, open, pairs, register, room } from './jobs.ts';
import type { PairsOptions } from './pairs.ts';
import type { RoomOptions } from './rooms.ts';
import { forgetKeys } from './scram.ts';

export type Job =
  | { readonly job: 'register'; readonly open: OpenOptions }
  | {
      readonly job: 'logins';
      readonly open: OpenOptions;
      readonly serverPid: number;
      readonly seconds: number;
      readonly warmSeconds: number;
    }
  | { readonly job: 'pairs'; readonly open: OpenOptions; readonly load: PairsOptions }
  | { readonly job: 'offline'; readonly open: OpenOptions; readonly users: number; readonly serverPid: number }
  | { readonly job: 'room'; readonly open: OpenOptions; readonly load: RoomOptions }
  | { readonly job: 'hold'; readonly open: OpenOptions }
  | { readonly job: 'release' }
  | { readonly job: 'forget' };

export type Answer = { readonly ok: true; readonly result: unknown } | { readonly ok: false; readonly error: string };

let held: Connection[] = [];

async function perform(job: Job): Promise<unknown> {
  switch (job.job) {
    case 'register':
      return register(job.open.target, job.open.from, job.open.count);
    case 'logins':
      return logins(job.open, job.serverPid, job.seconds, job.warmSeconds);
    case 'pairs':
      return pairs(job.open, job.load);
    case 'offline':
      return offline(job.open, job.users, job.serverPid);
    case 'room':
      return room(job.open, job.load);
    case 'hold':
      held = held.concat(await open(job.open));
      return {
        failure: held.find((connection) => connection.failure !== '')?.failure ?? '',
        closed: held.filter((connection) => connection.closed).length,
      };
    case 'release': {
      const closed = held.filter((connection) => connection.closed).length;
      await closeAll(held);
      held = [];
      return { closed };
    }
    default:
      return forgetKeys();
  }
}

process.on('message', (job: Job) => {
  perform(job).then(
    (result) => process.send?.({ ok: true, result } satisfies Answer),
    (error: unknown) => process.send?.({ ok: false, error: error instanceof Error ? error.message : String(error) } satisfies Answer),
  );
});
process.on('disconnect', () => process.exit(0));
