import { type ReactElement, useState } from 'react';
import { Icon } from '../../ui/Icon.tsx';
import { askForNotifications, notificationState } from '../notify.ts';
import { setPreferences, usePreferences } from '../preferences.ts';

/** Offers notifications; the browser is only asked after a click, because a "no" there is final. */
export function NotificationCard(): ReactElement | null {
  const { notifications, notificationCardClosed } = usePreferences();
  const [permission, setPermission] = useState(notificationState);
  if (notifications || notificationCardClosed || permission === 'unsupported' || permission === 'denied') return null;
  const allow = async (): Promise<void> => {
    setPreferences({ notifications: await askForNotifications() });
    setPermission(notificationState());
  };
  return (
    <div className="offer">
      <Icon name="bell" />
      <div>
        <strong>Get notified of new messages</strong>
        <div>
          <button type="button" className="button" onClick={() => void allow()}>
            Turn on notifications
          </button>
        </div>
      </div>
      <button
        type="button"
        className="icon-button"
        aria-label="Not now"
        title="Not now"
        onClick={() => setPreferences({ notificationCardClosed: true })}
      >
        <Icon name="close" size={20} />
      </button>
    </div>
  );
}
