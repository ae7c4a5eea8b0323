/**
 * Positions in mailboxes and the stanza-ids (XEP-0359) made of them. A position is a safe integer: milliseconds
 * since 2020 in the upper 41 bits, a counter in the lower 12. It only ever rises, whatever the clock does, so that ids
 * sort in mailbox order.
 */
const EPOCH_MS = 1_577_836_800_000;
const PER_MS = 4096;
/** Characters of an id. */
export const POSITION_ID_LENGTH = 11;

export function nextPosition(last: number, nowMs: number): number {
  const byClock = Math.max(0, nowMs - EPOCH_MS) * PER_MS;
  return byClock > last ? byClock : last + 1;
}

/** When the message at this position was taken, in milliseconds since the epoch (a little later after a clock that went back). */
export function positionTime(seq: number): number {
  return EPOCH_MS + Math.floor(seq / PER_MS);
}

export function positionToId(seq: number): string {
  return seq.toString(36).padStart(POSITION_ID_LENGTH, '0');
}

/** undefined when it is not one of our ids. */
export function idToPosition(id: string): number | undefined {
  if (!/^[0-9a-z]{11}$/.test(id)) return undefined;
  const seq = Number.parseInt(id, 36);
  return Number.isSafeInteger(seq) ? seq : undefined;
}
