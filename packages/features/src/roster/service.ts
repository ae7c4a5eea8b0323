import { defineService, type Session } from '@parley/core';
import type { AccountRecord, Awaitable } from '@parley/storage';

/** RFC 6121 §2.1.2.5: from the owner's side. `to`: the owner sees the contact's presence; `from`: the contact sees the owner's. */
export type Subscription = 'none' | 'to' | 'from' | 'both';

/** What an account keeps about another address. Never changed in place. */
export interface Contact {
  /** Bare JID. */
  readonly jid: string;
  readonly name: string;
  readonly groups: readonly string[];
  readonly subscription: Subscription;
  /** The owner has asked to see the contact's presence and waits for the answer ("Pending Out"). */
  readonly ask: boolean;
  /** A request of the contact would be granted at once (RFC 6121 §3.4). */
  readonly approved: boolean;
  /** False while only a request of the contact waits here: then the roster does not show it. */
  readonly listed: boolean;
  /** The contact's request that waits for an answer ("Pending In"): the whole stanza as text. */
  readonly request: string | undefined;
  /** Version of the roster that this entry last changed in. */
  readonly version: number;
}

/** One account's contacts. */
export interface Roster {
  get(jid: string): Contact | undefined;
  /** Listed contacts and waiting requests. */
  contacts(): Iterable<Contact>;
  /** How many contacts are listed, and how many requests wait. */
  readonly listed: number;
  readonly requests: number;
}

/** Lent by the roster feature. */
export interface Rosters {
  readonly limits: { readonly contacts: number; readonly requests: number };
  /** The contacts of an account; usually there at once. */
  of(account: AccountRecord): Awaitable<Roster>;
  /**
   * Changes one contact (made when it is not there) and answers it as it is now. The write joins the group commit; the
   * caller pushes, or forgets the roster when the commit was refused.
   */
  change(account: AccountRecord, roster: Roster, jid: string, change: Partial<Omit<Contact, 'jid' | 'version'>>): Contact;
  /** Takes a contact out; what is pushed for it says `remove`. */
  remove(account: AccountRecord, roster: Roster, jid: string): Contact | undefined;
  /** Tells the account's own sessions that asked for the roster (RFC 6121 §2.1.6). Never anybody else. */
  push(account: AccountRecord, contact: Contact, removed?: boolean): void;
  /** Drops what is remembered, so that it is read anew. For refused commits. */
  forget(accountId: number): void;
  /** Ids of the accounts that keep something about this bare JID. */
  keepersOf(jid: string): Awaitable<readonly number[]>;
  /** Whether `jid` (bare) may see the presence of the account. */
  isSubscriber(account: AccountRecord, jid: string): Awaitable<boolean>;
  /** Whether this session asked for the roster ("interested resource"). */
  isInterested(session: Session): boolean;
}

export const rosters = defineService<Rosters>('rosters');

/** The contact sees the owner's presence. */
export const seesOwner = (contact: Contact | undefined): boolean =>
  contact !== undefined && (contact.subscription === 'from' || contact.subscription === 'both');
/** The owner sees the contact's presence. */
export const seenByOwner = (contact: Contact | undefined): boolean =>
  contact !== undefined && (contact.subscription === 'to' || contact.subscription === 'both');
