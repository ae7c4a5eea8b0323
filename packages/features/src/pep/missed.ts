/** What a device that is away, or does not read, did not get of one node: it is told anew when there is room. Pure. */
export interface Missed {
  /** Number of the first item; Infinity when it missed none. */
  readonly from: number;
  /** What else has happened, as it is inside of `<event/>`. */
  readonly contents: readonly string[];
}
const NODES = 200;
const CONTENTS = 50;

/** Adds one event to what was missed; `n` is the number of its item, or -1. When it is too much, the key '' says so. */
export function withMissed(before: ReadonlyMap<string, Missed>, key: string, content: string, n: number): ReadonlyMap<string, Missed> {
  const { from = Number.POSITIVE_INFINITY, contents = [] } = before.get(key) ?? {};
  if (n >= 0 && from <= n) return before;
  const tooMuch = (before.size >= NODES && !before.has(key)) || (n < 0 && contents.length >= CONTENTS);
  if (tooMuch) return before.has('') ? before : new Map(before).set('', { from, contents: [] });
  return new Map(before).set(key, n >= 0 ? { from: n, contents } : { from, contents: [...contents, content] });
}
