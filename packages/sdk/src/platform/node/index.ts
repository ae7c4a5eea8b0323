/** The SDK for Node: TCP and WebSocket, SQLite. */
import { createClient } from '../../create.ts';
import type { ChatClient as Client, ClientOptions } from '../../types.ts';
import { nodePlatform } from './platform.ts';

export * from '../../index.ts';
export { nodePlatform } from './platform.ts';
export { sqliteStore } from './sqlite-store.ts';

export type ChatClient = Client;
export const ChatClient = {
  /** A client; it does nothing until `connect`, `signIn` or `register`. */
  create(options: ClientOptions): ChatClient {
    return createClient({ ...options, platform: nodePlatform() });
  },
};
