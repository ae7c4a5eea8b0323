// What XEP-0352 saves a phone in an hour of ordinary traffic: node bench/shaping.ts
import { Shaper } from '../packages/features/src/csi/shaper.ts';
import { utf8Encode } from '../packages/xml/src/index.ts';
import { type Delivery, hour } from './traffic/hour.ts';

/** A radio stays awake so long after the last byte; what comes meanwhile wakes nobody. */
export const TAIL_MS = 10_000;

export interface Cost {
  readonly stanzas: number;
  readonly bytes: number;
  readonly wakeUps: number;
  /** Longest time that something a person reads was held, ms. */
  readonly delayMs: number;
}

/** The same hour to a client that is active, or inactive until the end of it. */
export function cost(traffic: readonly Delivery[], inactive: boolean): Cost {
  const shaper = new Shaper({ own: 'bob@here.example', host: 'here.example', stanzas: 500, bytes: 256 * 1024 });
  let stanzas = 0;
  let bytes = 0;
  let wakeUps = 0;
  let delayMs = 0;
  let awakeUntil = -1;
  const cameAt = new Map<Uint8Array, number>();
  const send = (at: number, items: readonly { readonly bytes: Uint8Array }[]): void => {
    if (items.length === 0) return;
    if (at > awakeUntil) wakeUps++;
    awakeUntil = at + TAIL_MS;
    for (const item of items) {
      stanzas++;
      bytes += item.bytes.length;
      if (new TextDecoder().decode(item.bytes).includes('<body>')) delayMs = Math.max(delayMs, at - (cameAt.get(item.bytes) ?? at));
    }
  };
  for (const { at, xml, seq } of traffic) {
    const item = { kind: xml.startsWith('<m') ? 'message' : 'presence', bytes: utf8Encode(xml), seq } as const;
    cameAt.set(item.bytes, at);
    send(at, inactive ? shaper.pass(item) : [item]);
  }
  send(3_600_000, shaper.release());
  return { stanzas, bytes, wakeUps, delayMs };
}

if (import.meta.main) {
  const traffic = hour();
  const [before, after] = [cost(traffic, false), cost(traffic, true)];
  const line = (name: string, key: keyof Cost): void => {
    const [a, b] = [before[key], after[key]];
    console.log(
      `${name.padEnd(12)}${String(a).padStart(9)}${String(b).padStart(9)}${a === 0 ? '' : `${Math.round((1 - b / a) * 100)} % saved`.padStart(14)}`,
    );
  };
  console.log(`${''.padEnd(12)}${'active'.padStart(9)}${'inactive'.padStart(9)}`);
  line('stanzas', 'stanzas');
  line('bytes', 'bytes');
  line('wake-ups', 'wakeUps');
  console.log(`messages with a text are held at most ${after.delayMs} ms`);
}
