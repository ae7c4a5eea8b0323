import type { UserSnapshot } from './types.ts';

/**
 * Passkeys, in browsers that have them, at servers where browsers allow them. Errors: `not-supported`, `cancelled` (the person, or no passkey was there),
 * `not-allowed` (it opens no account here), `code-expired` (it took too long), `rate-limited`, `offline`.
 */
export interface Passkeys {
  /** Whether this browser and this server have them. False when the server cannot be asked. */
  offered(): Promise<boolean>;
  /** Signs in to the account that the person chooses in their authenticator. `deviceName` is what its other devices read. */
  signIn(deviceName?: string): Promise<UserSnapshot>;
  /** Makes a passkey for the account that is signed in. `label`: how the person will recognise it. */
  add(label: string): Promise<void>;
}
