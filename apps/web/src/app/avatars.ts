/** Brings the pictures that the SDK has and finds onto the page. */
import { useChat, useConnection, useFeatures } from '@parley/sdk-react';
import { useEffect } from 'react';
import { setPicture } from '../ui/pictures.ts';

/** While signed in: shows the pictures that are kept here, asks for those of contacts once a session, follows changes. */
export function useAvatars(): void {
  const chat = useChat();
  const { avatars } = useFeatures();
  const { state, syncing } = useConnection();
  const settled = state === 'online' && !syncing && avatars;
  useEffect(() => {
    let wanted = true;
    const show = async (id: string): Promise<void> => {
      const file = await chat.avatars.get(id);
      // A Blob of our own: what the store gives may be anything that has bytes.
      const url = file === undefined ? undefined : URL.createObjectURL(new Blob([await file.arrayBuffer()], { type: file.type }));
      if (wanted) setPicture(id, url);
      else if (url !== undefined) URL.revokeObjectURL(url);
    };
    const everybody = (): string[] => {
      const own = chat.user.snapshot()?.id;
      const ids = [...chat.contacts.snapshot().contacts, ...chat.conversations.snapshot()].map(({ id }) => id);
      return [...new Set(own === undefined ? ids : [own, ...ids])];
    };
    const showAll = async (): Promise<void> => {
      for (const id of everybody()) await show(id);
    };
    showAll().catch((error: unknown) => console.warn('Pictures could not be read.', error));
    const ends = [
      chat.on('avatar.changed', ({ id }) => void show(id).catch(() => undefined)),
      chat.on('contact.added', ({ contact }) => void chat.avatars.ask([contact.id])),
    ];
    return () => {
      wanted = false;
      for (const end of ends) end();
    };
  }, [chat]);
  useEffect(() => {
    if (!settled) return;
    const own = chat.user.snapshot()?.id;
    const people = chat.conversations.snapshot().filter(({ type }) => type === 'direct');
    const ids = [...people, ...chat.contacts.snapshot().contacts].map(({ id }) => id);
    void chat.avatars.ask([...new Set(own === undefined ? ids : [own, ...ids])]);
  }, [chat, settled]);
}
