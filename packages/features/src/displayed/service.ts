import { defineService } from '@parley/core';
import type { StanzaId } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';

/** Lent by the displayed feature (XEP-0490): up to where an account has displayed its conversations, on whatever device. */
export interface DisplayedStates {
  /** `chat`: bare JID of a contact or group, full JID of an occupant. `by` of the answer is who gave the id: the account, or the group. */
  of(account: AccountRecord, chat: string): Awaitable<StanzaId | undefined>;
  /** Called when a device has said so; joins the commit of that. Ids are as the device gave them: check that they are known, and newer. */
  onDisplayed(handle: (account: AccountRecord, chat: string, state: StanzaId) => Awaitable<void>): void;
  /**
   * The server has learnt it in another way (a displayed marker): tells the account's devices, if one of them uses this at all.
   * Does nothing when it is known already.
   */
  learnt(account: AccountRecord, chat: string, state: StanzaId): Awaitable<void>;
}
export const displayedStates = defineService<DisplayedStates>('displayed-states');
