import type { Attachment, Mention, Message } from '@parley/sdk';
import { useChat, useContacts, useConversation, useMembers, useMessages, useUser } from '@parley/sdk-react';
import { type DragEvent, type ReactElement, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { Icon } from '../../ui/Icon.tsx';
import { draftOf, keepDraft } from '../drafts.ts';
import { Stage, type Staged } from '../media/Stage.tsx';
import { Viewer } from '../media/Viewer.tsx';
import { usePeople } from '../names.ts';
import { withdrawNotifications } from '../notify.ts';
import { preferences } from '../preferences.ts';
import { formatRoute, go, type Route } from '../route.ts';
import { attempt, toast } from '../toasts.tsx';
import { ChatHeader } from './ChatHeader.tsx';
import { Composer, type Writing } from './Composer.tsx';
import { describe, type MessageActions } from './Message.tsx';
import { isEditable, useMessageMenu } from './MessageMenu.tsx';
import { Timeline } from './Timeline.tsx';
import { useStage } from './use-stage.ts';

/** Whether somebody is looking: the tab is in front and has the focus. */
function useLooking(): boolean {
  const [looking, setLooking] = useState(() => !document.hidden && document.hasFocus());
  useEffect(() => {
    const check = (): void => setLooking(!document.hidden && document.hasFocus());
    addEventListener('focus', check);
    addEventListener('blur', check);
    document.addEventListener('visibilitychange', check);
    return () => {
      removeEventListener('focus', check);
      removeEventListener('blur', check);
      document.removeEventListener('visibilitychange', check);
    };
  }, []);
  return looking;
}

interface Unread {
  readonly from: string | undefined;
  readonly count: number;
}

/** Where the "unread" line stands: found once when the chat is opened, and left alone until it is opened again. */
function useUnreadLine(items: readonly Message[], ready: boolean, unread: number): Unread {
  const [line, setLine] = useState<Unread>();
  if (line === undefined && ready) {
    const received = items.filter((message) => !message.mine && message.notice === undefined);
    const from = unread > 0 ? received[Math.max(0, received.length - unread)]?.id : undefined;
    const found = { from, count: from === undefined ? 0 : unread };
    setLine(found);
    return found;
  }
  return line ?? { from: undefined, count: 0 };
}

function Banner({ id, name }: { readonly id: string; readonly name: string }): ReactElement | null {
  const { contacts } = useChat();
  useContacts();
  const [closed, setClosed] = useState(false);
  const state = contacts.get(id)?.state ?? 'none';
  if (closed || state === 'contact' || state === 'requested' || state === 'one-way') return null;
  return (
    <section className="banner" aria-label="Contact">
      <span>
        {state === 'incoming' ? (
          <>
            <bdi>{name}</bdi> wants to be your contact.
          </>
        ) : (
          <>
            <bdi>{name}</bdi> is not one of your contacts.
          </>
        )}
      </span>
      <span className="buttons">
        <button
          type="button"
          className="button plain"
          onClick={() => void attempt(state === 'incoming' ? contacts.accept(id) : contacts.add(id))}
        >
          {state === 'incoming' ? 'Accept' : 'Add to contacts'}
        </button>
        <button type="button" className="button danger" onClick={() => void attempt(contacts.block(id))}>
          Block
        </button>
        <button type="button" className="icon-button" aria-label="Not now" title="Not now" onClick={() => setClosed(true)}>
          <Icon name="close" size={20} />
        </button>
      </span>
    </section>
  );
}

/** One chat: head, timeline, composer, and the tray of files that are about to be sent. */
export function Conversation({ id, route }: { readonly id: string; readonly route: Route }): ReactElement {
  const chat = useChat();
  const { conversation, state } = useConversation(id);
  const { name, unread, typing, typingIds, blocked, group, markedUnread, type } = state;
  const server = type === 'server';
  const people = usePeople(id, name, group !== undefined);
  const members = useMembers(group === undefined ? undefined : id);
  const others = useMemo(
    () => (members ?? []).filter(({ mine }) => !mine).map((member) => ({ id: member.id, name: people.nameOf(member.id, member.nick) })),
    [members, people],
  );
  const out = group !== undefined && (group.role === 'none' || group.role === 'outcast');
  const typingNames = typingIds.map((one) => (group === undefined ? name : people.nameOf(one)));
  // Enough for the first unread message to be in the first window, within what one load may bring.
  const [pageSize] = useState(() => Math.min(200, Math.max(50, unread + 15)));
  const { list, items, ready, hasOlder, hasNewer, loading, newerUnread } = useMessages(conversation, { pageSize });
  const looking = useLooking();
  const line = useUnreadLine(items, ready, unread);
  const [atEnd, setAtEnd] = useState<boolean>();
  const [viewed, setViewed] = useState<{ readonly message: Message; readonly file: Attachment }>();
  const [stage, setStage] = useStage(id);
  const [dragging, setDragging] = useState(0);
  const [announced, announce] = useState('');
  const opener = useRef<Element | null>(null);
  const me = useUser()?.id ?? '';
  const [writing, setWriting] = useState<Writing>();
  const [target, setTarget] = useState<{ readonly id: string }>();
  const menu = useMessageMenu({
    conversation,
    people,
    me,
    readOnly: server,
    reply: (message) => setWriting({ kind: 'reply', message }),
    edit: (message) => setWriting({ kind: 'edit', message }),
  });
  const routeNow = useRef(route);
  routeNow.current = route;
  const openMenu = useRef(menu.open);
  openMenu.current = menu.open;

  // Seen: the chat is in front of somebody and its lower end in view. New messages under a person who reads older ones stay unread.
  const newest = items[items.length - 1]?.id;
  useEffect(() => {
    if (!ready || newest === undefined || !looking || atEnd !== true || (unread === 0 && !markedUnread)) return;
    void conversation.markRead(undefined, { tellPeer: preferences().readReceipts }).catch(() => undefined);
    void withdrawNotifications(id);
  }, [conversation, id, ready, newest, looking, atEnd, unread, markedUnread]);

  // What comes in while the chat is open is read out once; the history is not.
  const nameOf = useRef(people.nameOf);
  nameOf.current = people.nameOf;
  useEffect(
    () =>
      conversation.on('message.new', ({ message, live }) => {
        if (live && !message.mine && message.notice === undefined)
          announce(describe(message, nameOf.current(message.senderId, message.senderName)));
      }),
    [conversation],
  );

  const addFiles = useCallback(
    (files: readonly File[]): void => {
      const usable = files.filter((file) => file.size > 0);
      if (usable.length < files.length) toast('Empty files and folders cannot be sent.');
      if (usable.length > 0)
        setStage((items) => [...items, ...usable.map((file) => ({ id: crypto.randomUUID(), file, caption: '' }))].slice(0, 30));
    },
    [setStage],
  );

  const sendFiles = async (staged: readonly Staged[]): Promise<void> => {
    setStage([]);
    const replyTo = writing?.kind === 'reply' ? writing.message.id : undefined;
    setWriting(undefined);
    // One after the other, so that they stand in the order they were chosen; the first one is the answer.
    for (const [index, { file, caption }] of staged.entries())
      await attempt(conversation.sendFile(file, { caption: caption.trim(), replyTo: index === 0 ? replyTo : undefined }));
  };

  const send = (text: string, mentions: readonly Mention[]): void => {
    setWriting(undefined);
    if (writing?.kind === 'edit') {
      void attempt(conversation.edit(writing.message.id, { text, mentions }));
      return;
    }
    void attempt(conversation.send({ text, mentions, replyTo: writing?.message.id }));
    // Whoever writes wants to see it: the end comes back into the window.
    if (list.snapshot().hasNewer) void attempt(list.jumpToLatest());
  };

  const jumpTo = useCallback(
    (messageId: string): void => {
      setTarget({ id: messageId });
      if (!list.snapshot().items.some((message) => message.id === messageId)) void attempt(list.jumpTo(messageId));
    },
    [list],
  );

  // The address bar may name a message: a search has found it.
  const at = route.at;
  useEffect(() => {
    if (!ready || at === undefined) return;
    jumpTo(at);
    const { at: _done, ...rest } = routeNow.current;
    go(rest, { replace: true });
  }, [ready, at, jumpTo]);

  const actions = useMemo<MessageActions>(
    () => ({
      retry: (messageId) => void attempt(conversation.retry(messageId)),
      discard: (messageId) => void attempt(conversation.discard(messageId)),
      openPhoto: (message, file) => {
        opener.current = document.activeElement;
        setViewed({ message, file });
      },
      open: (what, message, anchor) => openMenu.current(what, message, anchor),
      jumpTo,
      readOnly: server,
    }),
    [conversation, jumpTo, server],
  );

  const onDrag = (event: DragEvent, step: 1 | -1): void => {
    if (!event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    setDragging((n) => Math.max(0, n + step));
  };

  const closeViewer = (): void => {
    setViewed(undefined);
    if (opener.current instanceof HTMLElement) opener.current.focus({ preventScroll: true });
  };

  return (
    <section
      className="conversation"
      aria-label={`Chat with ${name}`}
      onDragEnter={(event) => onDrag(event, 1)}
      onDragLeave={(event) => onDrag(event, -1)}
      onDragOver={(event) => {
        if (event.dataTransfer.types.includes('Files')) event.preventDefault();
      }}
      onDrop={(event) => {
        if (!event.dataTransfer.types.includes('Files')) return;
        event.preventDefault();
        setDragging(0);
        if (!blocked && !out && !server) addFiles([...event.dataTransfer.files]);
      }}
    >
      <ChatHeader id={id} state={state} people={people} route={route} />
      {type === 'direct' && <Banner id={id} name={name} />}
      {ready ? (
        <Timeline
          messages={items}
          name={name}
          people={people}
          target={target}
          unreadFrom={line.from}
          unreadCount={line.count}
          newBelow={atEnd === false ? Math.max(newerUnread, unread) : 0}
          typing={typing && !hasNewer}
          typingName={typingNames.join(', ')}
          hasOlder={hasOlder}
          hasNewer={hasNewer}
          loadingOlder={loading === 'older'}
          loadOlder={() => void list.loadOlder().catch(() => undefined)}
          loadNewer={() => void list.loadNewer().catch(() => undefined)}
          jumpToLatest={() => void attempt(list.jumpToLatest())}
          onAtEnd={setAtEnd}
          actions={actions}
        />
      ) : (
        <div className="timeline-host" aria-busy="true" />
      )}
      <div className="visually-hidden" role="status">
        {announced}
      </div>
      {server ? (
        <div className="composer">
          <div className="bar">
            Only the server writes here.
            {/* What it says may be about a device that is not one's own. */}
            <a href={formatRoute({ ...route, panel: 'devices' })}>Linked devices</a>
          </div>
        </div>
      ) : out ? (
        <div className="composer">
          <div className="bar">You are not a member of this group any more.</div>
        </div>
      ) : blocked ? (
        <div className="composer">
          <div className="bar">
            <span>You have blocked {name}.</span>
            <button type="button" className="button plain" onClick={() => void attempt(chat.contacts.unblock(id))}>
              Unblock
            </button>
          </div>
        </div>
      ) : (
        <Composer
          name={name}
          initialDraft={draftOf(id)}
          people={people}
          members={others}
          writing={writing}
          setWriting={setWriting}
          send={send}
          editLast={() => {
            const last = items.findLast(isEditable);
            if (last !== undefined) setWriting({ kind: 'edit', message: last });
          }}
          keepDraft={(text) => keepDraft(id, text)}
          typing={(active) => conversation.typing(active)}
          addFiles={addFiles}
        />
      )}
      {stage.length > 0 && (
        <Stage items={stage} name={name} change={setStage} addFiles={addFiles} send={(staged) => void sendFiles(staged)} />
      )}
      {dragging > 0 && !blocked && !out && !server && (
        <div className="drop-target">
          <Icon name="photo" size={48} />
          Drop photos and files here
        </div>
      )}
      {menu.element}
      {viewed !== undefined && (
        <Viewer
          message={viewed.message}
          file={viewed.file}
          senderName={viewed.message.mine ? 'You' : people.nameOf(viewed.message.senderId, viewed.message.senderName)}
          senderAddress={viewed.message.senderId}
          close={closeViewer}
        />
      )}
    </section>
  );
}
