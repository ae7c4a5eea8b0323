import type { Cursor } from '@parley/storage';

/** Of an account that has a session. */
export interface MailboxState {
  readonly cursors: Map<string, Cursor>;
  trimmedThrough: number;
}
