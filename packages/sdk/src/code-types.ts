/** Accounts by an e-mail address or a phone number that is proved with a code, instead of a password. */
import type { UserSnapshot } from './types.ts';

/** What a server can send a code to. */
export type CodeKind = 'email' | 'phone';

/** A code is on its way. Plain data: keep it while the person looks for the message, also over a reload. */
export interface CodeChallenge {
  readonly kind: CodeKind;
  /** As the server writes it: a phone number in E.164, whatever was typed. */
  readonly to: string;
  /** The server's own memory of it; opaque. */
  readonly challenge: string;
  /** The id under which this device will sign in. */
  readonly device: string;
  readonly digits: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** From when another code may be asked for, milliseconds since 1970. */
  readonly resendAt: number;
  /** The code itself, from a server that has it shown for development; else undefined. */
  readonly shown: string | undefined;
}

/** The address is proved. */
export interface CodeProof {
  readonly proof: string;
  readonly device: string;
  readonly kind: CodeKind | 'social';
  /** The address as the server writes it. */
  readonly value: string;
  /**
   * Keep it on this device, beside the account, and give it to the next {@link Codes.send}: strangers who ask for codes to this address
   * do not slow this device down then. It says nothing to anybody else, and signs nobody in.
   */
  readonly known?: string | undefined;
  /** The account that has it; undefined when nobody has. */
  readonly userId: string | undefined;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** An address of the account that is signed in. */
export interface Identifier {
  readonly kind: string;
  readonly value: string;
  /** How the person may recognise it, where the value does not say so. */
  readonly label: string;
  /** Milliseconds since 1970. */
  readonly provedAt: number | undefined;
}

/**
 * Needs a server that is reached by HTTP (`https://…`). Errors: `not-supported` (no codes here, or to no such country), `invalid-address`, `rate-limited`, `wrong-code`,
 * `code-expired`, `account-exists`, `registration-closed`, `not-found`, `server-error`.
 */
export interface Codes {
  /** What this server sends codes to, and whether a new account may come of it. Empty when it sends none, or cannot be asked. */
  offered(): Promise<{
    readonly kinds: readonly CodeKind[];
    readonly signUp: boolean;
    /** Where phone numbers without a country code are from (ISO 3166); '' when the server has no such country. */
    readonly phoneCountry: string;
  }>;
  /**
   * Sends a code; says nothing about whether somebody has the address. `to` is an e-mail address, or a phone number in any usual spelling:
   * the server reads it. `known`: what earlier proofs on this device have said, at most five.
   */
  send(kind: CodeKind, to: string, known?: readonly string[]): Promise<CodeChallenge>;
  /** Trades the code for a proof. `wrong-code` may be tried again; after some tries the code is used up (`code-expired`). */
  check(challenge: CodeChallenge, code: string): Promise<CodeProof>;
  /** Makes an account for an address that nobody has, and signs in with it. */
  signUp(proof: CodeProof, username: string): Promise<UserSnapshot>;
  /** Signs in to the account that has the address; its other devices are told. `deviceName` is what they read. */
  signIn(proof: CodeProof, deviceName?: string): Promise<UserSnapshot>;
  /** Addresses of the account that is signed in. */
  list(): Promise<readonly Identifier[]>;
  /** Makes a proved address one of the account that is signed in. */
  add(proof: CodeProof): Promise<void>;
  remove(identifier: Identifier): Promise<void>;
}
