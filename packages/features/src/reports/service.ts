import { defineService } from '@parley/core';
import type { AbuseReport } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';

/** A report that waits for the operator, or that was closed. */
export interface StoredReport {
  /** Sorts by time. */
  readonly id: string;
  /** ms since the epoch. */
  readonly at: number;
  /** Bare JID of who reported, and of what was reported (as it was blocked). */
  readonly reporter: string;
  readonly jid: string;
  readonly reason: string;
  readonly texts: readonly string[];
  /** The reported messages as far as they are in the archive of the reporter and came from there: time and text. */
  readonly messages: readonly { readonly at: number; readonly text: string }[];
  readonly state: 'open' | 'closed';
}

/** Lent by the reports feature (XEP-0377). */
export interface Reports {
  /** Takes a report that came with a block. Never throws and never hinders the block (§3). */
  take(reporter: AccountRecord, jid: string, report: AbuseReport): Promise<void>;
  /** Newest first. */
  list(query: { readonly state?: 'open' | 'closed' | undefined; readonly limit: number }): Promise<StoredReport[]>;
  get(id: string): Promise<StoredReport | undefined>;
  /** False when there is none of this id. */
  close(id: string): Promise<boolean>;
}
export const reports = defineService<Reports>('reports');
