/** Coming in, being there, and going (XEP-0045 §7.1, §7.2, §7.6, §7.7, §7.14; XEP-0410). */
import { defineSlot, type ServiceStanza, type Session } from '@parley/core';
import { decodeMucJoin, encodeMucUser, type Jid, type MucJoin, type MucRole, NS, StanzaError } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import { type ChildRef, el, parseStanza, type Stanza, stanzaBytes } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { sendAffiliations, versionOf } from './affiliations.ts';
import { DEFAULT_ROOM } from './config.ts';
import { Bucket } from './flood.ts';
import { sendHistory } from './history.ts';
import type { Hub, Said } from './hub.ts';
import { nickKey, prepareNick } from './nick.ts';
import { headFor, type Occupant, Room, type Seat } from './room.ts';
import { initialRole, isAdmin, isMember } from './rules.ts';
import type { RoomRecord } from './store.ts';

/** What only the room may say in a presence or message. */
const OURS: ReadonlySet<string> = new Set([NS.muc, NS.mucUser, NS.mucAdmin, NS.mucOwner, NS.occupantId, NS.hats, NS.groups]);
export const isOurs = (child: ChildRef): boolean => OURS.has(child.ns);
/** Occupants beyond the limit that admins and owners may be (§7.2.9). */
const ADMINS_BEYOND = 20;

const failed = (
  room: Room,
  condition: ConstructorParameters<typeof StanzaError>[0],
  options: { text?: string; type?: 'wait' | 'cancel' | 'auth' | 'modify' } = {},
): StanzaError => new StanzaError(condition, { by: room.bare, ...options });

/** Whether the session may say something more to this room now. */
export function mayTalk(hub: Hub, room: Room, session: Session): boolean {
  const { messagesPerSecond } = hub.ctx.config;
  if (messagesPerSecond === 0) return true;
  let bucket = room.floods.get(session);
  if (bucket === undefined) {
    // Who says a thing and goes at once is forgotten with the room; until then the bound is on memory.
    if (room.floods.size > 10_000) room.floods.clear();
    bucket = new Bucket(messagesPerSecond * 10, hub.now);
    room.floods.set(session, bucket);
  }
  return bucket.take(hub.now, messagesPerSecond, messagesPerSecond * 10);
}

export function presence(hub: Hub, call: ServiceStanza): void | Promise<void> {
  const { stanza, to, session } = call;
  const { type } = stanza;
  if (type === 'error') return whenReady(to.local === '' ? undefined : hub.inMemory(to.local), (room) => failedSeat(hub, room, session));
  if (session === undefined) {
    if (type === 'unavailable') return;
    throw new StanzaError('service-unavailable', { text: 'Rooms take those who have signed in here.' });
  }
  if (to.local === '') {
    if (type === 'unavailable') return;
    throw new StanzaError('service-unavailable');
  }
  if (type === 'unavailable') {
    const room = hub.inMemory(to.local);
    const seat = room?.seat(session);
    if (room !== undefined && seat !== undefined) leave(hub, room, seat, stanza);
    return;
  }
  if (type !== undefined) throw new StanzaError('bad-request', { text: 'A room knows presence and unavailable presence.' });
  // The answer shows what it answers (§7.2, all examples): there are clients that look for it.
  const refuse = (error: unknown): void => {
    if (!(error instanceof StanzaError) || !stanza.has('x', NS.muc)) throw error;
    const reply = { type: 'error', from: stanza.to, to: session.address, id: stanza.id };
    session.send(el('presence', reply, el('x', { xmlns: NS.muc }), error.toElement()));
  };
  try {
    const done = whenReady(hub.room(to.local), (room) => available(hub, room, session, to, stanza));
    return done instanceof Promise ? done.catch(refuse) : done;
  } catch (error) {
    refuse(error);
  }
}

/** §14.1: the other side says that the occupant is not there. */
function failedSeat(hub: Hub, room: Room | undefined, session: Session | undefined): void {
  const seat = session === undefined ? undefined : room?.seat(session);
  if (room !== undefined && seat !== undefined) remove(hub, room, seat, { statuses: [333] });
}

