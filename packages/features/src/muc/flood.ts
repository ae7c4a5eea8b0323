/** A bound on how often one session may say something to a room: a bucket that refills evenly. */
export class Bucket {
  #left: number;
  #at: number;

  constructor(burst: number, now: number) {
    this.#left = burst;
    this.#at = now;
  }

  /** Takes one; false when there is none. `perSecond` 0 is no limit. */
  take(now: number, perSecond: number, burst: number): boolean {
    if (perSecond === 0) return true;
    this.#left = Math.min(burst, this.#left + (Math.max(0, now - this.#at) * perSecond) / 1000);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
