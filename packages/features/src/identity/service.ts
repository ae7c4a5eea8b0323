import { defineService } from '@parley/core';
import type { AccountRecord } from '@parley/storage';
import type { CodeKind, Identifier } from './rules.ts';

export { type CodeKind, type Identifier, type IdentifierKind, isDeviceId, joinToken, KINDS, normaliseEmail, tokenParts } from './rules.ts';

/** Why something about an identifier was refused; `message` is a sentence for the person who tried. */
export class IdentityError extends Error {
  readonly code:
    | 'off'
    | 'bad-identifier'
    | 'bad-device'
    | 'too-many'
    | 'wrong-code'
    | 'expired'
    | 'not-sent'
    | 'no-account'
    | 'has-account'
    | 'closed'
    | 'conflict'
    | 'bad-name';
  /** When another try may succeed, ms from now; only with `too-many`. */
  readonly retryAfterMs: number | undefined;
  /** How often the code may still be tried; only with `wrong-code`. */
  readonly triesLeft: number | undefined;
  constructor(
    code: IdentityError['code'],
    message: string,
    more: { readonly retryAfterMs?: number; readonly triesLeft?: number; readonly cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'IdentityError';
    this.code = code;
    this.retryAfterMs = more.retryAfterMs;
    this.triesLeft = more.triesLeft;
  }
}

/** Carries a code to a person. */
export interface CodeSender {
  readonly kind: CodeKind;
  /** Resolves when the message was taken by whoever carries it on; rejects with a reason for the log. Never logs the code. */
  send(message: { readonly to: string; readonly code: string; readonly domain: string; readonly lifeMs: number }): Promise<void>;
}

/** A device has its way in: it signs in with this token by XEP-0484. */
export interface DeviceSignIn {
  readonly account: AccountRecord;
  readonly token: string;
  readonly mechanism: string;
  /** ms since 1970. */
  readonly expiresAt: number;
}

/** Identifiers of accounts, and what can be done with one that was proved. All reject with IdentityError. */
export interface Identities {
  /** The kinds that a code can be sent to. */
  readonly kinds: readonly CodeKind[];
  /** Whether somebody with a proved identifier and no account may make one. */
  readonly signUp: boolean;
  /**
   * Sends a code. What it answers, and how long that takes, is the same whether or not an account has the identifier: a code is sent in
   * either case.
   */
  sendCode(request: {
    readonly kind: CodeKind;
    readonly to: string;
    readonly device: string;
    readonly remoteAddress: string;
  }): Promise<{ readonly challenge: string; readonly digits: number; readonly expiresAt: number; readonly resendAt: number }>;
  /** Trades a challenge and its code for a proof, and says to whom it belongs: that is told to nobody but who holds the identifier. */
  checkCode(request: { readonly challenge: string; readonly code: string; readonly remoteAddress: string }): Promise<{
    readonly proof: string;
    readonly expiresAt: number;
    readonly identifier: Identifier & { readonly kind: CodeKind };
    readonly account: AccountRecord | undefined;
  }>;
  /** A proof for an identifier that was proved in another way than by a code. */
  prove(identifier: Identifier & { readonly label: string; readonly device: string }): Promise<{
    readonly proof: string;
    readonly expiresAt: number;
    readonly account: AccountRecord | undefined;
  }>;
  /** Whether an account has the identifier. */
  has(identifier: Identifier): Promise<boolean>;
  /** A new account for a proved identifier that no account has; signed in on the device that proved it. */
  signUpWith(request: {
    readonly proof: string;
    readonly localpart: string;
    readonly mechanism: string;
    readonly remoteAddress: string;
  }): Promise<DeviceSignIn>;
  /** Signs the device in that proved the identifier of an account; the account's other devices are told. */
  signInWith(request: { readonly proof: string; readonly mechanism: string; readonly deviceName: string }): Promise<DeviceSignIn>;
}
export const identities = defineService<Identities>('identity.identities');
