import { defineService } from '@parley/core';
import type { AccountRecord } from '@parley/storage';

/** What is kept of a passkey: nothing that could be used to sign in. */
export interface PasskeyRow {
  /** COSE key, base64url. */
  readonly publicKey: string;
  /** The highest that the authenticator has counted; many always say 0. */
  readonly counter: number;
}

/** What an answer of an authenticator has to fit. */
export interface PasskeyExpectation {
  /** base64url */
  readonly challenge: string;
  /** Of the page, such as https://chat.example. */
  readonly origin: string;
  /** Its host name. */
  readonly rpId: string;
}

/** Checks answers of authenticators (WebAuthn §7). Both resolve with undefined for one that does not fit, whatever is wrong with it. */
export interface PasskeyVerifier {
  created(response: unknown, expected: PasskeyExpectation): Promise<(PasskeyRow & { readonly id: string }) | undefined>;
  used(response: unknown, expected: PasskeyExpectation, id: string, key: PasskeyRow): Promise<{ readonly counter: number } | undefined>;
}

/** Why a passkey opened nothing; `message` is a sentence for the person. */
export class PasskeyError extends Error {
  readonly code: 'off' | 'bad-device' | 'too-many' | 'expired' | 'refused';
  readonly retryAfterMs: number | undefined;
  constructor(code: PasskeyError['code'], message: string, retryAfterMs?: number) {
    super(message);
    this.name = 'PasskeyError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Signing in by a passkey. Both reject with PasskeyError. */
export interface Passkeys {
  /** Whether browsers can use them where they reach this server: WebAuthn wants https and a name, or localhost. */
  readonly usable: boolean;
  begin(request: { readonly device: string; readonly remoteAddress: string }): Promise<{
    readonly challenge: string;
    readonly rpId: string;
    readonly flow: string;
    /** ms since 1970 */
    readonly expiresAt: number;
  }>;
  /** `response`: what the browser's credential says of itself by `toJSON()`. */
  finish(request: { readonly flow: string; readonly response: unknown; readonly remoteAddress: string }): Promise<{
    readonly proof: string;
    readonly expiresAt: number;
    readonly value: string;
    readonly account: AccountRecord;
  }>;
}
export const passkeys = defineService<Passkeys>('passkeys');
