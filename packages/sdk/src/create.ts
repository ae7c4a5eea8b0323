import { Client } from './client.ts';
import type { ChatClient, CoreClientOptions } from './types.ts';

/** Makes a client for a platform. Applications use `ChatClient.create` of `@parley/sdk/browser` or `@parley/sdk/node`. */
export function createClient(options: CoreClientOptions): ChatClient {
  return new Client(options);
}
