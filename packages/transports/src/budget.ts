/** How many bytes may come in now: an average rate with a burst of two seconds' worth. */
export class ByteBudget {
  readonly #perSecond: number;
  #left: number;
  #at = 0;

  /** `perSecond` 0 means no limit. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond * 2;
  }

  /** Takes `bytes`, also when there are not enough. Answers for how many milliseconds nothing more may be taken. */
  take(bytes: number, now: number): number {
    if (this.#perSecond === 0) return 0;
    const gained = this.#at === 0 ? 0 : (Math.max(0, now - this.#at) * this.#perSecond) / 1000;
    this.#at = now;
    this.#left = Math.min(this.#perSecond * 2, this.#left + gained) - bytes;
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left * 1000) / this.#perSecond);
  }
}
