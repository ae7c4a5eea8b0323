/** The SDK for browsers: WebSocket, WebCrypto, IndexedDB. */
import { createClient } from '../../create.ts';
import type { ChatClient as Client, ClientOptions } from '../../types.ts';
import { browserPlatform } from './platform.ts';

export * from '../../index.ts';
export { indexedDbStore } from './indexed-db-store.ts';
export { browserPlatform } from './platform.ts';

export type ChatClient = Client;
export const ChatClient = {
  /** A client; it does nothing until `connect`, `signIn` or `register`. */
  create(options: ClientOptions): ChatClient {
    return createClient({ ...options, platform: browserPlatform() });
  },
};
