/**
 * React hooks over `@parley/sdk`. Each hook watches one entity through `useSyncExternalStore`, so that a component renders
 * only when what it shows has changed:
 *
 *     <ChatProvider client={chat}> … const { items } = useMessages(useConversation('bob')) … </ChatProvider>
 */

export type { ConversationView, MessagesView, UploadView } from './hooks.ts';
export {
  useChatEvent,
  useConnection,
  useContacts,
  useConversation,
  useConversations,
  useFeatures,
  useMembers,
  useMessages,
  usePresence,
  useTyping,
  useUpload,
  useUser,
} from './hooks.ts';
export type { ChatProviderProps } from './provider.ts';
export { ChatProvider, useChat } from './provider.ts';
