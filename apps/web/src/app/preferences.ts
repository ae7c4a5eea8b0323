/** Choices of this device that the account need not know. */
import type { MessageStatus, PushContent } from '@parley/sdk';
import { useSyncExternalStore } from 'react';

/** When photos are fetched in full without a click. */
export type AutoDownload = 'always' | 'wifi' | 'never';

/** What can be chosen. */
export interface Preferences {
  readonly autoDownload: AutoDownload;
  /** Notifications of new messages, once the browser allows them. */
  readonly notifications: boolean;
  /** The card that offers notifications was closed. */
  readonly notificationCardClosed: boolean;
  /** Notifications also while Parley is closed, where browser and server can. */
  readonly push: boolean;
  /** What those say. */
  readonly pushContent: PushContent;
  /** Others see what was read here, and what they read shows here. */
  readonly readReceipts: boolean;
}

const KEY = 'parley.preferences';
const DEFAULTS: Preferences = {
  autoDownload: 'wifi',
  notifications: false,
  notificationCardClosed: false,
  push: true,
  pushContent: 'sender',
  readReceipts: true,
};

function load(): Preferences {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    if (typeof stored !== 'object' || stored === null) return DEFAULTS;
    const value = stored as { [key in keyof Preferences]?: unknown };
    return {
      autoDownload: value.autoDownload === 'always' || value.autoDownload === 'never' ? value.autoDownload : DEFAULTS.autoDownload,
      notifications: value.notifications === true,
      notificationCardClosed: value.notificationCardClosed === true,
      push: value.push !== false,
      pushContent: value.pushContent === 'none' || value.pushContent === 'full' ? value.pushContent : DEFAULTS.pushContent,
      readReceipts: value.readReceipts !== false,
    };
  } catch {
    return DEFAULTS;
  }
}

let current = load();
const listeners = new Set<() => void>();

function announce(): void {
  for (const listener of listeners) listener();
}

// Another tab changed them.
addEventListener('storage', (event) => {
  if (event.key !== KEY) return;
  current = load();
  announce();
});

/** The choices as they are. */
export const preferences = (): Preferences => current;

/** Changes and keeps some of them. */
export function setPreferences(change: Partial<Preferences>): void {
  current = { ...current, ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // Kept until the tab closes.
  }
  announce();
}

/** The choices; the component follows them. */
export function usePreferences(): Preferences {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, preferences);
}

/** What is shown of a message's state: who does not tell what was read is not told either. */
export function shownStatus(status: MessageStatus): MessageStatus {
  return status === 'read' && !current.readReceipts ? 'delivered' : status;
}
