/** First delay after a lost connection. */
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 60_000;

/**
 * Delay before try number `attempt` (0, 1, …) in milliseconds: doubles up to a minute, with full jitter on the upper half,
 * so that a restarted server is not met by everybody at once. `random` is 0 … 1.
 */
export function backoffMs(attempt: number, random: number): number {
  const ceiling = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling / 2 + (ceiling / 2) * random);
}
