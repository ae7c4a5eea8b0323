import { useChat, useConnection } from '@parley/sdk-react';
import { type ReactElement, useEffect, useState } from 'react';
import { plural } from '../../shared/format.ts';
import { applyUpdate, useUpdate } from '../../shared/updates.ts';
import { Icon } from '../../ui/Icon.tsx';
import { useOutboxCount } from '../sdk.ts';

/** Short losses of the network are nobody's business. Milliseconds. */
const GRACE_MS = 2000;

/** True once `value` has been true for `ms`. */
function useLasting(value: boolean, ms: number): boolean {
  const [lasting, setLasting] = useState(false);
  useEffect(() => {
    if (!value) {
      setLasting(false);
      return;
    }
    const timer = setTimeout(() => setLasting(true), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return value && lasting;
}

function useBrowserOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const change = (): void => setOnline(navigator.onLine);
    addEventListener('online', change);
    addEventListener('offline', change);
    return () => {
      removeEventListener('online', change);
      removeEventListener('offline', change);
    };
  }, []);
  return online;
}

/** Lies over the chat list while there is no connection, or when a new version waits; nothing moves because of it. */
export function ConnectionStrip(): ReactElement {
  const chat = useChat();
  const { state } = useConnection();
  const network = useBrowserOnline();
  const waiting = useOutboxCount();
  const update = useUpdate();
  const lost = useLasting(state !== 'online', GRACE_MS);
  const trying = state === 'connecting' && network;
  return (
    <>
      <div role="status">
        {lost && (
          <div className={update ? 'strip stacked' : 'strip'}>
            {trying ? <span className="spinner" aria-hidden="true" /> : <Icon name="offline" />}
            <div>
              <strong>{trying ? 'Reconnecting…' : network ? 'Server not reached' : 'Computer not connected'}</strong>
              <span>
                {waiting > 0
                  ? `${plural(waiting, 'message waits', 'messages wait')} and will be sent`
                  : 'You can go on reading and writing.'}
              </span>
            </div>
            {!trying && network && state !== 'signed-out' && (
              <button type="button" className="button plain" onClick={() => void chat.connect().catch(() => undefined)}>
                Try now
              </button>
            )}
          </div>
        )}
      </div>
      {update && (
        <div className="strip update">
          <Icon name="info" />
          <div>A new version is ready.</div>
          <button type="button" className="button primary" onClick={applyUpdate}>
            Update
          </button>
        </div>
      )}
    </>
  );
}
