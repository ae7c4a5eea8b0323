/** After how long messages may disappear: the choice, in seconds. */
export const TIMES: readonly (readonly [string, number])[] = [
  ['24 hours', 86_400],
  ['7 days', 7 * 86_400],
  ['90 days', 90 * 86_400],
  ['Off', 0],
];

/** A timer in words. */
export function timerWords(seconds: number): string {
  const known = TIMES.find(([, value]) => value === seconds)?.[0];
  if (known !== undefined) return known;
  const days = Math.round(seconds / 86_400);
  return days >= 2 ? `${days} days` : `${Math.max(1, Math.round(seconds / 3600))} hours`;
}
