import { defineService } from '@parley/core';
import type { PushEnable } from '@parley/protocol';

/** An app server that a device has enabled (XEP-0357). */
export interface TransferredAppServer extends PushEnable {
  readonly device: string;
  /** ms since the epoch. */
  readonly since: number;
}

/** Lent to the export and import of a whole server. The options in it are secrets between the app server and this server. */
export interface AppServerTransfer {
  /** Those that are services; a session that is one is no longer there on another server. */
  of(account: number): readonly TransferredAppServer[];
  /** Answers why it was not taken, in a sentence; undefined when it was. */
  restore(account: number, server: TransferredAppServer): string | undefined;
}
export const appServerTransfer = defineService<AppServerTransfer>('push-services-enabled');
