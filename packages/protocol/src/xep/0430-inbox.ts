/** XEP-0430: Inbox. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { decodeRsmRequest, decodeRsmResult, encodeRsmRequest, encodeRsmResult, type RsmRequest, type RsmResult } from './0059-rsm.ts';
import { bounded, is, parseBoolean, parseWhole } from './decode.ts';

export interface InboxQuery {
  /** Only conversations with something unread. */
  unreadOnly: boolean;
  /** With the last message of each. */
  messages: boolean;
  rsm?: RsmRequest;
}
export interface InboxEntry {
  jid: string;
  unread: number;
  /** Of the last message in the archive. */
  id: string;
}
export interface InboxFin {
  /** Conversations. */
  total: number;
  /** Conversations with something unread. */
  unread: number;
  /** Unread messages. */
  allUnread: number;
  rsm?: RsmResult;
}

export function encodeInboxQuery(value: InboxQuery): Element {
  return el(
    'inbox',
    { xmlns: NS.inbox, 'unread-only': value.unreadOnly ? true : undefined, messages: value.messages ? undefined : false },
    value.rsm && encodeRsmRequest(value.rsm),
  );
}
/** Undefined for a flag that is none, or a result set request that is not right. */
export function decodeInboxQuery(element: Element | undefined): InboxQuery | undefined {
  if (!is(element, 'inbox', NS.inbox)) return undefined;
  const unreadOnly = parseBoolean(element.attr('unread-only') ?? 'false');
  const messages = parseBoolean(element.attr('messages') ?? 'true');
  const set = element.child('set', NS.rsm);
  const rsm = set && decodeRsmRequest(set);
  if (unreadOnly === undefined || messages === undefined || (set !== undefined && rsm === undefined)) return undefined;
  return { unreadOnly, messages, rsm };
}

export function encodeInboxEntry(value: InboxEntry): Element {
  return el('entry', { xmlns: NS.inbox, unread: value.unread, jid: value.jid, id: value.id });
}
export function decodeInboxEntry(element: Element | undefined): InboxEntry | undefined {
  if (!is(element, 'entry', NS.inbox)) return undefined;
  const [jid, id, unread] = [bounded(element.attr('jid'), 3071), bounded(element.attr('id'), 1024), parseWhole(element.attr('unread'))];
  return jid && id && unread !== undefined ? { jid, id, unread } : undefined;
}

export function encodeInboxFin(value: InboxFin): Element {
  return el(
    'fin',
    { xmlns: NS.inbox, total: value.total, unread: value.unread, 'all-unread': value.allUnread },
    value.rsm && encodeRsmResult(value.rsm),
  );
}
export function decodeInboxFin(element: Element | undefined): InboxFin | undefined {
  if (!is(element, 'fin', NS.inbox)) return undefined;
  const [total, unread, allUnread] = ['total', 'unread', 'all-unread'].map((name) => parseWhole(element.attr(name)));
  if (total === undefined || unread === undefined || allUnread === undefined) return undefined;
  return { total, unread, allUnread, rsm: decodeRsmResult(element.child('set', NS.rsm)) };
}
