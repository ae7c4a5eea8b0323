import type { ChatClient } from '@parley/sdk';
import { createContext, createElement, type ReactElement, type ReactNode, useContext } from 'react';

const ChatContext = createContext<ChatClient | undefined>(undefined);

export interface ChatProviderProps {
  /** Made once, outside of components: mounting twice (StrictMode) must not make two connections. */
  readonly client: ChatClient;
  readonly children?: ReactNode;
}

/** Gives the client to the hooks below it. It neither connects nor closes. */
export function ChatProvider({ client, children }: ChatProviderProps): ReactElement {
  return createElement(ChatContext.Provider, { value: client }, children);
}

/** The client. Throws outside of a `ChatProvider`. */
export function useChat(): ChatClient {
  const client = useContext(ChatContext);
  if (client === undefined) throw new Error('Put a <ChatProvider client={…}> around the components that use the chat');
  return client;
}
