/** XEP-0045: Multi-User Chat; with what other specifications put into its elements (XEP-0421, XEP-0463). */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { parseDateTime } from './0082-datetime.ts';
import { bounded, is, parseWhole } from './decode.ts';

export const MUC_AFFILIATIONS = ['outcast', 'none', 'member', 'admin', 'owner'] as const;
/** Lowest first. */
export type MucAffiliation = (typeof MUC_AFFILIATIONS)[number];
export const MUC_ROLES = ['none', 'visitor', 'participant', 'moderator'] as const;
/** Lowest first. */
export type MucRole = (typeof MUC_ROLES)[number];

export interface MucItem {
  affiliation?: MucAffiliation;
  role?: MucRole;
  jid?: string;
  nick?: string;
  actor?: { jid?: string; nick?: string };
  reason?: string;
}
export interface MucInvite {
  to?: string;
  from?: string;
  reason?: string;
  /** A conversation of two goes on in the room (§7.9); '' without a thread. */
  thread?: string;
}
export interface MucDestroy {
  jid?: string;
  password?: string;
  reason?: string;
}
/** `<x/>` of `…/muc#user`: what a room says. */
export interface MucUser {
  items?: MucItem[];
  statuses?: number[];
  invites?: MucInvite[];
  decline?: MucInvite;
  destroy?: MucDestroy;
  password?: string;
  /** XEP-0463. */
  version?: { since?: string; until?: string };
}
/** `<x/>` of `…/muc`: the wish to come in. */
export interface MucJoin {
  password?: string;
  history?: { maxchars?: number; maxstanzas?: number; seconds?: number; since?: number };
  /** XEP-0463: wants affiliations, all or since a version. */
  version?: { since?: string };
}

const TEXT_LENGTH = 2048;
const JID_LENGTH = 3071;
const MAX_ITEMS = 1024;
const MAX_INVITES = 64;

function encodeItem(item: MucItem): Element {
  return el(
    'item',
    { affiliation: item.affiliation, jid: item.jid, nick: item.nick, role: item.role },
    item.actor && el('actor', { jid: item.actor.jid, nick: item.actor.nick }),
    item.reason === undefined ? undefined : el('reason', null, item.reason),
  );
}
function decodeItem(element: Element): MucItem | undefined {
  const affiliation = MUC_AFFILIATIONS.find((name) => name === element.attr('affiliation'));
  const role = MUC_ROLES.find((name) => name === element.attr('role'));
  if (element.attr('affiliation') !== undefined && affiliation === undefined) return undefined;
  if (element.attr('role') !== undefined && role === undefined) return undefined;
  const [jid, nick, reason] = [element.attr('jid'), element.attr('nick'), element.childText('reason', element.ns)];
  if ((jid?.length ?? 0) > JID_LENGTH || (nick?.length ?? 0) > JID_LENGTH || (reason?.length ?? 0) > TEXT_LENGTH) return undefined;
  const actor = element.child('actor', element.ns);
  const item: MucItem = { affiliation, role, jid, nick, reason };
  if (actor !== undefined) item.actor = { jid: actor.attr('jid'), nick: actor.attr('nick') };
  return item;
}

function encodeInvite(name: 'invite' | 'decline', invite: MucInvite): Element {
  return el(
    name,
    { to: invite.to, from: invite.from },
    invite.reason === undefined ? undefined : el('reason', null, invite.reason),
    invite.thread === undefined ? undefined : el('continue', { thread: invite.thread === '' ? undefined : invite.thread }),
  );
}
function decodeInvite(element: Element): MucInvite {
  const goesOn = element.child('continue', NS.mucUser);
  return {
    to: bounded(element.attr('to'), JID_LENGTH),
    from: bounded(element.attr('from'), JID_LENGTH),
    reason: bounded(element.childText('reason', NS.mucUser), TEXT_LENGTH),
    thread: goesOn === undefined ? undefined : (bounded(goesOn.attr('thread'), TEXT_LENGTH) ?? ''),
  };
}
function encodeDestroy(destroy: MucDestroy): Element {
  return el(
    'destroy',
    { jid: destroy.jid },
    destroy.password === undefined ? undefined : el('password', null, destroy.password),
    destroy.reason === undefined ? undefined : el('reason', null, destroy.reason),
  );
}
/** `<destroy/>` of `muc#owner` and `muc#user`; undefined when a text is too long. */
export function decodeMucDestroy(element: Element): MucDestroy | undefined {
  const destroy = {
    jid: element.attr('jid'),
    password: element.childText('password', element.ns),
    reason: element.childText('reason', element.ns),
  };
  return Object.values(destroy).some((text) => (text?.length ?? 0) > JID_LENGTH) ? undefined : destroy;
}

