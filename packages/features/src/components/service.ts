import { type AttachedComponent, type ComponentLink, defineService } from '@parley/core';
import type { Jid } from '@parley/protocol';
import type { Stanza } from '@parley/xml';

/** Lent to the transport of components, and to who has something for one. */
export interface Components {
  /** The domains that are served. */
  readonly domains: readonly string[];
  /**
   * Hands a component something in the name of `from`, which is an address of an account or of a device. Throws StanzaError when the
   * component is not there and the stanza wants an answer.
   */
  send(stanza: Stanza, from: Jid, to: Jid): void;
  /** Whether the component is connected. */
  connected(domain: string): boolean;
  /** Takes the place of a stream of the same component that is still there. `domain` must be one of those above. */
  attach(domain: string, link: ComponentLink): AttachedComponent;
  /** Ends the streams: the server stops. */
  close(): void;
}
export const components = defineService<Components>('components');
