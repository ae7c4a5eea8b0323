import type { Message } from '@parley/sdk';
import { type KeyboardEvent, type MouseEvent, type ReactElement, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { dayOf, formatCount, formatDay, plural } from '../../shared/format.ts';
import { Icon } from '../../ui/Icon.tsx';
import { pointAnchor } from '../../ui/Menu.tsx';
import { noticeWords } from '../names.ts';
import { describe, type MessageActions, MessageBubble, type People } from './Message.tsx';
import { useLongPress } from './use-long-press.ts';
import { useVirtualList } from './use-virtual-list.ts';

/** Messages of one person within this time stand together, with one tail. Milliseconds. */
const RUN_MS = 5 * 60_000;
/** Older messages are fetched when the upper edge is nearer than this, in pixels. */
const NEAR_TOP = 700;
const TYPING_KEY = 'typing';
/** How long a message that was jumped to is lit. Milliseconds. */
const LIT_MS = 1800;
/** How long the day of the topmost message is shown after the last scrolling. Milliseconds. */
const PASSING_MS = 1500;
/** The way to the end is shown when it is shorter than this many panes; a longer one takes seconds on a slow machine and may be cut short. */
const SMOOTH_PANES = 3;

/** Properties of {@link Timeline}. */
export interface TimelineProps {
  readonly messages: readonly Message[];
  /** The name of the chat. */
  readonly name: string;
  readonly people: People;
  /** The message to go to; a new object goes there again. */
  readonly target: { readonly id: string } | undefined;
  /** The first message that was unread when the chat was opened, and how many there were. */
  readonly unreadFrom: string | undefined;
  readonly unreadCount: number;
  /** New messages below the visible part. */
  readonly newBelow: number;
  readonly typing: boolean;
  /** Who is typing, for screen readers. */
  readonly typingName: string;
  readonly hasOlder: boolean;
  readonly hasNewer: boolean;
  readonly loadingOlder: boolean;
  readonly loadOlder: () => void;
  readonly loadNewer: () => void;
  /** Brings the newest messages back into the window. */
  readonly jumpToLatest: () => void;
  /** Told when the lower end comes into view or leaves it. */
  readonly onAtEnd: (atEnd: boolean) => void;
  readonly actions: MessageActions;
}

function guessHeight(message: Message | undefined): number {
  if (message === undefined) return 44;
  if (message.attachments.some((file) => file.kind === 'image')) return 280;
  const extra = (message.replyTo === undefined ? 0 : 58) + (message.reactions.length > 0 ? 24 : 0);
  return 36 + extra + Math.floor(message.body.length / 60) * 20 + message.attachments.length * 60;
}

/** The conversation itself: a virtual list that hangs on its lower end, so the page stays small however long the history is. */
export function Timeline(props: TimelineProps): ReactElement {
  const {
    messages,
    name,
    people,
    target,
    unreadFrom,
    unreadCount,
    newBelow,
    typing,
    typingName,
    hasOlder,
    hasNewer,
    loadingOlder,
    actions,
  } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const [focusId, setFocusId] = useState<string>();
  const [away, setAway] = useState(false);
  const [passing, setPassing] = useState<number>();
  const passed = useRef<number | undefined>(undefined);
  const count = messages.length + (typing ? 1 : 0);
  const latest = useRef(props);
  latest.current = props;

  const keyOf = useCallback((index: number) => messages[index]?.id ?? TYPING_KEY, [messages]);
  const focusIndex = focusId === undefined ? -1 : messages.findIndex((message) => message.id === focusId);
  const virtual = useVirtualList({
    count,
    scroller,
    keyOf,
    estimate: (index) => guessHeight(messages[index]),
    pinned: focusIndex < 0 ? undefined : focusIndex,
  });

  // The first picture: at the first unread message, else at the end.
  const placed = useRef(false);
  useLayoutEffect(() => {
    if (placed.current || messages.length === 0) return;
    placed.current = true;
    const index = unreadFrom === undefined ? -1 : messages.findIndex((message) => message.id === unreadFrom);
    if (index >= 0) virtual.scrollToIndex(index, { align: 'start' });
    else virtual.scrollToEnd();
  });

  // A message of one's own always comes into view.
  const last = messages[messages.length - 1];
  const lastOwn = useRef(last?.mine === true ? last.id : undefined);
  useLayoutEffect(() => {
    if (last?.mine !== true || lastOwn.current === last.id) return;
    lastOwn.current = last.id;
    virtual.scrollToEnd();
  });

  // The message that was asked for comes into view as soon as it is in the window, and lights up for a moment.
  const [lit, light] = useState<string>();
  const shown = useRef<object | undefined>(undefined);
  useLayoutEffect(() => {
    if (target === undefined || shown.current === target) return;
    const index = messages.findIndex((message) => message.id === target.id);
    if (index < 0) return;
    shown.current = target;
    setFocusId(target.id);
    virtual.scrollToIndex(index, { align: 'center' });
    light(target.id);
  });
  useEffect(() => {
    if (lit === undefined) return;
    const timer = setTimeout(() => light(undefined), LIT_MS);
    return () => clearTimeout(timer);
  }, [lit]);

  const onScroll = useCallback((): void => {
    const element = scroller.current;
    if (element === null) return;
    const { hasOlder: older, hasNewer: newer, loadingOlder: loading, loadOlder, loadNewer, onAtEnd } = latest.current;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (older && !loading && element.scrollTop < NEAR_TOP) loadOlder();
    if (newer && below < NEAR_TOP) loadNewer();
    setAway(below > 240 || newer);
    // While older days pass by, the day of what is on top stays in sight.
    const top = virtual.getVirtualItemForOffset(element.scrollTop + 30);
    const message = top === undefined ? undefined : latest.current.messages[top.index];
    setPassing(message === undefined || below < 240 ? undefined : dayOf(message.sentAt));
    clearTimeout(passed.current);
    passed.current = window.setTimeout(() => setPassing(undefined), PASSING_MS);
    onAtEnd(below < 80 && !newer);
  }, [virtual]);
  useEffect(() => () => clearTimeout(passed.current), []);
  // Also without scrolling: the first window may be shorter than the pane.
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again whenever messages come or go
  useEffect(onScroll, [onScroll, count, messages[0]?.id, hasOlder, hasNewer]);

  const items = virtual.getVirtualItems();

  const moveFocus = (index: number): void => {
    const target = messages[Math.min(messages.length - 1, Math.max(0, index))];
    if (target === undefined) return;
    setFocusId(target.id);
    virtual.scrollToIndex(messages.indexOf(target), { align: 'auto' });
    const item = (): HTMLElement | null | undefined => list.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(target.id)}"]`);
    const there = item();
    // At once when it can be: the next key may open a menu, and that one keeps the focus.
    if (there) there.focus({ preventScroll: true });
    else requestAnimationFrame(() => item()?.focus({ preventScroll: true }));
  };

  const openMenu = (item: Element, message: Message): void =>
    actions.open('menu', message, (item.querySelector('.bubble') ?? item).getBoundingClientRect());

  /** Right click, the menu key, or a long press; links and selected text keep the browser's own menu. */
  const onContextMenu = (event: MouseEvent<HTMLElement>): void => {
    const item = (event.target as Element).closest('.item');
    const message = messages.find(({ id, notice }) => notice === undefined && id === item?.getAttribute('data-key'));
    if (item === null || message === undefined || (event.target as Element).closest('a') !== null || getSelection()?.isCollapsed === false)
      return;
    event.preventDefault();
    if (event.clientX === 0 && event.clientY === 0) openMenu(item, message);
    else actions.open('menu', message, pointAnchor(event.clientX, event.clientY));
  };
  const longPress = useLongPress(({ clientX, clientY, target: pressed }) => {
    const item = (pressed as Element).closest('.item');
    const message = messages.find(({ id, notice }) => notice === undefined && id === item?.getAttribute('data-key'));
    if (message !== undefined) actions.open('menu', message, pointAnchor(clientX, clientY));
  });

  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    if (!(event.target instanceof HTMLElement) || !event.target.matches('.item')) return;
    const here = focusIndex < 0 ? messages.length - 1 : focusIndex;
    const message = messages[here];
    if (
      message !== undefined &&
      message.notice === undefined &&
      (event.key === 'Enter' || event.key === ' ' || (event.key === 'F10' && event.shiftKey))
    ) {
      event.preventDefault();
      openMenu(event.target, message);
      return;
    }
    const next = { ArrowUp: here - 1, ArrowDown: here + 1, PageUp: here - 10, PageDown: here + 10, Home: 0, End: messages.length - 1 }[
      event.key
    ];
    if (next === undefined) return;
    event.preventDefault();
    moveFocus(next);
  };

  // The newest messages may have left the window: then they are fetched first, and the list goes to its end when they are there.
  const wantEnd = useRef(false);
  useLayoutEffect(() => {
    if (!wantEnd.current || hasNewer) return;
    wantEnd.current = false;
    virtual.scrollToEnd();
  });
  const toLatest = (): void => {
    if (hasNewer) {
      wantEnd.current = true;
      props.jumpToLatest();
      return;
    }
    const element = scroller.current;
    const near = element !== null && element.scrollHeight - element.scrollTop < (SMOOTH_PANES + 1) * element.clientHeight;
    virtual.scrollToEnd({ behavior: near ? 'smooth' : 'auto' });
  };

  const now = Date.now();
  const tabStop = focusIndex >= 0 ? focusIndex : messages.length - 1;
  return (
    <div className="timeline-host">
      {loadingOlder && (
        <div className="timeline-loading" role="status" aria-label="Loading older messages">
          <span className="spinner" />
        </div>
      )}
      {passing !== undefined && !loadingOlder && (
        <div className="passing-day" aria-hidden="true">
          <span className="chip">{formatDay(passing, now)}</span>
        </div>
      )}
      <div className="timeline" ref={scroller} onScroll={onScroll}>
        <ul
          ref={list}
          aria-label={`Messages with ${name}`}
          style={{ blockSize: virtual.getTotalSize() }}
          onKeyDown={onKeyDown}
          onContextMenu={onContextMenu}
          {...longPress}
        >
          {items.map(({ index, key, start }) => {
            const message = messages[index];
            const style = { transform: `translateY(${start}px)` };
            if (message === undefined)
              return (
                <li key={TYPING_KEY} className="item" data-first="" data-index={index} ref={virtual.measureElement} style={style}>
                  <div className="bubble">
                    <span className="typing-bubble" role="img" aria-label={`${typingName} is typing`}>
                      <i />
                      <i />
                      <i />
                    </span>
                  </div>
                </li>
              );
            const before = messages[index - 1];
            const newDay = before === undefined || dayOf(before.sentAt) !== dayOf(message.sentAt);
            const unread = message.id === unreadFrom;
            const first =
              newDay ||
              unread ||
              before.notice !== undefined ||
              before.senderId !== message.senderId ||
              message.sentAt - before.sentAt > RUN_MS;
            const senderName = people.nameOf(message.senderId, message.senderName);
            return (
              <li
                key={key as string}
                className="item"
                data-key={message.id}
                data-index={index}
                data-out={message.mine ? '' : undefined}
                data-first={first ? '' : undefined}
                data-lit={message.id === lit ? '' : undefined}
                ref={virtual.measureElement}
                style={style}
                tabIndex={index === tabStop ? 0 : -1}
                aria-label={message.notice === undefined ? describe(message, senderName) : noticeWords(message.notice, people)}
                aria-setsize={hasOlder || hasNewer ? -1 : messages.length}
                aria-posinset={index + 1}
                onFocus={() => setFocusId(message.id)}
              >
                {newDay && <div className="chip">{formatDay(message.sentAt, now)}</div>}
                {unread && unreadCount > 0 && (
                  <div className="unread-line">
                    <span className="chip">{plural(unreadCount, 'unread message', 'unread messages')}</span>
                  </div>
                )}
                {message.notice !== undefined ? (
                  <div className="chip notice">{noticeWords(message.notice, people)}</div>
                ) : (
                  <MessageBubble message={message} senderName={senderName} people={people} first={first} actions={actions} />
                )}
              </li>
            );
          })}
        </ul>
      </div>
      {(away || newBelow > 0) && messages.length > 0 && (
        <button
          type="button"
          className="latest"
          aria-label={
            newBelow > 0 ? `Jump to latest, ${formatCount(newBelow)} ${newBelow === 1 ? 'new message' : 'new messages'}` : 'Jump to latest'
          }
          title="Jump to latest"
          onClick={toLatest}
        >
          <Icon name="down" />
          {newBelow > 0 && (
            <span className="badge" aria-hidden="true">
              {formatCount(newBelow)}
            </span>
          )}
        </button>
      )}
    </div>
  );
}
