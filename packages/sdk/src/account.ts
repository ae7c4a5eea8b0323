import type { KeptKeys } from './connection/sign-in.ts';

/** What the store keeps of the account; never the password. */
export interface KeptAccount {
  readonly username: string;
  readonly domain: string;
  /** Null after a sign-in with a code, and for servers that know PLAIN alone: such an account must sign in again after a reload. */
  readonly keys: KeptKeys | null;
  /** Signed in with a code: the token of this device is the way back. */
  readonly byToken?: boolean;
}
