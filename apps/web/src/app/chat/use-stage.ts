import { type Dispatch, type SetStateAction, useCallback, useSyncExternalStore } from 'react';
import type { Staged } from '../media/Stage.tsx';

/** Staged files survive a look into another chat; they live as long as the page. */
const stages = new Map<string, readonly Staged[]>();
const listeners = new Set<() => void>();
const EMPTY: readonly Staged[] = [];

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The files staged in a chat, and how to change them. */
export function useStage(chat: string): readonly [readonly Staged[], Dispatch<SetStateAction<readonly Staged[]>>] {
  const items = useSyncExternalStore(subscribe, () => stages.get(chat) ?? EMPTY);
  const change = useCallback<Dispatch<SetStateAction<readonly Staged[]>>>(
    (action) => {
      const next = typeof action === 'function' ? action(stages.get(chat) ?? EMPTY) : action;
      if (next.length === 0) stages.delete(chat);
      else stages.set(chat, next);
      for (const listener of listeners) listener();
    },
    [chat],
  );
  return [items, change];
}

/** Forgets everything staged (at sign-out). */
export const clearStages = (): void => stages.clear();