function available(hub: Hub, room: Room | undefined, session: Session, to: Jid, stanza: Stanza): Awaitable<void> {
  const seat = room?.seat(session);
  const x = stanza.has('x', NS.muc) ? decodeMucJoin(stanza.child('x', NS.muc)) : undefined;
  if (to.resource === '') throw new StanzaError('jid-malformed', { by: to.bare, text: 'Come in under a nickname.' });
  const nick = prepareNick(to.resource);
  if (nick === undefined) throw new StanzaError('jid-malformed', { by: to.bare, text: 'This nickname is none.' });
  if (room !== undefined && seat !== undefined) {
    if (!mayTalk(hub, room, session)) throw failed(room, 'policy-violation', { type: 'wait', text: 'Too much at once.' });
    if (nick === seat.occupant.nick) return x === undefined ? update(hub, room, seat, stanza) : rejoin(hub, room, seat, stanza, x);
    return rename(hub, room, seat, nick, to.toString(), stanza);
  }
  if (x === undefined) {
    hub.service.forgetPresence(session, to.toString());
    // §7.2.16: a client that believes it is here learns that it is not.
    const user = encodeMucUser({
      items: [{ affiliation: 'none', role: 'none', reason: 'You are not in the room.' }],
      statuses: [110, 307, 333],
    });
    session.send(el('presence', { type: 'unavailable', from: to.toString(), to: session.address }, user));
    return;
  }
  if (room === undefined) return create(hub, session, to, nick, stanza, x);
  return whenReady(hub.occupantId(room, session.bare), (id) => join(hub, room, session, to, nick, stanza, x, id, []));
}

// --- coming in ---

/** §10.1: the room is there for its creator alone until it is configured. */
function create(hub: Hub, session: Session, to: Jid, nick: string, stanza: Stanza, x: MucJoin): Awaitable<void> {
  return whenReady(mayCreate(hub, session, to), () => {
    if (hub.inMemory(to.local) !== undefined) return available(hub, hub.inMemory(to.local), session, to, stanza);
    const room = newRoom(hub, session, to.local, DEFAULT_ROOM);
    room.locked = true;
    hub.add(room);
    return whenReady(hub.occupantId(room, session.bare), (id) => join(hub, room, session, to, nick, stanza, x, id, [201]));
  });
}

/** Throws when this session may not make this room. */
export function mayCreate(hub: Hub, session: Session, to: Jid): Awaitable<void> {
  if (hub.ctx.config.create !== 'anyone' || session.account.domain !== hub.ctx.host)
    throw new StanzaError('not-allowed', { by: to.bare, text: 'Rooms are made by the operator here.' });
  return whenReady(hub.store.name(to.local), (name) => {
    const tombstone = name?.tombstone;
    if (tombstone !== undefined)
      throw new StanzaError('gone', {
        by: to.bare,
        uri: tombstone.jid === undefined ? undefined : `xmpp:${tombstone.jid}?join`,
        text: tombstone.reason ?? 'This room was destroyed.',
      });
    return whenReady(hub.store.roomsOf(session.bare), (rooms) => {
      if (rooms.length >= hub.ctx.config.roomsPerAccount)
        throw new StanzaError('resource-constraint', { by: to.bare, type: 'wait', text: 'You are in too many rooms to make another.' });
    });
  });
}

export function newRoom(hub: Hub, session: Session, local: string, config: RoomRecord['config']): Room {
  const secret = hub.newSecret();
  const record: RoomRecord = { id: hub.store.newId(), local, createdAt: hub.now, config, version: 1, avatar: '', secret };
  const owner = { affiliation: 'owner', account: session.account.id, changed: 1, since: hub.ctx.mailboxes.committedSeq } as const;
  return new Room(record, hub.domain, [[session.bare, owner]]);
}

/** Who may come in, and under which name. Throws what §7.2.15 says. */
function admit(hub: Hub, room: Room, session: Session, wanted: string, x: MucJoin): { nick: string; rewritten: boolean } {
  const affiliation = hub.affiliation(room, session);
  if (room.destroyed || (room.locked && affiliation !== 'owner'))
    throw failed(room, 'item-not-found', { text: 'There is no such room yet.' });
  if (affiliation === 'outcast') throw failed(room, 'forbidden', { text: 'You are banned from this room.' });
  if (room.config.membersOnly && !isMember(affiliation))
    throw failed(room, 'registration-required', { text: 'This room is for its members.' });
  if (room.config.password !== '' && affiliation !== 'owner' && x.password !== room.config.password)
    throw failed(room, 'not-authorized', { text: 'This room needs a password.' });
  if (room.isTaken(wanted, session.bare))
    throw failed(room, 'conflict', { text: 'Somebody has this nickname, or one that looks like it.' });
  const most = room.config.maxUsers === 0 ? hub.ctx.config.maxOccupants : Math.min(room.config.maxUsers, hub.ctx.config.maxOccupants);
  const there = room.occupants.get(nickKey(wanted));
  if (there === undefined && room.occupants.size >= most + (isAdmin(affiliation) ? ADMINS_BEYOND : 0))
    throw failed(room, 'service-unavailable', { type: 'wait', text: 'This room is full.' });
  if (!mayTalk(hub, room, session)) throw failed(room, 'policy-violation', { type: 'wait', text: 'Too much at once.' });
  // The second device of somebody who is here comes in under the name that is shown.
  return { nick: there?.nick ?? wanted, rewritten: there !== undefined && there.nick !== wanted };
}

