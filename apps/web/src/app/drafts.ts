/** What was typed and not sent, per chat, on this device only. */
import { useSyncExternalStore } from 'react';

const KEY = 'parley.drafts';
const MOST_DRAFTS = 200;
const listeners = new Set<() => void>();

function load(): Map<string, string> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    if (!Array.isArray(stored)) return new Map();
    return new Map(
      stored.filter(
        (entry): entry is [string, string] => Array.isArray(entry) && typeof entry[0] === 'string' && typeof entry[1] === 'string',
      ),
    );
  } catch {
    return new Map();
  }
}

const drafts = load();
let saving: number | undefined;

function save(): void {
  saving = undefined;
  try {
    localStorage.setItem(KEY, JSON.stringify([...drafts].slice(-MOST_DRAFTS)));
  } catch {
    // Kept until the tab closes.
  }
}

addEventListener('pagehide', save);

/** The draft of a chat, or ''. */
export const draftOf = (chat: string): string => drafts.get(chat) ?? '';

/** Keeps what was typed; '' forgets it. Written to the disk a little later, not on every key. */
export function keepDraft(chat: string, text: string): void {
  if (draftOf(chat) === text) return;
  drafts.delete(chat);
  if (text.trim() !== '') drafts.set(chat, text);
  if (saving === undefined) saving = window.setTimeout(save, 400);
  for (const listener of listeners) listener();
}

/** Forgets all drafts (at sign-out). */
export function clearDrafts(): void {
  drafts.clear();
  save();
}

/** The draft of a chat; the component follows it. */
export function useDraft(chat: string): string {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => draftOf(chat),
  );
}
