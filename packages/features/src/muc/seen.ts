/** How far a group is delivered and read (docs/protocol/groups.md): from the cursors of devices and the displayed markers. */
import { HourlyLimit, type Session } from '@parley/core';
import { NS, StanzaError } from '@parley/protocol';
import { type Element, el, type Stanza } from '@parley/xml';
import type { Hub } from './hub.ts';
import type { Room } from './room.ts';
import { isMember } from './rules.ts';

const QUESTIONS = 3600;
const TELL_EVERY_MS = 1000;

interface Told {
  /** Of what is not with everybody, or not read by everybody: the first and the last position. */
  readonly first: number;
  last: number;
  delivered: number;
  read: number;
}

export class Seen {
  readonly #hub: Hub;
  readonly #limit = new HourlyLimit(QUESTIONS);
  /** Rooms of which something is not yet with everybody, or not read by everybody: what was told last. */
  readonly #open = new Map<Room, Told>();
  readonly #changed = new Set<Room>();
  #timer: (() => void) | undefined;

  constructor(hub: Hub) {
    this.#hub = hub;
    hub.ctx.defer(() => this.#timer?.());
  }

  /** A displayed marker (XEP-0333) moves the member's place, only forward. */
  marked(room: Room, session: Session, stanza: Stanza): void {
    const id = stanza.child('displayed', NS.markers)?.attr('id');
    const seq = id === undefined ? undefined : this.#hub.ctx.mailboxes.parseStanzaId(id);
    const record = room.affiliations.get(session.bare);
    if (seq === undefined || record === undefined || seq > this.#hub.ctx.mailboxes.committedSeq || seq <= (record.read ?? 0)) return;
    const read = { ...record, read: seq };
    room.affiliations.set(session.bare, read);
    this.#hub.store.saveAffiliation(room.id, session.bare, read);
    this.#touch(room);
  }

  /** Something was said: it is not with everybody yet. */
  said(room: Room, seq: number): void {
    if (room.members > this.#hub.ctx.config.presenceMembers || this.#hub.listeners.of(room.id).size === 0) return;
    const open = this.#open.get(room);
    if (open === undefined) this.#open.set(room, { first: seq, last: seq, delivered: 0, read: 0 });
    else open.last = Math.max(open.last, seq);
    this.#touch(room);
  }

  /** A session has what was sent to it up to here. */
  taken(session: Session, seq: number): void {
    const { sources } = session;
    if (sources === undefined) return;
    // A device that joined like any client has a cursor in the room's own mailbox; the others have theirs with the account.
    if (!sources.tracked) this.#moveSeats(session, seq);
    for (const room of this.#open.keys()) if (sources.list.has(room.id)) this.#touch(room);
  }

  #moveSeats(session: Session, seq: number): void {
    for (const mailbox of session.sources?.list.keys() ?? []) {
      const room = this.#hub.byId(mailbox);
      const seat = room?.seat(session);
      if (room === undefined || seat === undefined || seat.sent === 0 || seat.sent <= seat.taken) continue;
      if (!isMember(room.affiliationOf(session.bare, session.account.id))) continue;
      seat.taken = Math.min(seq, seat.sent);
      const device = `${session.account.id}/${session.device}`;
      this.#hub.ctx.mailboxes.store.setCursor(room.id, { device, seq: seat.taken, seenAt: this.#hub.now });
    }
  }

  #touch(room: Room): void {
    this.#changed.add(room);
    this.#timer ??= this.#hub.ctx.clock.after(TELL_EVERY_MS, this.#tell);
  }

  readonly #tell = (): void => {
    this.#timer = undefined;
    const rooms = [...this.#changed];
    this.#changed.clear();
    for (const room of rooms)
      this.#tellOf(room).catch((error: unknown) => this.#hub.ctx.log.warn('muc_seen_not_told', { mailbox: room.id, error }));
  };

  async #tellOf(room: Room): Promise<void> {
    const last = this.#open.get(room);
    if (last === undefined) return;
    const { mailboxes } = this.#hub.ctx;
    const range = await mailboxes.store.range(room.id);
    const listening = this.#hub.listeners.of(room.id);
    if (room.destroyed || listening.size === 0) {
      this.#open.delete(room);
      return;
    }
    // What was delivered may be gone already (D9).
    const end = last.last;
    const first = Math.min(range?.first.seq ?? last.first, last.first);
    let delivered = end;
    let read = end;
    for (const place of await this.#places(room, end)) {
      delivered = Math.min(delivered, place.delivered);
      read = Math.min(read, place.read);
    }
    if (delivered === end && read === end) this.#open.delete(room);
    if (delivered <= last.delivered && read <= last.read) return;
    last.delivered = Math.max(delivered, last.delivered);
    last.read = Math.max(read, last.read);
    const id = (seq: number): string | undefined => (seq < first ? undefined : mailboxes.stanzaId(seq));
    const seen = el('seen', { xmlns: NS.groups, delivered: id(last.delivered), read: id(last.read) });
    for (const session of listening)
      if (session.connected && !session.congested)
        session.send(el('message', { from: room.bare, to: session.address, type: 'headline' }, seen));
  }

  /** Where each member is, who was one when the message at this position was sent. */
  async #places(room: Room, seq: number): Promise<{ bare: string; delivered: number; read: number }[]> {
    const { store } = this.#hub.ctx.mailboxes;
    const joined = new Map<number, number>();
    for (const { device, seq: at } of await store.cursors(room.id)) {
      const account = Number(device.split('/')[0]);
      joined.set(account, Math.max(joined.get(account) ?? 0, at));
    }
    const places: { bare: string; delivered: number; read: number }[] = [];
    for (const [bare, record] of [...room.affiliations]) {
      if (!isMember(record.affiliation) || record.since >= seq) continue;
      // Who has said something has everything before it.
      const [own] = await store.read(room.id, { peer: bare, before: seq + 1, limit: 1, reverse: true });
      const read = Math.max(record.read ?? 0, own?.seq ?? 0);
      let delivered = Math.max(read, record.account === undefined ? 0 : (joined.get(record.account) ?? 0));
      if (delivered < seq && record.account !== undefined)
        for (const cursor of await store.cursors(record.account))
          if (cursor.groups !== undefined) delivered = Math.max(delivered, cursor.groups);
      places.push({ bare, delivered, read });
    }
    return places;
  }