function join(
  hub: Hub,
  room: Room,
  session: Session,
  to: Jid,
  wanted: string,
  stanza: Stanza,
  x: MucJoin,
  occupantId: string,
  codes: number[],
): Awaitable<void> {
  if (session.ended) return;
  let admitted: { nick: string; rewritten: boolean };
  try {
    admitted = admit(hub, room, session, wanted, x);
  } catch (error) {
    hub.service.forgetPresence(session, to.toString());
    if (room.locked && room.empty) hub.drop(room);
    throw error;
  }
  const { nick, rewritten } = admitted;
  const key = nickKey(nick);
  let occupant = room.occupants.get(key);
  const isNew = occupant === undefined;
  if (occupant === undefined) {
    const due = initialRole(hub.affiliation(room, session), room.config.moderated);
    occupant = {
      nick,
      bare: session.bare,
      account: session.account.id,
      role: room.roles.get(session.bare) ?? due,
      occupantId,
      presence: cleaned(stanza),
      seats: [],
      shown: session.address,
    };
    room.occupants.set(key, occupant);
  }
  const seat: Seat = {
    session,
    occupant,
    address: to.toString(),
    messageHead: headFor('message', session.address),
    presenceHead: headFor('presence', session.address),
    missed: false,
    sent: 0,
    taken: 0,
  };
  occupant.seats.push(seat);
  room.seats.set(session, seat);
  isAt(session, room.addressOf(nick), undefined);
  const selfStatuses = [
    ...(room.showsAddresses ? [100] : []),
    ...(room.config.logging ? [170] : []),
    ...codes,
    ...(rewritten ? [210] : []),
  ];
  const welcomed = welcome(hub, room, seat, selfStatuses, stanza.id, x);
  if (isNew && hub.shows(room, occupant.role)) hub.tellOthers(room, occupant, {});
  return welcomed;
}

/** §7.1: those who are there, oneself, the history, the subject; from then on what happens. */
function welcome(hub: Hub, room: Room, seat: Seat, statuses: readonly number[], id: string | undefined, x: MucJoin): Awaitable<void> {
  const { occupant, session } = seat;
  const sees = hub.seesAddresses(room, occupant.role);
  if (x.version !== undefined) sendAffiliations(room, seat, x.version.since);
  for (const other of room.occupants.values())
    if (other !== occupant && hub.shows(room, other.role) && hub.mayReach(session, room, other.nick))
      session.sendBytes(hubHead(seat, hub.presenceBytes(room, other, {}, sees)));
  const said: Said = { statuses: [110, ...statuses], id, version: x.version === undefined ? undefined : { until: versionOf(room) } };
  session.sendBytes(hubHead(seat, hub.presenceBytes(room, occupant, said, sees)));
  const { mailboxes } = hub.ctx;
  // What is committed from here on comes live, or is read from the mailbox of the room by a device that is behind.
  const through = mailboxes.committedSeq;
  if (session.sources?.list.has(room.id) !== true) mailboxes.addSources(session, [hub.source(room, through, () => false)]);
  return sendHistory(hub, room, seat, x.history, through);
}

const hubHead = (seat: Seat, shared: Uint8Array): Uint8Array => {
  const out = new Uint8Array(seat.presenceHead.length + shared.length - '<presence'.length);
  out.set(seat.presenceHead, 0);
  out.set(shared.subarray('<presence'.length), seat.presenceHead.length);
  return out;
};

/** The presence as others may see it: without what only the room says. */
function cleaned(stanza: Stanza): Stanza {
  return parseStanza(stanzaBytes(stanza, { from: undefined, to: undefined, id: undefined, drop: isOurs }), undefined, NS.client);
}

/** §7.2.1: a client that asks again has lost track, and is told everything again. */
function rejoin(hub: Hub, room: Room, seat: Seat, stanza: Stanza, x: MucJoin): Awaitable<void> {
  seat.occupant.presence = cleaned(stanza);
  seat.missed = false;
  return welcome(hub, room, seat, room.showsAddresses ? [100] : [], stanza.id, x);
}

// --- being there ---

function update(hub: Hub, room: Room, seat: Seat, stanza: Stanza): void {
  const { occupant } = seat;
  occupant.presence = cleaned(stanza);
  occupant.shown = seat.session.address;
  hub.tellAll(room, occupant, { id: stanza.id });
}

