/** Changes of who belongs to a room, and how those who must know learn of them (XEP-0045 §9, §10; XEP-0463). */
import type { Session } from '@parley/core';
import { encodeMucUser, Jid, type MucAffiliation, type MucItem, type MucRole, NS, StanzaError } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import { type Element, el, Stanza, stanzaBytes } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import type { Hub, Said } from './hub.ts';
import { nickKey } from './nick.ts';
import { removePerson, setRole } from './occupants.ts';
import type { Occupant, Room, Seat } from './room.ts';
import { isMember, mayReadList, roleAfter } from './rules.ts';
import type { Membership } from './service.ts';
import type { AffiliationRecord } from './store.ts';

/** Changes to 'none' that are remembered, so that who asks since a version learns of them. */
const REMEMBERED = 200;
const PER_MESSAGE = 200;

export interface AffiliationChange {
  readonly bare: string;
  readonly affiliation: MucAffiliation;
  /** The account that has the address now. */
  readonly account?: number;
  /** Registers a nickname, '' takes it away, undefined leaves it. */
  readonly nick?: string;
  readonly reason?: string;
  readonly actor?: MucItem['actor'];
  /** Told with the change instead of the usual codes. */
  readonly statuses?: readonly number[];
}

export const versionOf = (room: Room): string => `v${room.record.version.toString(36)}`;
function parseVersion(text: string): number | undefined {
  return /^v[0-9a-z]{1,9}$/.test(text) ? Number.parseInt(text.slice(1), 36) : undefined;
}

/** The account that an address stands for on a domain of this server; undefined for other domains and names without one. */
export function accountOf(hub: Hub, bare: string): Awaitable<number | undefined> {
  const jid = Jid.tryParse(bare);
  if (jid === undefined || jid.local === '') return undefined;
  return whenReady(hub.ctx.accountAt(jid), (account) => account?.id);
}

/** Whether there is room for one more in the list. Throws `resource-constraint`. */
export function checkRoomFor(hub: Hub, room: Room, bare: string): void {
  if (!room.affiliations.has(bare) && room.affiliations.size >= hub.ctx.config.maxMembers + REMEMBERED)
    throw new StanzaError('resource-constraint', { by: room.bare, text: 'This room has as many people on its lists as it may have.' });
}

/** Makes the change, tells those who are there, and those whom it concerns. Whether it is allowed is the caller's to know. */
export function changeAffiliation(hub: Hub, room: Room, change: AffiliationChange): void {
  const { bare, affiliation } = change;
  const before = room.affiliations.get(bare);
  const was = before?.affiliation ?? 'none';
  const since = versionOf(room);
  const isNew = was !== affiliation;
  if (isNew) hub.update(room, { version: room.record.version + 1 });
  remember(hub, room, change, before);
  if (isMember(was) !== isMember(affiliation)) {
    room.members += isMember(affiliation) ? 1 : -1;
    if (!isMember(affiliation)) hub.trimmer.changed(room.id);
    tellPerson(hub, room, bare, affiliation, change.nick ?? before?.nick);
    keepEntry(hub, room, bare, affiliation, change);
  }
  const version = isNew ? { since, until: versionOf(room) } : undefined;
  const item: Partial<MucItem> = { reason: change.reason, actor: change.actor };
  const there = [...room.occupants.values()].filter((occupant) => occupant.bare === bare);
  for (const occupant of there) tellOccupant(hub, room, occupant, was, { item, version, statuses: change.statuses });
  if (there.length === 0 && isNew) tellOfAbsent(hub, room, { jid: bare, affiliation, role: 'none', ...item }, version);
}

