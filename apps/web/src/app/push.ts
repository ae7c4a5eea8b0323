/** Web Push: what is new is told also while Parley is closed (docs/protocol/push.md). */
import type { ChatClient, PushContent } from '@parley/sdk';
import { useChat, useConnection, useFeatures } from '@parley/sdk-react';
import { useEffect } from 'react';
import { usePreferences } from './preferences.ts';

/** Whether this browser can be pushed to. */
export const canPush = (): boolean => 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;

const bytesOf = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));

/** Subscribes this browser and tells the server; anew when the server's key is another. */
export async function startPush(chat: ChatClient, content: PushContent): Promise<void> {
  const registration = await navigator.serviceWorker.ready;
  const key = bytesOf(await chat.push.key());
  let subscription = await registration.pushManager.getSubscription();
  const used = subscription?.options.applicationServerKey;
  if (subscription !== null && used !== null && used !== undefined && !same(new Uint8Array(used), key)) {
    await subscription.unsubscribe();
    subscription = null;
  }
  subscription ??= await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const { endpoint, keys } = subscription.toJSON();
  await chat.push.register({ endpoint: endpoint ?? '', p256dh: keys?.['p256dh'] ?? '', auth: keys?.['auth'] ?? '' }, content);
}

/** Ends it, here and at the server. */
export async function stopPush(chat: ChatClient): Promise<void> {
  const registration = await navigator.serviceWorker.getRegistration();
  await (await registration?.pushManager.getSubscription())?.unsubscribe();
  await chat.push.unregister();
}

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, index) => byte === b[index]);

/** While signed in: tells the server again at each connection, because browsers change their subscriptions by themselves. */
export function usePush(): void {
  const chat = useChat();
  const { push } = useFeatures();
  const { state } = useConnection();
  const { push: wanted, pushContent, notifications } = usePreferences();
  const active = push && wanted && notifications && state === 'online' && canPush() && Notification.permission === 'granted';
  useEffect(() => {
    if (active) startPush(chat, pushContent).catch((error: unknown) => console.warn('Push could not be set up.', error));
  }, [chat, active, pushContent]);
}
