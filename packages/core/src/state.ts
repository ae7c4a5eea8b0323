/** A snapshot for metrics and the operator's commands. */
export interface CoreState {
  readonly sessions: number;
  readonly detachedSessions: number;
  readonly streams: number;
  readonly messages: number;
  readonly presences: number;
  readonly iqs: number;
  readonly messagesKept: number;
  readonly signIns: number;
  readonly signInsFailed: number;
  readonly streamErrors: number;
  readonly pendingCommits: number;
}
