import { useChat, useContacts, useFeatures, useUser } from '@parley/sdk-react';
import { type FormEvent, type ReactElement, useId, useMemo, useState } from 'react';
import { Avatar } from '../../ui/Avatar.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { moveRovingFocus } from '../../ui/roving.ts';
import { formatRoute, go, type Route } from '../route.ts';
import { sentenceOf } from '../sdk.ts';
import { PanelHeader } from './PanelHeader.tsx';

const STATES = {
  none: '',
  requested: 'Asked to become a contact',
  incoming: 'Wants to chat with you',
  contact: '',
  'one-way': 'Does not see you yet',
} as const;

/** Start a chat: with a contact, or with somebody by user name or address. */
export function NewChat({ route }: { readonly route: Route }): ReactElement {
  const chat = useChat();
  const { contacts } = useContacts();
  const user = useUser();
  const { groups } = useFeatures();
  const [typed, setTyped] = useState('');
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const id = useId();
  const query = typed.trim().toLocaleLowerCase();
  const shown = useMemo(
    () => contacts.filter((contact) => query === '' || contact.name.toLocaleLowerCase().includes(query) || contact.id.includes(query)),
    [contacts, query],
  );

  const add = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (query === '' || busy) return;
    setProblem(undefined);
    const known = contacts.find((contact) => contact.id === query || contact.id.split('@')[0] === query);
    if (known !== undefined) {
      go({ chat: known.id });
      return;
    }
    setBusy(true);
    try {
      const conversation = chat.conversation(typed.trim());
      if (conversation.id === user?.id) {
        setProblem('This is your own address.');
        return;
      }
      await chat.contacts.add(typed.trim());
      go({ chat: conversation.id });
    } catch (error) {
      setProblem(sentenceOf(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <>
      <PanelHeader title="New chat" back={{ ...route, panel: undefined }} />
      <form className="form" onSubmit={(event) => void add(event)}>
        <div className="field">
          <label htmlFor={id}>User name or address</label>
          <div className="control">
            <input
              id={id}
              // biome-ignore lint/a11y/noAutofocus: the panel was opened to type here
              autoFocus
              value={typed}
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              maxLength={1023}
              placeholder={`bob or bob@${user?.domain ?? 'example.org'}`}
              aria-describedby={`${id}-hint`}
              aria-invalid={problem === undefined ? undefined : true}
              onChange={(event) => {
                setTyped(event.target.value);
                setProblem(undefined);
              }}
            />
          </div>
          <span className="hint" id={`${id}-hint`}>
            They are asked to become your contact. You can write already.
          </span>
        </div>
        <div role="alert">
          {problem !== undefined && (
            <div className="notice error">
              <Icon name="alert" size={20} />
              {problem}
            </div>
          )}
        </div>
        <button type="submit" className="button primary" disabled={query === '' || busy}>
          {busy ? <span className="spinner" /> : <Icon name="addPerson" size={20} />}
          Start chat
        </button>
      </form>
      <div className="scroll">
        {/* biome-ignore lint/a11y/noStaticElementInteractions: arrow keys move between the links inside */}
        <div className="rows" onKeyDown={moveRovingFocus}>
          {groups !== undefined && query === '' && (
            <a className="row action-row" href={formatRoute({ ...route, panel: 'group' })} data-roving="">
              <span className="round">
                <Icon name="group" />
              </span>
              <span className="name">New group</span>
            </a>
          )}
          {shown.length > 0 && (
            <>
              <h2>Contacts</h2>
              <ul aria-label="Contacts">
                {shown.map(({ id: address, name, state }) => (
                  <li key={address}>
                    <a className="row" href={formatRoute({ chat: address })} data-roving="">
                      <Avatar address={address} name={name} />
                      <span className="lines">
                        <bdi className="name">{name}</bdi>
                        <span className="snippet">
                          <span className="words">{STATES[state] === '' ? address : STATES[state]}</span>
                        </span>
                      </span>
                    </a>
                  </li>
                ))}
              </ul>
            </>
          )}
        </div>
      </div>
    </>
  );
}
