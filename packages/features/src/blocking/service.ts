import { defineService } from '@parley/core';
import type { Jid } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';

/** The addresses that one account has blocked. */
export interface BlockList {
  /** Whether this address may not reach the account, nor be reached by it. */
  blocks(address: Jid): boolean;
}

/** Lent by the blocking feature (XEP-0191). */
export interface BlockLists {
  /** undefined, at once and for nothing, for the accounts that block nobody. */
  of(accountId: number): Awaitable<BlockList | undefined>;
  /** Whether one of these accounts blocks anybody at all. Costs nothing; when it says no, `between` need not be asked. */
  concerns(one: number, other: number): boolean;
  /** Whether one of the two has blocked the other. Says false at once when neither blocks anybody. */
  between(account: AccountRecord, address: Jid, other: AccountRecord, otherAddress: Jid): Awaitable<boolean>;
}
export const blockLists = defineService<BlockLists>('block-lists');
