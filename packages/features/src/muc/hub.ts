/** The rooms of the service: loading and forgetting them, and saying something to those who are there. */
import { type ConfigOf, type FeatureContext, HourlyLimit, type LocalService, type Session, type Source } from '@parley/core';
import {
  encodeMucUser,
  encodeOccupantId,
  Jid,
  type MucAffiliation,
  type MucDestroy,
  type MucItem,
  type MucRole,
  NS,
  StanzaError,
} from '@parley/protocol';
import type { Awaitable, MailboxEntry } from '@parley/storage';
import { type Element, el, escapeAttr, parseStanza, Stanza, stanzaBytes, utf8Encode } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import type { BlockLists } from '../blocking/service.ts';
import { type EphemeralTimers, ephemeralTimers } from '../ephemeral/service.ts';
import { type MediaReferences, mediaReferences } from '../upload/service.ts';
import { Listeners } from './listeners.ts';
import type { options } from './options.ts';
import { type Doomed, FAR_PER_HOUR } from './retraction.ts';
import { headFor, type Occupant, Room, type Seat } from './room.ts';
import { isAdmin, isMember } from './rules.ts';
import type { Seen } from './seen.ts';
import type { StoredGroupMessage, TakenBack } from './service.ts';
import { type RoomRecord, RoomStore, type Tombstone } from './store.ts';
import type { Trimmer } from './trim.ts';

const IDLE_MS = 60_000;
export const MESSAGE_HEAD = '<message'.length;
const PRESENCE_HEAD = '<presence'.length;
export const GONE = Stanza.from(el('presence', { type: 'unavailable' }));

/** `<name to="…"` and the rest of a stanza that was written once for all, without `to`. */
export function withHead(head: Uint8Array, shared: Uint8Array, nameLength: number): Uint8Array {
  const out = new Uint8Array(head.length + shared.length - nameLength);
  out.set(head, 0);
  out.set(shared.subarray(nameLength), head.length);
  return out;
}

/** What a presence of the room says beyond the occupant's own words. */
export interface Said {
  readonly type?: 'unavailable';
  readonly statuses?: readonly number[];
  /** Codes that only the occupant itself is told. */
  readonly selfStatuses?: readonly number[];
  readonly item?: Partial<MucItem>;
  readonly destroy?: MucDestroy;
  readonly id?: string;
  /** XEP-0463. */
  readonly version?: { since?: string; until?: string };
  /** The occupant's own words are left out. */
  readonly bare?: boolean;
}

export class Hub {
  readonly ctx: FeatureContext<ConfigOf<typeof options>>;
  readonly store: RoomStore;
  readonly domain: string;
  readonly listeners: Listeners;
  /** Accounts that look far back for the message that a correction means. */
  readonly farther = new HourlyLimit(FAR_PER_HOUR);
  service!: LocalService;
  seen!: Seen;
  trimmer!: Trimmer;
  readonly #told = new Set<(message: StoredGroupMessage) => void>();
  readonly #gone = new Set<(message: TakenBack) => void>();
  /** Found when first used: the blocking feature may be off. */
  blocks: BlockLists | undefined;
  /** Files of the media server that messages show; undefined without one. */
  get media(): MediaReferences | undefined {
    return this.ctx.find(mediaReferences);
  }
  /** undefined where messages do not disappear. */
  get timers(): EphemeralTimers | undefined {
    return this.ctx.find(ephemeralTimers);
  }
  readonly #rooms = new Map<string, Room>();
  readonly #byId = new Map<number, Room>();
  readonly #loading = new Map<string, Promise<Room | undefined>>();
  #sweeping: (() => void) | undefined;

