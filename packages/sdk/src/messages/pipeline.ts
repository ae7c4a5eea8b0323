import type { Element } from '@parley/xml';

/**
 * The place of end-to-end encryption: encode → seal → send, receive → open → decode. Everything that leaves or enters the
 * outbox and the archive passes here, so that a cipher needs no change elsewhere.
 */
export interface Cipher {
  /** Wraps the content elements of a message to `conversationId`. */
  seal(content: readonly Element[], conversationId: string): readonly Element[];
  /** The stanza with its content in the clear. */
  open(stanza: Element): Element;
}

/** No encryption beyond that of the connection. */
export const plainText: Cipher = {
  seal: (content) => content,
  open: (stanza) => stanza,
};
