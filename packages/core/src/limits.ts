/** What bounds the core. Every number has its unit in the name; the server's configuration fills it in. */
export interface CoreLimits {
  /** Size of a first-level element before and after sign-in. */
  readonly preAuthStanzaBytes: number;
  readonly stanzaBytes: number;
  readonly stanzaDepth: number;
  readonly stanzaElements: number;
  /** Time from connect to a bound session. */
  readonly signInMs: number;
  /** Failed sign-ins on one stream before it is closed. */
  readonly signInTries: number;
  readonly sessionsPerAccount: number;
  /** Devices whose cursors are kept for an account; the one seen longest ago makes room. */
  readonly devicesPerAccount: number;
  /** Stanzas (and bytes) that a session may leave unacknowledged before further messages wait in the mailbox. */
  readonly unackedStanzas: number;
  readonly unackedBytes: number;
  /** Bytes that wait for a slow reader before further messages wait in the mailbox. */
  readonly queueBytes: number;
  /** How long a detached session can be resumed (XEP-0198 §5). */
  readonly resumeMs: number;
  /** Stanzas that a gate (XEP-0352) may hold back. */
  readonly heldStanzas: number;
  /** Entries that may wait in one mailbox for its devices. */
  readonly mailboxEntries: number;
}

export const DEFAULT_CORE_LIMITS: CoreLimits = {
  preAuthStanzaBytes: 8192,
  stanzaBytes: 262_144,
  stanzaDepth: 128,
  stanzaElements: 8192,
  signInMs: 30_000,
  signInTries: 3,
  sessionsPerAccount: 20,
  devicesPerAccount: 20,
  unackedStanzas: 1000,
  unackedBytes: 4 * 1024 * 1024,
  queueBytes: 1024 * 1024,
  resumeMs: 600_000,
  heldStanzas: 500,
  mailboxEntries: 1_000_000,
};

/** How long messages stay in the mailboxes: until every device has them, for a time, or for ever. */
export type HistoryKeep = 'until-delivered' | 'forever' | { readonly ms: number };

export interface CoreConfig {
  /** The domain of the accounts, prepared (RFC 7622). */
  readonly domain: string;
  /** Sign-in without TLS is allowed. */
  readonly allowPlaintext: boolean;
  readonly historyKeep: HistoryKeep;
  /** Undelivered messages wait this long, whatever `historyKeep` says. */
  readonly undeliveredMs: number;
  /** PBKDF2 rounds for new SCRAM-SHA-256/-512 keys (SHA-1 keeps 4096, its keys being for old clients). */
  readonly scramIterations: number;
  /** SCRAM is offered with every hash although accounts that were imported have no keys for it, and cannot sign in with it. */
  readonly offerAllHashes?: boolean;
  /** Where clients should come back to (XEP-0198 §3, `host:port`); not told when absent. */
  readonly resumeLocation?: string;
  readonly limits: CoreLimits;
}
