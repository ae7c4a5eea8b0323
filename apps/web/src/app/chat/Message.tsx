import type { Attachment, Message, Quote } from '@parley/sdk';
import { memo, type ReactElement } from 'react';
import { formatTime } from '../../shared/format.ts';
import { colourOf } from '../../ui/Avatar.tsx';
import { Icon } from '../../ui/Icon.tsx';
import type { Anchor } from '../../ui/Menu.tsx';
import { TICK_WORDS } from '../../ui/Ticks.tsx';
import { PHOTO_MARGIN, roomFor } from '../media/Photo.tsx';
import { shownStatus } from '../preferences.ts';
import { isJumbo, piecesOf } from './links.ts';
import { DocumentFile, Meta, PhotoFile } from './MessageFiles.tsx';
import { partsOf } from './mentions.ts';

/** What can be done with a message. */
export interface MessageActions {
  readonly retry: (id: string) => void;
  readonly discard: (id: string) => void;
  readonly openPhoto: (message: Message, attachment: Attachment) => void;
  /** Opens the menu (all that can be done) or the bar of quick reactions, or the list of who reacted. */
  readonly open: (what: 'menu' | 'react' | 'reactions', message: Message, anchor: Anchor) => void;
  /** Nobody can write here, so there is nothing to react with. */
  readonly readOnly: boolean;
  /** Shows an earlier message of this chat. */
  readonly jumpTo: (messageId: string) => void;
}

/** Who takes part in a chat, as far as a bubble needs to know. */
export interface People {
  /** More than two: names stand over the bubbles. */
  readonly group: boolean;
  /** `hint`: what the person is called where the address is from, if nothing better is known. */
  readonly nameOf: (address: string, hint?: string) => string;
}

/** Properties of {@link MessageBubble}. */
export interface MessageBubbleProps {
  readonly message: Message;
  /** The name of whoever sent it. */
  readonly senderName: string;
  readonly people: People;
  /** The first of a run: carries the tail and, in groups, the name. */
  readonly first: boolean;
  readonly actions: MessageActions;
}

const fileWord = (kind: Attachment['kind'], name: string): string =>
  kind === 'image' ? 'Photo' : kind === 'video' ? 'Video' : kind === 'audio' ? 'Audio' : name;

/** A message that is gone, in words. */
export const deletedWords = (mine: boolean): string => (mine ? 'You deleted this message' : 'This message was deleted');

/** What a message is about in one line: its text, or what hangs on it. */
export function summaryOf(message: Message): string {
  if (message.deleted) return deletedWords(message.mine);
  const [file] = message.attachments;
  if (file === undefined) return message.body;
  return message.body === '' ? fileWord(file.kind, file.name) : message.body;
}

/** "Ann, Photo: at the sea, 14:05, Read": the whole message in one line, for the list item's accessible name. */
export function describe(message: Message, senderName: string): string {
  const files = message.attachments.map((file) => (file.kind === 'image' ? 'Photo' : `Document ${file.name}`));
  const quote = message.replyTo === undefined ? [] : [`in reply to ${quoteWords(message.replyTo)}`];
  const content = message.deleted ? deletedWords(message.mine) : [...files, message.body].filter((part) => part !== '').join(': ');
  return [
    message.mine ? 'You' : senderName,
    ...quote,
    content,
    ...(message.mentionsMe ? ['mentions you'] : []),
    ...(message.editedAt === undefined ? [] : ['edited']),
    formatTime(message.sentAt),
    ...(message.mine && !message.deleted ? [TICK_WORDS[shownStatus(message.status)]] : []),
    ...(message.reactions.length === 0 ? [] : [`reactions: ${message.reactions.flatMap(({ emoji }) => emoji).join(' ')}`]),
  ].join(', ');
}

/** What a quote shows of its message. */
export function quoteWords({ text, kind }: Pick<Quote, 'text' | 'kind'>): string {
  if (text !== '') return text;
  return kind === undefined ? 'Message' : fileWord(kind, 'Document');
}

/** The text of a message; who is meant in it stands out, the reader most of all. */
function Text({ message, people }: { readonly message: Message; readonly people: People }): ReactElement {
  const parts = partsOf(message.body, message.mentions);
  return (
    <>
      {parts.map(({ text, personId }, index) =>
        personId === undefined ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: the text of a message does not change its order
          <Words key={index} text={text} />
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: the text of a message does not change its order
          <bdi key={index} className="mention" data-me={people.nameOf(personId) === 'You' ? '' : undefined}>
            {text}
          </bdi>
        ),
      )}
    </>
  );
}

function Words({ text }: { readonly text: string }): ReactElement {
  return (
    <>
      {piecesOf(text).map((piece, index) =>
        piece.href === undefined ? (
          piece.text
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: the text of a message does not change its order
          <a key={index} href={piece.href} target="_blank" rel="noopener noreferrer">
            {piece.text}
          </a>
        ),
      )}
    </>
  );
}

