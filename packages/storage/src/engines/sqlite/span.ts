import type { MailboxQuery } from '../../kinds/index.ts';
import type { TailEntry } from './tail.ts';

/** What a query comes down to: inclusive bounds by position and time. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly end: number;
  readonly peer: string | undefined;
  readonly incomingOnly: boolean;
  readonly contentOnly: boolean;
}

/** Inclusive bounds of a query. */
export function spanOf(query: Omit<MailboxQuery, 'limit' | 'reverse'>): Span {
  return {
    from: query.after === undefined ? 0 : query.after + 1,
    to: query.before === undefined ? Number.MAX_SAFE_INTEGER : query.before - 1,
    start: query.start ?? 0,
    end: query.end ?? Number.MAX_SAFE_INTEGER,
    peer: query.peer,
    incomingOnly: query.incomingOnly ?? false,
    contentOnly: query.contentOnly ?? false,
  };
}

/** Whether an entry of the tail is within. */
export function matches({ message, copy }: TailEntry, span: Span): boolean {
  if (message.at < span.start || message.at > span.end) return false;
  if (span.contentOnly && copy.quiet === true) return false;
  return (span.peer === undefined || copy.peer === span.peer) && !(span.incomingOnly && copy.outgoing);
}
