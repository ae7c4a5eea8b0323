/** One room in memory: who is there, who may what. It is loaded when somebody asks for it, and forgotten when nobody is there. */
import type { Session } from '@parley/core';
import { Jid, type MucAffiliation, type MucRole } from '@parley/protocol';
import { escapeAttr, type Stanza, utf8Encode } from '@parley/xml';
import type { Bucket } from './flood.ts';
import { nickKey } from './nick.ts';
import { isMember } from './rules.ts';
import type { AffiliationRecord, RoomRecord } from './store.ts';

/** One session of an occupant. */
export interface Seat {
  readonly session: Session;
  readonly occupant: Occupant;
  /** The address that presence was sent to. */
  address: string;
  /** `<message to="…"` for this session. */
  readonly messageHead: Uint8Array;
  readonly presenceHead: Uint8Array;
  /** Presence was left out while the device was away: it has to come in anew. */
  missed: boolean;
  /** The last position of the room that was sent to it, and that it has acknowledged. */
  sent: number;
  taken: number;
}

/** Somebody who is there under a nickname, perhaps with several devices. */
export interface Occupant {
  nick: string;
  readonly bare: string;
  readonly account: number;
  role: MucRole;
  /** XEP-0421. */
  readonly occupantId: string;
  /** Content as the client sent it, without what only the room says. */
  presence: Stanza;
  readonly seats: Seat[];
  /** The full JID that is shown where addresses are. */
  shown: string;
}

/** `<name to="…"`: what is different for each of those who get the same stanza. */
export function headFor(name: 'message' | 'presence', to: string): Uint8Array {
  return utf8Encode(`<${name} to="${escapeAttr(to)}"`);
}

export class Room {
  record: RoomRecord;
  readonly jid: Jid;
  readonly bare: string;
  /** The bare address escaped for an attribute. */
  readonly escaped: string;
  /** By bare JID; 'none' is among them for a while. */
  readonly affiliations: Map<string, AffiliationRecord>;
  /** By key of the nickname. */
  readonly occupants = new Map<string, Occupant>();
  readonly seats = new Map<Session, Seat>();
  /** Keys of registered nicknames, and whose they are. */
  readonly reserved = new Map<string, string>();
  /** Roles that were given or taken by a moderator, by bare JID: they outlast a visit (§5.1). */
  readonly roles = new Map<string, MucRole>();
  /** Nobody but the creator may come in before it is configured (§10.1). */
  locked = false;
  destroyed = false;
  lastUsed = 0;
  /** Time of the last message of somebody (XEP-0500). */
  readonly lastSpoke = new Map<string, number>();
  readonly floods = new Map<Session, Bucket>();
  members = 0;
  /** Occupant ids by bare JID. */
  readonly ids = new Map<string, string>();

  constructor(record: RoomRecord, service: string, affiliations: Iterable<readonly [string, AffiliationRecord]>) {
    this.record = record;
    this.jid = Jid.of(record.local, service);
    this.bare = this.jid.bare;
    this.escaped = escapeAttr(this.bare);
    this.affiliations = new Map(affiliations);
    for (const [bare, { affiliation, nick }] of this.affiliations) {
      if (isMember(affiliation)) this.members++;
      if (nick !== undefined) this.reserved.set(nickKey(nick), bare);
    }
  }

  get id(): number {
    return this.record.id;
  }
  get config(): RoomRecord['config'] {
    return this.record.config;
  }
  /** Everybody sees everybody's address. */
  get showsAddresses(): boolean {
    return this.config.whois === 'anyone';
  }
  get empty(): boolean {
    return this.occupants.size === 0;
  }

  /** `account` must be the one the address belongs to now: what was given to a namesake before is not inherited. */
  affiliationOf(bare: string, account?: number): MucAffiliation {
    const there = this.affiliations.get(bare);
    if (there === undefined) {
      // §9.2: a ban may be of a whole domain.
      return this.affiliations.get(bare.slice(bare.indexOf('@') + 1))?.affiliation === 'outcast' ? 'outcast' : 'none';
    }
    if (there.account !== undefined && account !== undefined && there.account !== account) return 'none';
    return there.affiliation;
  }

  byNick(nick: string): Occupant | undefined {
    const found = this.occupants.get(nickKey(nick));
    return found?.nick === nick ? found : undefined;
  }

  seat(session: Session): Seat | undefined {
    return this.seats.get(session);
  }

  /** Whether somebody else has this nickname, or one that looks the same. */
  isTaken(nick: string, bare: string): boolean {
    const key = nickKey(nick);
    const occupant = this.occupants.get(key);
    if (occupant !== undefined && occupant.bare !== bare) return true;
    const owner = this.reserved.get(key);
    return owner !== undefined && owner !== bare;
  }

  /** The nickname that is registered for this address. */
  nickOf(bare: string): string | undefined {
    return this.affiliations.get(bare)?.nick;
  }

  owners(): string[] {
    return this.#with('owner');
  }
  admins(): string[] {
    return this.#with('admin');
  }
  #with(affiliation: MucAffiliation): string[] {
    const found: string[] = [];
    for (const [bare, record] of this.affiliations) if (record.affiliation === affiliation) found.push(bare);
    return found;
  }

  addressOf(nick: string): string {
    return `${this.bare}/${nick}`;
  }
}
