/**
 * How many codes go out, and to whom. Every limit is a bucket that refills evenly over an hour, keeps a bounded number of keys in memory, and
 * tells what it has let through. Nothing here knows whether an account has an identifier.
 */
import { HourlyLimit } from '@parley/core';

/** What a limit says of itself. */
export interface LimitState {
  /** Such as `code.address`. */
  readonly name: string;
  readonly about: string;
  /** 0: no limit. */
  readonly perHour: number;
  /** Addresses, numbers, … that are remembered, and those of them that have none left. */
  readonly keys: number;
  readonly exhausted: number;
  /** Since the start. */
  readonly taken: number;
  readonly refused: number;
  /** The fullest key, where that is no secret (countries). */
  readonly fullest: { readonly key: string; readonly used: number } | undefined;
}

/** A limit with a name that counts what it does. */
export class CountedLimit extends HourlyLimit {
  readonly name: string;
  readonly about: string;
  readonly #public: Set<string> | undefined;
  taken = 0;
  refused = 0;

  /** `shown`: its keys may be told to the operator, and are few. */
  constructor(name: string, about: string, perHour: number, shown = false) {
    super(perHour);
    this.name = name;
    this.about = about;
    this.#public = shown ? new Set() : undefined;
  }

  /** Takes one and counts it; answers how long to wait when there is none, ms. */
  override take(key: string, now: number): number {
    const wait = super.take(key, now);
    if (wait > 0) this.refused++;
    else {
      this.taken++;
      this.#public?.add(key);
    }
    return wait;
  }

  state(now: number): LimitState {
    const { name, about, perHour, taken, refused } = this;
    let fullest: LimitState['fullest'];
    for (const key of perHour === 0 ? [] : (this.#public ?? [])) {
      const used = Math.ceil(perHour - this.left(key, now));
      if (used > (fullest?.used ?? 0)) fullest = { key, used };
    }
    return { name, about, perHour, keys: this.remembered, exhausted: this.exhausted(now), taken, refused, fullest };
  }
}

/** What was asked for, as the limits see it. */
export interface Wish {
  /** Kind and value. */
  readonly identifier: string;
  /** Address group (addressGroup) that asks. */
  readonly network: string;
  /** The device or network that has proved this identifier before; undefined for everybody else. */
  readonly known: { readonly by: 'device' | 'network'; readonly id: string } | undefined;
  /** Only of phone numbers. */
  readonly sms: { readonly country: string; readonly range: string } | undefined;
}

export interface CodeRates {
  readonly perIdentifierPerHour: number;
  readonly perAddressPerHour: number;
  readonly smsPerHour: number;
  readonly smsPerCountryPerHour: number;
  readonly smsPerRangePerHour: number;
}

/** A budget that is used up so far is worth a word. */
const NEARLY = 0.6;
/** This part of each budget is only for those who have proved their number before. */
const RESERVED = 0.2;
const QUIET_MS = 3_600_000;
const MOST_ALARMS = 1000;

/** Says that money is being spent: `near` at three fifths of a budget, `used-up` when somebody was refused. At most once an hour for each. */
export type Alarm = (state: 'near' | 'used-up', budget: string, key: string, perHour: number) => void;

/** All limits on sending codes. */
export class CodeLimits {
  readonly #network: CountedLimit;
  readonly #pair: CountedLimit;
  readonly #strangers: CountedLimit;
  readonly #known: CountedLimit;
  readonly #budgets: readonly [CountedLimit, CountedLimit, CountedLimit];
  readonly #alarm: Alarm;
  readonly #alarmed = new Map<string, number>();

  constructor(rates: CodeRates, alarm: Alarm) {
    this.#alarm = alarm;
    this.#network = new CountedLimit('code.address', 'Codes asked for from one address.', 0);
    this.#pair = new CountedLimit('code.identifier-address', 'Codes for one identifier from one address.', 0);
    this.#strangers = new CountedLimit(
      'code.identifier',
      'Codes for one identifier, from addresses and devices that have never proved it.',
      0,
    );
    this.#known = new CountedLimit(
      'code.identifier-known',
      'Codes for one identifier, from one device or address that has proved it before.',
      0,
    );
    this.#budgets = [
      new CountedLimit('sms.all', 'Short messages altogether.', 0, true),
      new CountedLimit('sms.country', 'Short messages to one country.', 0, true),
      new CountedLimit('sms.range', 'Short messages to one block of 10,000 numbers.', 0),
    ];
    this.set(rates);
  }

  /** New values of the limits; what was taken stays taken. */
  set(rates: CodeRates): void {
    this.#network.perHour = rates.perAddressPerHour;
    this.#strangers.perHour = rates.perIdentifierPerHour;
    // Nobody alone, on one address, uses up what is there for all strangers. A known address gets as many: seen from one address alone,
    // a number that was proved from it is like any other.
    this.#pair.perHour = Math.ceil(rates.perIdentifierPerHour / 2);
    this.#known.perHour = this.#pair.perHour;
    const [all, country, range] = this.#budgets;
    all.perHour = rates.smsPerHour;
    country.perHour = rates.smsPerCountryPerHour;
    range.perHour = rates.smsPerRangePerHour;
  }

  /** Takes one code from every limit that it counts for, or from none. Answers 0, or how long to wait, ms. */
  take({ identifier, network, known, sms }: Wish, now: number): number {
    const pairs: [limit: CountedLimit, key: string, reserve: number][] = [];
    // What others do from the same address does not count for a device that has proved the identifier.
    if (known?.by !== 'device') pairs.push([this.#network, network, 0]);
    if (known === undefined) pairs.push([this.#pair, `${identifier} ${network}`, 0], [this.#strangers, identifier, 0]);
    // And what strangers do with the identifier does not count for its owner.
    else pairs.push([this.#known, `${identifier} ${known.by} ${known.id}`, 0]);
    if (sms !== undefined)
      for (const [i, budget] of this.#budgets.entries()) {
        const key = ['all', sms.country, sms.range][i] as string;
        pairs.push([budget, key, known === undefined ? Math.floor(budget.perHour * RESERVED) : 0]);
      }
    for (const [limit, key, reserve] of pairs) {
      const wait = limit.wait(key, now, reserve);
      if (wait === 0) continue;
      limit.refused++;
      if (this.#budgets.includes(limit)) this.#say('used-up', limit, key, now);
      return wait;
    }
    for (const [limit, key] of pairs) {
      limit.take(key, now);
      if (limit.perHour > 0 && this.#budgets.includes(limit) && limit.left(key, now) <= limit.perHour * (1 - NEARLY))
        this.#say('near', limit, key, now);
    }
    return 0;
  }

  #say(state: 'near' | 'used-up', limit: CountedLimit, key: string, now: number): void {
    const what = `${limit.name} ${state} ${key}`;
    if (now - (this.#alarmed.get(what) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return;
    this.#alarmed.delete(what);
    this.#alarmed.set(what, now);
    if (this.#alarmed.size > MOST_ALARMS)
      for (const oldest of this.#alarmed.keys()) {
        this.#alarmed.delete(oldest);
        break;
      }
    this.#alarm(state, limit.name, key, limit.perHour);
  }

  /** Whether somebody was refused in the last hour because a budget was used up. */
  alarmed(now: number): boolean {
    for (const [what, at] of this.#alarmed) if (what.includes(' used-up ') && now - at < QUIET_MS) return true;
    return false;
  }

  states(now: number): LimitState[] {
    return [this.#network, this.#pair, this.#strangers, this.#known, ...this.#budgets].map((limit) => limit.state(now));
  }
}
