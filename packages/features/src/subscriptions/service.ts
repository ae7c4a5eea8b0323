import { defineService } from '@parley/core';
import type { AccountRecord, Awaitable } from '@parley/storage';
import type { Contact } from '../roster/service.ts';

export { isSubscriptionType } from './rules.ts';

/** Lent by the subscriptions feature. */
export interface Subscriptions {
  /**
   * Ends everything between an account and one of its contacts, as far as the contact is told: its subscription to the
   * account, the account's subscription to it, and requests of both sides (RFC 6121 §2.5.2). The account's own entry is
   * left as it is: the caller removes it.
   */
  sever(account: AccountRecord, contact: Contact): Awaitable<void>;
}
export const subscriptions = defineService<Subscriptions>('subscriptions');
