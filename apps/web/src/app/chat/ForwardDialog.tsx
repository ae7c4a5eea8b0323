import type { Message } from '@parley/sdk';
import { useChat, useContacts, useConversations } from '@parley/sdk-react';
import { type ReactElement, useMemo, useState } from 'react';
import { Icon } from '../../ui/Icon.tsx';
import { Sheet } from '../../ui/Sheet.tsx';
import { Choices, choicesFor } from '../panels/Choices.tsx';
import { go } from '../route.ts';
import { attempt, toast } from '../toasts.tsx';

/** More at once would be a broadcast. */
const MOST = 5;
/** Of more than these one has to be searched for. */
const SHOWN = 100;

/** Chooses up to five chats or people, and sends them a copy. */
export function ForwardDialog({ message, close }: { readonly message: Message; readonly close: () => void }): ReactElement {
  const chat = useChat();
  const conversations = useConversations();
  const { contacts } = useContacts();
  const [typed, setTyped] = useState('');
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const all = useMemo(() => {
    const known = new Map(conversations.filter(({ blocked, type }) => !blocked && type !== 'server').map(({ id, name }) => [id, name]));
    for (const { id, name, blocked } of contacts) if (!blocked && !known.has(id)) known.set(id, name);
    return [...known].map(([id, name]) => ({ id, name }));
  }, [conversations, contacts]);
  const names = chosen.map((id) => all.find((one) => one.id === id)?.name ?? id);

  const send = async (): Promise<void> => {
    close();
    const sent = await Promise.all(chosen.map((id) => attempt(chat.conversation(id).forward(message))));
    if (!sent.every((done) => done)) return;
    if (chosen.length === 1) go({ chat: chosen[0] ?? '' });
    else toast(`Forwarded to ${chosen.length} chats.`);
  };

  return (
    <Sheet title="Forward message to" close={close} className="chooser" closable>
      <Choices
        label="Chats and people"
        search="Search chats and people"
        placeholder="Search"
        typed={typed}
        setTyped={setTyped}
        shown={choicesFor(all, typed).slice(0, SHOWN)}
        chosen={chosen}
        change={setChosen}
        most={MOST}
      />
      <div className="foot">
        <span className="names" dir="auto">
          {names.join(', ')}
        </span>
        <button
          type="button"
          className="icon-button filled"
          aria-label="Forward"
          title="Forward"
          disabled={chosen.length === 0}
          onClick={() => void send()}
        >
          <Icon name="send" size={22} />
        </button>
      </div>
    </Sheet>
  );
}
