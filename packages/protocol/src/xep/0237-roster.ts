/** Roster: RFC 6121 §2; versions (XEP-0237) are §2.6 there. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { is, parseBoolean } from './decode.ts';

const SUBSCRIPTIONS = ['none', 'to', 'from', 'both', 'remove'] as const;
export type RosterSubscription = (typeof SUBSCRIPTIONS)[number];

export interface RosterItem {
  jid: string;
  name?: string;
  subscription?: RosterSubscription;
  ask?: 'subscribe';
  approved?: boolean;
  groups: string[];
}
export interface RosterQuery {
  ver?: string;
  items: RosterItem[];
}

export const ROSTER_NAME_LENGTH = 1023;
const MAX_GROUPS = 64;
const MAX_ITEMS = 20_000;

export function encodeRosterItem(item: RosterItem): Element {
  return el(
    'item',
    {
      jid: item.jid,
      name: item.name,
      subscription: item.subscription,
      ask: item.ask,
      approved: item.approved === true ? 'true' : undefined,
    },
    ...item.groups.map((group) => el('group', null, group)),
  );
}
/** Undefined without jid, with an unknown subscription, an empty or repeated group (§2.3.3), a long name or more than 64 groups. */
export function decodeRosterItem(element: Element): RosterItem | undefined {
  if (!is(element, 'item', NS.roster)) return undefined;
  const [jid, name, stated, ask, approved] = ['jid', 'name', 'subscription', 'ask', 'approved'].map((key) => element.attr(key));
  const subscription = SUBSCRIPTIONS.find((value) => value === stated);
  const groups = element.childrenNamed('group', NS.roster).map((group) => group.text());
  if (!jid || (stated !== undefined && subscription === undefined) || (ask !== undefined && ask !== 'subscribe')) return undefined;
  if ((name?.length ?? 0) > ROSTER_NAME_LENGTH || groups.length > MAX_GROUPS || new Set(groups).size !== groups.length) return undefined;
  if (groups.some((group) => group === '' || group.length > ROSTER_NAME_LENGTH)) return undefined;
  return { jid, name, subscription, ask: ask === undefined ? undefined : 'subscribe', approved: parseBoolean(approved), groups };
}
export function encodeRoster(query: RosterQuery): Element {
  return el('query', { xmlns: NS.roster, ver: query.ver }, ...query.items.map(encodeRosterItem));
}
export function decodeRoster(element: Element | undefined): RosterQuery | undefined {
  if (!is(element, 'query', NS.roster)) return undefined;
  const elements = element.childrenNamed('item', NS.roster);
  if (elements.length > MAX_ITEMS) return undefined;
  const items: RosterItem[] = [];
  for (const child of elements) {
    const item = decodeRosterItem(child);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return { ver: element.attr('ver'), items };
}
