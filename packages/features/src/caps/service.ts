import { defineService, type Session } from '@parley/core';

/** Lent by the caps feature: what clients are able to do and want (XEP-0115). */
export interface ClientCaps {
  /** Nodes whose events the client wants: its features that end in `+notify`, without that (XEP-0060 §9.2). Empty until it was asked. */
  interestsOf(session: Session): ReadonlySet<string>;
  /**
   * Told when an available session wants events of nodes it did not want before: `added` is never empty. `first` is true for its
   * first caps since it became available.
   */
  onInterests(handle: (session: Session, added: ReadonlySet<string>, first: boolean) => void): void;
}
export const clientCaps = defineService<ClientCaps>('client-caps');
