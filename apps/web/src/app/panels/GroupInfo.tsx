import type { GroupMember } from '@parley/sdk';
import { useConversation, useMembers } from '@parley/sdk-react';
import { type FormEvent, type ReactElement, useId, useState } from 'react';
import { plural } from '../../shared/format.ts';
import { Avatar } from '../../ui/Avatar.tsx';
import { Confirm } from '../../ui/Confirm.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { type Anchor, Menu, type MenuItem } from '../../ui/Menu.tsx';
import { Sheet } from '../../ui/Sheet.tsx';
import { isMuted, MuteDialog } from '../list/ChatMenu.tsx';
import { NotifyDialog, notifyWords } from '../list/NotifyDialog.tsx';
import { usePeople } from '../names.ts';
import { go, type Route } from '../route.ts';
import { attempt } from '../toasts.tsx';
import { MAX_GROUP_NAME } from './NewGroup.tsx';
import { PanelHeader } from './PanelHeader.tsx';
import { PeopleChooser } from './PeopleChooser.tsx';
import { PicturePicker } from './PicturePicker.tsx';
import { TimerRow } from './TimerRow.tsx';

const ROLE_WORDS = { owner: 'Owner', admin: 'Admin', member: '', none: '', outcast: '' } as const;
const RANK = { owner: 0, admin: 1, member: 2, none: 3, outcast: 4 } as const;

/** The right drawer of a group: picture, name, description, members and what can be done with them. */
export function GroupInfo({ route, id }: { readonly route: Route; readonly id: string }): ReactElement | null {
  const { conversation, state } = useConversation(id);
  const { name, group } = state;
  const people = usePeople(id, name, true);
  const members = useMembers(id);
  const [asking, setAsking] = useState<'leave' | 'mute' | 'notify' | 'add' | 'name' | 'description'>();
  const actions = conversation.group;
  if (group === undefined || actions === undefined) return null;
  const manages = group.role === 'owner' || group.role === 'admin';
  const inside = manages || group.role === 'member';
  const muted = isMuted(state);
  const close = (): void => setAsking(undefined);

  return (
    <>
      <PanelHeader title="Group info" back={{ ...route, info: false }} close />
      <div className="scroll">
        <div className="profile">
          {group.role === 'owner' ? (
            <PicturePicker
              address={id}
              name={name}
              group
              has={group.avatar !== undefined}
              choose={(picture) => void attempt(actions.setPicture(picture))}
              remove={() => void attempt(actions.setPicture(undefined))}
            />
          ) : (
            <Avatar address={id} name={name} size="xl" group />
          )}
          <div className="title" dir="auto">
            {name}
          </div>
          {members !== undefined && <div className="sub">Group · {plural(members.length, 'member', 'members')}</div>}
        </div>
        <div className="section">
          <h3>Description</h3>
          <p dir="auto">{group.description === '' ? <span className="explain">None yet</span> : group.description}</p>
        </div>
        {group.role === 'owner' && (
          <div className="section flush">
            <button type="button" className="menu-row" onClick={() => setAsking('name')}>
              <Icon name="edit" />
              <span>Change the name</span>
            </button>
            <button type="button" className="menu-row" onClick={() => setAsking('description')}>
              <Icon name="info" />
              <span>Change the description</span>
            </button>
          </div>
        )}
        <div className="section flush">
          <button
            type="button"
            className="menu-row"
            onClick={() => (muted ? void attempt(conversation.change({ mutedUntil: 0 })) : setAsking('mute'))}
          >
            <Icon name={muted ? 'bell' : 'bellOff'} />
            <span>{muted ? 'Unmute notifications' : 'Mute notifications'}</span>
          </button>
          {inside && (
            <button type="button" className="menu-row" onClick={() => setAsking('notify')}>
              <Icon name="at" />
              <span>
                What notifies
                <span className="sub">{notifyWords(state.notify)}</span>
              </span>
            </button>
          )}
          {inside && <TimerRow conversation={conversation} timer={state.timer} />}
        </div>
        <div className="section flush">
          <h3 className="inset">{members === undefined ? 'Members' : plural(members.length, 'member', 'members')}</h3>
          {manages && (
            <button type="button" className="menu-row" onClick={() => setAsking('add')}>
              <Icon name="addPerson" />
              <span>Add members</span>
            </button>
          )}
          <Members id={id} members={members ?? []} own={group.role} nameOf={people.nameOf} />
        </div>
        {inside && (
          <div className="section flush">
            <button type="button" className="menu-row danger" onClick={() => setAsking('leave')}>
              <Icon name="leave" />
              <span>Leave group</span>
            </button>
          </div>
        )}
      </div>
      {asking === 'mute' && <MuteDialog id={id} name={name} close={close} />}
      {asking === 'notify' && <NotifyDialog id={id} close={close} />}
      {asking === 'leave' && (
        <Confirm
          title={`Leave ${name}?`}
          action="Leave"
          danger
          cancel={close}
          confirm={() => {
            close();
            void attempt(actions.leave());
          }}
        >
          You get no more messages of this group. What you have stays on this device.
        </Confirm>
      )}
      {asking === 'add' && (
        <AddMembers have={(members ?? []).map((member) => member.id)} add={(ids) => attempt(actions.add(ids))} close={close} />
      )}
      {asking === 'name' && (
        <TextSheet
          title="Name of the group"
          value={name}
          max={MAX_GROUP_NAME}
          save={(text) => attempt(actions.change({ name: text }))}
          close={close}
        />
      )}
      {asking === 'description' && (
        <TextSheet
          title="Description"
          value={group.description}
          max={500}
          optional
          save={(text) => attempt(actions.change({ description: text }))}
          close={close}
        />
      )}
    </>
  );
}

