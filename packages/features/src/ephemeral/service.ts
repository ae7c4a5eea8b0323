import { defineService } from '@parley/core';
import type { Awaitable } from '@parley/storage';

/** After how long messages of a conversation disappear (XEP-0466), in seconds; 0: they stay. */
export interface EphemeralTimers {
  of(account: number, jid: string): Awaitable<number>;
  /** Of all conversations of the account that have one. */
  all(account: number): Awaitable<ReadonlyMap<string, number>>;
  /** For what the account sends from now on; bounded by what the server allows. Joins the commit of the turn. Answers what is set. */
  set(account: number, jid: string, seconds: number): number;
  /** A timer within what the server allows; 0 stays 0. In seconds. */
  bounded(seconds: number): number;
  /**
   * A message at this position has such a timer, or its group has; `sender` is the mailbox of its sender, `from` when the time began (ms,
   * now when it is not given). Joins the commit of the turn.
   */
  startTimer(seq: number, seconds: number, sender: number, from?: number): void;
}
export const ephemeralTimers = defineService<EphemeralTimers>('ephemeral-timers');
