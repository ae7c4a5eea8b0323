import { MAX_PROFILE_NAME_LENGTH, type PushContent } from '@parley/sdk';
import { useChat, useContacts, useFeatures, useUser } from '@parley/sdk-react';
import { type FormEvent, type ReactElement, useEffect, useId, useState } from 'react';
import { savedTheme, saveTheme, type Theme } from '../../shared/theme.ts';
import { Avatar } from '../../ui/Avatar.tsx';
import { Confirm } from '../../ui/Confirm.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { usePicture } from '../../ui/pictures.ts';
import { askForNotifications, notificationState } from '../notify.ts';
import { type AutoDownload, setPreferences, usePreferences } from '../preferences.ts';
import { saveOwnName, useOwnName } from '../profile.ts';
import { canPush, stopPush } from '../push.ts';
import { formatRoute, type Route } from '../route.ts';
import { useOutboxCount } from '../sdk.ts';
import { attempt, toast } from '../toasts.tsx';
import { PanelHeader } from './PanelHeader.tsx';
import { PicturePicker } from './PicturePicker.tsx';

const THEMES: readonly (readonly [Theme, string])[] = [
  ['system', 'Like the system'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];
const DOWNLOADS: readonly (readonly [AutoDownload, string, string])[] = [
  ['always', 'Always', 'Photos are fetched in full as you see them.'],
  ['wifi', 'On Wi-Fi and the like', 'Not on mobile data, and not when the device saves data.'],
  ['never', 'Never', 'Only a small preview, until you click.'],
];

function NotificationSwitch(): ReactElement {
  const { notifications } = usePreferences();
  const [permission, setPermission] = useState(notificationState);
  const change = async (wanted: boolean): Promise<void> => {
    setPreferences({ notifications: wanted && (await askForNotifications()) });
    setPermission(notificationState());
  };
  const explain = {
    unsupported: 'This browser cannot show notifications here.',
    denied: 'The browser blocks notifications of this page. Its site settings can change that.',
    granted: 'While Parley is not in front of you.',
    default: 'While Parley is not in front of you.',
  }[permission];
  return (
    <label className="switch-row">
      <span>New messages</span>
      <span className="explain">{explain}</span>
      <input
        type="checkbox"
        role="switch"
        aria-checked={notifications && permission === 'granted'}
        checked={notifications && permission === 'granted'}
        disabled={permission === 'unsupported' || permission === 'denied'}
        onChange={(event) => void change(event.target.checked)}
      />
    </label>
  );
}

const PUSH_CONTENTS: readonly (readonly [PushContent, string])[] = [
  ['full', 'Who wrote, and the text'],
  ['sender', 'Who wrote'],
  ['none', 'Only that something is new'],
];

/** Notifications while Parley is closed: on or off, and how much they say. Not there where browser or server cannot. */
function PushSwitch(): ReactElement | null {
  const chat = useChat();
  const { push: offered } = useFeatures();
  const { push, pushContent, notifications } = usePreferences();
  if (!offered || !canPush() || !notifications || notificationState() !== 'granted') return null;
  return (
    <>
      <label className="switch-row">
        <span>Also when Parley is closed</span>
        <span className="explain">The server tells this browser. What it says is encrypted on the way.</span>
        <input
          type="checkbox"
          role="switch"
          aria-checked={push}
          checked={push}
          onChange={(event) => {
            setPreferences({ push: event.target.checked });
            if (!event.target.checked) void attempt(stopPush(chat));
          }}
        />
      </label>
      {push && (
        <fieldset>
          <legend className="visually-hidden">What these notifications say</legend>
          {PUSH_CONTENTS.map(([value, label]) => (
            <label className="choice" key={value}>
              <input
                type="radio"
                name="push-content"
                checked={pushContent === value}
                onChange={() => setPreferences({ pushContent: value })}
              />
              {label}
            </label>
          ))}
        </fieldset>
      )}
    </>
  );
}

function ProfileName(): ReactElement {
  const chat = useChat();
  const ownName = useOwnName();
  const [busy, setBusy] = useState(false);
  const id = useId();
  const save = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get('name') ?? '');
    setBusy(true);
    if (await attempt(saveOwnName(chat, name))) toast('Your name was saved.');
    setBusy(false);
  };
  return (
    <form className="form" onSubmit={(event) => void save(event)}>
      <div className="inline-form">
        <div className="field">
          <label htmlFor={id}>Your name</label>
          <div className="control">
            <input
              id={id}
              name="name"
              defaultValue={ownName}
              maxLength={MAX_PROFILE_NAME_LENGTH}
              dir="auto"
              autoComplete="name"
              aria-describedby={`${id}-hint`}
            />
          </div>
        </div>
        <button type="submit" className="button outline" disabled={busy}>
          Save
        </button>
      </div>
      <span className="explain" id={`${id}-hint`}>
        Anyone who adds you sees it.
      </span>
    </form>
  );
}