  /** Who has this message, and who has read it. For members. */
  async delivery(room: Room, session: Session, payload: Element): Promise<Element> {
    const affiliation = this.#hub.affiliation(room, session);
    if (!isMember(affiliation)) throw new StanzaError('forbidden', { by: room.bare, text: 'This is for the members of the group.' });
    if (this.#limit.take(session.bare, this.#hub.now) > 0) throw new StanzaError('resource-constraint', { by: room.bare, type: 'wait' });
    const id = payload.attr('id') ?? '';
    const seq = this.#hub.ctx.mailboxes.parseStanzaId(id);
    const entry = seq === undefined ? undefined : await this.#hub.ctx.mailboxes.store.get(room.id, seq);
    if (seq === undefined || entry === undefined)
      throw new StanzaError('item-not-found', { by: room.bare, text: 'There is no such message.' });
    const places = (await this.#places(room, seq)).filter(({ bare }) => bare !== entry.peer);
    const has = (at: number): boolean => at >= seq;
    const sees = this.#hub.seesAddresses(room, room.seat(session)?.occupant.role ?? 'none');
    return el(
      'delivery',
      {
        xmlns: NS.groups,
        id,
        members: String(places.length),
        delivered: String(places.filter((one) => has(one.delivered)).length),
        read: String(places.filter((one) => has(one.read)).length),
      },
      ...(sees ? places : []).map(({ bare, delivered, read }) =>
        el('member', { jid: bare, delivered: has(delivered) ? 'true' : undefined, read: has(read) ? 'true' : undefined }),
      ),
    );
  }
}
