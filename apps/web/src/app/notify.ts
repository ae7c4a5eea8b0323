/** Notifications, the number in the title and the badge on the installed app's icon. */

import { preferences } from './preferences.ts';
import { formatRoute } from './route.ts';

/** Whether this browser can notify at all, and what the person said. */
export function notificationState(): 'unsupported' | NotificationPermission {
  return 'Notification' in globalThis && isSecureContext ? Notification.permission : 'unsupported';
}

/** Asks the browser; only ever called from a click. True when notifications may be shown. */
export async function askForNotifications(): Promise<boolean> {
  if (notificationState() === 'unsupported') return false;
  return (await Notification.requestPermission()) === 'granted';
}

/** Tells of a new message when nobody is looking. One notification per chat: a newer one takes its place. */
export async function notifyOf(chat: string, name: string, text: string): Promise<void> {
  if (!document.hidden || !preferences().notifications || notificationState() !== 'granted') return;
  const options: NotificationOptions = {
    body: text.slice(0, 200),
    tag: `parley:${chat}`,
    icon: '/icons/icon-192.png',
    data: formatRoute({ chat }),
  };
  try {
    const registration = await navigator.serviceWorker?.getRegistration();
    if (registration !== undefined) {
      await registration.showNotification(name, options);
      return;
    }
    const shown = new Notification(name, options);
    shown.addEventListener('click', () => {
      window.focus();
      location.hash = formatRoute({ chat });
      shown.close();
    });
  } catch (error) {
    console.warn('The notification could not be shown.', error);
  }
}

/** Takes the notifications of a chat away, once it is read. */
export async function withdrawNotifications(chat: string): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  for (const shown of (await registration?.getNotifications({ tag: `parley:${chat}` })) ?? []) shown.close();
}

/** "(3) Parley", and the same number on the app's icon where the system shows one. */
export function showUnread(count: number): void {
  document.title = count === 0 ? 'Parley' : `(${count > 99 ? '99+' : count}) Parley`;
  const badge = navigator as Navigator & { setAppBadge?(count: number): Promise<void>; clearAppBadge?(): Promise<void> };
  const told = count === 0 ? badge.clearAppBadge?.() : badge.setAppBadge?.(count);
  told?.catch(() => undefined);
}
