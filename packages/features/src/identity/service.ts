import { defineService } from '@parley/core';
import type { AccountRecord } from '@parley/storage';
import type { LimitState } from './limits.ts';
import type { CodeKind, Identifier } from './rules.ts';

export { MOST_KNOWN } from './known.ts';
export type { LimitState } from './limits.ts';
export { type CodeKind, type Identifier, type IdentifierKind, isDeviceId, joinToken, KINDS, normaliseEmail, tokenParts } from './rules.ts';

/** Why something about an identifier was refused; `message` is a sentence for the person who tried. */
export class IdentityError extends Error {
  readonly code:
    | 'off'
    | 'bad-identifier'
    | 'country-refused'
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

/** One of the ways that a sender of codes has, and how it does. */
export interface SenderWay {
  readonly name: string;
  /** Since the start: messages that it took, codes of these that were typed in, messages that it did not take. */
  readonly sent: number;
  readonly entered: number;
  readonly failed: number;
  /** By its receipts; 0 where it sends none. */
  readonly delivered: number;
  readonly undelivered: number;
  /** From 0 to 1: what decides who is asked first. */
  readonly score: number;
  /** It has failed just now, and is asked last. */
  readonly resting: boolean;
}

/** Carries a code to a person. */
export interface CodeSender {
  readonly kind: CodeKind;
  /**
   * Resolves when the message was taken by whoever carries it on, with the name of the way it went (at most 32 characters; nothing where there
   * is one alone) and whether the code is to be `shown` on the page that asked: for development. Rejects with a reason for the log. Never logs the code.
   */
  send(message: {
    readonly to: string;
    readonly code: string;
    readonly domain: string;
    readonly lifeMs: number;
  }): Promise<{ readonly via: string; readonly shown: boolean } | void>;
  /** A code that went this way was typed in. */
  entered?(via: string): void;
  ways?(): readonly SenderWay[];
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
  /** Where phone numbers without a country code are from (ISO 3166); '' when that is not set. */
  readonly country: string;
  /** Everything that bounds codes, with what it did since the start. */
  limits(): readonly LimitState[];
  /** Somebody was refused in the last hour because a budget for short messages was used up. */
  readonly smsAlarm: boolean;
  /**
   * Sends a code. What it answers, and how long that takes, is the same whether or not an account has the identifier: a code is sent in
   * either case.
   */
  sendCode(request: {
    readonly kind: CodeKind;
    readonly to: string;
    readonly device: string;
    readonly remoteAddress: string;
    /** What this device has been given when it proved identifiers; at most {@link MOST_KNOWN} count. */
    readonly known?: readonly string[];
  }): Promise<{
    readonly challenge: string;
    readonly digits: number;
    readonly expiresAt: number;
    readonly resendAt: number;
    /** The identifier in its one spelling. */
    readonly value: string;
    /** The code itself, where the operator lets it be shown for development. */
    readonly code: string | undefined;
  }>;
  /** Trades a challenge and its code for a proof, and says to whom it belongs: that is told to nobody but who holds the identifier. */
  checkCode(request: { readonly challenge: string; readonly code: string; readonly remoteAddress: string }): Promise<{
    readonly proof: string;
    readonly expiresAt: number;
    readonly identifier: Identifier & { readonly kind: CodeKind };
    readonly account: AccountRecord | undefined;
    /** For this device to keep: strangers who ask for codes for this identifier do not slow it down. */
    readonly known: string;
  }>;
  /** A proof for an identifier that was proved in another way than by a code. */
  prove(identifier: Identifier & { readonly label?: string; readonly device: string }): Promise<{
    readonly proof: string;
    readonly expiresAt: number;
    readonly account: AccountRecord | undefined;
  }>;
  /** The account that has the identifier. */
  owner(identifier: Identifier): Promise<AccountRecord | undefined>;
  /** Gives an identifier to an account; what `also` writes is durable with it. Rejects with `conflict` when another account has it. */
  attach(account: AccountRecord, identifier: Identifier, label: string, also: () => void): Promise<void>;
  /** Whether a proof is of an identifier that this account has, and has had for long enough to decide what cannot be undone. */
  confirms(account: AccountRecord, proof: string): Promise<boolean>;
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
/** An identifier as an export has it. */
export interface TransferredIdentifier extends Identifier {
  /** ms since 1970. */
  readonly provedAt: number;
  readonly label?: string;
}

/** Lent to the export and import of a whole server. */
export interface IdentifierTransfer {
  of(account: AccountRecord): Promise<readonly TransferredIdentifier[]>;
  /** False: it is not as identifiers are written here, or an account of this domain has it. */
  restore(account: AccountRecord, identifier: TransferredIdentifier): Promise<boolean>;
}
export const identifierTransfer = defineService<IdentifierTransfer>('identity.transfer');

export const identities = defineService<Identities>('identity.identities');