/** The message that is answered, above the answer; a click goes there. */
function QuoteBlock({
  quote,
  people,
  jumpTo,
}: {
  readonly quote: Quote;
  readonly people: People;
  readonly jumpTo: (id: string) => void;
}): ReactElement {
  const { messageId } = quote;
  const content = (
    <>
      <strong dir="auto">{quote.mine ? 'You' : people.nameOf(quote.senderId)}</strong>
      <span className="quoted" dir="auto">
        {quote.kind !== undefined && <Icon name={quote.kind === 'image' ? 'photo' : 'document'} size={15} />}
        {quoteWords(quote)}
      </span>
    </>
  );
  const colour = quote.mine ? 'me' : colourOf(quote.senderId);
  if (messageId === undefined)
    return (
      <div className="quote" data-colour={colour}>
        {content}
      </div>
    );
  return (
    <button type="button" className="quote" data-colour={colour} title="Go to this message" onClick={() => jumpTo(messageId)}>
      {content}
    </button>
  );
}

/** What people put under a message: each emoji once, and how many in all. */
function ReactionPills({ message, actions }: { readonly message: Message; readonly actions: MessageActions }): ReactElement | null {
  const { reactions } = message;
  if (reactions.length === 0) return null;
  const counts = new Map<string, number>();
  for (const { emoji } of reactions) for (const one of emoji) counts.set(one, (counts.get(one) ?? 0) + 1);
  const shown = [...counts].sort((a, b) => b[1] - a[1]).map(([emoji]) => emoji);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return (
    <button
      type="button"
      className="pills"
      data-mine={reactions.some(({ mine }) => mine) ? '' : undefined}
      aria-haspopup="dialog"
      onClick={(event) => actions.open('reactions', message, event.currentTarget.getBoundingClientRect())}
    >
      <span className="visually-hidden">Reactions: </span>
      {shown.slice(0, 4).map((emoji) => (
        <span key={emoji}>{`${emoji} `}</span>
      ))}
      {total > 1 && <span className="count">{total}</span>}
    </button>
  );
}

/** What appears beside and in a bubble under the pointer: the way to the menu and to a quick reaction. */
function Handles({ message, actions }: { readonly message: Message; readonly actions: MessageActions }): ReactElement {
  return (
    <>
      <button
        type="button"
        className="chevron"
        tabIndex={-1}
        aria-label="Message menu"
        title="Message menu"
        aria-haspopup="menu"
        onClick={(event) => actions.open('menu', message, event.currentTarget.getBoundingClientRect())}
      >
        <Icon name="down" size={20} />
      </button>
      {!message.deleted && message.status !== 'failed' && !actions.readOnly && (
        <button
          type="button"
          className="react-handle"
          tabIndex={-1}
          aria-label="React"
          title="React"
          aria-haspopup="menu"
          onClick={(event) => actions.open('react', message, event.currentTarget.getBoundingClientRect())}
        >
          <Icon name="smile" size={20} />
        </button>
      )}
    </>
  );
}

/** The bubble: quote, text, photo or document, with time and tick inside its last line, and reactions on its lower edge. */
export const MessageBubble = memo(function MessageBubble(props: MessageBubbleProps): ReactElement {
  const { message, senderName, people, first, actions } = props;
  const { attachments, body, deleted, replyTo } = message;
  const widths = attachments.flatMap((file) => (file.kind === 'image' ? [roomFor(file).width] : []));
  const hasPhoto = widths.length > 0;
  const overPhoto = body === '' && attachments.length > 0 && attachments.every((file) => file.kind === 'image');
  const jumbo = attachments.length === 0 && replyTo === undefined && isJumbo(body);
  return (
    <>
      {/* A caption is as wide as its photo, and a photo as wide as the screen allows. */}
      <div
        className={hasPhoto ? 'bubble has-photo' : 'bubble'}
        style={hasPhoto ? { inlineSize: Math.max(...widths) + PHOTO_MARGIN } : undefined}
        data-reactions={message.reactions.length > 0 ? '' : undefined}
        data-mentions-me={message.mentionsMe ? '' : undefined}
      >
        {people.group && first && !message.mine && (
          <div className="sender" data-colour={colourOf(message.senderId)} dir="auto">
            {senderName}
          </div>
        )}
        {message.forwarded && !deleted && (
          <div className="forwarded">
            <Icon name="forward" size={15} />
            Forwarded
          </div>
        )}
        {replyTo !== undefined && !deleted && <QuoteBlock quote={replyTo} people={people} jumpTo={actions.jumpTo} />}
        {attachments.map((file, index) => {
          const File = file.kind === 'image' ? PhotoFile : DocumentFile;
          // biome-ignore lint/suspicious/noArrayIndexKey: attachments keep their order, and their address changes when they are uploaded
          return <File key={index} {...props} file={file} />;
        })}
        {!overPhoto && (
          <div className={deleted ? 'text gone' : jumbo ? 'text jumbo' : 'text'} dir="auto">
            {deleted ? (
              <>
                <Icon name="block" size={16} />
                {deletedWords(message.mine)}
              </>
            ) : (
              <Text message={message} people={people} />
            )}
            <span className="meta">
              <Meta message={message} />
            </span>
          </div>
        )}
        <Handles message={message} actions={actions} />
      </div>
      <ReactionPills message={message} actions={actions} />
      {message.status === 'failed' && (
        <div className="failure">
          <Icon name="alert" size={18} />
          <span>{message.error?.message ?? 'Not sent.'}</span>
          <button type="button" className="button plain" onClick={() => actions.retry(message.id)}>
            Try again
          </button>
          <button type="button" className="button plain" onClick={() => actions.discard(message.id)}>
            Remove
          </button>
        </div>
      )}
    </>
  );
});