function remember(hub: Hub, room: Room, change: AffiliationChange, before: AffiliationRecord | undefined): void {
  const { bare, affiliation } = change;
  // §9.1: who is banned loses the registered name; who is nobody here any more, too.
  const keepsName = isMember(affiliation);
  const nick = !keepsName || change.nick === '' ? undefined : (change.nick ?? before?.nick);
  if (before?.nick !== undefined && before.nick !== nick) room.reserved.delete(nickKey(before.nick));
  if (nick !== undefined) room.reserved.set(nickKey(nick), bare);
  const joined = before !== undefined && isMember(before.affiliation) && isMember(affiliation);
  const record: AffiliationRecord = {
    affiliation,
    changed: before?.affiliation === affiliation ? before.changed : room.record.version,
    since: joined ? before.since : hub.ctx.mailboxes.committedSeq,
    ...(change.account === undefined ? undefined : { account: change.account }),
    ...(nick === undefined ? undefined : { nick }),
    ...(affiliation === 'outcast' && change.reason !== undefined ? { reason: change.reason } : undefined),
    ...(joined && before.read !== undefined ? { read: before.read } : undefined),
  };
  room.affiliations.set(bare, record);
  if (room.locked) return;
  hub.store.saveAffiliation(room.id, bare, record);
  if (affiliation === 'none') forgetOldest(hub, room);
}

/** Only so many that are gone are remembered; who knew an older version is told everything anew. */
function forgetOldest(hub: Hub, room: Room): void {
  const gone = [...room.affiliations].filter(([, { affiliation }]) => affiliation === 'none');
  if (gone.length <= REMEMBERED) return;
  gone.sort(([, a], [, b]) => a.changed - b.changed);
  for (const [bare, { changed }] of gone.slice(0, gone.length - REMEMBERED)) {
    room.affiliations.delete(bare);
    hub.store.forgetAffiliation(room.id, bare);
    hub.update(room, { floor: changed });
  }
}

function tellOccupant(hub: Hub, room: Room, occupant: Occupant, was: MucAffiliation, said: Said): void {
  const affiliation = room.affiliationOf(occupant.bare, occupant.account);
  if (affiliation === 'outcast') return removePerson(hub, room, occupant, { ...said, statuses: [301], bare: true });
  if (room.config.membersOnly && !isMember(affiliation))
    return removePerson(hub, room, occupant, { ...said, statuses: said.statuses ?? [321], bare: true });
  const role = roleAfter(occupant.role, was, affiliation, room.config.moderated);
  setRole(hub, room, occupant, role, said);
}

/** §10.3: those who are there learn of those who are not. */
function tellOfAbsent(hub: Hub, room: Room, item: MucItem, version: Said['version']): void {
  const make = (shown: MucItem): Uint8Array =>
    stanzaBytes(
      Stanza.from(el('message', { from: room.bare, id: hub.newId(), type: 'groupchat' }, encodeMucUser({ items: [shown], version }))),
    );
  let bytes: Uint8Array | undefined;
  for (const seat of room.seats.values()) {
    // An address is for those who may see addresses, and a ban for those who may read the list.
    if (!hub.seesAddresses(room, seat.occupant.role)) continue;
    if (item.affiliation === 'outcast' && !mayRead(room, 'outcast', seat)) continue;
    bytes ??= make(item);
    hub.messageToSeat(seat, bytes);
  }
}

const mayRead = (room: Room, list: MucAffiliation, seat: Seat): boolean =>
  mayReadList(
    list,
    { affiliation: room.affiliationOf(seat.occupant.bare, seat.occupant.account), role: seat.occupant.role },
    { membersOnly: room.config.membersOnly, showsAddresses: room.showsAddresses, memberList: room.config.memberList },
  );

/** That somebody came or went is an entry of the group's mailbox, for those who were away. */
function keepEntry(hub: Hub, room: Room, bare: string, affiliation: MucAffiliation, change: AffiliationChange): void {
  if (room.locked || !room.config.persistent || !room.showsAddresses || affiliation === 'outcast') return;
  const item: MucItem = { jid: bare, affiliation, reason: change.reason, actor: change.actor };
  const stanza = Stanza.from(el('message', { from: room.bare, id: hub.newId(), type: 'groupchat' }, encodeMucUser({ items: [item] })));
  const stored = stanzaBytes(stanza);
  const seq = hub.ctx.mailboxes.append(stored, [{ mailbox: room.id, peer: room.bare, outgoing: false, quiet: true }]);
  hub.ctx.mailboxes.whenDurable({
    seq,
    committed: () => hub.keptForMembers(room, stored, seq),
    refused: (error) => hub.ctx.log.warn('muc_entry_refused', { code: error.code }),
  });
}

