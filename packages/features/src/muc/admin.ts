/** `muc#admin`: roles and affiliations (XEP-0045 §8, §9, §10.3 to §10.8). */
import type { ServiceStanza, Session } from '@parley/core';
import { decodeMucAdmin, encodeMucAdmin, Jid, type MucAffiliation, type MucItem, StanzaError } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import type { Element } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { type AffiliationChange, accountOf, changeAffiliation, checkRoomFor, roleOf } from './affiliations.ts';
import type { Hub } from './hub.ts';
import { sendInvitation } from './invitations.ts';
import { prepareNick } from './nick.ts';
import { removePerson, setRole } from './occupants.ts';
import type { Occupant, Room } from './room.ts';
import { isAdmin, isMember, mayReadList, refuseAffiliation, refuseRole } from './rules.ts';

const MOST_ITEMS = 200;

function decode(payload: Element): MucItem[] {
  const items = decodeMucAdmin(payload);
  if (items === undefined || items.length === 0) throw new StanzaError('bad-request', { text: 'The items are not as they should be.' });
  if (items.length > MOST_ITEMS) throw new StanzaError('resource-constraint', { text: `At most ${MOST_ITEMS} changes at once.` });
  return items;
}

// --- lists ---

export function readList(hub: Hub, room: Room, session: Session, payload: Element): Element {
  const [wanted, ...more] = decode(payload);
  if (wanted === undefined || more.length > 0) throw new StanzaError('bad-request', { text: 'One list at a time.' });
  const affiliation = hub.affiliation(room, session);
  const role = roleOf(room, session);
  if (wanted.affiliation !== undefined) {
    const { membersOnly, memberList } = room.config;
    const shape = { membersOnly, memberList, showsAddresses: room.showsAddresses };
    if (!mayReadList(wanted.affiliation, { affiliation, role }, shape)) throw new StanzaError('forbidden', { by: room.bare });
    return encodeMucAdmin(withAffiliation(room, wanted.affiliation));
  }
  if (wanted.role === undefined || wanted.role === 'none') throw new StanzaError('bad-request', { text: 'Which list?' });
  if (role !== 'moderator') throw new StanzaError('forbidden', { by: room.bare });
  const items: MucItem[] = [];
  for (const occupant of room.occupants.values())
    if (occupant.role === wanted.role)
      items.push({
        affiliation: room.affiliationOf(occupant.bare, occupant.account),
        role: occupant.role,
        nick: occupant.nick,
        jid: occupant.shown,
      });
  return encodeMucAdmin(items);
}

function withAffiliation(room: Room, affiliation: MucAffiliation): MucItem[] {
  const items: MucItem[] = [];
  const roles = new Map([...room.occupants.values()].map((occupant) => [occupant.bare, occupant]));
  for (const [jid, record] of room.affiliations) {
    if (record.affiliation !== affiliation) continue;
    const there = affiliation === 'outcast' ? undefined : roles.get(jid);
    const nick = affiliation === 'outcast' ? undefined : (there?.nick ?? record.nick);
    items.push({ affiliation, jid, reason: record.reason, nick, role: there?.role });
  }
  return items;
}

// --- changes ---

interface RoleChange {
  readonly occupant: Occupant;
  readonly role: NonNullable<MucItem['role']>;
  readonly reason: string | undefined;
}

/** Everything that is asked is allowed and done, or nothing is (§9.2). */
export function change(hub: Hub, room: Room, call: ServiceStanza & { readonly session: Session }, payload: Element): Awaitable<void> {
  const items = decode(payload);
  const { session } = call;
  const roles: RoleChange[] = [];
  const wanted: MucItem[] = [];
  for (const item of items) {
    if (item.affiliation !== undefined) wanted.push(item);
    else if (item.role !== undefined && item.nick !== undefined) roles.push(checkRole(hub, room, session, item));
    else throw new StanzaError('bad-request', { text: 'A change names a nickname and a role, or an address and an affiliation.' });
  }
  return whenReady(checkAffiliations(hub, room, session, wanted), (affiliations) => {
    const seat = room.seat(session);
    const actor = seat === undefined ? (room.showsAddresses ? { jid: session.bare } : undefined) : { nick: seat.occupant.nick };
    for (const { occupant, role, reason } of roles) {
      if (role === 'none') removePerson(hub, room, occupant, { statuses: [307], item: { reason, actor }, bare: true });
      else {
        room.roles.set(occupant.bare, role);
        setRole(hub, room, occupant, role, { item: { reason, actor } });
      }
    }
    for (const one of affiliations) {
      const before = room.affiliationOf(one.bare);
      if (isMember(one.affiliation) !== isMember(before)) room.roles.delete(one.bare);
      changeAffiliation(hub, room, { ...one, actor });
      // §9.5: who may come in now is told so.
      if (room.config.membersOnly && isMember(one.affiliation) && !isMember(before) && !room.locked)
        sendInvitation(hub, room, { from: session.bare, to: one.bare, reason: one.reason });
    }
  });
}

