/** Short notices at the lower edge: what went wrong with something the person just did. */
import { type ReactElement, useSyncExternalStore } from 'react';
import { Icon } from '../ui/Icon.tsx';
import { sentenceOf } from './sdk.ts';

interface Toast {
  readonly id: number;
  readonly text: string;
}

const SHOWN_MS = 7000;
let toasts: readonly Toast[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

/** Shows a sentence for a while. */
export function toast(text: string): void {
  const id = nextId++;
  set([...toasts.filter((other) => other.text !== text), { id, text }].slice(-3));
  setTimeout(() => set(toasts.filter((other) => other.id !== id)), SHOWN_MS);
}

/** Runs something a person asked for; what goes wrong becomes a notice. True when it went well. */
export async function attempt(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    toast(sentenceOf(error));
    return false;
  }
}

/** Where the notices appear. */
export function Toasts(): ReactElement {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="status">
      {shown.map(({ id, text }) => (
        <div key={id} className="toast">
          <span>{text}</span>
          <button type="button" className="icon-button" aria-label="Close" onClick={() => set(toasts.filter((other) => other.id !== id))}>
            <Icon name="close" size={18} />
          </button>
        </div>
      ))}
    </div>
  );
}
