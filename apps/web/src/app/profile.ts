/** Names that people give to themselves: the own one, and those of contacts who have no name in the list yet. */
import { type ChatClient, fetchProfileName, publishProfileName } from '@parley/sdk';
import { useChat, useConnection } from '@parley/sdk-react';
import { useEffect, useState, useSyncExternalStore } from 'react';

const KEY = 'parley.profile-name';
/** Contacts asked for their name at one start; the others come next time. */
const MOST_ASKED = 60;
const listeners = new Set<() => void>();

function read(): string {
  try {
    return localStorage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}

let own = read();

/** Keeps the own name on this device, so that it is there without a network; '' forgets it. */
export function keepOwnName(name: string): void {
  if (name === own) return;
  own = name;
  try {
    if (name === '') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, name);
  } catch {
    // Kept until the tab closes.
  }
  for (const listener of listeners) listener();
}

/** The own profile name, or ''. */
export function useOwnName(): string {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => own,
  );
}

/** Publishes the own name and keeps it. */
export async function saveOwnName(chat: ChatClient, name: string): Promise<void> {
  await publishProfileName(chat, name);
  keepOwnName((await fetchProfileName(chat)) ?? '');
}

/** A contact without a name of our choice gets the one they chose for themselves. */
async function introduce(chat: ChatClient, id: string): Promise<void> {
  const nameless = (): boolean => chat.contacts.get(id)?.name === id.split('@')[0];
  if (!nameless()) return;
  const name = await fetchProfileName(chat, id);
  if (name !== undefined && nameless() && name !== id.split('@')[0]) await chat.contacts.rename(id, name);
}

/** While signed in: learns the own name once, and the names of contacts as they come. Losing the network meanwhile only delays it. */
export function useIntroductions(): void {
  const chat = useChat();
  const { state, syncing } = useConnection();
  const settled = state === 'online' && !syncing;
  useEffect(() => {
    if (!settled) return;
    let wanted = true;
    const all = async (): Promise<void> => {
      keepOwnName((await fetchProfileName(chat)) ?? '');
      for (const { id } of chat.contacts.snapshot().contacts.slice(0, MOST_ASKED)) if (wanted) await introduce(chat, id);
    };
    all().catch(() => undefined);
    const end = chat.on('contact.added', ({ contact }) => void introduce(chat, contact.id).catch(() => undefined));
    return () => {
      wanted = false;
      end();
    };
  }, [chat, settled]);
}

/** The name somebody gave to themselves, once the server has told; for people who are no contacts yet. */
export function useProfileName(id: string): string | undefined {
  const chat = useChat();
  const [name, setName] = useState<string>();
  useEffect(() => {
    let wanted = true;
    fetchProfileName(chat, id)
      .then((found) => {
        if (wanted) setName(found);
      })
      .catch(() => undefined);
    return () => {
      wanted = false;
    };
  }, [chat, id]);
  return name;
}
