import { defineService } from '@parley/core';

/** Lent by the administration feature: who the operator has named. */
export interface Administrators {
  /** Whether this bare JID is one of them, also while there is no such account. */
  has(bare: string): boolean;
}
export const administrators = defineService<Administrators>('administrators');

export type NoticeKind = 'motd' | 'welcome';
export interface Notice {
  readonly id: string;
  readonly text: string;
  /** When it was set, ms since the epoch. */
  readonly at: number;
}
/** Lent by the administration feature: what the server says to everybody once (`motd`), and to new accounts (`welcome`). */
export interface ServerNotices {
  get(kind: NoticeKind): Notice | undefined;
  /** Who has had the message of the day is told the new one only when `again`. Throws StanzaError for no text, or too much. */
  set(kind: NoticeKind, text: string, again: boolean): void;
  delete(kind: NoticeKind): void;
}
export const serverNotices = defineService<ServerNotices>('server-notices');
