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
  /**
   * Says it for all applications that have no setting of their own; settings of others and advanced ones stay (XEP-0492 §4). A group chat
   * that is not on the list yet is put there, to be joined. Throws StanzaError when too much was changed in an hour.
   */
  setNotifyLevel(account: AccountRecord, jid: string, level: NotifyLevel): Awaitable<void>;
}
export const bookmarks = defineService<Bookmarks>('bookmarks');
