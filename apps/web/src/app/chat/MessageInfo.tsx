import type { Conversation, GroupDelivery, Message } from '@parley/sdk';
import { type ReactElement, useEffect, useState } from 'react';
import { formatMoment } from '../../shared/format.ts';
import { Avatar } from '../../ui/Avatar.tsx';
import { Sheet } from '../../ui/Sheet.tsx';
import { Ticks } from '../../ui/Ticks.tsx';
import { preferences, usePreferences } from '../preferences.ts';
import { type People, summaryOf } from './Message.tsx';

/** When a message was sent, delivered and read; in a group, by whom. */
export function MessageInfo({
  message,
  conversation,
  people,
  close,
}: {
  readonly message: Message;
  readonly conversation: Conversation;
  readonly people: People;
  readonly close: () => void;
}): ReactElement {
  const { readReceipts } = usePreferences();
  const read = readReceipts ? message.receipts.filter(({ readAt }) => readAt !== undefined) : [];
  const delivered = message.receipts.filter(({ deliveredAt }) => deliveredAt !== undefined);
  return (
    <Sheet title="Message info" close={close} className="message-info" closable>
      <div className="excerpt" dir="auto">
        {summaryOf(message).slice(0, 500)}
      </div>
      {people.group ? (
        <Delivery message={message} conversation={conversation} people={people} />
      ) : (
        <dl>
          <Moment label="Read" state="read" at={read[0]?.readAt} />
          <Moment label="Delivered" state="delivered" at={delivered[0]?.deliveredAt} />
          <Moment label="Sent" state="sent" at={message.status === 'pending' ? undefined : message.sentAt} />
          {message.editedAt !== undefined && <Moment label="Edited" at={message.editedAt} />}
        </dl>
      )}
    </Sheet>
  );
}

function Moment({
  label,
  state,
  at,
}: {
  readonly label: string;
  readonly state?: 'read' | 'delivered' | 'sent';
  readonly at: number | undefined;
}): ReactElement {
  return (
    <div className="moment">
      <dt>
        {state !== undefined && <Ticks state={state} />}
        {label}
      </dt>
      <dd>{at === undefined ? '—' : formatMoment(at)}</dd>
    </div>
  );
}

/** Who of a group has a message, and who has read it: the server knows. */
function Delivery({
  message,
  conversation,
  people,
}: {
  readonly message: Message;
  readonly conversation: Conversation;
  readonly people: People;
}): ReactElement {
  const [all, setAll] = useState<readonly GroupDelivery[]>();
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let wanted = true;
    conversation.group
      ?.delivery(message.id)
      .then((found) => wanted && setAll(found))
      .catch(() => wanted && setFailed(true));
    return () => {
      wanted = false;
    };
  }, [conversation, message]);
  if (failed) return <p className="explain">The server did not say who has it. Is there a connection?</p>;
  if (all === undefined) return <span className="spinner" role="status" aria-label="Loading" />;
  const { readReceipts } = preferences();
  const read = readReceipts ? all.filter((one) => one.read) : [];
  const delivered = all.filter((one) => one.delivered && !read.includes(one));
  const waiting = all.filter((one) => !one.delivered && !one.read);
  return (
    <>
      <Part title="Read by" state="read" ids={read.map(({ personId }) => personId)} people={people} />
      <Part title="Delivered to" state="delivered" ids={delivered.map(({ personId }) => personId)} people={people} />
      {waiting.length > 0 && <Part title="Not delivered yet" state="sent" ids={waiting.map(({ personId }) => personId)} people={people} />}
    </>
  );
}

function Part({
  title,
  state,
  ids,
  people,
}: {
  readonly title: string;
  readonly state: 'read' | 'delivered' | 'sent';
  readonly ids: readonly string[];
  readonly people: People;
}): ReactElement {
  return (
    <section className="part" aria-label={title}>
      <h3>
        <Ticks state={state} />
        {title}
      </h3>
      {ids.length === 0 ? (
        <p className="explain">Nobody yet</p>
      ) : (
        <ul>
          {ids.map((id) => (
            <li key={id} className="person">
              <Avatar address={id} name={people.nameOf(id)} size="s" />
              <div className="name" dir="auto">
                {people.nameOf(id)}
              </div>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
