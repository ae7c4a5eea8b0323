/** Holds back what can wait while nobody looks (XEP-0352): a bounded queue in which the newest of a kind replaces the older ones. */
import type { Gate, Outgoing } from '@parley/core';
import { shapeOf } from './rules.ts';

export interface ShaperOptions {
  readonly own: string;
  readonly host: string;
  /** What may be held; beyond that all of it goes. */
  readonly stanzas: number;
  readonly bytes: number;
}

/** What the shaping saved, for metrics. */
export interface ShaperCounts {
  dropped: number;
  merged: number;
  held: number;
}

export class Shaper implements Gate {
  readonly #options: ShaperOptions;
  readonly #counts: ShaperCounts;
  /** In order; keyed ones by their key, others by a number. */
  readonly #held = new Map<string, Outgoing>();
  #bytes = 0;
  #next = 0;

  constructor(options: ShaperOptions, counts: ShaperCounts = { dropped: 0, merged: 0, held: 0 }) {
    this.#options = options;
    this.#counts = counts;
  }

  get size(): number {
    return this.#held.size;
  }

  pass(item: Outgoing): readonly Outgoing[] {
    const { own, host, stanzas, bytes } = this.#options;
    const shape = shapeOf(item, own, host);
    switch (shape.do) {
      case 'drop':
        // What is kept is never left out: the cursor of the device goes by it.
        if (item.seq > 0) break;
        this.#counts.dropped++;
        return [];
      case 'pass':
        return [item];
      case 'wake':
        return this.#held.size === 0 ? [item] : [...this.#due(shape.sender), item];
    }
    this.#counts.held++;
    const key = shape.do === 'hold' && shape.key !== undefined && item.seq === 0 ? shape.key : `#${this.#next++}`;
    const older = this.#held.get(key);
    if (older !== undefined) {
      this.#counts.merged++;
      this.#bytes -= older.bytes.length;
      this.#held.delete(key);
    }
    this.#held.set(key, item);
    this.#bytes += item.bytes.length;
    return this.#held.size > stanzas || this.#bytes > bytes ? this.release() : [];
  }

  release(): readonly Outgoing[] {
    const all = [...this.#held.values()];
    this.#held.clear();
    this.#bytes = 0;
    return all;
  }

  /** Before something of this sender: all messages, so that their order stays (D4), and the presence of the sender. */
  #due(sender: string): Outgoing[] {
    const due: Outgoing[] = [];
    for (const [key, item] of this.#held) {
      if (item.kind !== 'message' && key !== `presence ${sender}`) continue;
      this.#held.delete(key);
      this.#bytes -= item.bytes.length;
      due.push(item);
    }
    return due;
  }
}
