import { defineService } from '@parley/core';
import type { Bookmark, NotifyLevel } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';

/** Lent by the bookmarks feature (XEP-0402): the group chats that an account has put on its list, with what it wants of them. */
export interface Bookmarks {
  /** By bare JID. */
  of(account: AccountRecord): Awaitable<ReadonlyMap<string, Bookmark>>;
  bookmark(account: AccountRecord, jid: string): Awaitable<Bookmark | undefined>;
  /**
   * What the account wants to be notified of in this conversation (XEP-0492), for an application with this disco identity;
   * undefined when it has not said: then it is `always`, and `on-mention` in public group chats.
   */
  notifyLevel(account: AccountRecord, jid: string, identity?: { category?: string; type?: string }): Awaitable<NotifyLevel | undefined>;
}
export const bookmarks = defineService<Bookmarks>('bookmarks');
