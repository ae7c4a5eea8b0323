import type { Conversation } from './conversation-types.ts';
import type { BlobLike } from './message-types.ts';
import type { Observable } from './types.ts';

/** What somebody is in a group (XEP-0045 affiliations): `owner` and `admin` manage it, `none` and `outcast` are not in it. */
export type GroupRole = 'owner' | 'admin' | 'member' | 'none' | 'outcast';

/** A group as its conversation shows it; frozen. */
export interface GroupInfo {
  readonly name: string;
  /** Own name in the group. */
  readonly nick: string;
  readonly role: GroupRole;
  readonly description: string;
  /** SHA-1 of its picture, hexadecimal. */
  readonly avatar: string | undefined;
}

export interface GroupMember {
  /** `name@domain` */
  readonly id: string;
  readonly mine: boolean;
  readonly role: GroupRole;
  /** Name in the group, when it is known. */
  readonly nick: string | undefined;
}

/** How far one member has taken an own message. */
export interface GroupDelivery {
  readonly personId: string;
  readonly delivered: boolean;
  readonly read: boolean;
}

/** What can be done with a group. All reject with `offline` without a connection and with `not-allowed` where the role does not suffice. */
export interface Group {
  /** Newest word of the server; undefined until it was asked. Asks when somebody subscribes. */
  readonly members: Observable<readonly GroupMember[] | undefined>;
  /** Makes people members. */
  add(ids: readonly string[]): Promise<void>;
  remove(id: string): Promise<void>;
  setRole(id: string, role: 'owner' | 'admin' | 'member'): Promise<void>;
  /** Name and description, for all. */
  change(change: { readonly name?: string; readonly description?: string }): Promise<void>;
  /** A square picture of at most 100 kB, for all; undefined takes it away. */
  setPicture(picture: BlobLike | undefined): Promise<void>;
  /** Leaves for good; the conversation stays on this device. */
  leave(): Promise<void>;
  /** Who has an own message, and who has read it. */
  delivery(messageId: string): Promise<readonly GroupDelivery[]>;
}

/** Group chats (docs/protocol/groups.md); only where `chat.features.groups` names a service. */
export interface Groups {
  /** Makes a group with these members and its owner: a members-only, non-anonymous room (XEP-0045). */
  create(options: {
    readonly name: string;
    readonly members: readonly string[];
    readonly picture?: BlobLike | undefined;
  }): Promise<Conversation>;
}
