/** Which photos were fetched in full on this device, and which may be without a click. */
import type { Attachment, ChatClient } from '@parley/sdk';
import { useSyncExternalStore } from 'react';

const fetched = new Set<string>();
const listeners = new Set<() => void>();

/** Notes that the full picture was shown, so that the timeline uses it from the browser's cache. */
export function noteFetched(url: string): void {
  if (url === '' || fetched.has(url)) return;
  fetched.add(url);
  for (const listener of listeners) listener();
}

/** Whether the timeline may show the full picture: it was fetched before, or the person wants photos fetched by themselves. */
export function useFetched(chat: ChatClient, attachment: Attachment): boolean {
  const seen = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => fetched.has(attachment.url),
  );
  return seen || (attachment.url !== '' && chat.shouldDownload(attachment));
}
