/** Pure decisions of the roster (RFC 6121 §2). */
import { encodeRosterItem, Jid, type StanzaErrorCondition } from '@parley/protocol';
import type { Element } from '@parley/xml';
import type { Contact } from './service.ts';

export interface RosterLimits {
  readonly nameLength: number;
  readonly groupLength: number;
  readonly groups: number;
}

/** Characters of name and groups of one contact: a whole roster has to fit into one answer. */
const ITEM_LENGTH = 4096;

export type RosterSet =
  | { readonly ok: true; readonly action: 'remove'; readonly jid: string }
  | { readonly ok: true; readonly action: 'store'; readonly jid: string; readonly name: string; readonly groups: readonly string[] }
  | { readonly ok: false; readonly condition: StanzaErrorCondition; readonly reason: string };

const refuse = (condition: StanzaErrorCondition, reason: string): RosterSet => ({ ok: false, condition, reason });

/** Reads a roster set (RFC 6121 §2.1.5, errors §2.3.3). A full JID stands for its bare JID: subscriptions are between bare JIDs. */
export function readRosterSet(query: Element, owner: string, limits: RosterLimits): RosterSet {
  const items = query.elements();
  const item = items[0];
  if (items.length !== 1 || item === undefined || item.name !== 'item')
    return refuse('bad-request', 'A roster set holds exactly one item.');
  const raw = item.attr('jid');
  if (raw === undefined || raw === '') return refuse('bad-request', 'The item has no jid.');
  const jid = Jid.tryParse(raw)?.bare;
  if (jid === undefined) return refuse('jid-malformed', 'The jid of the item is not an address.');
  if (item.attr('subscription') === 'remove') return { ok: true, action: 'remove', jid };
  if (jid === owner) return refuse('not-allowed', 'Your own address needs no roster item.');
  const name = item.attr('name') ?? '';
  if (name.length > limits.nameLength) return refuse('not-acceptable', `The name is longer than ${limits.nameLength} characters.`);
  const groups: string[] = [];
  let length = name.length;
  for (const group of item.childrenNamed('group')) {
    const text = group.text();
    if (text === '') return refuse('not-acceptable', 'A group has no name.');
    if (text.length > limits.groupLength) return refuse('not-acceptable', `A group name is longer than ${limits.groupLength} characters.`);
    length += text.length;
    if (length > ITEM_LENGTH)
      return refuse('not-acceptable', `Name and groups of a contact have at most ${ITEM_LENGTH} characters together.`);
    if (groups.includes(text)) return refuse('bad-request', 'A group is named twice.');
    groups.push(text);
    if (groups.length > limits.groups) return refuse('not-acceptable', `A contact is in at most ${limits.groups} groups.`);
  }
  return { ok: true, action: 'store', jid, name, groups };
}

/** Version identifiers name the account's birth too: a namesake of a removed account never matches an old cache. */
export const versionText = (epoch: number, version: number): string => `${epoch.toString(36)}-${version}`;

export type RosterGet =
  | { readonly answer: 'whole' }
  /** Nothing now; what changed after `since` follows as pushes. */
  | { readonly answer: 'changes'; readonly since: number };

/**
 * How to answer a roster get (RFC 6121 §2.6). `floor`: removals up to this version are forgotten, so caches older than it
 * cannot be brought up to date by pushes. `changed` counts the entries that changed after a version.
 */
export function answerRosterGet(
  ver: string | undefined,
  roster: { readonly epoch: number; readonly version: number; readonly floor: number; readonly listed: number },
  changed: (since: number) => number,
): RosterGet {
  const match = /^([0-9a-z]{1,13})-(\d{1,15})$/.exec(ver ?? '');
  if (match === null || match[1] !== roster.epoch.toString(36)) return { answer: 'whole' };
  const since = Number(match[2]);
  if (since > roster.version || since < roster.floor) return { answer: 'whole' };
  // The whole roster is the shorter answer when most of it changed.
  return since === roster.version || changed(since) <= Math.max(1, roster.listed / 2) ? { answer: 'changes', since } : { answer: 'whole' };
}

/** The contact as the roster shows it (RFC 6121 §2.1.2). */
export function itemOf(contact: Contact, removed = false): Element {
  if (removed) return encodeRosterItem({ jid: contact.jid, subscription: 'remove', groups: [] });
  const { jid, name, groups, subscription, ask, approved } = contact;
  return encodeRosterItem({
    jid,
    name: name === '' ? undefined : name,
    subscription,
    ask: ask ? 'subscribe' : undefined,
    approved,
    groups: [...groups],
  });
}

/** True for an iq that carries a roster to somebody else: roster sets and forged pushes (CVE-2015-8688 and its kin). */
export function rosterForAnother(to: Jid | undefined, owner: string): boolean {
  return to !== undefined && !(to.isBare && to.bare === owner);
}
