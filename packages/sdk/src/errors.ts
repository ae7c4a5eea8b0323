/**
 * Every error the SDK throws or reports. `code` is closed: a `switch` over it can be complete.
 *
 * - `not-signed-in`      no account on this device; call `signIn` or `register`
 * - `wrong-credentials`  the server refused user name or password
 * - `account-exists`     registration: the name is taken
 * - `registration-closed` the server does not let strangers register
 * - `rate-limited`       too many tries; `retryAfterMs` when the server said how long
 * - `session-expired`    the keys kept on this device no longer work; ask for the password again
 * - `insecure-connection` refused to send a secret over an unprotected connection
 * - `insecure-context`   the page was not loaded over https or from localhost, so the browser withholds its crypto
 * - `wrong-code`         not the code that was sent; it may be tried again
 * - `code-expired`       the code or its proof is over or used up; ask for a new one
 * - `offline`            needs the server and there is no connection
 * - `timeout`            the server did not answer in time
 * - `connection-lost`    the connection broke before the answer came
 * - `server-error`       the server answered with an error not listed here (`condition` has its name)
 * - `not-supported`      the server does not offer what this needs
 * - `not-allowed`        the server or the contact forbids it
 * - `not-found`          no such user, message or file
 * - `invalid-address`    not a user name or address
 * - `invalid-argument`   wrong use of the SDK
 * - `too-large`          larger than the server accepts (`maxBytes` when known)
 * - `upload-failed`      the media server refused or broke off
 * - `cancelled`          by the caller
 * - `store-failed`       the local store could not read or write (disk full, private mode …)
 * - `protocol-violation` the server sent something that must not be trusted
 */
export type ChatErrorCode =
  | 'not-signed-in'
  | 'wrong-credentials'
  | 'account-exists'
  | 'registration-closed'
  | 'rate-limited'
  | 'session-expired'
  | 'insecure-connection'
  | 'insecure-context'
  | 'wrong-code'
  | 'code-expired'
  | 'offline'
  | 'timeout'
  | 'connection-lost'
  | 'server-error'
  | 'not-supported'
  | 'not-allowed'
  | 'not-found'
  | 'invalid-address'
  | 'invalid-argument'
  | 'too-large'
  | 'upload-failed'
  | 'cancelled'
  | 'store-failed'
  | 'protocol-violation';

const RETRYABLE: ReadonlySet<ChatErrorCode> = new Set(['offline', 'timeout', 'connection-lost', 'rate-limited', 'upload-failed']);

/** The only error type of the SDK. `message` is for people; never holds secrets. */
export class ChatError extends Error {
  readonly code: ChatErrorCode;
  /** True when the same call may succeed later without a change by the caller. */
  readonly retryable: boolean;
  /** XMPP stanza or stream error condition, e.g. `item-not-found`, when the server sent one. */
  readonly condition: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly maxBytes: number | undefined;

  constructor(
    code: ChatErrorCode,
    message: string,
    options: { cause?: unknown; retryable?: boolean; condition?: string; retryAfterMs?: number; maxBytes?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ChatError';
    this.code = code;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
    this.condition = options.condition;
    this.retryAfterMs = options.retryAfterMs;
    this.maxBytes = options.maxBytes;
  }
}

/** A server that does not know a feature is no error; everything else is thrown on. */
export function ignoreRefusal(error: unknown): void {
  if (!(error instanceof ChatError) || error.condition === undefined) throw error;
}
