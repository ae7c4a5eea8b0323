/** The core's own errors. Errors that go to clients are `StanzaError` and stream errors (protocol). */
import { StanzaError } from '@parley/protocol';
import { StorageError } from '@parley/storage';

export type AccountErrorCode = 'conflict' | 'bad-name' | 'bad-password' | 'not-found' | 'closed' | 'busy';

/** An account could not be made or changed; `message` is a sentence for a person. */
export class AccountError extends Error {
  readonly code: AccountErrorCode;
  constructor(code: AccountErrorCode, message: string) {
    super(message);
    this.name = 'AccountError';
    this.code = code;
  }
}

/** What a client is told when the server failed at its request: storage trouble passes, the rest is ours. */
export function asStanzaError(error: unknown): StanzaError {
  if (error instanceof StanzaError) return error;
  if (error instanceof StorageError)
    return new StanzaError('resource-constraint', {
      type: 'wait',
      text: 'The server cannot store this now; try again later.',
      cause: error,
    });
  if (error instanceof AccountError && error.code === 'busy')
    return new StanzaError('resource-constraint', { type: 'wait', text: error.message, cause: error });
  return new StanzaError('internal-server-error', { cause: error });
}
