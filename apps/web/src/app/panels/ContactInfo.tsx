import { useChat, useContacts, useConversation, usePresence } from '@parley/sdk-react';
import { type FormEvent, type ReactElement, useId, useState } from 'react';
import { Avatar } from '../../ui/Avatar.tsx';
import { Confirm } from '../../ui/Confirm.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { isMuted, MuteDialog } from '../list/ChatMenu.tsx';
import type { Route } from '../route.ts';
import { attempt, toast } from '../toasts.tsx';
import { PanelHeader } from './PanelHeader.tsx';
import { presenceWords } from './presence-words.ts';
import { TimerRow } from './TimerRow.tsx';

/** The right drawer: who this is, and what can be done about it. */
export function ContactInfo({ route, id }: { readonly route: Route; readonly id: string }): ReactElement {
  const { contacts } = useChat();
  useContacts();
  const { conversation, state } = useConversation(id);
  const { name, blocked } = state;
  const muted = isMuted(state);
  const presence = usePresence(id);
  const contact = contacts.get(id);
  const [editing, setEditing] = useState(false);
  const [asking, setAsking] = useState<'block' | 'remove' | 'mute'>();
  const field = useId();

  const rename = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const value = String(new FormData(event.currentTarget).get('name') ?? '').trim();
    if (value === '' || (await attempt(contacts.rename(id, value)))) setEditing(false);
  };
  const copy = async (): Promise<void> => {
    if (await attempt(navigator.clipboard.writeText(id))) toast('The address was copied.');
  };

  const listed = contact !== undefined && contact.state !== 'none' && contact.state !== 'incoming';
  return (
    <>
      <PanelHeader title="Contact info" back={{ ...route, info: false }} close />
      <div className="scroll">
        <div className="profile">
          <Avatar address={id} name={name} size="xl" />
          <div className="title" dir="auto">
            {name}
          </div>
          <div className="sub">{id}</div>
          <div className="sub">{blocked ? 'Blocked' : presenceWords(presence)}</div>
        </div>
        {presence.statusText !== '' && (
          <div className="section">
            <h3>About</h3>
            <p dir="auto">{presence.statusText}</p>
          </div>
        )}
        {editing && (
          <form className="form" onSubmit={(event) => void rename(event)}>
            <div className="inline-form">
              <div className="field">
                <label htmlFor={field}>Name in your list</label>
                <div className="control">
                  {/* biome-ignore lint/a11y/noAutofocus: the form was opened to type here */}
                  <input id={field} name="name" defaultValue={name} maxLength={200} autoFocus dir="auto" autoComplete="off" />
                </div>
              </div>
              <button type="submit" className="button primary">
                Save
              </button>
            </div>
          </form>
        )}
        <div className="section flush">
          {listed ? (
            <button type="button" className="menu-row" onClick={() => setEditing(!editing)} aria-expanded={editing}>
              <Icon name="person" />
              <span>Change name</span>
            </button>
          ) : (
            <button
              type="button"
              className="menu-row"
              onClick={() => void attempt(contact?.state === 'incoming' ? contacts.accept(id) : contacts.add(id))}
            >
              <Icon name="addPerson" />
              <span>Add to contacts</span>
            </button>
          )}
          <button
            type="button"
            className="menu-row"
            onClick={() => (muted ? void attempt(conversation.change({ mutedUntil: 0 })) : setAsking('mute'))}
          >
            <Icon name={muted ? 'bell' : 'bellOff'} />
            <span>{muted ? 'Unmute notifications' : 'Mute notifications'}</span>
          </button>
          <TimerRow conversation={conversation} timer={state.timer} />
          <button type="button" className="menu-row" onClick={() => void copy()}>
            <Icon name="copy" />
            <span>Copy address</span>
          </button>
          {blocked ? (
            <button type="button" className="menu-row" onClick={() => void attempt(contacts.unblock(id))}>
              <Icon name="block" />
              <span>Unblock {name}</span>
            </button>
          ) : (
            <button type="button" className="menu-row danger" onClick={() => setAsking('block')}>
              <Icon name="block" />
              <span>Block {name}</span>
            </button>
          )}
          {listed && (
            <button type="button" className="menu-row danger" onClick={() => setAsking('remove')}>
              <Icon name="trash" />
              <span>Remove from contacts</span>
            </button>
          )}
        </div>
      </div>
      {asking === 'mute' && <MuteDialog id={id} name={name} close={() => setAsking(undefined)} />}
      {asking === 'block' && (
        <Confirm
          title={`Block ${name}?`}
          action="Block"
          danger
          cancel={() => setAsking(undefined)}
          confirm={() => {
            setAsking(undefined);
            void attempt(contacts.block(id));
          }}
        >
          They can no longer write to you, and do not see whether you are online. They are not told.
        </Confirm>
      )}
      {asking === 'remove' && (
        <Confirm
          title={`Remove ${name}?`}
          action="Remove"
          danger
          cancel={() => setAsking(undefined)}
          confirm={() => {
            setAsking(undefined);
            void attempt(contacts.remove(id));
          }}
        >
          You no longer see each other’s presence. The messages stay.
        </Confirm>
      )}
    </>
  );
}
