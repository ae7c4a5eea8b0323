import { defineService } from '@parley/core';
import type { AccountRecord, Awaitable } from '@parley/storage';
import type { Element } from '@parley/xml';

export { hex } from './rules.ts';

/** Who may see something of an account: anyone with an account, or those who may see its presence. */
export type Readers = 'anyone' | 'contacts';

export interface CardChange {
  readonly account: AccountRecord;
  readonly card: Element;
  readonly photo: CardPhoto | undefined;
  /** Another picture than before, or none any more. */
  readonly photoChanged: boolean;
}
export interface CardPhoto {
  readonly bytes: Uint8Array;
  /** MIME type as the card says, '' when it does not. */
  readonly type: string;
  /** SHA-1 in lower-case hexadecimal. */
  readonly hash: string;
}

/** Lent by the vcard feature: the vCard (XEP-0054) of each account, to be kept in step with what says the same elsewhere. */
export interface Vcards {
  /** Who may read vCards on this server. */
  readonly readers: Readers;
  card(account: AccountRecord): Awaitable<Element | undefined>;
  /** Writes the card for its owner; joins the group commit. `photoFor`: who may see its picture. `onChanged` is not called. */
  write(account: AccountRecord, card: Element, photoFor: Readers): Awaitable<void>;
  /** Who may see the picture of the card. */
  photoFor(account: AccountRecord): Awaitable<Readers>;
  /** Called when a client has set its card, before the commit: what is written is durable together with it. */
  onChanged(handle: (change: CardChange) => Awaitable<void>): void;
}
export const vcards = defineService<Vcards>('vcards');
