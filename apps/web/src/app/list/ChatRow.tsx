import type { ConversationSnapshot } from '@parley/sdk';
import { memo, type ReactElement } from 'react';
import { formatCount, formatListTime } from '../../shared/format.ts';
import { Avatar } from '../../ui/Avatar.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { type Anchor, pointAnchor } from '../../ui/Menu.tsx';
import { Ticks } from '../../ui/Ticks.tsx';
import { typingWords } from '../chat/ChatHeader.tsx';
import { summaryOf } from '../chat/Message.tsx';
import { useLongPress } from '../chat/use-long-press.ts';
import { useDraft } from '../drafts.ts';
import { lineOf, usePeople } from '../names.ts';
import { shownStatus, usePreferences } from '../preferences.ts';
import { formatRoute } from '../route.ts';
import { isMuted } from './ChatMenu.tsx';

/** Properties of {@link ChatRow}. */
export interface ChatRowProps {
  readonly conversation: ConversationSnapshot;
  readonly open: boolean;
  readonly tabStop: boolean;
  /** Midnight today, so that "Yesterday" comes with the day and not only with the next message. */
  readonly today: number;
  readonly openMenu: (id: string, anchor: Anchor) => void;
}

function Snippet({ conversation, draft }: { readonly conversation: ConversationSnapshot; readonly draft: string }): ReactElement {
  const { id, name, lastMessage, typing, typingIds, type } = conversation;
  const people = usePeople(id, name, type === 'group', false);
  if (typing)
    return (
      <span className="snippet typing">
        <span className="words">{people.group ? typingWords(typingIds.map((one) => people.nameOf(one))) : 'typing…'}</span>
      </span>
    );
  if (draft !== '')
    return (
      <span className="snippet">
        <span className="words">
          <span className="draft">Draft: </span>
          <bdi>{draft}</bdi>
        </span>
      </span>
    );
  if (lastMessage === undefined) return <span className="snippet">No messages yet</span>;
  const file = lastMessage.attachments[0];
  return (
    <span className="snippet">
      {lastMessage.mine && <span className="visually-hidden">You: </span>}
      {lastMessage.mine && !lastMessage.deleted && <Ticks state={shownStatus(lastMessage.status)} />}
      {lastMessage.deleted && <Icon name="block" size={16} />}
      {file !== undefined && <Icon name={file.kind === 'image' ? 'photo' : 'document'} size={17} />}
      <bdi className="words">{lineOf(lastMessage, people, summaryOf(lastMessage)).slice(0, 200)}</bdi>
    </span>
  );
}

/** One chat in the list. */
export const ChatRow = memo(function ChatRow({ conversation, open, tabStop, today, openMenu }: ChatRowProps): ReactElement {
  const { id, name, type, unread, mentioned, markedUnread, lastMessage, pinned, notify } = conversation;
  usePreferences();
  const stored = useDraft(id);
  const muted = isMuted(conversation);
  // The open chat shows its draft in the composer already.
  const draft = open ? '' : stored;
  const longPress = useLongPress(({ clientX, clientY }) => openMenu(id, pointAnchor(clientX, clientY)));
  return (
    <>
      <a
        className="row"
        href={formatRoute({ chat: id })}
        aria-current={open ? 'page' : undefined}
        data-unread={unread > 0 || markedUnread ? '' : undefined}
        data-roving=""
        tabIndex={tabStop ? 0 : -1}
        draggable={false}
        onContextMenu={(event) => {
          event.preventDefault();
          const box = event.currentTarget.getBoundingClientRect();
          openMenu(id, event.clientX === 0 && event.clientY === 0 ? box : pointAnchor(event.clientX, event.clientY));
        }}
        onKeyDown={(event) => {
          if (!(event.key === 'F10' && event.shiftKey)) return;
          event.preventDefault();
          openMenu(id, event.currentTarget.getBoundingClientRect());
        }}
        {...longPress}
      >
        <Avatar address={id} name={name} group={type === 'group'} server={type === 'server'} />
        <span className="lines">
          <span className="line">
            <bdi className="name">{name}</bdi>
            {lastMessage !== undefined && <time className="time">{formatListTime(lastMessage.sentAt, today)}</time>}
          </span>
          <span className="line">
            <Snippet conversation={conversation} draft={draft} />
            {muted ? <Mark icon="bellOff" words="muted" /> : notify === 'nothing' && <Mark icon="bellOff" words="notifies of nothing" />}
            {pinned && <Mark icon="pin" words="pinned" />}
            {mentioned && (
              <span className="pill at">
                @<span className="visually-hidden"> mentions you</span>
              </span>
            )}
            {unread > 0 ? (
              <span className={muted ? 'pill quiet' : 'pill'}>
                {formatCount(unread)}
                <span className="visually-hidden"> {unread === 1 ? 'unread message' : 'unread messages'}</span>
              </span>
            ) : (
              markedUnread && (
                <span className="pill dot">
                  <span className="visually-hidden">marked as unread</span>
                </span>
              )
            )}
          </span>
        </span>
      </a>
      <button
        type="button"
        className="row-menu"
        tabIndex={-1}
        aria-label={`Chat menu: ${name}`}
        title="Chat menu"
        aria-haspopup="menu"
        onClick={(event) => openMenu(id, event.currentTarget.getBoundingClientRect())}
      >
        <Icon name="down" size={20} />
      </button>
    </>
  );
});

function Mark({ icon, words }: { readonly icon: 'bellOff' | 'pin'; readonly words: string }): ReactElement {
  return (
    <span className="mark">
      <Icon name={icon} size={17} />
      <span className="visually-hidden">{words}</span>
    </span>
  );
}
