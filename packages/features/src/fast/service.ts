import { defineService } from '@parley/core';
import type { AccountRecord, Awaitable } from '@parley/storage';

/** The tokens of devices, for those who sign devices out. */
export interface Tokens {
  /** Whether this device has a token that it could sign in with. */
  has(account: AccountRecord, device: string): Awaitable<boolean>;
  /**
   * A token for a device that was let in by other means, beside the one it may have; good once what was written is durable. `ends`: ms since 1970,
   * neither it nor those that replace it are good for longer.
   */
  issue(
    account: AccountRecord,
    device: string,
    mechanism: string,
    ends?: number,
  ): Awaitable<{ readonly token: string; readonly expiry: number }>;
  /** When whatever let the device in ends, ms since 1970; undefined when nothing limits it. */
  endOf(account: AccountRecord, device: string): Awaitable<number | undefined>;
  /** None of its tokens is good any more, once what was written is durable. */
  revoke(account: AccountRecord, device: string): void;
}
export const tokens = defineService<Tokens>('fast.tokens');
