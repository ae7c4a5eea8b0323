import { useConnection, useContacts, useConversations } from '@parley/sdk-react';
import { type ReactElement, type RefObject, useCallback, useDeferredValue, useMemo, useRef, useState } from 'react';
import { Avatar } from '../../ui/Avatar.tsx';
import { Icon } from '../../ui/Icon.tsx';
import type { Anchor } from '../../ui/Menu.tsx';
import { moveRovingFocus } from '../../ui/roving.ts';
import { useToday } from '../../ui/use-day.ts';
import { PanelHeader } from '../panels/PanelHeader.tsx';
import { formatRoute, go, type Route } from '../route.ts';
import { isUnread, useChatMenu } from './ChatMenu.tsx';
import { ChatRow } from './ChatRow.tsx';
import { MessageHit, useMessageSearch } from './MessageHits.tsx';
import { NotificationCard } from './NotificationCard.tsx';
import { RequestRow } from './RequestRow.tsx';

const matches = (query: string, ...texts: readonly string[]): boolean => texts.some((text) => text.toLocaleLowerCase().includes(query));

/** The chats, newest first, with a box that searches chats and contacts. */
export function ChatList({
  route,
  searchBox,
}: {
  readonly route: Route;
  readonly searchBox: RefObject<HTMLInputElement | null>;
}): ReactElement {
  const conversations = useConversations();
  const { contacts, requests } = useContacts();
  const { syncing } = useConnection();
  const today = useToday();
  const [typed, setTyped] = useState('');
  const query = useDeferredValue(typed.trim().toLocaleLowerCase());

  const [filter, setFilter] = useState<Filter>('all');
  const menu = useChatMenu();
  const openMenu = useRef(menu.open);
  openMenu.current = menu.open;
  const open = useCallback((id: string, anchor: Anchor): void => openMenu.current(id, anchor), []);
  const inArchive = route.panel === 'archived';
  const archived = conversations.filter((one) => one.archived);
  const chats = useMemo(
    () =>
      conversations.filter((one) => {
        if (query !== '') return matches(query, one.name, one.id);
        if (one.archived !== inArchive) return false;
        if (filter === 'unread' && !inArchive) return isUnread(one) || one.id === route.chat;
        return filter !== 'groups' || inArchive || one.type === 'group';
      }),
    [conversations, query, route.chat, filter, inArchive],
  );
  const hasGroups = conversations.some(({ type }) => type === 'group');
  const people = useMemo(() => {
    if (query === '') return [];
    const shown = new Set(chats.map(({ id }) => id));
    return contacts.filter(({ id, name }) => !shown.has(id) && matches(query, name, id));
  }, [contacts, chats, query]);
  const hits = useMessageSearch(query);
  const tabStop = chats.some(({ id }) => id === route.chat) ? route.chat : chats[0]?.id;
  const empty = query === '' && chats.length === 0 && requests.length === 0 && archived.length === 0;

  return (
    <>
      {inArchive ? (
        <PanelHeader title="Archived" back={{ ...route, panel: undefined }} />
      ) : (
        <header>
          <h1 tabIndex={-1}>Chats</h1>
          <a className="icon-button" href={formatRoute({ ...route, panel: 'new' })} aria-label="New chat" title="New chat">
            <Icon name="newChat" />
          </a>
          <a className="icon-button only-narrow" href={formatRoute({ panel: 'settings' })} aria-label="Settings" title="Settings">
            <Icon name="settings" />
          </a>
        </header>
      )}
      <search className="search">
        <Icon name="search" size={20} />
        <input
          ref={searchBox}
          type="search"
          value={typed}
          placeholder="Search"
          aria-label="Search chats, people and messages"
          onChange={(event) => setTyped(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape' && typed !== '') {
              event.preventDefault();
              setTyped('');
            }
            if (event.key === 'ArrowDown') {
              event.preventDefault();
              event.currentTarget.closest('.pane')?.querySelector<HTMLElement>('[data-roving]')?.focus();
            }
            if (event.key !== 'Enter' || typed === '') return;
            // By what was typed, not by what is listed: the list may be a moment behind.
            const wanted = typed.trim().toLocaleLowerCase();
            const first = [...conversations, ...contacts].find(({ id, name }) => matches(wanted, name, id));
            if (first === undefined) return;
            go({ chat: first.id });
            setTyped('');
          }}
        />
        {typed === '' ? (
          <span className="keys" aria-hidden="true">
            {/Mac|iP(hone|ad)/.test(navigator.userAgent) ? '⌘K' : 'Ctrl K'}
          </span>
        ) : (
          <button type="button" className="icon-button" aria-label="Clear search" title="Clear search" onClick={() => setTyped('')}>
            <Icon name="close" size={18} />
          </button>
        )}
      </search>
      {!inArchive && <NotificationCard />}
      {query === '' && !inArchive && conversations.length > 0 && <Filters filter={filter} set={setFilter} groups={hasGroups} />}
      <div className="scroll">
        {/* biome-ignore lint/a11y/noStaticElementInteractions: arrow keys move between the links inside */}
        <div className="rows" onKeyDown={moveRovingFocus}>
          {query === '' && requests.length > 0 && (
            <>
              <h2>Wants to chat with you</h2>
              <ul>
                {requests.map((contact) => (
                  <RequestRow key={contact.id} contact={contact} />
                ))}
              </ul>
            </>
          )}
          {query === '' && !inArchive && filter === 'all' && archived.length > 0 && (
            <a className="row archive-row" href={formatRoute({ ...route, panel: 'archived' })} data-roving="">
              <Icon name="archive" />
              <span>Archived</span>
              <span className="count">{archived.filter(isUnread).length || ''}</span>
            </a>
          )}
          {query === '' && chats.length === 0 && !empty && (
            <div className="blank" role="status">
              <p>{inArchive ? 'No archived chats.' : filter === 'unread' ? 'No unread chats.' : 'No chats here.'}</p>
            </div>
          )}
          {query !== '' && chats.length > 0 && <h2>Chats</h2>}
          {chats.length > 0 && (
            <ul aria-label="Chats">
              {chats.map((conversation) => (
                <li key={conversation.id}>
                  <ChatRow
                    conversation={conversation}
                    open={conversation.id === route.chat}
                    tabStop={conversation.id === tabStop}
                    today={today}
                    openMenu={open}
                  />
                </li>
              ))}
            </ul>
          )}
          {people.length > 0 && (
            <>
              <h2>People</h2>
              <ul aria-label="People">
                {people.map(({ id, name }) => (
                  <li key={id}>
                    <a className="row" href={formatRoute({ chat: id })} data-roving="" onClick={() => setTyped('')}>
                      <Avatar address={id} name={name} />
                      <span className="lines">
                        <bdi className="name">{name}</bdi>
                        <span className="snippet">{id}</span>
                      </span>
                    </a>
                  </li>
                ))}
              </ul>
            </>
          )}
          {query !== '' && hits !== undefined && hits.length > 0 && (
            <>
              <h2>Messages</h2>
              <ul aria-label="Messages">
                {hits.map((message) => (
                  <li key={message.id}>
                    <MessageHit message={message} query={typed} named />
                  </li>
                ))}
              </ul>
            </>
          )}
          {query !== '' && chats.length === 0 && people.length === 0 && hits?.length === 0 && (
            <div className="blank" role="status">
              <Icon name="search" size={40} />
              <p>No chat, nobody and no message by “{typed.trim()}”.</p>
              <a className="button outline" href={formatRoute({ ...route, panel: 'new' })}>
                Start a new chat
              </a>
            </div>
          )}
          {empty && (
            <div className="blank">
              {syncing ? <span className="spinner big" /> : <Icon name="chats" size={48} />}
              <strong>{syncing ? 'Loading your chats…' : 'No chats yet'}</strong>
              {!syncing && (
                <>
                  <p>Add somebody by user name, and say hello.</p>
                  <a className="button primary" href={formatRoute({ ...route, panel: 'new' })}>
                    New chat
                  </a>
                </>
              )}
            </div>
          )}
        </div>
      </div>
      {menu.element}
    </>
  );
}

type Filter = 'all' | 'unread' | 'groups';

/** Which chats are shown. */
function Filters({
  filter,
  set,
  groups,
}: {
  readonly filter: Filter;
  readonly set: (filter: Filter) => void;
  readonly groups: boolean;
}): ReactElement {
  const chips: readonly (readonly [Filter, string])[] = [
    ['all', 'All'],
    ['unread', 'Unread'],
    ...(groups ? [['groups', 'Groups'] as const] : []),
  ];
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would be drawn as a form
    <div className="filters" role="group" aria-label="Show">
      {chips.map(([value, label]) => (
        <button key={value} type="button" className="filter" aria-pressed={filter === value} onClick={() => set(value)}>
          {label}
        </button>
      ))}
    </div>
  );
}
