import { defineService } from '@parley/core';
import type { Awaitable } from '@parley/storage';

/** Which messages refer to which files of the media server, so that a file goes with the last message that shows it. */
export interface MediaReferences {
  /** A message with files was appended at this position to these mailboxes. Joins the commit of the turn. */
  refer(seq: number, mailboxes: readonly number[], stanza: Uint8Array): void;
  /**
   * The content of these messages is about to be removed for everybody by this account (0: by the server). Look-ups are done now; what
   * is answered joins the commit of the turn in which it is called. Files that the account uploaded (or that were let go of
   * before) and that no message shows any more are removed once that is durable, with their thumbnails; other people's are not.
   */
  release(seqs: readonly number[], account: number): Awaitable<() => void>;
}
export const mediaReferences = defineService<MediaReferences>('media-references');
