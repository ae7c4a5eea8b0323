// 100 pairs: one side sends chat messages of a 100-byte body to the other's bare JID. Closed loop (a window of messages in
// flight) or open loop (a fixed rate, whatever the server does).
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection, Listener } from './connection.ts';
import { Latencies, startWindow, type Window } from './meter.ts';

export interface PairsResult extends Window {
  readonly delivered: number;
  readonly latency: { p50: number; p99: number; p999: number; max: number };
  /** Sent but not delivered within the time allowed after the window. */
  readonly lost: number;
  /** Messages whose `<a/>` never came (with an ack asked after each). */
  readonly unacked: number;
  /** Messages a second asked for and not sent in time by the generator itself (open loop). */
  readonly serverFailure: string;
}

export interface PairsOptions {
  readonly serverPid: number;
  readonly domain: string;
  readonly ack: boolean;
  readonly noStore: boolean;
  readonly warmSeconds: number;
  readonly seconds: number;
  /** Either `window` (closed loop) or `rate` in messages a second over all pairs (open loop). */
  readonly window?: number;
  readonly rate?: number;
}

const BODY = 'x'.repeat(100);
const RING = 16_384;
const ID_DIGITS = 8;
const ACK = "<r xmlns='urn:xmpp:sm:3'/>";

class Pair {
  readonly sender: Connection;
  readonly #frame: Buffer;
  readonly #idAt: number;
  /** When each message in flight was due; messages of a pair arrive in order. */
  readonly #times = new Float64Array(RING);
  sent = 0;
  delivered = 0;
  acked = 0;
  credit = 0;

  constructor(sender: Connection, to: string, index: number, options: PairsOptions) {
    this.sender = sender;
    const hint = options.noStore ? "<no-store xmlns='urn:xmpp:hints'/>" : '';
    const head = `<message to='${to}' type='chat' id='${String(index).padStart(4, 'p')}-`;
    this.#idAt = head.length;
    this.#frame = Buffer.from(`${head}${'0'.repeat(ID_DIGITS)}'><body>${BODY}</body>${hint}</message>${options.ack ? ACK : ''}`);
  }

  /** Sends `count` messages in one write. `due` is when the first was to be sent, in ms of performance.now(). */
  send(count: number, due: number): void {
    const frame = this.#frame;
    const size = frame.length;
    const bytes = Buffer.allocUnsafe(size * count);
    for (let i = 0; i < count; i++) {
      frame.copy(bytes, i * size);
      let number = this.sent;
      for (let at = i * size + this.#idAt + ID_DIGITS - 1; number > 0; at--) {
        bytes[at] = 0x30 + (number % 10);
        number = Math.floor(number / 10);
      }
      this.#times[this.sent % RING] = due;
      this.sent++;
    }
    this.sender.writeNow(bytes);
  }

  /** Notes a delivery and returns when that message was due. */
  arrived(): number {
    return this.#times[this.delivered++ % RING] ?? 0;
  }
}

/** Runs the load over signed-in connections: even ones send, odd ones receive. */
export async function runPairs(connections: readonly Connection[], options: PairsOptions): Promise<PairsResult> {
  const latencies = new Latencies();
  const byReceiver = new Map<Connection, Pair>();
  const bySender = new Map<Connection, Pair>();
  const pairs: Pair[] = [];
  for (let i = 0; i + 1 < connections.length; i += 2) {
    const [sender, receiver] = [connections[i] as Connection, connections[i + 1] as Connection];
    const pair = new Pair(sender, `${receiver.user}@${options.domain}`, i / 2, options);
    pairs.push(pair);
    byReceiver.set(receiver, pair);
    bySender.set(sender, pair);
  }

  let running = true;
  let deliveredTotal = 0;
  let ready: Pair[] = [];
  const closedLoop = options.window !== undefined;
  const sendReady = (): void => {
    const now = performance.now();
    const list = ready;
    ready = [];
    for (const pair of list) {
      const count = pair.credit;
      pair.credit = 0;
      if (running) pair.send(count, now);
    }
  };
  const listener: Listener = {
    message(connection) {
      const pair = byReceiver.get(connection);
      if (pair === undefined) return;
      latencies.add(performance.now() - pair.arrived());
      deliveredTotal++;
      if (!closedLoop) return;
      if (pair.credit++ === 0 && ready.push(pair) === 1) setImmediate(sendReady);
    },
  };
  if (options.ack)
    listener.acked = (connection, handled) => {
      const pair = bySender.get(connection);
      if (pair) pair.acked = handled;
    };
  // What was sent before on these connections (presence) counts in h too.
  const handledBefore = 1;
  for (const connection of connections) connection.listener = listener;

  let timer: NodeJS.Timeout | undefined;
  const began = performance.now();
  if (options.window !== undefined) for (const pair of pairs) pair.send(options.window, began);
  else {
    const perMs = (options.rate ?? 0) / 1000;
    let sent = 0;
    const tick = (): void => {
      const due = Math.floor((performance.now() - began) * perMs);
      for (; sent < due; sent++) pairs[sent % pairs.length]?.send(1, began + sent / perMs);
      if (running) timer = setTimeout(tick, 1);
    };
    tick();
  }

  await sleep(options.warmSeconds * 1000);
  latencies.clear();
  const before = deliveredTotal;
  const end = startWindow(options.serverPid);
  await sleep(options.seconds * 1000);
  const window = end();
  const delivered = deliveredTotal - before;
  const latency = latencies.percentiles();
  running = false;
  clearTimeout(timer);

  const missing = (): number => pairs.reduce((sum, pair) => sum + pair.sent - pair.delivered, 0);
  const unacked = (): number =>
    options.ack ? pairs.reduce((sum, pair) => sum + Math.max(0, pair.sent + handledBefore - pair.acked), 0) : 0;
  for (let waited = 0; waited < 8000 && (missing() > 0 || unacked() > 0); waited += 20) await sleep(20);
  for (const connection of connections) connection.listener = undefined;
  return {
    ...window,
    delivered,
    latency,
    lost: missing(),
    unacked: unacked(),
    serverFailure: connections.find((c) => c.failure !== '')?.failure ?? '',
  };
}
