import { defineService } from '@parley/core';
import type { DeviceSignIn } from '../identity/service.ts';

/** Why a device was not linked; `message` is a sentence for the person. */
export class LinkError extends Error {
  readonly code: 'bad-device' | 'too-many' | 'expired' | 'declined';
  readonly retryAfterMs: number | undefined;
  constructor(code: LinkError['code'], message: string, retryAfterMs?: number) {
    super(message);
    this.name = 'LinkError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Letting a new device in from one that is signed in. Both reject with LinkError. */
export interface Linking {
  /**
   * A new device asks. `code` is for the person to type, or read from the screen, on a device that is signed in; `ticket` is the new device's own, and
   * only with it what comes of the code can be had.
   */
  ask(request: { readonly device: string; readonly name: string; readonly mechanism: string; readonly remoteAddress: string }): {
    readonly code: string;
    readonly ticket: string;
    /** ms since 1970 */
    readonly expiresAt: number;
  };
  /** Resolves when a device has confirmed, or with undefined after a while: ask again then. Rejects when it was declined, or is over. */
  wait(
    ticket: string,
    signal: { readonly aborted: boolean; addEventListener(type: 'abort', run: () => void): void },
  ): Promise<DeviceSignIn | undefined>;
}
export const linking = defineService<Linking>('linking');
