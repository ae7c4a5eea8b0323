/** Accounts by a sign-in at another provider (Google, Apple, a company's own …). */
import type { CodeProof } from './code-types.ts';

/** Who signs people in elsewhere. */
export interface SocialProvider {
  readonly id: string;
  /** For a button: "Continue with …". */
  readonly name: string;
}

/** An attempt that has begun. Plain data: keep it (sessionStorage) while the browser is at the provider. */
export interface SocialFlow {
  readonly provider: string;
  /** Where the browser goes. It comes back to `/sign-in/<provider>` of the server's page. */
  readonly url: string;
  /** Comes back as `state` in the address: tells attempts apart. */
  readonly state: string;
  /** The server's own memory of it; opaque. */
  readonly flow: string;
  /** The id under which this device will sign in. */
  readonly device: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** The provider has said who somebody is. Used as that of a code: `codes.signUp`, `codes.signIn`, `codes.add`. */
export interface SocialProof extends CodeProof {
  readonly provider: string;
  /** How the person may recognise it: an address, or a name. */
  readonly label: string;
  /** No account has this sign-in, but one has its e-mail address: its owner should sign in there, and add this. */
  readonly sameEmail: boolean;
}

/** Errors: `not-supported`, `rate-limited`, `code-expired` (the attempt is over), `not-allowed` (refused there), `server-error`. */
export interface Social {
  /** The providers of this server; empty when it has none, or cannot be asked. */
  offered(): Promise<readonly SocialProvider[]>;
  begin(provider: string): Promise<SocialFlow>;
  /** Trades the address with which the browser came back. */
  finish(flow: SocialFlow, address: string): Promise<SocialProof>;
}
