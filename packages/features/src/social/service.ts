import { defineService } from '@parley/core';
import type { AccountRecord } from '@parley/storage';

/** What a provider says of a person. */
export interface SocialPerson {
  /** Never changes, and is nobody else's at this provider. */
  readonly subject: string;
  /** Only an address of which the provider says that it was verified. */
  readonly email: string | undefined;
  /** What the provider calls the person; for people to read. */
  readonly name: string | undefined;
}

/** One attempt, as the provider sees it (RFC 6749, RFC 7636, OpenID Connect Core). */
export interface SocialAttempt {
  /** Where the provider sends the browser back to. */
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** Why a provider did not say who somebody is. */
export class ProviderError extends Error {
  /** `down`: it does not answer as it should. `refused`: the person or the provider said no, or what came back does not fit the attempt. */
  readonly code: 'down' | 'refused';
  constructor(code: ProviderError['code'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ProviderError';
    this.code = code;
  }
}

/** Who signs people in elsewhere. Both reject with ProviderError. */
export interface SocialProviders {
  readonly list: ReadonlyArray<{ readonly id: string; readonly name: string }>;
  /** Where the browser goes to. */
  authorize(provider: string, attempt: SocialAttempt): Promise<string>;
  /** Trades what the browser came back with. `callback`: the query of the address, without the question mark. */
  redeem(provider: string, attempt: SocialAttempt, callback: string): Promise<SocialPerson>;
}

/** Why nobody was proved; `message` is a sentence for the person. */
export class SocialError extends Error {
  readonly code: 'off' | 'bad-device' | 'too-many' | 'expired' | 'refused' | 'provider-down';
  readonly retryAfterMs: number | undefined;
  constructor(code: SocialError['code'], message: string, options: { readonly retryAfterMs?: number; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SocialError';
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Signing in by an account at another provider. Both reject with SocialError. */
export interface SocialSignIn {
  readonly providers: SocialProviders['list'];
  /**
   * Begins. `flow` is what the server would have to remember; the browser brings it back with what the provider gave it.
   *
   * @param origin where browsers reach this server
   */
  begin(request: { readonly provider: string; readonly device: string; readonly origin: string; readonly remoteAddress: string }): Promise<{
    readonly url: string;
    readonly flow: string;
    /** Tells attempts of one browser apart: it comes back in the address. */
    readonly state: string;
    readonly expiresAt: number;
  }>;
  finish(request: { readonly flow: string; readonly callback: string; readonly remoteAddress: string }): Promise<{
    /** As that of a code: makes an account, signs in, or is added to an account. */
    readonly proof: string;
    readonly expiresAt: number;
    readonly provider: string;
    readonly value: string;
    /** How the person may recognise it. */
    readonly label: string;
    readonly account: AccountRecord | undefined;
    /** No account has this sign-in, but one has the e-mail address that the provider has verified: its owner should sign in there, and add this. */
    readonly sameEmail: boolean;
  }>;
}
export const socialSignIn = defineService<SocialSignIn>('social.sign-in');
