import { useChat } from '@parley/sdk-react';
import { type FormEvent, type ReactElement, useEffect, useId, useState } from 'react';
import { Icon } from '../../ui/Icon.tsx';
import { go, type Route } from '../route.ts';
import { attempt } from '../toasts.tsx';
import { PanelHeader } from './PanelHeader.tsx';
import { PeopleChooser } from './PeopleChooser.tsx';
import { PicturePicker } from './PicturePicker.tsx';

/** As long as a group's name may be. */
export const MAX_GROUP_NAME = 100;

/** A new group: first its members, then name and picture. */
export function NewGroup({ route }: { readonly route: Route }): ReactElement {
  const chat = useChat();
  const [members, setMembers] = useState<readonly string[]>([]);
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState('');
  const [picture, setPicture] = useState<{ readonly file: File; readonly url: string }>();
  const [busy, setBusy] = useState(false);
  const field = useId();

  useEffect(() => () => URL.revokeObjectURL(picture?.url ?? ''), [picture]);

  const create = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (name.trim() === '' || busy) return;
    setBusy(true);
    await attempt(chat.groups.create({ name, members, picture: picture?.file }).then(({ id }) => go({ chat: id })));
    setBusy(false);
  };

  if (!naming)
    return (
      <>
        <PanelHeader title="Add members" back={{ ...route, panel: 'new' }} />
        <div className="chooser-panel">
          <PeopleChooser chosen={members} change={setMembers} />
        </div>
        <div className="panel-foot">
          <button type="button" className="button primary" onClick={() => setNaming(true)}>
            {members.length === 0 ? 'Without members, for now' : 'Next'}
          </button>
        </div>
      </>
    );
  return (
    <>
      <PanelHeader title="New group" back={{ ...route, panel: 'new' }} />
      <form className="form" onSubmit={(event) => void create(event)}>
        <PicturePicker
          address={name}
          name={name}
          group
          preview={picture?.url}
          has={picture !== undefined}
          choose={(file) => setPicture({ file, url: URL.createObjectURL(file) })}
          remove={() => setPicture(undefined)}
        />
        <div className="field">
          <label htmlFor={field}>Name of the group</label>
          <div className="control">
            <input
              id={field}
              // biome-ignore lint/a11y/noAutofocus: the panel was opened to type here
              autoFocus
              value={name}
              maxLength={MAX_GROUP_NAME}
              dir="auto"
              autoComplete="off"
              onChange={(event) => setName(event.target.value)}
            />
          </div>
          <span className="hint">
            {members.length === 0
              ? 'You can add members later.'
              : `${members.length} ${members.length === 1 ? 'member' : 'members'} and you`}
          </span>
        </div>
        <button type="submit" className="button primary" disabled={name.trim() === '' || busy}>
          {busy ? <span className="spinner" /> : <Icon name="check" size={20} />}
          Create group
        </button>
      </form>
    </>
  );
}
