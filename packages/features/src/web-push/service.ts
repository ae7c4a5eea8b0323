import { defineService } from '@parley/core';
import type { Registration } from './rules.ts';

/** What an export has of a registration: what it takes to tell the device. */
export type TransferredRegistration = Pick<Registration, 'device' | 'endpoint' | 'p256dh' | 'auth' | 'content' | 'since'>;

/** Lent to the export and import of a whole server. The keys in it are secrets of the devices. */
export interface RegistrationTransfer {
  of(account: number): readonly TransferredRegistration[];
  /** Answers why it was not taken, in a sentence; undefined when it was. */
  restore(account: number, registration: TransferredRegistration): string | undefined;
}
export const registrationTransfer = defineService<RegistrationTransfer>('web-push-registrations');
