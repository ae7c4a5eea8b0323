import type { Conversation, Message } from '@parley/sdk';
import { type ReactElement, type ReactNode, useState } from 'react';
import { Avatar } from '../../ui/Avatar.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { type Anchor, Menu, type MenuItem, Popover } from '../../ui/Menu.tsx';
import { attempt, toast } from '../toasts.tsx';
import { DeleteDialog } from './DeleteDialog.tsx';
import { EmojiPicker } from './EmojiPicker.tsx';
import { QUICK_EMOJI, rememberEmoji } from './emoji.ts';
import { ForwardDialog } from './ForwardDialog.tsx';
import type { MessageActions, People } from './Message.tsx';
import { MessageInfo } from './MessageInfo.tsx';

/** As long as a message may be edited. Milliseconds. */
const EDIT_MS = 15 * 60_000;

type Open = { readonly message: Message; readonly anchor: Anchor } & {
  readonly what: 'menu' | 'react' | 'reactions' | 'picker' | 'delete' | 'forward' | 'info';
};

/** What the menu asks of the chat around it. */
export interface MenuHost {
  readonly conversation: Conversation;
  readonly people: People;
  /** Names this account, to tell own reactions. */
  readonly me: string;
  /** Nobody can write here, so nothing can be answered. */
  readonly readOnly: boolean;
  readonly reply: (message: Message) => void;
  readonly edit: (message: Message) => void;
}

/** Whether the person may still change this message's text. */
export const isEditable = (message: Message): boolean =>
  message.mine && !message.deleted && message.status !== 'failed' && message.body !== '' && Date.now() - message.sentAt < EDIT_MS;

const ownEmoji = (message: Message): string | undefined => message.reactions.find(({ mine }) => mine)?.emoji[0];

/** Everything that can be done with one message: its menu, the bar of quick reactions, and the dialogs they lead to. */
export function useMessageMenu(host: MenuHost): { readonly open: MessageActions['open']; readonly element: ReactNode } {
  const [open, setOpen] = useState<Open>();
  const { conversation, people } = host;
  const close = (): void => setOpen(undefined);
  const react = (message: Message, emoji: string): void => {
    close();
    rememberEmoji(emoji);
    void attempt(conversation.react(message.id, ownEmoji(message) === emoji ? undefined : emoji));
  };

  let element: ReactNode = null;
  if (open !== undefined) {
    const { message, anchor, what } = open;
    const align = message.mine ? 'end' : 'start';
    const quick = (
      <QuickBar
        chosen={ownEmoji(message)}
        choose={(emoji) => react(message, emoji)}
        more={() => setOpen({ message, anchor, what: 'picker' })}
      />
    );
    if (what === 'menu')
      element = (
        <Menu
          anchor={anchor}
          align={align}
          label="Message menu"
          close={close}
          before={host.readOnly || message.deleted || message.status === 'failed' ? undefined : quick}
          items={itemsFor(message, host, (next) => setOpen({ message, anchor, what: next }))}
        />
      );
    else if (what === 'react' && host.readOnly) element = null;
    else if (what === 'react') element = <Menu anchor={anchor} align={align} above label="React" close={close} items={[]} before={quick} />;
    else if (what === 'picker')
      element = <EmojiPicker anchor={anchor} align={align} choose={(emoji) => react(message, emoji)} close={close} />;
    else if (what === 'reactions') element = <Reactions {...{ message, anchor, align, people, close, react }} />;
    else if (what === 'delete') element = <DeleteDialog message={message} conversation={conversation} close={close} />;
    else if (what === 'forward') element = <ForwardDialog message={message} close={close} />;
    else element = <MessageInfo message={message} conversation={conversation} people={people} close={close} />;
  }
  return { open: (what, message, anchor) => setOpen({ what, message, anchor }), element };
}

