/** What the app adds to the hooks of @parley/sdk-react: the session with its store, files on their way out, errors in words. */
import { type Attachment, type ChatClient, ChatError, type ChatStore, type Message } from '@parley/sdk';
import { useChat } from '@parley/sdk-react';
import { createContext, useContext, useEffect, useState } from 'react';

/** A signed-in client with the store it keeps its messages in. */
export interface Session {
  readonly chat: ChatClient;
  readonly store: ChatStore;
}

/** Holds the {@link Session} of the page. */
export const SessionContext = createContext<Session | undefined>(undefined);

/** The session; only inside of the signed-in part. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === undefined) throw new Error('useSession is used outside of SessionContext');
  return session;
}

/** Pictures of this device's own files, by message: kept while the page lives, so that nothing blinks when an upload ends. */
const localPictures = new Map<string, string>();
const MOST_LOCAL_PICTURES = 60;

function keepPicture(messageId: string, url: string): void {
  localPictures.set(messageId, url);
  const oldest = localPictures.keys().next().value;
  if (localPictures.size <= MOST_LOCAL_PICTURES || oldest === undefined) return;
  URL.revokeObjectURL(localPictures.get(oldest) ?? '');
  localPictures.delete(oldest);
}

/** The address of the file as this device has it, for attachments on their way out. */
export function useLocalFile(messageId: string, attachment: Attachment | undefined): string | undefined {
  const chat = useChat();
  const [, found] = useState(0);
  const uploadId = attachment?.uploadId;
  useEffect(() => {
    if (uploadId === undefined || localPictures.has(messageId)) return;
    let wanted = true;
    chat
      .localFile(uploadId)
      .then((file) => {
        if (!wanted || localPictures.has(messageId) || !(file instanceof Blob)) return;
        keepPicture(messageId, URL.createObjectURL(file));
        found((n) => n + 1);
      })
      .catch((error: unknown) => console.warn('The file of a waiting message could not be read.', error));
    return () => {
      wanted = false;
    };
  }, [chat, messageId, uploadId]);
  return localPictures.get(messageId);
}

/** How many messages of this device wait for the server. */
export function useOutboxCount(): number {
  const { chat, store } = useSession();
  const [count, setCount] = useState(0);
  useEffect(() => {
    let wanted = true;
    const ask = (): void => {
      store
        .queued()
        .then((queued) => {
          // Reactions and corrections wait as well, but are no messages.
          if (wanted) setCount(queued.filter(({ operation }) => operation === undefined).length);
        })
        .catch(() => undefined);
    };
    ask();
    const mine = ({ message }: { readonly message: Message }): void => {
      if (message.mine) ask();
    };
    const ends = [
      chat.on('message.new', mine),
      chat.on('message.status', mine),
      chat.on('message.failed', mine),
      chat.on('upload.failed', ask),
      chat.on('connection.changed', ask),
    ];
    return () => {
      wanted = false;
      for (const end of ends) end();
    };
  }, [chat, store]);
  return count;
}

/** An error as a sentence for the person at the screen. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof ChatError)) return 'Something went wrong. Please try again.';
  switch (error.code) {
    case 'wrong-credentials':
      return 'The user name or the password is not right.';
    case 'account-exists':
      return 'This user name is taken. Please choose another one.';
    case 'registration-closed':
      return 'This server does not let people create accounts themselves. Please ask whoever runs it.';
    case 'rate-limited':
      return error.retryAfterMs === undefined
        ? 'Too many tries. Please wait a while.'
        : `Too many tries. Please try again in ${Math.max(1, Math.ceil(error.retryAfterMs / 60_000))} min.`;
    case 'session-expired':
      return 'Your session has ended. Please sign in again.';
    case 'insecure-connection':
    case 'insecure-context':
      return 'This page was loaded without encryption. Please open it with https://.';
    case 'offline':
    case 'connection-lost':
      return 'There is no connection to the server. Please check your network.';
    case 'timeout':
      return 'The server did not answer in time. Please try again.';
    case 'not-found':
      return error.message.includes('message') ? 'This message is not on this device.' : 'There is nobody by this name.';
    case 'wrong-code':
    case 'code-expired':
      return error.message;
    case 'invalid-address':
      return 'This is not a user name or an address.';
    case 'too-large':
      return error.maxBytes === undefined
        ? 'The file is larger than the server takes.'
        : `The file is too large: the server takes up to ${Math.floor(error.maxBytes / 1_000_000)} MB.`;
    case 'store-failed':
      return 'This browser could not keep the data. Is the disk full, or is this a private window?';
    default:
      return error.message;
  }
}
