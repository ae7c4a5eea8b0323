import type { ConversationSnapshot, Message } from '@parley/sdk';
import { useChat } from '@parley/sdk-react';
import { type ReactNode, useState } from 'react';
import { type Anchor, Menu, type MenuItem } from '../../ui/Menu.tsx';
import { Sheet } from '../../ui/Sheet.tsx';
import { attempt, toast } from '../toasts.tsx';
import { NotifyDialog } from './NotifyDialog.tsx';

/** Muted for ever, as the SDK says it. */
const FOREVER = Number.MAX_SAFE_INTEGER;
const MUTES: readonly (readonly [string, number])[] = [
  ['8 hours', 8 * 3_600_000],
  ['1 week', 7 * 86_400_000],
  ['Always', FOREVER],
];

/** Whether a chat is silent right now. */
export const isMuted = ({ mutedUntil }: Pick<ConversationSnapshot, 'mutedUntil'>): boolean => mutedUntil > Date.now();

/** Whether a new message is told of: a muted group still tells of mentions when that is what was chosen. */
export function isNotifiedOf(state: ConversationSnapshot, { mentionsMe }: Pick<Message, 'mentionsMe'>): boolean {
  if (state.blocked || state.archived || state.notify === 'nothing') return false;
  return state.notify === 'mentions' ? mentionsMe : !isMuted(state);
}

/** Whether a chat shows as unread. */
export const isUnread = ({ unread, markedUnread }: Pick<ConversationSnapshot, 'unread' | 'markedUnread'>): boolean =>
  unread > 0 || markedUnread;

/** For how long? */
export function MuteDialog({ id, name, close }: { readonly id: string; readonly name: string; readonly close: () => void }): ReactNode {
  const chat = useChat();
  const [chosen, choose] = useState(0);
  return (
    <Sheet title={`Mute ${name}`} close={close}>
      <p>Nobody sees that you muted this chat. Messages still come in.</p>
      <fieldset className="plain-set">
        <legend className="visually-hidden">For how long</legend>
        {MUTES.map(([label], index) => (
          <label key={label} className="choice">
            <input type="radio" name="mute" checked={chosen === index} onChange={() => choose(index)} />
            {label}
          </label>
        ))}
      </fieldset>
      <div className="buttons">
        <button type="button" className="button plain" onClick={close}>
          Cancel
        </button>
        <button
          type="button"
          className="button primary"
          onClick={() => {
            close();
            const ms = MUTES[chosen]?.[1] ?? FOREVER;
            void attempt(chat.conversation(id).change({ mutedUntil: ms === FOREVER ? FOREVER : Date.now() + ms }));
          }}
        >
          Mute
        </button>
      </div>
    </Sheet>
  );
}

/** The menu of a chat in the list: pin, mute, what notifies, archive, mark unread. */
export function useChatMenu(): { readonly open: (id: string, anchor: Anchor) => void; readonly element: ReactNode } {
  const chat = useChat();
  const [open, setOpen] = useState<{ readonly id: string; readonly anchor: Anchor; readonly what: 'menu' | 'mute' | 'notify' }>();
  const close = (): void => setOpen(undefined);
  let element: ReactNode = null;
  if (open !== undefined) {
    const conversation = chat.conversation(open.id);
    const state = conversation.snapshot();
    const { pinned, archived, name, group } = state;
    const member = group !== undefined && group.role !== 'none' && group.role !== 'outcast';
    const muted = isMuted(state);
    const unread = isUnread(state);
    const items: MenuItem[] = [
      {
        label: archived ? 'Unarchive chat' : 'Archive chat',
        icon: 'archive',
        run: () =>
          void attempt(conversation.change({ archived: !archived, ...(archived ? {} : { pinned: false }) })).then(
            (done) => done && toast(archived ? `${name} is back in the list.` : `${name} was archived.`),
          ),
      },
      muted
        ? { label: 'Unmute', icon: 'bell', run: () => void attempt(conversation.change({ mutedUntil: 0 })) }
        : { label: 'Mute notifications', icon: 'bellOff', run: () => setOpen({ ...open, what: 'mute' }) },
      ...(member ? [{ label: 'What notifies', icon: 'at', run: () => setOpen({ ...open, what: 'notify' }) } as const] : []),
      ...(archived
        ? []
        : [
            {
              label: pinned ? 'Unpin chat' : 'Pin chat',
              icon: 'pin',
              run: () => void attempt(conversation.change({ pinned: !pinned })),
            } as const,
          ]),
      unread
        ? { label: 'Mark as read', icon: 'check', run: () => void attempt(conversation.markRead()) }
        : { label: 'Mark as unread', icon: 'unread', run: () => void attempt(conversation.markUnread()) },
    ];
    element =
      open.what === 'menu' ? (
        <Menu anchor={open.anchor} align="end" label={`Chat menu: ${name}`} close={close} items={items} />
      ) : open.what === 'notify' ? (
        <NotifyDialog id={open.id} close={close} />
      ) : (
        <MuteDialog id={open.id} name={name} close={close} />
      );
  }
  return { open: (id, anchor) => setOpen({ id, anchor, what: 'menu' }), element };
}