  constructor(ctx: FeatureContext<ConfigOf<typeof options>>, domain: string) {
    this.ctx = ctx;
    this.domain = domain;
    this.store = new RoomStore(ctx);
    this.listeners = new Listeners();
    ctx.defer(() => this.#sweeping?.());
  }

  get loaded(): Iterable<Room> {
    return this.#rooms.values();
  }
  get now(): number {
    return this.ctx.clock.now();
  }

  // --- rooms ---

  /** The room of this mailbox when it is in memory. */
  byId(id: number): Room | undefined {
    return this.#byId.get(id);
  }

  /** The room of this name when it is in memory. */
  inMemory(local: string): Room | undefined {
    return this.#rooms.get(local);
  }

  room(local: string): Awaitable<Room | undefined> {
    const there = this.#rooms.get(local);
    if (there !== undefined) {
      there.lastUsed = this.now;
      return there;
    }
    const loading = this.#loading.get(local);
    if (loading !== undefined) return loading;
    const found = whenReady(this.store.name(local), (name) => (name?.id === undefined ? undefined : this.#load(local, name.id)));
    if (found instanceof Promise) {
      const done = found.finally(() => this.#loading.delete(local));
      this.#loading.set(local, done);
      return done;
    }
    return found;
  }

  #load(local: string, id: number): Awaitable<Room | undefined> {
    return whenReady(this.store.room(id), (record) =>
      whenReady(record === undefined ? [] : this.store.affiliations(id), (rows) => {
        const meanwhile = this.#rooms.get(local);
        if (meanwhile !== undefined || record === undefined) return meanwhile;
        return this.add(
          new Room(
            record,
            this.domain,
            rows.map(({ key, value }) => [key, value] as const),
          ),
        );
      }),
    );
  }

  /** The room that is still there; throws what a missing one is answered with. */
  existing(local: string): Awaitable<Room> {
    return whenReady(local === '' ? undefined : this.room(local), (room) => {
      if (room === undefined) throw new StanzaError('item-not-found', { text: 'There is no such room.' });
      return room;
    });
  }

  add(room: Room): Room {
    room.lastUsed = this.now;
    this.#rooms.set(room.record.local, room);
    this.#byId.set(room.id, room);
    this.#sweeping ??= this.ctx.clock.after(IDLE_MS, this.#sweep);
    return room;
  }

  /** Rooms that nobody uses cost no memory. */
  readonly #sweep = (): void => {
    this.#sweeping = undefined;
    for (const [local, room] of this.#rooms)
      if (room.empty && !room.locked && this.now - room.lastUsed >= IDLE_MS) {
        this.#rooms.delete(local);
        this.#byId.delete(room.id);
      }
    if (this.#rooms.size > 0) this.#sweeping = this.ctx.clock.after(IDLE_MS, this.#sweep);
  };

  /** The room is gone for good. */
  drop(room: Room, tombstone?: Tombstone): void {
    room.destroyed = true;
    this.#rooms.delete(room.record.local);
    this.#byId.delete(room.id);
    if (room.locked) return;
    this.store.remove(room.record, tombstone);
    this.ctx.mailboxes.store.trim(room.id, Number.MAX_SAFE_INTEGER);
    this.ctx.mailboxes.forget(room.id);
    for (const session of this.listeners.of(room.id)) this.listeners.remove(session, room.id);
  }

  /** Changes the room's row; `everywhere` when its place in lists changes with it. */
  update(room: Room, change: Partial<RoomRecord>, everywhere = false): void {
    room.record = { ...room.record, ...change };
    if (room.locked) return;
    if (everywhere) this.store.save(room.record);
    else this.store.saveRow(room.record);
  }

  // --- people ---

  affiliation(room: Room, session: Session): MucAffiliation {
    return room.affiliationOf(session.bare, session.account.id);
  }

  /** XEP-0421 §4.1: the same for one person in one room, and telling nothing elsewhere. */
  occupantId(room: Room, bare: string): Awaitable<string> {
    const there = room.ids.get(bare);
    if (there !== undefined) return there;
    return whenReady(this.ctx.crypto.hmac('SHA-256', utf8Encode(room.record.secret), utf8Encode(bare)), (digest) => {
      let id = '';
      for (let i = 0; i < 20; i++) id += (digest[i] as number).toString(16).padStart(2, '0');
      room.ids.set(bare, id);
      return id;
    });
  }

  /** Whether this session may be shown the real addresses. */
  seesAddresses(room: Room, role: MucRole): boolean {
    return room.showsAddresses || role === 'moderator';
  }

  /** Whether somebody may know that the room is there at all: hidden groups are for their members (and look missing to others). */
  mayKnow(room: Room, session: Session): boolean {
    const affiliation = this.affiliation(room, session);
    if (room.locked) return affiliation === 'owner';
    if (room.seats.has(session)) return true;
    return (
      room.config.public || (!room.config.membersOnly && affiliation !== 'outcast') || (affiliation !== 'none' && affiliation !== 'outcast')
    );
  }

  /** The room for those who may know of it; like a missing one for others. */
  known(local: string, session: Session): Awaitable<Room> {
    return whenReady(this.existing(local), (room) => {
      if (!this.mayKnow(room, session)) throw new StanzaError('item-not-found', { text: 'There is no such room.' });
      return room;
    });
  }

  /** Whether what this occupant (or the room) says may reach the session (XEP-0191). Not while that is still being read. */
  mayReach(session: Session, room: Room, nick: string): boolean {
    const list = this.blocks?.of(session.account.id);
    if (list === undefined) return true;
    if (list instanceof Promise) {
      this.#whenRead(list, session);
      return false;
    }
    return !list.blocks(nick === '' ? room.jid : room.jid.withResource(nick));
  }

  /** What is kept waits in the mailbox until it is known whom the session has blocked. */
  #whenRead(list: Promise<unknown>, session: Session): void {
    if (session.mailboxMode === 'live') session.mailboxMode = 'behind';
    list.then(
      () => this.ctx.mailboxes.catchUp(session),
      (error: unknown) => this.ctx.log.warn('muc_blocks_not_read', { account: session.account.id, error }),
    );
  }

  /** The same for an entry of the archive that the session did not ask for. Costs nothing for those who block nobody. */
  mayHear(session: Session, entry: MailboxEntry): boolean {
    const list = this.blocks?.of(session.account.id);
    if (list === undefined) return true;
    if (list instanceof Promise) {
      list.catch(() => {});
      return false;
    }
    const from = Jid.tryParse(parseStanza(entry.stanza, undefined, NS.client).from ?? '');
    return from === undefined || !list.blocks(from);
  }

  /** For a room's occupant ids: 16 bytes, hexadecimal. */
  newSecret(): string {
    let secret = '';
    for (const byte of this.ctx.random.bytes(16)) secret += byte.toString(16).padStart(2, '0');
    return secret;
  }

  /** An id for what the room says itself. */
  newId(): string {
    let id = 'r';
    for (const byte of this.ctx.random.bytes(9)) id += byte.toString(16).padStart(2, '0');
    return id;
  }

  /** The group is among those that this session takes without joining. */
  listen(session: Session, room: Room, after: number): void {
    this.listeners.add(session, room.id);
    if (session.sources?.list.has(room.id) !== true)
      this.ctx.mailboxes.addSources(session, [this.source(room, after, () => room.showsAddresses)]);
  }

  // --- presence ---

  presenceBytes(room: Room, occupant: Occupant, said: Said, addresses: boolean): Uint8Array {
    const item: MucItem = {
      affiliation: room.affiliationOf(occupant.bare, occupant.account),
      role: said.type === 'unavailable' && said.item?.nick === undefined ? 'none' : occupant.role,
      ...(addresses ? { jid: occupant.shown } : undefined),
      ...said.item,
    };
    const user = encodeMucUser({ items: [item], statuses: [...(said.statuses ?? [])], destroy: said.destroy, version: said.version });
    const hats = said.type === 'unavailable' ? undefined : this.#hats(room, occupant.bare);
    const stanza =
      said.bare === true || (said.type === 'unavailable' && occupant.presence.type !== 'unavailable') ? GONE : occupant.presence;
    return stanzaBytes(stanza, {
      from: room.addressOf(occupant.nick),
      to: undefined,
      id: said.id,
      type: said.type,
      extra: `${user.toString()}${encodeOccupantId(occupant.occupantId).toString()}${hats ?? ''}`,
    });
  }

  /** XEP-0317 §3.1. */
  #hats(room: Room, bare: string): string | undefined {
    const worn = room.record.worn?.[bare];
    if (worn === undefined || worn.length === 0) return undefined;
    const all = (room.record.hats ?? []).filter(({ uri }) => worn.includes(uri));
    return el('hats', { xmlns: NS.hats }, ...all.map(({ uri, title, hue }) => el('hat', { uri, title, hue }))).toString();
  }

  /** Sends a presence to one seat. */
  toSeat(seat: Seat, shared: Uint8Array): void {
    if (seat.session.full) {
      seat.missed = true;
      return;
    }
    seat.session.sendBytes(withHead(seat.presenceHead, shared, PRESENCE_HEAD));
  }

  /** Whether comings and goings of this role are shown in this room (§7.2.3). */
  shows(room: Room, role: MucRole): boolean {
    return room.config.presenceBroadcast.includes(role);
  }

  /** Tells everybody of an occupant: written twice at most, with the address and without, and once more for the occupant itself. */
  tellAll(room: Room, occupant: Occupant, said: Said, roleShown: MucRole = occupant.role): void {
    const own = { ...said, statuses: [...(said.statuses ?? []), 110, ...(said.selfStatuses ?? [])] };
    for (const seat of occupant.seats) this.toSeat(seat, this.presenceBytes(room, occupant, own, this.seesAddresses(room, occupant.role)));
    if (!this.shows(room, roleShown)) return;
    this.tellOthers(room, occupant, said);
  }

  tellOthers(room: Room, occupant: Occupant, said: Said): void {
    let open: Uint8Array | undefined;
    let closed: Uint8Array | undefined;
    for (const seat of room.seats.values()) {
      if (seat.occupant === occupant || !this.mayReach(seat.session, room, occupant.nick)) continue;
      if (this.seesAddresses(room, seat.occupant.role)) this.toSeat(seat, (open ??= this.presenceBytes(room, occupant, said, true)));
      else this.toSeat(seat, (closed ??= this.presenceBytes(room, occupant, said, false)));
    }
    if (room.members > this.ctx.config.presenceMembers) return;
    for (const session of this.listeners.of(room.id)) {
      if (room.seats.has(session) || session.full || !this.mayReach(session, room, occupant.nick)) continue;
      const sees = room.showsAddresses || isAdmin(this.affiliation(room, session));
      const bytes = sees
        ? (open ??= this.presenceBytes(room, occupant, said, true))
        : (closed ??= this.presenceBytes(room, occupant, said, false));
      session.sendBytes(withHead(headFor('presence', session.address), bytes, PRESENCE_HEAD));
    }
  }

  // --- messages ---

  /** Something that is not kept, to everybody who is there (and, when `members`, to those who take the group without joining). */
  passing(room: Room, shared: Uint8Array, nick: string, members: boolean): void {
    for (const seat of room.seats.values()) {
      const { session } = seat;
      if (session.connected && !session.congested && this.mayReach(session, room, nick))
        session.sendBytes(withHead(seat.messageHead, shared, MESSAGE_HEAD));
    }
    if (!members) return;
    for (const session of this.listeners.of(room.id)) {
      if (room.seats.has(session) || !session.connected || session.congested || !this.mayReach(session, room, nick)) continue;
      session.sendBytes(withHead(headFor('message', session.address), shared, MESSAGE_HEAD));
    }
  }

  messageToSeat(seat: Seat, shared: Uint8Array): void {
    if (seat.session.connected && !seat.session.congested) seat.session.sendBytes(withHead(seat.messageHead, shared, MESSAGE_HEAD));
  }

  /** Something that the room itself says to everybody who is there. */
  notice(room: Room, element: Element): void {
    const shared = stanzaBytes(Stanza.from(element));
    for (const seat of room.seats.values()) this.messageToSeat(seat, shared);
  }

  /** An entry that the occupants have learned of otherwise. */
  keptForMembers(room: Room, stored: Uint8Array, seq: number): void {
    const shared = this.ctx.mailboxes.stamps.live(stored, room.bare, seq, room.bare);
    for (const session of this.listeners.of(room.id))
      if (session.mailboxMode === 'live' && !room.seats.has(session))
        this.ctx.mailboxes.deliver(session, withHead(this.listeners.headOf(session), shared, MESSAGE_HEAD), seq);
  }

  /** A durable entry, to everybody who is in step; who is behind reads it from the mailbox of the room. */
  kept(room: Room, stored: Uint8Array, seq: number, nick: string, sender: string): void {
    const { mailboxes } = this.ctx;
    const shared = mailboxes.stamps.live(stored, room.bare, seq, room.bare);
    for (const seat of room.seats.values()) {
      const { session } = seat;
      if (session.mailboxMode === 'behind') continue;
      if (this.blocks !== undefined && !this.mayReach(session, room, nick)) continue;
      const bytes = withHead(seat.messageHead, shared, MESSAGE_HEAD);
      seat.sent = seq;
      if (session.mailboxMode === 'live') mailboxes.deliver(session, bytes, seq);
      else if (session.congested) seat.missed = true;
      else session.sendBytes(bytes);
    }
    const listening = this.listeners.of(room.id);
    if (listening.size === 0) return;
    let named: Uint8Array | undefined;
    for (const session of listening) {
      if (session.mailboxMode !== 'live' || room.seats.has(session) || !this.mayReach(session, room, nick)) continue;
      named ??=
        room.showsAddresses && sender !== room.bare ? mailboxes.stamps.live(withSender(stored, sender), room.bare, seq, room.bare) : shared;
      mailboxes.deliver(session, withHead(this.listeners.headOf(session), named, MESSAGE_HEAD), seq);
    }
  }

  // --- what others are told ---

  onMessage(handle: (message: StoredGroupMessage) => void): () => void {
    this.#told.add(handle);
    return () => this.#told.delete(handle);
  }

  onTakenBack(handle: (message: TakenBack) => void): () => void {
    this.#gone.add(handle);
    return () => this.#gone.delete(handle);
  }

  /** Messages were retracted or moderated, and that is durable. */
  takenBack(room: Room, { entries }: Doomed): void {
    const event: TakenBack = {
      group: room.bare,
      seqs: entries.map(({ seq }) => seq),
      *members() {
        for (const [bare, { affiliation, account }] of room.affiliations) if (isMember(affiliation)) yield { bare, account };
      },
    };
    for (const handle of this.#gone) {
      try {
        handle(event);
      } catch (error) {
        this.ctx.log.error('muc_retraction_not_told', { error });
      }
    }
  }

  /** A message is durable and was handed out. */
  stored(room: Room, message: { seq: number; stanza: Stanza; bytes: Uint8Array; from: Session; nick: string }): void {
    this.seen.said(room, message.seq);
    if (this.#told.size === 0) return;
    const { seq, stanza, bytes, from, nick } = message;
    const event: StoredGroupMessage = {
      group: { jid: room.bare, mailbox: room.id, name: room.config.name },
      seq,
      stanza,
      bytes,
      from: { bare: from.bare, account: from.account.id, nick },
      *members() {
        for (const [bare, { affiliation, account }] of room.affiliations)
          if (bare !== from.bare && isMember(affiliation)) yield { bare, account };
      },
    };
    for (const handle of this.#told) {
      try {
        handle(event);
      } catch (error) {
        this.ctx.log.error('muc_message_not_told', { error });
      }
    }
  }

  /** The mailbox of the room as a session reads it. */
  source(room: { readonly id: number; readonly bare: string }, after: number, shows: () => boolean): Source {
    const { stamps } = this.ctx.mailboxes;
    return {
      mailbox: room.id,
      after,
      late: (session: Session, entry: MailboxEntry): Uint8Array | undefined => {
        if (!this.mayHear(session, entry)) return undefined;
        const stored = shows() && entry.peer !== room.bare ? withSender(entry.stanza, entry.peer) : entry.stanza;
        return withHead(headFor('message', session.address), stamps.late(stored, room.bare, entry.seq, entry.at, room.bare), MESSAGE_HEAD);
      },
    };
  }
}

const END = '</message>'.length;

/** With the sender's address, as an archive of the room shows it (XEP-0313 §6.2). */
export function withSender(stored: Uint8Array, sender: string, affiliation?: string): Uint8Array {
  const extra = utf8Encode(
    `<x xmlns="${NS.mucUser}"><item${affiliation === undefined ? '' : ` affiliation="${affiliation}"`} jid="${escapeAttr(sender)}"/></x>`,
  );
  const out = new Uint8Array(stored.length + extra.length);
  const at = stored.length - END;
  out.set(stored.subarray(0, at), 0);
  out.set(extra, at);
  out.set(stored.subarray(at), at + extra.length);
  return out;
}
