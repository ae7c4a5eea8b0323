/**
 * The framework-free core. Applications import `@parley/sdk/browser` or `@parley/sdk/node`, which add the platform:
 *
 *     import { ChatClient, indexedDbStore } from '@parley/sdk/browser';
 *     const chat = ChatClient.create({ server: 'https://chat.example.com', store: indexedDbStore() });
 *     await chat.signIn({ username: 'ann', password });
 *     const { sent } = await chat.conversation('bob').send('hi');
 */

export type * from './code-types.ts';
export { createClient } from './create.ts';
export type { ChatErrorCode } from './errors.ts';
export { ChatError } from './errors.ts';
export type * from './link-types.ts';
export type * from './passkey-types.ts';
export { fetchProfileName, MAX_PROFILE_NAME_LENGTH, publishProfileName } from './people/profile.ts';
export type * from './platform.ts';
export type * from './social-types.ts';
export { memoryStore } from './store/memory.ts';
export type * from './store/store.ts';
export type * from './types.ts';
