import { defineService } from '@parley/core';
import type { AccountRecord } from '@parley/storage';

/** How tokens of a key are signed: by a secret that both know, or by a key of which this server has the public half. */
export const ALGORITHMS = ['HS256', 'EdDSA', 'ES256', 'RS256'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** A public key, as JSON (RFC 7517). */
export type PublicKey = Readonly<Record<string, unknown>>;

/** A key of somebody else's program, without its secret. */
export interface AppKey {
  /** Stands in the header of its tokens (`kid`). */
  readonly id: string;
  readonly name: string;
  readonly algorithm: Algorithm;
  /** ms since 1970. */
  readonly createdAt: number;
  /** From when it is no longer good, ms since 1970; undefined for one that is not going. */
  readonly endsAt?: number;
}

/** What a token says, its signature being right (RFC 7519). */
export interface AppClaims {
  /** `sub`: the user name. */
  readonly user: string;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Words of `scope` (RFC 8693 §4.2). */
  readonly scope: readonly string[];
  /** The device that it is for, where it says so. */
  readonly device: string | undefined;
}

/** Reads and checks tokens. */
export interface AppTokens {
  /** The id of the key that a token says it was signed with; undefined when it is no token. */
  keyOf(token: string): string | undefined;
  /**
   * What the token says, or why it is refused. Only the algorithm of the key is taken, whatever the token says; `exp`, `iat`, `sub` and `aud` are a must.
   *
   * @param now ms since 1970
   */
  read(
    token: string,
    key: { readonly algorithm: Algorithm; readonly secret: Uint8Array } | { readonly algorithm: Algorithm; readonly publicKey: PublicKey },
    expected: { readonly audience: string; readonly now: number },
  ): Promise<AppClaims | 'expired' | 'refused'>;
  /** The public key in a PEM or JWK text, and how it signs. Throws an Error with a sentence when there is none. */
  publicKey(text: string): Promise<{ readonly algorithm: Algorithm; readonly publicKey: PublicKey }>;
}

/** Why a token opened nothing, or a key was not made; `message` is a sentence. */
export class AppKeyError extends Error {
  readonly code:
    | 'off'
    | 'bad-token'
    | 'expired'
    | 'wrong-device'
    | 'bad-device'
    | 'forbidden'
    | 'no-account'
    | 'bad-name'
    | 'too-many'
    | 'not-found'
    | 'bad-key';
  readonly retryAfterMs: number | undefined;
  constructor(code: AppKeyError['code'], message: string, retryAfterMs?: number) {
    super(message);
    this.name = 'AppKeyError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The keys of a domain, and what their tokens open. All reject with AppKeyError. */
export interface AppKeys {
  /** Whether there is a key that a token could be signed with. */
  readonly inUse: boolean;
  /** Signs a device in for whom a token was signed. */
  signInWith(request: {
    readonly token: string;
    readonly device: string;
    readonly mechanism: string;
    readonly remoteAddress: string;
  }): Promise<{ readonly account: AccountRecord; readonly token: string; readonly mechanism: string; readonly expiresAt: number }>;
  list(): Promise<readonly AppKey[]>;
  /** A key with a secret, which is told here and never again; or for a public key, without. */
  add(name: string, publicKey: string | undefined): Promise<{ readonly key: AppKey; readonly secret: string | undefined }>;
  /** Another secret under another id; the old one is good for `graceMs` more. Only for keys with a secret. */
  rotate(id: string, graceMs: number): Promise<{ readonly key: AppKey; readonly secret: string | undefined }>;
  /** The key is good for nothing from now on. */
  revoke(id: string): Promise<void>;
}
export const appKeys = defineService<AppKeys>('app-keys');
