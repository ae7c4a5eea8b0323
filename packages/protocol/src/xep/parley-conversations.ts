/** The list of an account's conversations with what its owner decided about them: docs/protocol/conversations.md. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { decodeRsmRequest, decodeRsmResult, encodeRsmRequest, encodeRsmResult, type RsmRequest, type RsmResult } from './0059-rsm.ts';
import { formatDateTime, parseDateTime } from './0082-datetime.ts';
import { decodeForwarded, encodeForwarded, type Forwarded } from './0297-forwarding.ts';
import { NOTIFY_LEVELS, type NotifyLevel } from './0492-notification-settings.ts';
import { bounded, is, parseBoolean, parseWhole } from './decode.ts';

export interface ConversationsQuery {
  /** The archived ones instead of the others. */
  archived: boolean;
  rsm?: RsmRequest;
}

/** What the owner decided; the same on all devices. */
export interface ConversationState {
  pinned: boolean;
  /** Until when, in milliseconds since 1970; Infinity for ever; 0 not at all. */
  mutedUntil: number;
  archived: boolean;
  /** Seconds after which new messages disappear (XEP-0466); 0: they stay. */
  timer: number;
}
export interface Conversation extends Partial<ConversationState> {
  jid: string;
  /** A group chat. */
  group?: boolean;
  /** Of the last message in the archive of the account, or of the group. */
  id?: string;
  unread?: number;
  /** Up to which id everything was displayed on one of the account's devices. */
  displayed?: string;
  /** Something unread mentions the owner. */
  mention?: boolean;
  /** What the owner wants to be notified of (XEP-0492); only told, not changed here. */
  notify?: NotifyLevel;
  /** The last message was too long for the list: what is there is the beginning. */
  truncated?: boolean;
  message?: Forwarded;
}
export interface Conversations {
  /** Of the whole list (in a push: absent). */
  total?: number;
  unread?: number;
  allUnread?: number;
  conversations: Conversation[];
  rsm?: RsmResult;
}

/** Seconds: a century. */
const MAX_TIMER = 3_155_760_000;

export function encodeConversationsQuery(value: ConversationsQuery): Element {
  return el(
    'conversations',
    { xmlns: NS.conversations, archived: value.archived ? true : undefined },
    value.rsm && encodeRsmRequest(value.rsm),
  );
}
/** Undefined for a flag that is none, or a result set request that is not right. */
export function decodeConversationsQuery(element: Element | undefined): ConversationsQuery | undefined {
  if (!is(element, 'conversations', NS.conversations)) return undefined;
  const archived = parseBoolean(element.attr('archived') ?? 'false');
  const set = element.child('set', NS.rsm);
  const rsm = set && decodeRsmRequest(set);
  return archived === undefined || (set !== undefined && rsm === undefined) ? undefined : { archived, rsm };
}

function mutedText(until: number | undefined): string | undefined {
  if (until === undefined) return undefined;
  if (until <= 0) return 'false';
  return until === Number.POSITIVE_INFINITY ? 'true' : formatDateTime(until);
}

/** Absent parts are left out: in a change they stay as they are. */
export function encodeConversation(value: Conversation): Element {
  return el(
    'conversation',
    {
      xmlns: NS.conversations,
      jid: value.jid,
      group: value.group === true ? true : undefined,
      id: value.id,
      unread: value.unread,
      displayed: value.displayed,
      mention: value.mention === true ? true : undefined,
      notify: value.notify,
      truncated: value.truncated === true ? true : undefined,
      pinned: value.pinned,
      muted: mutedText(value.mutedUntil),
      archived: value.archived,
      timer: value.timer,
    },
    value.message && encodeForwarded(value.message),
  );
}

function readMuted(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const flag = parseBoolean(text);
  if (flag !== undefined) return flag ? Number.POSITIVE_INFINITY : 0;
  return parseDateTime(text) ?? Number.NaN;
}

/** Undefined without an address, and for a flag, time or number that is none. */
export function decodeConversation(element: Element | undefined): Conversation | undefined {
  if (!is(element, 'conversation', NS.conversations)) return undefined;
  const jid = bounded(element.attr('jid'), 3071);
  if (!jid) return undefined;
  let wrong = false;
  const read = <T>(name: string, parse: (text: string) => T | undefined): T | undefined => {
    const text = element.attr(name);
    if (text === undefined) return undefined;
    const value = parse(text);
    if (value === undefined) wrong = true;
    return value;
  };
  const flag = (name: string): boolean | undefined => read(name, parseBoolean);
  const id = (name: string): string | undefined => read(name, (text) => bounded(text, 1024) || undefined);
  const mutedUntil = readMuted(element.attr('muted'));
  const value: Conversation = {
    jid,
    group: flag('group'),
    id: id('id'),
    unread: read('unread', parseWhole),
    displayed: id('displayed'),
    mention: flag('mention'),
    notify: read('notify', (text) => NOTIFY_LEVELS.find((level) => level === text)),
    truncated: flag('truncated'),
    pinned: flag('pinned'),
    mutedUntil,
    archived: flag('archived'),
    timer: read('timer', (text) => parseWhole(text, MAX_TIMER)),
    message: decodeForwarded(element.child('forwarded', NS.forward)),
  };
  return wrong || Number.isNaN(mutedUntil) ? undefined : value;
}

export function encodeConversations(value: Conversations): Element {
  return el(
    'conversations',
    { xmlns: NS.conversations, total: value.total, unread: value.unread, 'all-unread': value.allUnread },
    ...value.conversations.map(encodeConversation),
    value.rsm && encodeRsmResult(value.rsm),
  );
}
/** Conversations that are not right are left out. */
export function decodeConversations(element: Element | undefined): Conversations | undefined {
  if (!is(element, 'conversations', NS.conversations)) return undefined;
  return {
    total: parseWhole(element.attr('total')),
    unread: parseWhole(element.attr('unread')),
    allUnread: parseWhole(element.attr('all-unread')),
    conversations: element.childrenNamed('conversation', NS.conversations).flatMap((one) => decodeConversation(one) ?? []),
    rsm: decodeRsmResult(element.child('set', NS.rsm)),
  };
}
