import type { ConversationSnapshot } from '@parley/sdk';
import { useMembers, usePresence } from '@parley/sdk-react';
import type { ReactElement } from 'react';
import { Avatar } from '../../ui/Avatar.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { presenceWords } from '../panels/presence-words.ts';
import { formatRoute, go, type Route } from '../route.ts';
import type { People } from './Message.tsx';

/** "Ann and Bob are typing…" */
export function typingWords(names: readonly string[]): string {
  const [first = '', second = ''] = names;
  if (names.length === 1) return `${first} is typing…`;
  return names.length === 2 ? `${first} and ${second} are typing…` : `${names.length} people are typing…`;
}

/** Properties of {@link ChatHeader}. */
export interface ChatHeaderProps {
  readonly id: string;
  readonly state: ConversationSnapshot;
  readonly people: People;
  readonly route: Route;
}

function PersonState({ id }: { readonly id: string }): ReactElement | null {
  const words = presenceWords(usePresence(id));
  return words === '' ? null : <span className="state">{words}</span>;
}

function GroupState({ id, people }: { readonly id: string; readonly people: People }): ReactElement | null {
  const members = useMembers(id);
  if (members === undefined || members.length === 0) return <span className="state">Group</span>;
  const names = members.map((member) => (member.mine ? 'You' : people.nameOf(member.id, member.nick)));
  names.sort((a, b) => Number(a === 'You') - Number(b === 'You') || a.localeCompare(b));
  return (
    <span className="state" dir="auto">
      {names.slice(0, 40).join(', ')}
    </span>
  );
}

/** Who this chat is with, and whether they are there or writing; a click tells more. */
export function ChatHeader({ id, state, people, route }: ChatHeaderProps): ReactElement {
  const { name, typing, typingIds, group, type } = state;
  const about = { direct: 'Contact info', group: 'Group info', server: 'Server info' }[type];
  return (
    <header>
      <a className="icon-button only-narrow" href={formatRoute({})} aria-label="Back to the chats" title="Back">
        <Icon name="back" />
      </a>
      <button
        type="button"
        className="who"
        aria-expanded={route.info === true}
        onClick={() => go({ ...route, find: false, info: route.info !== true })}
      >
        <Avatar address={id} name={name} size="s" group={group !== undefined} server={type === 'server'} />
        <span>
          <h1 dir="auto">{name}</h1>
          {typing ? (
            <span className="state typing">
              {group === undefined ? 'typing…' : typingWords(typingIds.map((one) => people.nameOf(one)))}
            </span>
          ) : type === 'server' ? (
            <span className="state">Messages of the server</span>
          ) : group === undefined ? (
            <PersonState id={id} />
          ) : (
            <GroupState id={id} people={people} />
          )}
          <span className="visually-hidden">
            . {{ direct: 'About this contact', group: 'About this group', server: 'About this server' }[type]}
          </span>
        </span>
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label="Search this chat"
        title="Search this chat"
        onClick={() => go({ ...route, info: false, find: route.find !== true })}
      >
        <Icon name="search" />
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={about}
        title={about}
        onClick={() => go({ ...route, find: false, info: route.info !== true })}
      >
        <Icon name="info" />
      </button>
    </header>
  );
}
