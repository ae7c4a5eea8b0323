import type {
  ChatEventName,
  ChatEvents,
  ConnectionSnapshot,
  ContactsSnapshot,
  Conversation,
  ConversationSnapshot,
  GroupMember,
  MessageList,
  MessageListOptions,
  MessageListSnapshot,
  Observable,
  PresenceSnapshot,
  ServerFeatures,
  Upload,
  UploadSnapshot,
  UserSnapshot,
} from '@parley/sdk';
import { useEffect, useEffectEvent, useMemo, useSyncExternalStore } from 'react';
import { useChat } from './provider.ts';

function useObservable<T>(source: Observable<T>): T {
  return useSyncExternalStore(source.subscribe, source.snapshot, source.snapshot);
}

/** Connection state. */
export function useConnection(): ConnectionSnapshot {
  return useObservable(useChat().connection);
}

/** The account on this device, undefined before sign-in. */
export function useUser(): UserSnapshot | undefined {
  return useObservable(useChat().user);
}

/** All conversations with messages, newest first. */
export function useConversations(): readonly ConversationSnapshot[] {
  return useObservable(useChat().conversations);
}

/** A conversation to act on, with its current state. `conversation` is the same object for the same id. */
export interface ConversationView {
  readonly conversation: Conversation;
  readonly state: ConversationSnapshot;
}

export function useConversation(id: string): ConversationView {
  const conversation = useChat().conversation(id);
  const state = useObservable(conversation);
  return useMemo(() => ({ conversation, state }), [conversation, state]);
}

/** A window on messages: its state, and `list` to load more or to jump. */
export interface MessagesView extends MessageListSnapshot {
  readonly list: MessageList;
}

/** Without options all callers share one window per conversation; with options each component has its own. */
export function useMessages(conversation: Conversation | ConversationView | string, options?: MessageListOptions): MessagesView {
  const chat = useChat();
  const target =
    typeof conversation === 'string'
      ? chat.conversation(conversation)
      : 'conversation' in conversation
        ? conversation.conversation
        : conversation;
  const pageSize = options?.pageSize;
  const maxItems = options?.maxItems;
  const list = useMemo(
    () =>
      pageSize === undefined && maxItems === undefined
        ? target.latest
        : target.messages({ ...(pageSize === undefined ? {} : { pageSize }), ...(maxItems === undefined ? {} : { maxItems }) }),
    [target, pageSize, maxItems],
  );
  const state = useObservable(list);
  return useMemo(() => ({ ...state, list }), [state, list]);
}

const NO_MEMBERS: Observable<undefined> = {
  snapshot: () => undefined,
  subscribe: () => Object.assign(() => undefined, { [Symbol.dispose]: () => undefined }),
};

/** Members of a group, asked while somebody looks; undefined until the answer is there, and for conversations of two. */
export function useMembers(id: string | undefined): readonly GroupMember[] | undefined {
  const chat = useChat();
  const group = id === undefined ? undefined : chat.conversation(id).group;
  return useObservable<readonly GroupMember[] | undefined>(group?.members ?? NO_MEMBERS);
}

/** What the server offers. */
export function useFeatures(): ServerFeatures {
  return useObservable(useChat().features);
}

/** True while the peer of the conversation is writing. */
export function useTyping(id: string): boolean {
  const conversation = useChat().conversation(id);
  const typing = (): boolean => conversation.snapshot().typing;
  return useSyncExternalStore(conversation.subscribe, typing, typing);
}

/** Online state and last seen of a person. */
export function usePresence(id: string): PresenceSnapshot {
  return useObservable(useChat().presence(id));
}

/** Contacts, requests and blocked people. */
export function useContacts(): ContactsSnapshot {
  return useObservable(useChat().contacts);
}

const NO_UPLOAD: Observable<undefined> = {
  snapshot: () => undefined,
  subscribe: () => Object.assign(() => undefined, { [Symbol.dispose]: () => undefined }),
};

/** State of a running upload, and `cancel`. */
export interface UploadView {
  readonly upload: Upload;
  readonly state: UploadSnapshot;
}

/** By `attachment.uploadId`. Undefined when nothing is being uploaded under that id (any more). */
export function useUpload(id: string | undefined): UploadView | undefined {
  const chat = useChat();
  const upload = id === undefined ? undefined : chat.upload(id);
  const state = useObservable<UploadSnapshot | undefined>(upload ?? NO_UPLOAD);
  return useMemo(() => (upload === undefined || state === undefined ? undefined : { upload, state }), [upload, state]);
}

/** Calls `listener` (always the newest one) for each event while the component is mounted. */
export function useChatEvent<E extends ChatEventName>(event: E, listener: (payload: ChatEvents[E]) => void): void {
  const chat = useChat();
  const heard = useEffectEvent(listener);
  useEffect(() => chat.on(event, (payload) => heard(payload)), [chat, event]);
}
