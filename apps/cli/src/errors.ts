import { AccountError, ConfigError } from '@parley/core';
import { AdminError } from '@parley/http';
import { StorageError } from '@parley/storage';
import { CertificateError } from '@parley/transports';

/** A command cannot be done; the message is a sentence for the operator. */
export class CommandError extends Error {}

/** Errors whose message is meant for the operator; anything else is a fault of ours and shown whole. */
export function isForPeople(error: unknown): error is Error {
  return [CommandError, ConfigError, AdminError, AccountError, StorageError, CertificateError].some((kind) => error instanceof kind);
}