function itemsFor(message: Message, host: MenuHost, open: (what: 'delete' | 'forward' | 'info') => void): readonly MenuItem[] {
  const { conversation } = host;
  const items: MenuItem[] = [];
  if (!message.deleted) {
    // In a group, others know a message by the id that the group gave it.
    const sent = message.status !== 'failed' && (!host.people.group || message.serverId !== undefined);
    if (message.mine && sent) items.push({ label: 'Message info', icon: 'info', run: () => open('info') });
    if (sent && !host.readOnly) items.push({ label: 'Reply', icon: 'reply', run: () => host.reply(message) });
    if (message.body !== '')
      items.push({
        label: 'Copy',
        icon: 'copy',
        run: () => void attempt(navigator.clipboard.writeText(message.body)).then((done) => done && toast('The message was copied.')),
      });
    if (isEditable(message)) items.push({ label: 'Edit', icon: 'edit', run: () => host.edit(message) });
    if (sent) items.push({ label: 'Forward', icon: 'forward', run: () => open('forward') });
    items.push({
      label: message.starred ? 'Unstar' : 'Star',
      icon: message.starred ? 'starFull' : 'star',
      run: () => void attempt(conversation.star(message.id, !message.starred)),
    });
  }
  items.push({ label: 'Delete', icon: 'trash', danger: true, run: () => open('delete') });
  return items;
}

/** Six emoji, and the way to all others. */
function QuickBar({
  chosen,
  choose,
  more,
}: {
  readonly chosen: string | undefined;
  readonly choose: (emoji: string) => void;
  readonly more: () => void;
}): ReactElement {
  const shown = chosen === undefined || QUICK_EMOJI.includes(chosen) ? QUICK_EMOJI : [...QUICK_EMOJI.slice(0, 5), chosen];
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset may not stand in a menu
    <div className="quick-bar" role="group" aria-label="React">
      {shown.map((emoji) => (
        <button
          key={emoji}
          type="button"
          role="menuitem"
          tabIndex={-1}
          data-chosen={emoji === chosen ? '' : undefined}
          aria-label={emoji === chosen ? `Take away ${emoji}` : `React with ${emoji}`}
          onClick={() => choose(emoji)}
        >
          {emoji}
        </button>
      ))}
      <button
        type="button"
        role="menuitem"
        tabIndex={-1}
        className="more"
        aria-label="More reactions"
        title="More reactions"
        onClick={more}
      >
        <Icon name="attach" size={20} />
      </button>
    </div>
  );
}

/** Who reacted with what; one's own is taken away by a click. */
function Reactions({
  message,
  anchor,
  align,
  people,
  close,
  react,
}: {
  readonly message: Message;
  readonly anchor: Anchor;
  readonly align: 'start' | 'end';
  readonly people: People;
  readonly close: () => void;
  readonly react: (message: Message, emoji: string) => void;
}): ReactElement {
  const rows = message.reactions.flatMap((reaction) => reaction.emoji.map((emoji) => ({ ...reaction, emoji })));
  rows.sort((a, b) => Number(b.mine) - Number(a.mine));
  return (
    <Popover anchor={anchor} align={align} className="reaction-list" label="Reactions" close={close}>
      <h3>{rows.length === 1 ? '1 reaction' : `${rows.length} reactions`}</h3>
      <ul>
        {rows.map(({ senderId, mine, emoji }) => {
          const name = mine ? 'You' : people.nameOf(senderId);
          const content = (
            <>
              <Avatar address={senderId} name={people.nameOf(senderId)} size="s" />
              <span>
                <span className="name" dir="auto">
                  {name}
                </span>
                {mine && <span className="sub">Click to take it away</span>}
              </span>
              <span className="emoji">{emoji}</span>
            </>
          );
          return (
            <li key={`${senderId} ${emoji}`}>
              {mine ? (
                <button type="button" className="line" onClick={() => react(message, emoji)}>
                  {content}
                </button>
              ) : (
                <div className="line">{content}</div>
              )}
            </li>
          );
        })}
      </ul>
    </Popover>
  );
}
