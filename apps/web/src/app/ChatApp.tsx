import { ChatProvider, useChat, useConversation, useConversations, useUser } from '@parley/sdk-react';
import { type ReactElement, useEffect, useMemo, useRef } from 'react';
import { formatCount } from '../shared/format.ts';
import { Avatar } from '../ui/Avatar.tsx';
import { Icon } from '../ui/Icon.tsx';
import { useAvatars } from './avatars.ts';
import { Conversation } from './chat/Conversation.tsx';
import { summaryOf } from './chat/Message.tsx';
import { ChatList } from './list/ChatList.tsx';
import { isMuted, isNotifiedOf } from './list/ChatMenu.tsx';
import { ConnectionStrip } from './list/ConnectionStrip.tsx';
import { plainName } from './names.ts';
import { notifyOf, showUnread } from './notify.ts';
import { Blocked } from './panels/Blocked.tsx';
import { ChatSearch } from './panels/ChatSearch.tsx';
import { ContactInfo } from './panels/ContactInfo.tsx';
import { Devices } from './panels/Devices.tsx';
import { GroupInfo } from './panels/GroupInfo.tsx';
import { NewChat } from './panels/NewChat.tsx';
import { NewGroup } from './panels/NewGroup.tsx';
import { ServerPanel } from './panels/ServerPanel.tsx';
import { Settings } from './panels/Settings.tsx';
import { SignInWays } from './panels/SignInWays.tsx';
import { useIntroductions, useOwnName } from './profile.ts';
import { usePush } from './push.ts';
import { formatRoute, go, type Route, useRoute } from './route.ts';
import { type Session, SessionContext } from './sdk.ts';
import { Toasts } from './toasts.tsx';
import '../styles/chat.css';

/** The number in the title, the badge, and notifications of what comes in behind one's back. */
function useAttention(): number {
  const chat = useChat();
  const conversations = useConversations();
  const unread = conversations.reduce(
    (sum, one) => sum + (one.blocked || one.archived || isMuted(one) ? 0 : Math.max(one.unread, one.markedUnread ? 1 : 0)),
    0,
  );
  useEffect(() => showUnread(unread), [unread]);
  useEffect(() => () => showUnread(0), []);
  useEffect(
    () =>
      chat.on('message.new', ({ message, live }) => {
        if (!live || message.mine) return;
        const conversation = chat.conversation(message.conversationId).snapshot();
        const { name, type } = conversation;
        if (message.notice !== undefined || !isNotifiedOf(conversation, message)) return;
        const sender = chat.contacts.get(message.senderId)?.name ?? message.senderName ?? plainName(message.senderId);
        const text = summaryOf(message);
        void notifyOf(
          message.conversationId,
          name,
          type !== 'group' ? text : `${sender}${message.mentionsMe ? ' mentioned you' : ''}: ${text}`,
        );
      }),
    [chat],
  );
  return unread;
}

/** A click on a notification opens its chat. */
function useNotificationClicks(): void {
  useEffect(() => {
    const open = ({ data }: MessageEvent<unknown>): void => {
      if (typeof data === 'object' && data !== null && 'open' in data && typeof data.open === 'string' && data.open.startsWith('#/'))
        location.hash = data.open;
    };
    navigator.serviceWorker?.addEventListener('message', open);
    return () => navigator.serviceWorker?.removeEventListener('message', open);
  }, []);
}

/** Ctrl or Cmd+K goes to the search; Esc closes what lies on top, then the drawer, then the panel, then the chat. */
function useShortcuts(route: Route, focusSearch: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        focusSearch();
        return;
      }
      if (
        event.key !== 'Escape' ||
        event.defaultPrevented ||
        event.isComposing ||
        document.querySelector('dialog[open], .stage, .popover') !== null
      )
        return;
      if (route.info === true || route.find === true) go({ ...route, info: false, find: false });
      else if (route.panel !== undefined)
        go({
          ...route,
          panel: isSetting(route.panel) ? 'settings' : route.panel === 'group' ? 'new' : undefined,
        });
      else if (route.chat !== undefined) go({});
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [route, focusSearch]);
}

function Rail({ route, unread }: { readonly route: Route; readonly unread: number }): ReactElement {
  const user = useUser();
  const ownName = useOwnName();
  const at = { ...(route.chat === undefined ? {} : { chat: route.chat }) };
  return (
    <nav className="rail" aria-label="Parley">
      <img className="logo" src="/icons/icon.svg" alt="" width="34" height="34" />
      <a
        className="icon-button"
        href={formatRoute(at)}
        aria-label={unread > 0 ? `Chats, ${formatCount(unread)} unread` : 'Chats'}
        title="Chats"
        aria-current={route.panel === undefined ? 'page' : undefined}
      >
        <Icon name="chats" />
        {unread > 0 && (
          <span className="badge" aria-hidden="true">
            {formatCount(unread)}
          </span>
        )}
      </a>
      <a
        className="icon-button"
        href={formatRoute({ ...at, panel: 'new' })}
        aria-label="New chat"
        title="New chat"
        aria-current={route.panel === 'new' ? 'page' : undefined}
      >
        <Icon name="addPerson" />
      </a>
      <span className="grow" />
      <a
        className="icon-button"
        href={formatRoute({ ...at, panel: 'settings' })}
        aria-label="Settings"
        title="Settings"
        aria-current={route.panel === 'settings' || isSetting(route.panel) ? 'page' : undefined}
      >
        <Icon name="settings" />
      </a>
      <a
        className="me icon-button"
        href={formatRoute({ ...at, panel: 'settings' })}
        aria-label={`Your account: ${user?.id ?? ''}`}
        title={user?.id}
      >
        <Avatar address={user?.id ?? ''} name={ownName === '' ? (user?.username ?? '') : ownName} size="s" />
      </a>
    </nav>
  );
}

