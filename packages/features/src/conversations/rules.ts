/** What the list looks like, as pure decisions. */
import type { Conversation, ConversationState, RsmRequest } from '@parley/protocol';

/** Counting of unread messages stops here. */
export const MOST_UNREAD = 1000;

/** What is kept of one conversation; absent parts are the default. */
export interface StoredState {
  /** Position up to which everything was displayed. */
  readonly displayed?: number;
  /** When it was pinned, ms since the epoch. */
  readonly pinned?: number;
  /** Until when it is muted, ms since the epoch; -1: for ever. */
  readonly muted?: number;
  readonly archived?: true;
}
export const DEFAULT: StoredState = {};

/** One row of the list before it is shown. */
export interface Row {
  readonly jid: string;
  /** For the order; rises with activity. */
  readonly at: number;
  readonly state: StoredState;
}

/** Pinned ones first, in the order of pinning; then the latest activity first. */
export function inOrder<R extends Row>(rows: readonly R[]): R[] {
  return [...rows].sort((a, b) => {
    const [one, other] = [a.state.pinned ?? Number.POSITIVE_INFINITY, b.state.pinned ?? Number.POSITIVE_INFINITY];
    if (one !== other) return one - other;
    return b.at - a.at || (a.jid < b.jid ? -1 : 1);
  });
}

export function byActivity<R extends Row>(rows: readonly R[]): R[] {
  return [...rows].sort((a, b) => b.at - a.at || (a.jid < b.jid ? -1 : 1));
}

/** XEP-0059 over a list whose ids are addresses; undefined when the address that the page begins at is not in it (item-not-found). */
export function pageOf<R extends Row>(rows: readonly R[], rsm: RsmRequest, max: number): { page: R[]; first: number } | undefined {
  const size = Math.min(rsm.max ?? max, max);
  const indexOf = (jid: string): number => rows.findIndex((row) => row.jid === jid);
  let from = 0;
  let to = rows.length;
  if (rsm.after !== undefined && rsm.after !== '') {
    const at = indexOf(rsm.after);
    if (at < 0) return undefined;
    from = at + 1;
  }
  if (rsm.before !== undefined) {
    if (rsm.before !== '') {
      to = indexOf(rsm.before);
      if (to < 0) return undefined;
    }
    from = Math.max(0, to - size);
  }
  return { page: rows.slice(from, Math.min(to, from + size)), first: from };
}

export function isMuted(state: StoredState, now: number): boolean {
  return state.muted !== undefined && (state.muted < 0 || state.muted > now);
}

/** The state as it is told; `timer` in seconds. */
export function visibleState(state: StoredState, now: number, timer: number): ConversationState {
  return {
    pinned: state.pinned !== undefined,
    mutedUntil: !isMuted(state, now) ? 0 : (state.muted ?? 0) < 0 ? Number.POSITIVE_INFINITY : (state.muted ?? 0),
    archived: state.archived === true,
    timer,
  };
}

/** The state after a change; parts that the change does not name stay. Undefined when nothing is left to keep. */
export function changed(before: StoredState, change: Conversation, now: number): StoredState | undefined {
  const next: { -readonly [K in keyof StoredState]: StoredState[K] } = { ...before };
  if (change.pinned === false) delete next.pinned;
  else if (change.pinned === true) next.pinned ??= now;
  if (change.mutedUntil !== undefined) {
    if (change.mutedUntil <= now) delete next.muted;
    else next.muted = change.mutedUntil === Number.POSITIVE_INFINITY ? -1 : change.mutedUntil;
  }
  if (change.archived === false) delete next.archived;
  else if (change.archived === true) next.archived = true;
  return Object.keys(next).length === 0 ? undefined : next;
}
