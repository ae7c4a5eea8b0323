import { defineService } from '@parley/core';
import type { AccountRecord } from '@parley/storage';

/** Why nobody was registered; `message` is a sentence for the person who tried. */
export class RegistrationError extends Error {
  readonly code: 'closed' | 'too-many' | 'conflict' | 'bad-name' | 'bad-password';
  /** When another try may succeed, ms from now; only with `too-many`. */
  readonly retryAfterMs: number | undefined;
  constructor(code: RegistrationError['code'], message: string, retryAfterMs?: number) {
    super(message);
    this.name = 'RegistrationError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Lent by the registration feature; the HTTP API registers through it, under the same limits. */
export interface Registrar {
  readonly open: boolean;
  /** Makes an account; resolves when it is durable. Throws RegistrationError, or StorageError when it cannot be stored now. */
  register(request: { readonly localpart: string; readonly password: string; readonly remoteAddress: string }): Promise<AccountRecord>;
}
export const registrar = defineService<Registrar>('registrar');