function Welcome(): ReactElement {
  return (
    <section className="welcome" aria-label="Parley">
      <img src="/icons/icon.svg" alt="" width="92" height="92" />
      <h2>Parley</h2>
      <p>Choose a chat on the left, or start a new one. Messages you write without a network wait here and are sent by themselves.</p>
      <a className="button primary" href={formatRoute({ panel: 'new' })}>
        <Icon name="newChat" size={20} />
        Start a chat
      </a>
    </section>
  );
}

/** The route with the chat's address as the SDK writes it; an address that is none opens the list. */
function useKnownRoute(): Route {
  const chat = useChat();
  const route = useRoute();
  return useMemo(() => {
    if (route.chat === undefined) return route;
    try {
      return { ...route, chat: chat.conversation(route.chat).id };
    } catch {
      return { panel: route.panel };
    }
  }, [chat, route]);
}

/** When what had the focus is gone (a panel was closed), the focus goes to what took its place, and not to nowhere. */
function useFocusHome(route: Route, drawer: boolean): void {
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    if (document.activeElement !== document.body && document.activeElement !== null) return;
    const chat = route.chat !== undefined && route.panel === undefined;
    const home = drawer ? '.drawer header a' : chat ? '.conversation .who' : '.list-pane h1';
    document.querySelector<HTMLElement>(home)?.focus({ preventScroll: true });
  }, [route.chat, route.panel, drawer]);
}

function Shell({ signOut }: { readonly signOut: () => Promise<void> }): ReactElement {
  const route = useKnownRoute();
  const unread = useAttention();
  const searchBox = useRef<HTMLInputElement>(null);
  useNotificationClicks();
  useIntroductions();
  useAvatars();
  usePush();
  const focusSearch = useRef((): void => {
    if (searchBox.current === null) {
      const { chat } = routeNow.current;
      go(chat === undefined ? {} : { chat });
    }
    requestAnimationFrame(() => searchBox.current?.select());
  }).current;
  const routeNow = useRef(route);
  routeNow.current = route;
  useShortcuts(route, focusSearch);

  const drawer = route.chat !== undefined && (route.info === true || route.find === true);
  useFocusHome(route, drawer);
  const show = drawer ? 'drawer' : route.chat !== undefined && route.panel === undefined ? 'chat' : 'list';
  return (
    <div className="app" data-show={show} data-drawer={drawer ? '' : undefined}>
      <Rail route={route} unread={unread} />
      <main className="panes">
        <section className="pane list-pane" aria-label={route.panel === undefined ? 'Chats' : PANEL_NAMES[route.panel]}>
          {(route.panel === undefined || route.panel === 'archived') && <ChatList key={route.panel} route={route} searchBox={searchBox} />}
          {route.panel === 'new' && <NewChat route={route} />}
          {route.panel === 'group' && <NewGroup route={route} />}
          {route.panel === 'settings' && <Settings route={route} signOut={signOut} />}
          {route.panel === 'devices' && <Devices route={route} />}
          {route.panel === 'ways' && <SignInWays route={route} />}
          {route.panel === 'blocked' && <Blocked route={route} />}
          <ConnectionStrip />
        </section>
        {route.chat === undefined ? <Welcome /> : <Conversation key={route.chat} id={route.chat} route={route} />}
        {drawer && route.chat !== undefined && <Drawer key={route.chat} route={route} id={route.chat} />}
      </main>
      <Toasts />
    </div>
  );
}

/** The right drawer: about the person or the group of the open chat. */
function Drawer({ route, id }: { readonly route: Route; readonly id: string }): ReactElement {
  const { type, name } = useConversation(id).state;
  if (route.find === true)
    return (
      <aside className="pane drawer" aria-label="Search messages">
        <ChatSearch route={route} id={id} name={name} />
      </aside>
    );
  return (
    <aside className="pane drawer" aria-label={{ direct: 'Contact info', group: 'Group info', server: 'Server info' }[type]}>
      {type === 'group' && <GroupInfo route={route} id={id} />}
      {type === 'direct' && <ContactInfo route={route} id={id} />}
      {type === 'server' && <ServerPanel route={route} id={id} />}
    </aside>
  );
}

/** Panels that are reached from the settings. */
const isSetting = (panel: Route['panel']): boolean => panel === 'blocked' || panel === 'devices' || panel === 'ways';

const PANEL_NAMES: Readonly<Record<NonNullable<Route['panel']>, string>> = {
  new: 'New chat',
  group: 'New group',
  archived: 'Archived chats',
  devices: 'Devices',
  settings: 'Settings',
  ways: 'Ways to sign in',
  blocked: 'Blocked people',
};

/** Everything behind the sign-in. */
export default function ChatApp({ session, signOut }: { readonly session: Session; readonly signOut: () => Promise<void> }): ReactElement {
  return (
    <ChatProvider client={session.chat}>
      <SessionContext value={session}>
        <Shell signOut={signOut} />
      </SessionContext>
    </ChatProvider>
  );
}