/** The sessions of the person that take groups: the group is theirs now, or not any more. */
export function tellPerson(hub: Hub, room: Room, bare: string, affiliation: MucAffiliation, nick: string | undefined): void {
  if (room.locked) return;
  for (const session of hub.ctx.sessionsOf(bare)) {
    if (hub.listeners.roomsOf(session) === undefined) continue;
    if (isMember(affiliation)) hub.listen(session, room, hub.ctx.mailboxes.committedSeq);
    else hub.listeners.remove(session, room.id);
    if (!isMember(affiliation) && !room.seats.has(session)) hub.ctx.mailboxes.removeSource(session, room.id);
    if (!session.full) session.send(groupNotice(room, session.address, affiliation, nick));
  }
}

/** What the group is called and looks like is different now: its members hear of it, whether they are there or not. */
export function tellMembers(hub: Hub, room: Room): void {
  if (room.locked) return;
  for (const session of hub.listeners.of(room.id)) {
    const own = room.affiliations.get(session.bare);
    if (own !== undefined && isMember(own.affiliation) && !session.full)
      session.send(groupNotice(room, session.address, own.affiliation, own.nick));
  }
}

function groupNotice({ bare, config, record }: Room, to: string, affiliation: MucAffiliation, nick: string | undefined): Element {
  return el(
    'message',
    { from: bare, to, type: 'headline' },
    groupElement({ jid: bare, name: config.name, affiliation, nick, avatar: record.avatar, timer: config.timer ?? 0 }),
  );
}

/** A group as its members are told of it (docs/protocol/groups.md). */
export function groupElement(group: Pick<Membership, 'jid' | 'name' | 'affiliation' | 'nick' | 'avatar' | 'timer'>): Element {
  const optional = (text: string | undefined): string | undefined => (text === '' ? undefined : text);
  const { jid, name, affiliation, nick, avatar, timer } = group;
  const told = { jid, name: optional(name), affiliation, nick, avatar: optional(avatar), timer: timer === 0 ? undefined : timer };
  return el('group', { xmlns: NS.groups, ...told });
}

/** XEP-0463 §5.2: before the presences; what has changed since a version, or everything. */
export function sendAffiliations(room: Room, seat: Seat, since: string | undefined): void {
  const { session } = seat;
  if (!mayRead(room, 'member', seat)) {
    const error = new StanzaError('forbidden', { by: room.bare });
    session.send(el('message', { type: 'error', from: room.bare, to: session.address }, error.toElement()));
    return;
  }
  const known = since === undefined ? undefined : parseVersion(since);
  const now = room.record.version;
  if (known === now) return;
  const from = known === undefined || known > now || known < (room.record.floor ?? 0) ? undefined : known;
  const items: MucItem[] = [];
  for (const [jid, { affiliation, changed }] of room.affiliations) {
    if (from === undefined ? affiliation === 'none' : changed <= from) continue;
    if (affiliation === 'outcast' && !mayRead(room, 'outcast', seat)) continue;
    items.push({ jid, affiliation });
  }
  // Changes that this one may not see leave an empty difference, which there is not (§5.2.1): then the version alone is told.
  if (from !== undefined && items.length === 0) return;
  const until = versionOf(room);
  for (let at = 0; at === 0 || at < items.length; at += PER_MESSAGE) {
    const version = { since: at > 0 ? until : from === undefined ? undefined : since, until };
    session.send(
      el('message', { from: room.bare, to: session.address }, encodeMucUser({ items: items.slice(at, at + PER_MESSAGE), version })),
    );
  }
}

/** The role that an occupant has for the rules; a member who is not there has none. */
export const roleOf = (room: Room, session: Session): MucRole => room.seat(session)?.occupant.role ?? 'none';
