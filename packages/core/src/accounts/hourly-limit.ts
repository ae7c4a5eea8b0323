/** Bounds on what one address may try. */

/** Addresses that are counted as one: an IPv4 address, or the /64 network of an IPv6 address, which one customer has whole. */
export function addressGroup(address: string): string {
  const mapped = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  const bare = address.split('%')[0] ?? '';
  if (!bare.includes(':')) return bare;
  const [head = '', tail] = bare.toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups =
    tail === undefined ? left : [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0'), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}

const HOUR_MS = 3_600_000;

/**
 * At most so many tries an hour from one address: a bucket that refills evenly. Remembers a bounded number of
 * addresses; when it is full the ones that have been quiet longest are forgotten first.
 */
export class HourlyLimit {
  readonly #most: number;
  readonly #buckets = new Map<string, { left: number; at: number }>();

  /** 0 is no limit. May be changed at any time. */
  perHour: number;

  constructor(perHour: number, most = 10_000) {
    this.perHour = perHour;
    this.#most = most;
  }

  get remembered(): number {
    return this.#buckets.size;
  }

  /** Milliseconds until the next try is allowed; takes none. `reserve`: so many are for others, from 0 to `perHour` - 1. */
  wait(address: string, now: number, reserve = 0): number {
    if (this.perHour === 0) return 0;
    const least = 1 + reserve;
    const left = this.#left(address, now);
    return left < least ? Math.ceil(((least - left) * HOUR_MS) / this.perHour) : 0;
  }

  /** How many are left, fractions included; Infinity without a limit. */
  left(address: string, now: number): number {
    return this.perHour === 0 ? Number.POSITIVE_INFINITY : this.#left(address, now);
  }

  /** How many of those remembered have none left. */
  exhausted(now: number): number {
    let count = 0;
    for (const address of this.#buckets.keys()) if (this.wait(address, now) > 0) count++;
    return count;
  }

  #left(address: string, now: number): number {
    const bucket = this.#buckets.get(address);
    return bucket === undefined
      ? this.perHour
      : Math.min(this.perHour, bucket.left + (Math.max(0, now - bucket.at) * this.perHour) / HOUR_MS);
  }

  /** Takes one try. Answers 0, or the milliseconds until the next is allowed. */
  take(address: string, now: number): number {
    const wait = this.wait(address, now);
    if (this.perHour === 0 || wait > 0) return wait;
    const left = this.#left(address, now);
    this.#buckets.delete(address);
    this.#buckets.set(address, { left: left - 1, at: now });
    if (this.#buckets.size > this.#most)
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    return 0;
  }
}
