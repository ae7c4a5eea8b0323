import type { Connection } from './connection/connection.ts';
import type { ConversationState } from './conversations/state.ts';
import type { Cipher } from './messages/pipeline.ts';
import type { Platform } from './platform.ts';
import type { ChatStore } from './store/store.ts';
import type { ChatEventName, ChatEvents, ServerFeatures } from './types.ts';

/** What the rooms of the SDK share. Implemented by the client; not public. */
export interface Context {
  readonly platform: Platform;
  readonly store: ChatStore;
  readonly connection: Connection;
  readonly cipher: Cipher;
  /** Own bare address; empty before sign-in. */
  readonly me: string;
  /** Domain of the account. */
  readonly domain: string;
  /** Milliseconds since 1970, by the server's clock as well as it is known. */
  now(): number;
  features(): ServerFeatures;
  /** Something was stored that disappears. */
  expiring(): void;
  newId(): string;
  emit<E extends ChatEventName>(event: E, payload: ChatEvents[E]): void;
  /** Reports an error nobody waits for. */
  report(error: unknown): void;
  conversationState(id: string): ConversationState;
  conversationsChanged(states: readonly ConversationState[]): void;
  tellOtherTabs(conversationIds: readonly string[]): void;
  /** The peer may know that we are here: a contact who sees our presence, or somebody we have written to (XEP-0184 §5.3). */
  mayKnow(state: ConversationState): boolean;
}
