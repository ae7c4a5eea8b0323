import { defineService } from '@parley/core';
import type { AccountRecord, Awaitable } from '@parley/storage';
import type { Element } from '@parley/xml';

/** Keeps one kind of element somewhere else. */
export interface PrivateKeeper {
  get(account: AccountRecord): Awaitable<Element | undefined>;
  /** Throw a StanzaError to refuse. */
  set(account: AccountRecord, element: Element): Awaitable<void>;
}
/** Lent by the private-storage feature (XEP-0049). */
export interface PrivateStorage {
  /** From now on elements of this name and namespace are kept by that. */
  delegate(name: string, ns: string, keeper: PrivateKeeper): void;
}
export const privateStorage = defineService<PrivateStorage>('private-storage');
