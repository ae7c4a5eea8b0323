import type { Message } from '@parley/sdk';
import { useChat } from '@parley/sdk-react';
import { type ReactElement, useEffect, useState } from 'react';
import { formatListTime } from '../../shared/format.ts';
import { Avatar } from '../../ui/Avatar.tsx';
import { useToday } from '../../ui/use-day.ts';
import { summaryOf } from '../chat/Message.tsx';
import { lineOf, usePeople } from '../names.ts';
import { formatRoute } from '../route.ts';

/** A search begins when the person stops typing. Milliseconds. */
const PAUSE_MS = 250;
const SHORTEST = 2;
/** Characters before the first hit that are shown with it. */
const LEAD = 24;

/** Messages with these words, in all chats or in one. Undefined while the first answer is on its way. */
export function useMessageSearch(query: string, conversationId?: string): readonly Message[] | undefined {
  const chat = useChat();
  const [found, setFound] = useState<{ readonly query: string; readonly messages: readonly Message[] }>();
  const wanted = query.trim().length >= SHORTEST;
  useEffect(() => {
    if (!wanted) return;
    let alive = true;
    const timer = setTimeout(() => {
      chat
        .search(query, conversationId === undefined ? {} : { conversationId })
        .then((messages) => alive && setFound({ query, messages }))
        .catch(() => alive && setFound({ query, messages: [] }));
    }, PAUSE_MS);
    return () => {
      alive = false;
      clearTimeout(timer);
    };
  }, [chat, query, conversationId, wanted]);
  if (!wanted) return [];
  // The last answer stays while the next one is on its way, so that nothing blinks.
  return found?.messages;
}

/** The text around the first hit, with the hits marked. */
function Excerpt({ text, query }: { readonly text: string; readonly query: string }): ReactElement {
  const words = query.match(/[\p{L}\p{N}]+/gu) ?? [];
  if (words.length === 0) return <>{text}</>;
  const pattern = new RegExp(`(${words.map((word) => word.replace(/[^\p{L}\p{N}]/gu, '')).join('|')})`, 'giu');
  const first = text.search(pattern);
  const start = first > LEAD ? text.indexOf(' ', first - LEAD) + 1 : 0;
  const shown = (start > 0 ? '…' : '') + text.slice(start, start + 220);
  return (
    <>
      {shown.split(pattern).map((part, index) =>
        // Every second part is one that the pattern caught.
        // biome-ignore lint/suspicious/noArrayIndexKey: parts of one text keep their order
        index % 2 === 1 ? <mark key={index}>{part}</mark> : part,
      )}
    </>
  );
}

/** One message that was found; a click goes there. `named`: say in which chat. */
export function MessageHit({
  message,
  query,
  named,
  go,
}: {
  readonly message: Message;
  readonly query: string;
  readonly named: boolean;
  readonly go?: () => void;
}): ReactElement {
  const chat = useChat();
  const { name, type } = chat.conversation(message.conversationId).snapshot();
  const people = usePeople(message.conversationId, name, type === 'group', false);
  const today = useToday();
  const text = lineOf(message, people, summaryOf(message));
  return (
    <a className="row hit" href={formatRoute({ chat: message.conversationId, at: message.id })} data-roving="" onClick={go}>
      {named && <Avatar address={message.conversationId} name={name} group={type === 'group'} server={type === 'server'} />}
      <span className="lines">
        <span className="line">
          <bdi className="name">{named ? name : message.mine ? 'You' : people.nameOf(message.senderId, message.senderName)}</bdi>
          <time className="time">{formatListTime(message.sentAt, today)}</time>
        </span>
        <span className="snippet">
          <bdi className="words">
            {message.mine && named && 'You: '}
            <Excerpt text={text} query={query} />
          </bdi>
        </span>
      </span>
    </a>
  );
}