/** Members, those who manage the group first. */
function Members({
  id,
  members,
  own,
  nameOf,
}: {
  readonly id: string;
  readonly members: readonly GroupMember[];
  readonly own: GroupMember['role'];
  readonly nameOf: (address: string, hint?: string) => string;
}): ReactElement {
  const { conversation } = useConversation(id);
  const [open, setOpen] = useState<{ readonly member: GroupMember; readonly anchor: Anchor }>();
  const named = members.map((member) => ({ member, name: nameOf(member.id, member.nick) }));
  named.sort(
    (a, b) => Number(b.member.mine) - Number(a.member.mine) || RANK[a.member.role] - RANK[b.member.role] || a.name.localeCompare(b.name),
  );
  const actions = conversation.group;
  const itemsFor = (member: GroupMember): MenuItem[] => {
    const name = nameOf(member.id, member.nick);
    const items: MenuItem[] = [{ label: `Message ${name}`, icon: 'chats', run: () => go({ chat: member.id }) }];
    if (actions === undefined) return items;
    if (own === 'owner' && member.role === 'member')
      items.push({ label: 'Make admin', icon: 'crown', run: () => void attempt(actions.setRole(member.id, 'admin')) });
    if (own === 'owner' && member.role === 'admin')
      items.push({ label: 'Dismiss as admin', icon: 'crown', run: () => void attempt(actions.setRole(member.id, 'member')) });
    if (member.role === 'member' ? own === 'owner' || own === 'admin' : own === 'owner' && member.role === 'admin')
      items.push({ label: 'Remove from the group', icon: 'leave', danger: true, run: () => void attempt(actions.remove(member.id)) });
    return items;
  };
  return (
    <>
      <ul aria-label="Members">
        {named.slice(0, 500).map(({ member, name }) => (
          <li key={member.id} className="person">
            <Avatar address={member.id} name={name} size="s" />
            <div>
              <div className="name" dir="auto">
                {name}
              </div>
              <div className="sub">{member.id}</div>
            </div>
            <span className="member-end">
              {ROLE_WORDS[member.role] !== '' && <span className="role">{ROLE_WORDS[member.role]}</span>}
              {!member.mine && (
                <button
                  type="button"
                  className="icon-button"
                  aria-label={`What to do with ${name}`}
                  title={`What to do with ${name}`}
                  aria-haspopup="menu"
                  onClick={(event) => setOpen({ member, anchor: event.currentTarget.getBoundingClientRect() })}
                >
                  <Icon name="down" size={20} />
                </button>
              )}
            </span>
          </li>
        ))}
      </ul>
      {open !== undefined && (
        <Menu anchor={open.anchor} align="end" label="Member menu" close={() => setOpen(undefined)} items={itemsFor(open.member)} />
      )}
    </>
  );
}

function AddMembers({
  have,
  add,
  close,
}: {
  readonly have: readonly string[];
  readonly add: (ids: readonly string[]) => Promise<boolean>;
  readonly close: () => void;
}): ReactElement {
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [known] = useState(have);
  return (
    <Sheet title="Add members" close={close} className="chooser" closable>
      <PeopleChooser chosen={chosen} change={setChosen} without={known} />
      <div className="foot">
        <span className="names" />
        <button
          type="button"
          className="button primary"
          disabled={chosen.length === 0}
          onClick={() => {
            close();
            void add(chosen);
          }}
        >
          Add
        </button>
      </div>
    </Sheet>
  );
}

function TextSheet({
  title,
  value,
  max,
  optional = false,
  save,
  close,
}: {
  readonly title: string;
  readonly value: string;
  readonly max: number;
  readonly optional?: boolean;
  readonly save: (text: string) => Promise<boolean>;
  readonly close: () => void;
}): ReactElement {
  const id = useId();
  const [text, setText] = useState(value);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if ((text.trim() === '' && !optional) || !(await save(text))) return;
    close();
  };
  return (
    <Sheet title={title} close={close}>
      <form onSubmit={(event) => void submit(event)}>
        <div className="field">
          <label htmlFor={id} className="visually-hidden">
            {title}
          </label>
          <div className="control">
            <input id={id} value={text} maxLength={max} dir="auto" autoComplete="off" onChange={(event) => setText(event.target.value)} />
          </div>
        </div>
        <div className="buttons">
          <button type="button" className="button plain" onClick={close}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={text.trim() === '' && !optional}>
            Save
          </button>
        </div>
      </form>
    </Sheet>
  );
}