function checkRole(hub: Hub, room: Room, session: Session, item: MucItem): RoleChange {
  const affiliation = hub.affiliation(room, session);
  const role = item.role as RoleChange['role'];
  const occupant = room.byNick(prepareNick(item.nick ?? '') ?? '');
  const actor = { affiliation, role: roleOf(room, session), self: occupant?.bare === session.bare };
  if (actor.role !== 'moderator' && !isAdmin(affiliation)) throw new StanzaError('forbidden', { by: room.bare });
  if (occupant === undefined) throw new StanzaError('item-not-found', { by: room.bare, text: 'Nobody here has this nickname.' });
  // An admin or owner need not be there to decide (§9.6: by the address of the sender).
  const rights = isAdmin(affiliation) ? { ...actor, role: 'moderator' as const } : actor;
  const target = { affiliation: room.affiliationOf(occupant.bare, occupant.account), role: occupant.role };
  const refusal = refuseRole(rights, target, role);
  if (refusal !== undefined) throw new StanzaError(refusal, { by: room.bare });
  return { occupant, role, reason: item.reason };
}

async function accountsOf(hub: Hub, bares: readonly string[]): Promise<(number | undefined)[]> {
  return Promise.all(bares.map((bare) => accountOf(hub, bare)));
}

function checkAffiliations(hub: Hub, room: Room, session: Session, items: readonly MucItem[]): Awaitable<AffiliationChange[]> {
  if (items.length === 0) return [];
  const bares = items.map((item) => {
    // §9.1: by the bare address; a nickname stands for that of its occupant.
    const named = item.jid ?? room.byNick(prepareNick(item.nick ?? '') ?? '')?.bare;
    const jid = named === undefined ? undefined : Jid.tryParse(named);
    if (jid === undefined) throw new StanzaError(item.jid === undefined ? 'item-not-found' : 'jid-malformed', { by: room.bare });
    return jid.bare;
  });
  const check = (accounts: readonly (number | undefined)[]): AffiliationChange[] => {
    const affiliation = hub.affiliation(room, session);
    let owners = room.owners().length;
    return items.map((item, i) => {
      const bare = bares[i] as string;
      const now = item.affiliation as MucAffiliation;
      const before = room.affiliationOf(bare, accounts[i]);
      const self = bare === session.bare;
      const refusal = refuseAffiliation({ affiliation, role: roleOf(room, session), self }, before, now, before === 'owner' && owners <= 1);
      if (refusal !== undefined) throw new StanzaError(refusal, { by: room.bare });
      if (before === 'owner' && now !== 'owner') owners--;
      if (!bare.includes('@') && now !== 'outcast' && now !== 'none') throw new StanzaError('not-allowed', { by: room.bare });
      checkRoomFor(hub, room, bare);
      return { bare, affiliation: now, account: accounts[i], nick: registered(room, bare, item), reason: item.reason };
    });
  };
  // Names of other domains have no account here, and no look-up.
  return accountsOf(hub, bares).then(check);
}

/** The nickname that comes with a membership (§9.3); undefined when the item names none, or names the occupant by it. */
function registered(room: Room, bare: string, item: MucItem): string | undefined {
  if (item.nick === undefined || item.jid === undefined) return undefined;
  if (item.nick === '') return '';
  const nick = prepareNick(item.nick);
  if (nick === undefined) throw new StanzaError('bad-request', { by: room.bare, text: 'This nickname is none.' });
  if (room.isTaken(nick, bare))
    throw new StanzaError('conflict', { by: room.bare, text: 'Somebody has this nickname, or one that looks like it.' });
  return nick;
}
