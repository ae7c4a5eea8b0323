import { defineService, type Session } from '@parley/core';

/** Lent by the csi feature: whether somebody looks at a client (XEP-0352). Never told to others (§6). */
export interface ClientStates {
  /** The client has said that nobody looks. */
  isInactive(session: Session): boolean;
  /** Called when a client has said something else than before; answers the undo. */
  onChange(changed: (session: Session) => void): () => void;
}
export const clientStates = defineService<ClientStates>('client-states');