export function encodeMucUser(user: MucUser): Element {
  return el(
    'x',
    { xmlns: NS.mucUser },
    user.version && el('mav', { xmlns: NS.affiliationVersion, since: user.version.since, until: user.version.until }),
    ...(user.items ?? []).map(encodeItem),
    ...(user.invites ?? []).map((invite) => encodeInvite('invite', invite)),
    user.decline && encodeInvite('decline', user.decline),
    user.destroy && encodeDestroy(user.destroy),
    user.password === undefined ? undefined : el('password', null, user.password),
    ...(user.statuses ?? []).map((code) => el('status', { code: String(code) })),
  );
}
/** Undefined for another element, an affiliation or role that is none, or too many items. */
export function decodeMucUser(element: Element | undefined): MucUser | undefined {
  if (!is(element, 'x', NS.mucUser)) return undefined;
  const items = element.childrenNamed('item', NS.mucUser);
  const invites = element.childrenNamed('invite', NS.mucUser);
  if (items.length > MAX_ITEMS || invites.length > MAX_INVITES) return undefined;
  const decoded = items.map(decodeItem);
  const user: MucUser = {};
  if (decoded.some((item) => item === undefined)) return undefined;
  if (items.length > 0) user.items = decoded as MucItem[];
  if (invites.length > 0) user.invites = invites.map(decodeInvite);
  const decline = element.child('decline', NS.mucUser);
  if (decline !== undefined) user.decline = decodeInvite(decline);
  const destroy = element.child('destroy', NS.mucUser);
  if (destroy !== undefined) user.destroy = decodeMucDestroy(destroy);
  user.password = bounded(element.childText('password', NS.mucUser), TEXT_LENGTH);
  const statuses = element.childrenNamed('status', NS.mucUser).map((status) => parseWhole(status.attr('code'), 999));
  if (statuses.length > 0) user.statuses = statuses.filter((code): code is number => code !== undefined);
  const version = element.child('mav', NS.affiliationVersion);
  if (version !== undefined) user.version = { since: version.attr('since'), until: version.attr('until') };
  return user;
}

export function encodeMucJoin(join: MucJoin): Element {
  const { history } = join;
  const text = (value: number | undefined): string | undefined => (value === undefined ? undefined : String(value));
  return el(
    'x',
    { xmlns: NS.muc },
    history &&
      el('history', {
        maxchars: text(history.maxchars),
        maxstanzas: text(history.maxstanzas),
        seconds: text(history.seconds),
        since: history.since === undefined ? undefined : new Date(history.since).toISOString(),
      }),
    join.password === undefined ? undefined : el('password', null, join.password),
    join.version && el('mav', { xmlns: NS.affiliationVersion, since: join.version.since }),
  );
}
/** Limits of the history that are none are as if they were not there. */
export function decodeMucJoin(element: Element | undefined): MucJoin | undefined {
  if (!is(element, 'x', NS.muc)) return undefined;
  const join: MucJoin = { password: bounded(element.childText('password', NS.muc), TEXT_LENGTH) };
  const history = element.child('history', NS.muc);
  if (history !== undefined)
    join.history = {
      maxchars: parseWhole(history.attr('maxchars')),
      maxstanzas: parseWhole(history.attr('maxstanzas')),
      seconds: parseWhole(history.attr('seconds')),
      since: parseDateTime(history.attr('since') ?? ''),
    };
  const version = element.child('mav', NS.affiliationVersion);
  if (version !== undefined) join.version = { since: bounded(version.attr('since'), 64) };
  return join;
}

export function encodeMucAdmin(items: readonly MucItem[]): Element {
  return el('query', { xmlns: NS.mucAdmin }, ...items.map(encodeItem));
}
/** Undefined for an affiliation or role that is none, or more than 1,024 items. */
export function decodeMucAdmin(element: Element | undefined): MucItem[] | undefined {
  if (!is(element, 'query', NS.mucAdmin)) return undefined;
  const items = element.childrenNamed('item', NS.mucAdmin);
  const decoded = items.map(decodeItem);
  return items.length > MAX_ITEMS || decoded.some((item) => item === undefined) ? undefined : (decoded as MucItem[]);
}

/** XEP-0421. */
export function encodeOccupantId(id: string): Element {
  return el('occupant-id', { xmlns: NS.occupantId, id });
}
export function decodeOccupantId(element: Element | undefined): string | undefined {
  if (!is(element, 'occupant-id', NS.occupantId)) return undefined;
  const id = element.attr('id');
  return id === undefined || id === '' || id.length > 128 ? undefined : id;
}
