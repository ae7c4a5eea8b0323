/** What is kept of rooms: a row for each room, one for each affiliation. Rooms are numbered below 0, as their mailboxes are. */
import { type FeatureContext, json, type Table } from '@parley/core';
import type { MucAffiliation } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import { whenReady } from '../awaitable.ts';
import type { RoomConfig } from './config.ts';

export interface Hat {
  readonly uri: string;
  readonly title: string;
  readonly hue?: string;
}

export interface RoomRecord {
  /** Below 0, never used again; also the number of the mailbox. */
  readonly id: number;
  /** Localpart of the address. */
  readonly local: string;
  readonly createdAt: number;
  readonly config: RoomConfig;
  readonly subject?: { readonly text: string; readonly nick: string; readonly at: number };
  /** Of the affiliations (XEP-0463). */
  readonly version: number;
  /** Of changes up to this version not all are known any more. */
  readonly floor?: number;
  /** SHA-1 of the picture, '' for none. */
  readonly avatar: string;
  /** Occupant ids are made with it (XEP-0421). Hexadecimal. */
  readonly secret: string;
  readonly hats?: readonly Hat[];
  /** Bare JID to URIs of hats. */
  readonly worn?: Readonly<Record<string, readonly string[]>>;
}

/** A room that was destroyed, for those who still come (§10.9). */
export interface Tombstone {
  readonly at: number;
  readonly jid?: string;
  readonly reason?: string;
}

export interface AffiliationRecord {
  /** 'none' is kept for a while, so that those who ask for changes learn of it. */
  readonly affiliation: MucAffiliation;
  /** The account it was given to, so that a namesake inherits nothing; absent when there was none. */
  readonly account?: number;
  /** The registered nickname. */
  readonly nick?: string;
  readonly reason?: string;
  /** Version of the affiliations at which it became so. */
  readonly changed: number;
  /** Position in the mailbox from which on the member has the messages. */
  readonly since: number;
  /** Position that the member has read up to. */
  readonly read?: number;
}

/** Owner of what belongs to the server itself. */
const SERVER = 0;
const ROOM = 'room';
const NEXT = 'next';
const TEMPORARY = 'temporary';
const VCARD = 'vcard';

/** One name of the service: the number of its room, or what is left of it. */
interface NameRecord {
  readonly id?: number;
  /** For the public list: nothing of hidden rooms is here. */
  readonly public?: { readonly name: string; readonly description: string; readonly lang: string; readonly open: boolean };
  readonly tombstone?: Tombstone;
}

export class RoomStore {
  readonly #names: Table<NameRecord>;
  readonly #rooms: Table<RoomRecord>;
  readonly #affiliations: Table<AffiliationRecord>;
  readonly #state: Table<number>;
  readonly #vcards: Table<string>;
  /** Owner of the names: those of this domain. */
  readonly #host: number;
  /** The last number given to a room, on any domain of the server: mailboxes are numbered with them. */
  readonly #last: { number: number };

  constructor(ctx: Pick<FeatureContext<never>, 'table' | 'hostOwner' | 'once'>) {
    this.#host = ctx.hostOwner;
    this.#last = ctx.once('last', () => ({ number: 0 }));
    this.#names = ctx.table('muc_names', json<NameRecord>());
    this.#rooms = ctx.table('muc_rooms', json<RoomRecord>());
    this.#affiliations = ctx.table('muc_affiliations', json<AffiliationRecord>());
    this.#state = ctx.table('muc_state', json<number>());
    this.#vcards = ctx.table('muc_vcards', json<string>());
  }

  async open(): Promise<void> {
    this.#last.number = Math.max(this.#last.number, (await this.#state.get(SERVER, NEXT)) ?? 0);
  }

  /** A number that no room has had. */
  newId(): number {
    const number = ++this.#last.number;
    this.#state.set(SERVER, NEXT, number);
    return -number;
  }

  /** The room of this name, or the tombstone. */
  name(local: string): Awaitable<NameRecord | undefined> {
    return this.#names.get(this.#host, local);
  }

  /** Names of all rooms. */
  names(): Awaitable<string[]> {
    return whenReady(this.#names.list(this.#host), (rows) => rows.flatMap(({ key, value }) => (value.id === undefined ? [] : [key])));
  }

  /** A room of this domain: those of others lie in the same tables. */
  room(id: number): Awaitable<RoomRecord | undefined> {
    return whenReady(this.#rooms.get(id, ROOM), (record) =>
      record === undefined ? undefined : whenReady(this.name(record.local), (name) => (name?.id === id ? record : undefined)),
    );
  }

  affiliations(id: number): Awaitable<Array<{ key: string; value: AffiliationRecord }>> {
    return this.#affiliations.list(id);
  }

  affiliation(id: number, bare: string): Awaitable<AffiliationRecord | undefined> {
    return this.#affiliations.get(id, bare);
  }

  /** Numbers of the rooms that know this address, on all domains; `room` finds those of this one. */
  roomsOf(bare: string): Awaitable<number[]> {
    return this.#affiliations.owners(bare);
  }

  save(record: RoomRecord): void {
    const { config } = record;
    this.#rooms.set(record.id, ROOM, record);
    if (!config.persistent) this.#state.set(record.id, TEMPORARY, 1);
    else this.#state.delete(record.id, TEMPORARY);
    const open = !config.membersOnly && config.password === '';
    const listed = config.public ? { name: config.name, description: config.description, lang: config.lang, open } : undefined;
    this.#names.set(this.#host, record.local, { id: record.id, ...(listed === undefined ? undefined : { public: listed }) });
  }

  /** Only what is in the room's own row has changed: subject, version, picture, hats. */
  saveRow(record: RoomRecord): void {
    this.#rooms.set(record.id, ROOM, record);
  }

  saveAffiliation(id: number, bare: string, value: AffiliationRecord): void {
    this.#affiliations.set(id, bare, value);
  }

  forgetAffiliation(id: number, bare: string): void {
    this.#affiliations.delete(id, bare);
  }

  remove(record: RoomRecord, tombstone: Tombstone | undefined): void {
    this.#rooms.deleteOwner(record.id);
    this.#affiliations.deleteOwner(record.id);
    this.#state.deleteOwner(record.id);
    this.#vcards.deleteOwner(record.id);
    if (tombstone === undefined) this.#names.delete(this.#host, record.local);
    else this.#names.set(this.#host, record.local, { tombstone });
  }

  /** Rooms that were not meant to outlive their occupants, on all domains. */
  temporary(): Awaitable<number[]> {
    return this.#state.owners(TEMPORARY);
  }

  vcard(id: number): Awaitable<string | undefined> {
    return this.#vcards.get(id, VCARD);
  }

  setVcard(id: number, card: string | undefined): void {
    if (card === undefined) this.#vcards.delete(id, VCARD);
    else this.#vcards.set(id, VCARD, card);
  }

  /** The public rooms, by address. */
  publicRooms(): Awaitable<Array<{ local: string; id: number; name: string; description: string; lang: string; open: boolean }>> {
    return whenReady(this.#names.list(this.#host), (rows) =>
      rows.flatMap(({ key, value }) =>
        value.public === undefined || value.id === undefined ? [] : [{ local: key, id: value.id, ...value.public }],
      ),
    );
  }
}
