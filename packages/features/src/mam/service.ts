import { defineService } from '@parley/core';
import type { Awaitable } from '@parley/storage';

/** What the archive lends to others. */
export interface Archives {
  /** Positions in this mailbox that wait for delivery, but that the owner does not want in the archive. */
  hiddenOf(account: number): Awaitable<ReadonlySet<number>>;
}
export const archives = defineService<Archives>('archives');
