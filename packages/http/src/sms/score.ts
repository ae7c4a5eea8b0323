/** How well a provider does: of the codes that it took, how many were typed in. Counts of the last hour, no person in them. */

const MINUTE_MS = 60_000;
const WINDOW_MINUTES = 60;
/** A code that was sent less long ago may still be on its way to the fingers. */
const RIPE_MINUTES = 2;
/** What is thought of one that nobody has tried: good, until it is known better. */
const PRIOR = 0.8;
const PRIOR_WEIGHT = 5;
/** After a failure it is asked last for as long. */
const REST_MS = 60_000;

export class ProviderScore {
  /** By minute since 1970; at most {@link WINDOW_MINUTES} of them. */
  readonly #minutes = new Map<number, { sent: number; entered: number }>();
  #restsUntil = 0;
  /** Since the start. */
  sent = 0;
  entered = 0;
  failed = 0;

  #at(now: number): { sent: number; entered: number } {
    const minute = Math.floor(now / MINUTE_MS);
    for (const old of this.#minutes.keys()) if (old <= minute - WINDOW_MINUTES) this.#minutes.delete(old);
    let there = this.#minutes.get(minute);
    if (there === undefined) {
      there = { sent: 0, entered: 0 };
      this.#minutes.set(minute, there);
    }
    return there;
  }

  /** It took one. */
  tookOne(now: number): void {
    this.#at(now).sent++;
    this.sent++;
    this.#restsUntil = 0;
  }

  /** One that it took was typed in. */
  wasEntered(now: number): void {
    this.#at(now).entered++;
    this.entered++;
  }

  /** It could not. */
  didFail(now: number): void {
    this.failed++;
    this.#restsUntil = now + REST_MS;
  }

  rests(now: number): boolean {
    return this.#restsUntil > now;
  }

  /** From 0 to 1. What lies an hour back is forgotten, so that one that did badly gets another chance. */
  value(now: number): number {
    const minute = Math.floor(now / MINUTE_MS);
    let sent = 0;
    let entered = 0;
    for (const [at, count] of this.#minutes) {
      if (at <= minute - WINDOW_MINUTES) continue;
      if (at <= minute - RIPE_MINUTES) sent += count.sent;
      entered += count.entered;
    }
    return (Math.min(entered, sent) + PRIOR * PRIOR_WEIGHT) / (sent + PRIOR_WEIGHT);
  }
}

/**
 * The order in which to ask: those that failed just now last; then by score, in steps of a tenth, so that chance does not decide; then as the
 * operator has listed them.
 */
export function inOrder<T extends { readonly score: ProviderScore }>(providers: readonly T[], now: number): T[] {
  const rank = ({ score }: T): number => (score.rests(now) ? -1 : Math.floor(score.value(now) * 10 + 1e-9));
  // Sorting is stable.
  return [...providers].sort((a, b) => rank(b) - rank(a));
}