/** §7.6. */
function rename(hub: Hub, room: Room, seat: Seat, nick: string, address: string, stanza: Stanza): void {
  const { occupant } = seat;
  const key = nickKey(nick);
  const there = room.occupants.get(key);
  if (room.isTaken(nick, occupant.bare) || (there !== undefined && there !== occupant)) {
    hub.service.forgetPresence(seat.session, address);
    throw failed(room, 'conflict', { text: 'Somebody has this nickname, or one that looks like it.' });
  }
  hub.service.forgetPresence(seat.session, seat.address);
  seat.address = address;
  for (const one of occupant.seats) isAt(one.session, room.addressOf(nick), room.addressOf(occupant.nick));
  hub.tellAll(room, occupant, { type: 'unavailable', statuses: [303], item: { nick, role: occupant.role }, bare: true });
  room.occupants.delete(nickKey(occupant.nick));
  occupant.nick = nick;
  occupant.presence = cleaned(stanza);
  room.occupants.set(key, occupant);
  hub.tellAll(room, occupant, { id: stanza.id });
}

// --- going ---

function leave(hub: Hub, room: Room, seat: Seat, stanza: Stanza): void {
  remove(hub, room, seat, {}, cleaned(stanza));
}

/** Takes a seat away and tells everybody; with the last seat the occupant goes. `words`: the unavailable presence that was sent. */
export function remove(hub: Hub, room: Room, seat: Seat, said: Said, words?: Stanza): void {
  const { occupant, session } = seat;
  if (!unseat(hub, room, seat)) return;
  if (words !== undefined) occupant.presence = words;
  const own: Said = { ...said, type: 'unavailable', statuses: [...(said.statuses ?? []), 110] };
  if (!session.ended) session.sendBytes(hubHead(seat, hub.presenceBytes(room, occupant, own, hub.seesAddresses(room, occupant.role))));
  if (occupant.seats.length > 0) return;
  room.occupants.delete(nickKey(occupant.nick));
  if (hub.shows(room, occupant.role)) hub.tellOthers(room, occupant, { ...said, type: 'unavailable' });
  closeIfUnused(hub, room);
}

/** The session is not there any more; false when it was not. */
export function unseat(hub: Hub, room: Room, seat: Seat): boolean {
  const { occupant, session } = seat;
  if (room.seats.get(session) !== seat) return false;
  room.seats.delete(session);
  room.floods.delete(session);
  isAt(session, undefined, room.addressOf(occupant.nick));
  hub.service.forgetPresence(session, seat.address);
  occupant.seats.splice(occupant.seats.indexOf(seat), 1);
  const [next] = occupant.seats;
  if (next !== undefined) occupant.shown = next.session.address;
  if (!hub.listeners.of(room.id).has(session)) hub.ctx.mailboxes.removeSource(session, room.id);
  return true;
}

/** §7.14, §10.1: a temporary room ends with its last occupant, and one that was never configured with its creator. */
export function closeIfUnused(hub: Hub, room: Room): void {
  if (!room.empty) return;
  room.lastUsed = hub.now;
  room.lastSpoke.clear();
  if (room.locked || !room.config.persistent) hub.drop(room);
}

/** Where a session is an occupant, by its addresses: for the client of a session that outlives its process. */
const joined = defineSlot<readonly string[]>('muc-joined', 'handover', []);

/** The process before has ended, and with it every visit: whoever resumes is told so, and comes in anew (§11.2). */
export function endVisits(session: Session): void {
  const addresses = session.get(joined);
  if (addresses.length === 0) return;
  session.set(joined, []);
  const user = encodeMucUser({ items: [{ affiliation: 'none', role: 'none' }], statuses: [110, 332] });
  for (const address of addresses) session.send(el('presence', { type: 'unavailable', from: address, to: session.address }, user));
}

function isAt(session: Session, address: string | undefined, before: string | undefined): void {
  const rest = session.get(joined).filter((one) => one !== before);
  session.set(joined, address === undefined ? rest : [...rest, address]);
}

/** Everybody who is there under this address goes. `said` is told to all. */
export function removePerson(hub: Hub, room: Room, occupant: Occupant, said: Said): void {
  for (const seat of [...occupant.seats]) remove(hub, room, seat, said);
}

/** Another role for somebody who is there. */
export function setRole(hub: Hub, room: Room, occupant: Occupant, role: MucRole, said: Said): void {
  const before = occupant.role;
  occupant.role = role;
  hub.tellAll(room, occupant, said, hub.shows(room, before) ? before : role);
}

/** XEP-0410: whether this very device is there under this name. */
export function selfPing(room: Room | undefined, session: Session, nick: string): void {
  const seat = room?.seat(session);
  if (room === undefined || seat === undefined || seat.occupant.nick !== nick)
    throw new StanzaError('not-acceptable', { by: room?.bare, text: 'You are not in the room under this name.' });
}
