import { defineService } from '@parley/core';
import type { AccountRecord, Awaitable } from '@parley/storage';

/** When somebody was last available, and what they said when they went. */
export interface LastSeen {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Status text of the last unavailable presence. */
  readonly status?: string;
  /** XEP-0319: when a person last touched the device, as it said when it went. */
  readonly idleSince?: number;
}

/** Lent by the last-activity feature. Who may know is for the asking side to decide. */
export interface LastActivities {
  /** undefined for an account that was never available. Of somebody who is available it is when they came. */
  of(account: AccountRecord): Awaitable<LastSeen | undefined>;
}
export const lastActivities = defineService<LastActivities>('last-activities');
