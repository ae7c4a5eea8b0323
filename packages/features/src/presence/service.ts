import { defineService, type Session } from '@parley/core';
import type { AccountRecord, Awaitable } from '@parley/storage';

/** Lent by the presence feature. What is blocked (XEP-0191) between the two is not sent. */
export interface Presences {
  /** Sends the presence of every available session of the account to the available sessions of the contact (a bare JID). */
  show(account: AccountRecord, contact: string): Awaitable<void>;
  /** Calls `handle` whenever `show` was called: the contact may see the account from then on. */
  onShown(handle: (account: AccountRecord, contact: string) => Awaitable<void>): void;
  /** Tells the contact that every available session of the account is gone, for the contact. Sent even where blocked: a block begins with it. */
  hide(account: AccountRecord, contact: string): void;
  /** Sends the session's presence again to everybody who is entitled to it, for instance because the server added to it. */
  announce(session: Session): Awaitable<void>;
  /** Tells one address that it was sent directed presence to that this session is gone, for it. Sent even where blocked. */
  withdraw(session: Session, to: string): void;
  /** Bare or full JIDs that this session has sent directed presence to (RFC 6121 §4.6). */
  directedTo(session: Session): readonly string[];
}
export const presences = defineService<Presences>('presences');