/** One's own picture, with the way to another one where the server keeps it. */
function OwnPicture({ id, name }: { readonly id: string; readonly name: string }): ReactElement {
  const chat = useChat();
  const { avatars } = useFeatures();
  const picture = usePicture(id);
  if (!avatars) return <Avatar address={id} name={name} size="l" />;
  const publish = async (file: File | undefined): Promise<void> => {
    if (await attempt(chat.avatars.publish(file))) toast(file === undefined ? 'Your photo was removed.' : 'Your photo was saved.');
  };
  return (
    <PicturePicker
      address={id}
      name={name}
      has={picture !== undefined}
      choose={(file) => void publish(file)}
      remove={() => void publish(undefined)}
    />
  );
}

/** Whether this server knows other ways in than a password. */
function useWays(): boolean {
  const chat = useChat();
  const [known, setKnown] = useState(false);
  useEffect(() => {
    let wanted = true;
    void Promise.all([chat.codes.offered(), chat.passkeys.offered(), chat.social.offered()]).then(([{ kinds }, passkeys, providers]) => {
      if (wanted) setKnown(kinds.length > 0 || passkeys || providers.length > 0);
    });
    return () => {
      wanted = false;
    };
  }, [chat]);
  return known;
}

/** Everything a person can choose, and the way out. */
export function Settings({ route, signOut }: { readonly route: Route; readonly signOut: () => Promise<void> }): ReactElement {
  const chat = useChat();
  const user = useUser();
  const { blocked } = useContacts();
  const { autoDownload, readReceipts } = usePreferences();
  const { devices } = useFeatures();
  const ways = useWays();
  const waiting = useOutboxCount();
  const [theme, setTheme] = useState(savedTheme);
  const [leaving, setLeaving] = useState(false);
  const ownName = useOwnName();
  const name = ownName === '' ? (user?.username ?? '') : ownName;
  return (
    <>
      <PanelHeader title="Settings" back={{ ...route, panel: undefined }} />
      <div className="scroll">
        <div className="profile">
          <OwnPicture id={user?.id ?? ''} name={name} />
          <div className="title" dir="auto">
            {name}
          </div>
          <div className="sub">{user?.id}</div>
        </div>
        <ProfileName key={ownName} />
        <div className="section">
          <h2>Privacy</h2>
          <label className="switch-row">
            <span>Read receipts</span>
            <span className="explain">
              Others see blue ticks when you have read their messages. Switched off, you do not see theirs either.
            </span>
            <input
              type="checkbox"
              role="switch"
              aria-checked={readReceipts}
              checked={readReceipts}
              onChange={(event) => setPreferences({ readReceipts: event.target.checked })}
            />
          </label>
        </div>
        <div className="section">
          <fieldset>
            <legend>Theme</legend>
            {THEMES.map(([value, label]) => (
              <label className="choice" key={value}>
                <input
                  type="radio"
                  name="theme"
                  checked={theme === value}
                  onChange={() => {
                    saveTheme(value);
                    setTheme(value);
                  }}
                />
                {label}
              </label>
            ))}
          </fieldset>
        </div>
        <div className="section">
          <fieldset>
            <legend>Download photos automatically</legend>
            {DOWNLOADS.map(([value, label, explain]) => (
              <label className="choice" key={value}>
                <input
                  type="radio"
                  name="auto-download"
                  checked={autoDownload === value}
                  onChange={() => {
                    setPreferences({ autoDownload: value });
                    chat.setAutoDownload(value);
                  }}
                />
                {label}
                <span className="explain">{explain}</span>
              </label>
            ))}
          </fieldset>
        </div>
        <div className="section">
          <h2>Notifications</h2>
          <NotificationSwitch />
          <PushSwitch />
        </div>
        <div className="section flush">
          {devices && (
            <a className="menu-row" href={formatRoute({ ...route, panel: 'devices' })}>
              <Icon name="devices" />
              <span>Devices</span>
            </a>
          )}
          {ways && (
            <a className="menu-row" href={formatRoute({ ...route, panel: 'ways' })}>
              <Icon name="person" />
              <span>Ways to sign in</span>
            </a>
          )}
          <a className="menu-row" href={formatRoute({ ...route, panel: 'blocked' })}>
            <Icon name="block" />
            <span>Blocked people{blocked.length > 0 ? ` (${blocked.length})` : ''}</span>
          </a>
          <button type="button" className="menu-row danger" onClick={() => setLeaving(true)}>
            <Icon name="signOut" />
            <span>Sign out</span>
          </button>
        </div>
      </div>
      {leaving && (
        <Confirm
          title="Sign out?"
          action="Sign out"
          danger
          cancel={() => setLeaving(false)}
          confirm={() => {
            setLeaving(false);
            void attempt(signOut());
          }}
        >
          {waiting > 0
            ? `${waiting} of your messages still wait to be sent and would be lost. The history on this device is removed; what the server keeps comes back when you sign in again.`
            : 'The history on this device is removed. What the server keeps comes back when you sign in again.'}
        </Confirm>
      )}
    </>
  );
}
