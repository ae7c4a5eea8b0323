/** `muc#owner`: configuration and the end of a room (XEP-0045 §10.1, §10.2, §10.9); a group made with one request. */
import type { ServiceStanza, Session } from '@parley/core';
import {
  type DataForm,
  decodeDataForm,
  decodeMucDestroy,
  encodeDataForm,
  encodeMucUser,
  type MucAffiliation,
  type MucDestroy,
  NS,
  StanzaError,
} from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import { type Element, el } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { accountOf, changeAffiliation, checkRoomFor, tellMembers, tellPerson } from './affiliations.ts';
import { applyForm, BadConfig, type ConfigChange, changeStatuses, configForm, DEFAULT_GROUP, type RoomConfig } from './config.ts';
import { keepTimer } from './ephemeral.ts';
import type { Hub } from './hub.ts';
import { sendInvitation } from './invitations.ts';
import { mayCreate, newRoom, removePerson, setRole } from './occupants.ts';
import type { Room } from './room.ts';
import { initialRole, isAdmin, isMember } from './rules.ts';

const VALIDATE = 'http://jabber.org/protocol/xdata-validate';

export function readConfig(hub: Hub, room: Room, session: Session): Element {
  mustOwn(hub, room, session);
  const form = encodeDataForm(
    configForm(room.config, room.owners(), room.admins(), `Configuration of ${room.bare}`, hub.timers !== undefined),
  );
  // XEP-0500 §4.1 wants the field validated (XEP-0122).
  const slow = form.childrenNamed('field').find((field) => field.attr('var') === 'muc#roomconfig_slow_mode_duration');
  slow?.append(el('validate', { xmlns: VALIDATE, datatype: 'xs:integer' }, el('range', { min: '0' })));
  return el('query', { xmlns: NS.mucOwner }, form);
}

function mustOwn(hub: Hub, room: Room, session: Session): void {
  if (hub.affiliation(room, session) === 'owner') return;
  if (!hub.mayKnow(room, session)) throw new StanzaError('item-not-found', { text: 'There is no such room.' });
  throw new StanzaError('forbidden', { by: room.bare, text: 'This is for the owners of the room.' });
}

export function ownerRequest(hub: Hub, call: ServiceStanza & { readonly session: Session }, payload: Element): Awaitable<void> {
  const { to, session } = call;
  const destroy = payload.child('destroy', NS.mucOwner);
  const x = payload.child('x', NS.dataForms);
  if (destroy !== undefined)
    return whenReady(hub.existing(to.local), (room) => {
      mustOwn(hub, room, session);
      const wanted = decodeMucDestroy(destroy);
      if (wanted === undefined) throw new StanzaError('bad-request', { by: room.bare });
      destroyRoom(hub, room, wanted);
    });
  const form = x === undefined ? undefined : decodeDataForm(x);
  if (form === undefined) throw new StanzaError('bad-request', { by: to.bare, text: 'There is no form in this request.' });
  return whenReady(hub.room(to.local), (room) => {
    if (room === undefined) return form.type === 'submit' ? makeGroup(hub, call, form) : notThere();
    mustOwn(hub, room, session);
    if (form.type === 'cancel') {
      // §10.1.3: nothing was set, so there is no room.
      if (room.locked) destroyRoom(hub, room, {});
      return;
    }
    if (form.type !== 'submit') throw new StanzaError('bad-request', { by: room.bare });
    return configure(hub, room, session, configFrom(hub, room.bare, form, room.config));
  });
}

function notThere(): never {
  throw new StanzaError('item-not-found', { text: 'There is no such room.' });
}

/** Throws StanzaError. */
export function configFrom(hub: Hub, by: string, form: DataForm, before: RoomConfig): ConfigChange {
  try {
    const { maxOccupants, history } = hub.ctx.config;
    const { timers } = hub;
    const timer = timers === undefined ? undefined : (seconds: number): number => timers.bounded(seconds);
    return applyForm(form, before, { maxUsers: maxOccupants, maxHistory: history, timer });
  } catch (error) {
    if (error instanceof BadConfig) throw new StanzaError('not-acceptable', { by, text: error.message });
    throw error;
  }
}

/** docs/protocol/groups.md: the form makes the room, and nobody has to be in it. */
function makeGroup(hub: Hub, call: ServiceStanza & { readonly session: Session }, form: DataForm): Awaitable<void> {
  const { to, session } = call;
  const change = configFrom(hub, to.bare, form, DEFAULT_GROUP);
  if (!change.config.persistent)
    throw new StanzaError('not-acceptable', { by: to.bare, text: 'A room that nobody is in must be persistent.' });
  return whenReady(mayCreate(hub, session, to), () => {
    if (hub.inMemory(to.local) !== undefined) throw new StanzaError('conflict', { by: to.bare, text: 'This address is taken.' });
    const room = hub.add(newRoom(hub, session, to.local, change.config));
    const own = room.affiliations.get(session.bare);
    hub.store.save(room.record);
    if (own !== undefined) hub.store.saveAffiliation(room.id, session.bare, own);
    tellPerson(hub, room, session.bare, 'owner', undefined);
    return setPeople(hub, room, session, change);
  });
}

