import { defineService } from '@parley/core';
import type { DataForm, MucAffiliation } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import type { Element, Stanza } from '@parley/xml';

/** A group as one of its members has it. */
export interface Membership {
  /** Bare JID of the group. */
  readonly jid: string;
  /** Number of its mailbox, below 0: read it like an account's (`ctx.mailboxes.store`). */
  readonly mailbox: number;
  /** '' when it has none. */
  readonly name: string;
  readonly affiliation: MucAffiliation;
  readonly nick: string | undefined;
  /** SHA-1 of the picture, '' for none. */
  readonly avatar: string;
  /** Seconds after which its messages disappear (XEP-0466); 0: they stay. */
  readonly timer: number;
  /** Position from which on its entries are for this member. */
  readonly since: number;
  /** Position that the member has read up to, by displayed markers (XEP-0333); 0 for none. */
  readonly read: number;
}

/** One of those whom a group message is for. */
export interface GroupMember {
  readonly bare: string;
  /** undefined for somebody who has no account here. */
  readonly account: number | undefined;
}

/** A message of a group is durable and was handed to those who are there. */
export interface StoredGroupMessage {
  readonly group: { readonly jid: string; readonly mailbox: number; readonly name: string };
  readonly seq: number;
  /** As the sender wrote it. */
  readonly stanza: Stanza;
  /** As it is stored: from the occupant, without `to` and stanza-id. */
  readonly bytes: Uint8Array;
  readonly from: { readonly bare: string; readonly account: number; readonly nick: string };
  /** Every member but the sender; walked only when somebody asks. */
  members(): Iterable<GroupMember>;
}

/** Messages of a group were taken back, by their sender or by a moderator, and that is durable. */
export interface TakenBack {
  /** Bare JID of the group. */
  readonly group: string;
  /** Positions of the message and of its corrections. */
  readonly seqs: readonly number[];
  members(): Iterable<GroupMember>;
}

/** Lent by group chats. */
export interface Groups {
  /** The groups that an account is a member of; not those it has merely joined. */
  of(account: AccountRecord): Awaitable<readonly Membership[]>;
  /** Whether this bare JID is a group that the account is a member of. */
  membership(account: AccountRecord, jid: string): Awaitable<Membership | undefined>;
  /** Told of each message (also changes of messages) after it is durable. Answers the undo. */
  onMessage(handle: (message: StoredGroupMessage) => void): () => void;
  /** Told when messages are taken back. Answers the undo. */
  onTakenBack(handle: (message: TakenBack) => void): () => void;
}
export const groups = defineService<Groups>('groups');

/** Somebody on the lists of a room. Positions are those of the room's mailbox. */
export interface RoomPerson {
  /** Bare JID, or the domain of a ban. */
  readonly jid: string;
  readonly affiliation: MucAffiliation;
  readonly nick: string | undefined;
  readonly reason: string | undefined;
  readonly since: number;
  readonly read: number;
}

/** A room without its messages. */
export interface TransferredRoom {
  /** Localpart of the address. */
  readonly local: string;
  /** ms since the epoch. */
  readonly createdAt: number;
  /** `muc#roomconfig`. */
  readonly config: DataForm;
  readonly subject: { readonly text: string; readonly nick: string; readonly at: number } | undefined;
  readonly hats: ReadonlyArray<{ readonly uri: string; readonly title: string; readonly hue?: string }>;
  /** Bare JID to URIs of hats. */
  readonly worn: Readonly<Record<string, readonly string[]>>;
  readonly vCard: Element | undefined;
  /** Occupant ids are made with it. Hexadecimal, '' for a new one. */
  readonly secret: string;
  readonly people: readonly RoomPerson[];
}

/** Lent by group chats to the export and import of a whole server; temporary rooms are no part of it. */
export interface RoomTransfer {
  /** The domain of the rooms. */
  readonly domain: string;
  /** Localparts of all rooms, in order. */
  names(): Awaitable<string[]>;
  /** With the number of its mailbox; undefined when it is not there, or temporary. */
  read(local: string): Promise<(TransferredRoom & { readonly mailbox: number }) | undefined>;
  /** For a room that is still to be made: its messages are appended to this one first. */
  newMailbox(): number;
  /** Whether there is a room of this name, or was one whose name stays reserved. */
  isTaken(local: string): Awaitable<boolean>;
  /** Makes the room over its mailbox; answers what could not be taken. Throws StanzaError. */
  make(mailbox: number, room: TransferredRoom): Promise<string[]>;
}
export const roomTransfer = defineService<RoomTransfer>('room-transfer');
