import * as initial from './0001-initial.ts';
import * as groupCursors from './0002-group-cursors.ts';
import * as messageText from './0003-message-text.ts';
import * as due from './0004-due.ts';
import * as host from './0005-host.ts';

/** One step of the schema. `version` is what `user_version` holds afterwards. */
export interface Migration {
  readonly version: number;
  readonly sql: string;
}

/** All steps in order, numbered from 1 without a gap. A step that was released is never changed. */
export const migrations: readonly Migration[] = [initial, groupCursors, messageText, due, host];
