import type { CoreLimits } from '../limits.ts';
import type { Mailboxes } from '../mailbox/mailboxes.ts';
import type { Clock } from '../ports/index.ts';
import type { Session } from './session.ts';

/** What a session asks of the server it belongs to. */
export interface SessionHost {
  readonly limits: CoreLimits;
  readonly clock: Clock;
  readonly mailboxes: Mailboxes;
  /** A stanza was put on the pile of a session that is away. */
  changedAway(session: Session): void;
  /** The session is over for good; `clean` when the client closed its stream. */
  endSession(session: Session, clean: boolean): void;
}
