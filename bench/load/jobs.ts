// What the generator can be asked to do. All numbers of time are seconds unless named otherwise.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, type Mechanism, type SignIn, type Target, type Transport } from './connection.ts';
import { startWindow, type Window } from './meter.ts';
import { type PairsOptions, type PairsResult, runPairs } from './pairs.ts';
import { type RoomOptions, type RoomResult, runRoom } from './rooms.ts';

export const PASSWORD = 'bench-password';
export const userName = (index: number): string => `u${index}`;

const IN_FLIGHT = 50;

/** Runs `work` for 0..count-1 with at most `parallel` at a time. The first error ends it. */
async function each(count: number, parallel: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(parallel, count) }, lane));
}

/** Registers users `from`..`from+count-1` in band (XEP-0077), one connection each. */
export function register(target: Target, from: number, count: number): Promise<void> {
  return each(count, 16, (index) => registerOne(target, userName(from + index)));
}

function registerOne(target: Target, user: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: target.host, port: target.port, noDelay: true });
    let text = '';
    let asked = false;
    const finish = (error?: Error): void => {
      socket.destroy();
      if (error) reject(error);
      else resolve();
    };
    socket.once('error', finish);
    socket.once('close', () => finish(new Error(`registering ${user}: connection closed after ${text.slice(-300)}`)));
    socket.setTimeout(30_000, () => finish(new Error(`registering ${user}: no answer within 30 s`)));
    socket.write(
      `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${target.domain}' version='1.0'>`,
    );
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      if (!asked && text.includes('</stream:features>')) {
        asked = true;
        text = '';
        const query = `<query xmlns='jabber:iq:register'><username>${user}</username><password>${PASSWORD}</password></query>`;
        socket.write(`<iq type='set' id='r' to='${target.domain}'>${query}</iq>`);
      } else if (asked && /type=['"]result['"]/.test(text)) finish();
      else if (asked && /type=['"]error['"]/.test(text))
        finish(text.includes('<conflict') ? undefined : new Error(`registering ${user} was refused: ${text}`));
    });
  });
}

export interface OpenOptions {
  readonly target: Target;
  readonly mechanism: Mechanism;
  readonly transport: Transport;
  readonly streamManagement: boolean;
  readonly sasl2?: boolean;
  /** Indexes of the users. */
  readonly from: number;
  readonly count: number;
}

function signIn(options: OpenOptions, index: number): SignIn {
  return { ...options, user: userName(options.from + index), password: PASSWORD };
}

/** Signs in one connection for each user; each sends its initial presence. */
export async function open(options: OpenOptions): Promise<Connection[]> {
  const connections: Connection[] = new Array(options.count);
  await each(options.count, IN_FLIGHT, async (index) => {
    const connection = await Connection.open(signIn(options, index));
    connection.sendPresence();
    connections[index] = connection;
  });
  await sleep(300);
  return connections;
}

export async function closeAll(connections: readonly Connection[]): Promise<void> {
  await each(connections.length, IN_FLIGHT, async (index) => connections[index]?.close());
}

export interface LoginsResult extends Window {
  readonly logins: number;
}

/**
 * Sign-in, up to the answer of resource binding, then `</stream:stream>` and the next: 50 at a time, keys cached beforehand. The window
 * begins after `warmSeconds` of the same.
 */
export async function logins(options: OpenOptions, serverPid: number, seconds: number, warmSeconds: number): Promise<LoginsResult> {
  const once = async (index: number): Promise<void> => {
    const connection = await Connection.open(signIn(options, index));
    await connection.close();
  };
  await each(options.count, IN_FLIGHT, once);
  let done = 0;
  let next = 0;
  let running = true;
  const lanes = Array.from({ length: IN_FLIGHT }, async () => {
    while (running) {
      await once(next++ % options.count);
      done++;
    }
  });
  const work = Promise.all(lanes);
  await Promise.race([sleep(warmSeconds * 1000), work]);
  const before = done;
  const end = startWindow(serverPid);
  await Promise.race([sleep(seconds * 1000), work]);
  const window = end();
  const counted = done - before;
  running = false;
  await work;
  return { ...window, logins: counted };
}

