import type { Device } from '@parley/sdk';
import { useChat, useConnection } from '@parley/sdk-react';
import { type ReactElement, useEffect, useState } from 'react';
import { formatListTime } from '../../shared/format.ts';
import { Confirm } from '../../ui/Confirm.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { useToday } from '../../ui/use-day.ts';
import type { Route } from '../route.ts';
import { attempt, toast } from '../toasts.tsx';
import { LinkForm } from './LinkForm.tsx';
import { PanelHeader } from './PanelHeader.tsx';

/** How often the list is asked for while somebody looks at it. Milliseconds. */
const FRESH_MS = 5000;

/** Whether this server links devices. */
function useLinking(): boolean {
  const chat = useChat();
  const [offered, setOffered] = useState(false);
  useEffect(() => {
    let wanted = true;
    void chat.linking.offered().then((found) => wanted && setOffered(found));
    return () => {
      wanted = false;
    };
  }, [chat]);
  return offered;
}

/** What has access to the account: when it was last here, and the way to sign it out. */
export function Devices({ route }: { readonly route: Route }): ReactElement {
  const chat = useChat();
  const today = useToday();
  const { state } = useConnection();
  const [list, setList] = useState<readonly Device[]>();
  const [round, ask] = useState(0);
  const [leaving, setLeaving] = useState<Device>();
  const linking = useLinking();

  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again after each change
  useEffect(() => {
    if (state !== 'online') return;
    let wanted = true;
    chat.devices
      .list()
      .then((found) => wanted && setList(found))
      .catch(() => wanted && setList([]));
    return () => {
      wanted = false;
    };
  }, [chat, state, round]);

  // A device that was just linked signs in a moment later; who is connected changes, too.
  useEffect(() => {
    const timer = setInterval(() => ask((n) => n + 1), FRESH_MS);
    return () => clearInterval(timer);
  }, []);

  const nameOf = (device: Device): string => device.name || device.software || 'Unknown device';
  const sorted = list?.toSorted(
    (a, b) =>
      Number(b.current) - Number(a.current) || Number(b.connected) - Number(a.connected) || (b.lastSeenAt ?? 0) - (a.lastSeenAt ?? 0),
  );
  return (
    <>
      <PanelHeader title="Devices" back={{ ...route, panel: 'settings' }} />
      <div className="scroll">
        {state === 'online' && linking && <LinkForm given={route.link} done={() => ask((n) => n + 1)} />}
        {sorted === undefined ? (
          <div className="blank">
            {state === 'online' ? (
              <span className="spinner" role="status" aria-label="Loading" />
            ) : (
              <p>The list is on the server, and there is no connection.</p>
            )}
          </div>
        ) : sorted.length === 0 ? (
          <div className="blank">
            <p>The server names no devices.</p>
          </div>
        ) : (
          <ul className="rows" aria-label="Devices">
            {sorted.map((device) => (
              <li key={device.id} className="person">
                <Icon name="devices" size={32} />
                <div>
                  <div className="name" dir="auto">
                    {nameOf(device)}
                  </div>
                  <div className="sub">
                    {device.name !== '' && device.software !== '' ? `${device.software} · ` : ''}
                    {device.current
                      ? 'this device'
                      : device.connected
                        ? 'connected now'
                        : device.lastSeenAt === undefined
                          ? 'not seen yet'
                          : `last seen ${formatListTime(device.lastSeenAt, today)}`}
                  </div>
                </div>
                <button
                  type="button"
                  className="button outline"
                  aria-label={`Sign out ${nameOf(device)}${device.current ? ' (this device)' : ''}`}
                  onClick={() => setLeaving(device)}
                >
                  Sign out
                </button>
              </li>
            ))}
          </ul>
        )}
      </div>
      {leaving !== undefined && (
        <Confirm
          title={`Sign out ${nameOf(leaving)}?`}
          action="Sign out"
          danger
          cancel={() => setLeaving(undefined)}
          confirm={() => {
            setLeaving(undefined);
            void attempt(chat.devices.signOut(leaving.id)).then((done) => {
              if (done) toast('The device was signed out.');
              ask((n) => n + 1);
            });
          }}
        >
          It needs the password again to come back. If somebody else knows your password, change it.
        </Confirm>
      )}
    </>
  );
}