// --- configuration ---

function configure(hub: Hub, room: Room, session: Session, change: ConfigChange): Awaitable<void> {
  const { config } = change;
  const before = room.config;
  const wasLocked = room.locked;
  const { owners } = change;
  if (owners !== undefined && owners.length === 0)
    throw new StanzaError('conflict', { by: room.bare, text: 'A room has at least one owner.' });
  room.locked = false;
  hub.update(room, { config }, true);
  if (wasLocked) for (const [bare, record] of room.affiliations) hub.store.saveAffiliation(room.id, bare, record);
  return whenReady(setPeople(hub, room, session, change), () => {
    if (wasLocked) return;
    const statuses = changeStatuses(before, config);
    if (statuses.length > 0)
      hub.notice(room, el('message', { from: room.bare, type: 'groupchat', id: hub.newId() }, encodeMucUser({ statuses })));
    if ((config.timer ?? 0) !== (before.timer ?? 0)) keepTimer(hub, room);
    if (config.name !== before.name || config.timer !== before.timer) tellMembers(hub, room);
    if (config.membersOnly && !before.membersOnly) throwOutStrangers(hub, room);
    if (config.moderated !== before.moderated) setRoles(hub, room);
    if (!config.persistent && room.empty) hub.drop(room);
  });
}

/** §10.2: those who do not belong to a room that is for its members now. */
function throwOutStrangers(hub: Hub, room: Room): void {
  for (const occupant of [...room.occupants.values()])
    if (!isMember(room.affiliationOf(occupant.bare, occupant.account))) removePerson(hub, room, occupant, { statuses: [322], bare: true });
}

function setRoles(hub: Hub, room: Room): void {
  for (const occupant of room.occupants.values()) {
    const affiliation = room.affiliationOf(occupant.bare, occupant.account);
    if (isAdmin(affiliation) || occupant.role === 'moderator') continue;
    const role = room.roles.get(occupant.bare) ?? initialRole(affiliation, room.config.moderated);
    if (role !== occupant.role) setRole(hub, room, occupant, role, {});
  }
}

/** The form names all admins and all owners (§10.6); members are those of a new group. */
function setPeople(hub: Hub, room: Room, session: Session, change: ConfigChange): Awaitable<void> {
  const wanted = new Map<string, MucAffiliation>();
  const lists = [
    ['owner', change.owners, room.owners()],
    ['admin', change.admins, room.admins()],
  ] as const;
  for (const [affiliation, list, now] of lists) {
    if (list === undefined) continue;
    for (const bare of now) if (!list.includes(bare) && !wanted.has(bare)) wanted.set(bare, room.config.membersOnly ? 'member' : 'none');
    for (const bare of list) if (!now.includes(bare)) wanted.set(bare, affiliation);
  }
  // Who is on the list of owners is not on that of admins.
  for (const bare of change.owners ?? []) if (wanted.get(bare) === 'admin') wanted.delete(bare);
  for (const bare of change.members ?? []) if (!wanted.has(bare) && room.affiliationOf(bare) === 'none') wanted.set(bare, 'member');
  if (wanted.size === 0) return;
  const people = [...wanted];
  for (const [bare] of people) checkRoomFor(hub, room, bare);
  const set = (accounts: readonly (number | undefined)[]): void => {
    people.forEach(([bare, affiliation], i) => {
      const was = room.affiliationOf(bare, accounts[i]);
      changeAffiliation(hub, room, { bare, affiliation, account: accounts[i] });
      if (!isMember(was) && isMember(affiliation) && room.config.membersOnly) sendInvitation(hub, room, { from: session.bare, to: bare });
    });
  };
  return Promise.all(people.map(([bare]) => accountOf(hub, bare))).then(set);
}

// --- the end ---

/** §10.9: one presence for each occupant, and the room is gone. */
function destroyRoom(hub: Hub, room: Room, destroy: MucDestroy): void {
  for (const occupant of [...room.occupants.values()])
    for (const seat of [...occupant.seats]) {
      const said = { type: 'unavailable', item: { affiliation: 'none', role: 'none', jid: undefined }, destroy, bare: true } as const;
      hub.toSeat(seat, hub.presenceBytes(room, occupant, { ...said, statuses: [110] }, false));
      room.seats.delete(seat.session);
      hub.ctx.mailboxes.removeSource(seat.session, room.id);
    }
  room.occupants.clear();
  if (!room.locked)
    for (const [bare, { affiliation }] of room.affiliations) if (isMember(affiliation)) tellPerson(hub, room, bare, 'none', undefined);
  const { jid, reason } = destroy;
  const left = { at: hub.now, ...(jid === undefined ? undefined : { jid }), ...(reason === undefined ? undefined : { reason }) };
  hub.drop(room, hub.ctx.config.tombstones ? left : undefined);
}