export async function pairs(options: OpenOptions, load: PairsOptions): Promise<PairsResult> {
  const connections = await open(options);
  try {
    return await runPairs(connections, load);
  } finally {
    await closeAll(connections);
  }
}

export async function room(options: OpenOptions, load: RoomOptions): Promise<RoomResult> {
  const connections = await open(options);
  try {
    return await runRoom(connections, load);
  } finally {
    await closeAll(connections);
  }
}

export interface OfflineResult {
  readonly store: Window;
  readonly drain: Window;
  readonly messages: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly outOfOrder: number;
}

const SENDERS = 10;
const EACH = 50;

/** Stores `EACH` messages for each of `users` users who are offline (10 senders, closed by the `<a/>` for all of them), then signs them in and drains. */
export async function offline(options: OpenOptions, users: number, serverPid: number): Promise<OfflineResult> {
  const body = 'x'.repeat(100);
  const perSender = EACH / SENDERS;
  const senders = await open({ ...options, count: SENDERS, streamManagement: true });
  const endStore = startWindow(serverPid);
  await Promise.all(
    senders.map(
      (sender, s) =>
        new Promise<void>((resolve, reject) => {
          const total = users * perSender;
          sender.listener = {
            message() {},
            acked(_, handled) {
              if (handled >= total + 1) resolve();
            },
          };
          const frames: string[] = [];
          for (let k = 0; k < perSender; k++) {
            for (let u = 0; u < users; u++) {
              const to = `${userName(options.from + SENDERS + u)}@${options.target.domain}`;
              frames.push(`<message to='${to}' type='chat' id='o-${s}-${k}'><body>${body}</body></message>`);
            }
          }
          sender.write(Buffer.from(frames.join('')));
          sender.requestAck();
          setTimeout(() => reject(new Error(`offline store: no ack within 60 s ${sender.failure}`)), 60_000).unref();
        }),
    ),
  );
  const stored = endStore();
  await sleep(300);
  await closeAll(senders);
  await sleep(1000);

  const got: string[][] = Array.from({ length: users }, () => []);
  let arrived = 0;
  let lastAt = 0;
  const messages = users * EACH;
  const connections: Connection[] = [];
  let complete: () => void = () => {};
  const all = new Promise<void>((resolve) => {
    complete = resolve;
  });
  const endDrain = startWindow(serverPid);
  const began = performance.now();
  await each(users, IN_FLIGHT, async (index) => {
    const connection = await Connection.open(signIn({ ...options, from: options.from + SENDERS }, index));
    connection.listener = {
      message(_, buffer, start, end) {
        const id = /id=['"](o-\d+-\d+)['"]/.exec(buffer.toString('latin1', start, Math.min(end, start + 300)))?.[1];
        if (id === undefined) return;
        got[index]?.push(id);
        lastAt = performance.now();
        if (++arrived === messages) complete();
      },
    };
    connection.sendPresence();
    connections.push(connection);
  });
  await Promise.race([all, sleep(20_000)]);
  // The deletion of what was delivered belongs to the drain: its CPU is counted, its wall clock is not.
  await sleep(500);
  const drained = endDrain();
  await closeAll(connections);

  let lost = 0;
  let duplicated = 0;
  let outOfOrder = 0;
  for (const ids of got) {
    const unique = new Set(ids);
    lost += EACH - unique.size;
    duplicated += ids.length - unique.size;
    const last = new Map<string, number>();
    for (const id of ids) {
      const [, sender = '', k = ''] = id.split('-');
      if (Number(k) < (last.get(sender) ?? -1)) outOfOrder++;
      last.set(sender, Number(k));
    }
  }
  return { store: stored, drain: { ...drained, seconds: (lastAt - began) / 1000 }, messages, lost, duplicated, outOfOrder };
}
