import type { UserSnapshot } from './types.ts';

/** This device shows a code and waits to be let in. */
export interface LinkRequest {
  /** Eight letters and digits, for the person; show them in two groups of four. */
  readonly code: string;
  /** Milliseconds since 1970; then ask for another one. */
  readonly expiresAt: number;
  /** Resolves when a device of the account has confirmed: this one is signed in. Rejects with `code-expired`, `not-allowed` (declined) or `cancelled`. */
  readonly linked: Promise<UserSnapshot>;
  cancel(): void;
}

/** Who asks to be linked. Show it before `confirm`: whoever shows the code gets into the account. */
export interface LinkCandidate {
  readonly code: string;
  /** What the device says of itself. */
  readonly name: string;
  /** The network that it asks from. */
  readonly place: string;
  /** Milliseconds since 1970. */
  readonly askedAt: number | undefined;
}

/** Letting a new device in from one that is signed in. Errors: `not-supported`, `rate-limited`, `not-found` (nobody shows this code), `invalid-argument`, `offline`. */
export interface Linking {
  /** Whether this server has it; false when it cannot be asked. */
  offered(): Promise<boolean>;
  /** For a new device. `deviceName` is what the person reads on the other one. */
  request(deviceName: string): Promise<LinkRequest>;
  /** For a device that is signed in: who shows this code. */
  look(code: string): Promise<LinkCandidate>;
  confirm(code: string): Promise<void>;
  decline(code: string): Promise<void>;
}
