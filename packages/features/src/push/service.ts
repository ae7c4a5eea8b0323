import { defineService } from '@parley/core';
import type { AccountRecord, Awaitable } from '@parley/storage';

export type PushKind = 'chat' | 'group' | 'call' | 'invitation';

/** Something that its recipient wants to hear of: a kept message, one of a group, a call. */
export interface Arrival {
  readonly account: AccountRecord;
  /** Bare JID of the other side, or of the group: what is told together, and read together. */
  readonly conversation: string;
  readonly kind: PushKind;
  /** Who wrote it: the bare JID of the other side, in groups the name there. */
  readonly sender: string;
  readonly senderName?: string;
  /** Of a group. */
  readonly groupName?: string;
  /** Text that a person may be shown; undefined when there is none, or the server cannot read it. */
  readonly body?: string;
  readonly encrypted?: boolean;
  /** The recipient is named in it. */
  readonly mention?: boolean;
  /** XEP-0359 id in the mailbox of the account or group. */
  readonly id?: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Position in its mailbox; rises with each arrival of a conversation. */
  readonly seq: number;
  /** How far a device has taken that mailbox; the account's own mailbox when left out. */
  readonly taken?: (device: string) => Awaitable<number>;
}

/** What an account wants to hear of a conversation (XEP-0492). */
export type Wish = 'all' | 'mentions' | 'nothing';

/** What a channel is to tell a device. */
export interface PushNotice extends Arrival {
  /** Arrivals in this conversation since it was read; the last one is told. */
  readonly count: number;
  /** The same over all conversations. */
  readonly total: number;
}

export interface PushTarget {
  /** Names it within its channel and account. */
  readonly key: string;
  /** The device (resource) that it belongs to; '' when unknown. */
  readonly device: string;
}

/** One way to reach devices that are not connected. */
export interface PushChannel {
  readonly name: string;
  /** Nobody has anything registered. */
  readonly empty: boolean;
  /** Accounts that have a target. */
  accounts(): Iterable<number>;
  /** At once and for nothing: asked for each message. */
  targets(accountId: number): readonly PushTarget[];
  /** Takes it over: retries, gives up, forgets targets that are gone. Resolves when there is nothing more to do for it. */
  notify(target: PushTarget, notice: PushNotice): Promise<void>;
  /** What was told of this conversation has been read elsewhere. */
  clear(target: PushTarget, account: AccountRecord, conversation: string, total: number): void;
}

/** Lent by the push feature. */
export interface Pushes {
  /** Adds a way to reach devices; answers the undo. */
  addChannel(channel: PushChannel): () => void;
  /** False at once when the account has no target, so that the caller need not look closer. */
  concerns(accountId: number): boolean;
  /** Something arrived for an account. The feature decides whether, when and where it is told. */
  arrived(arrival: Arrival): void;
  /** The account has read this conversation, somewhere. */
  read(account: AccountRecord, conversation: string): void;
  /** Messages at these positions of a conversation were taken back: what waits of them is not told, what was told alone is cleared. */
  withdrawn(account: Pick<AccountRecord, 'id'>, conversation: string, seqs: readonly number[]): void;
  /** Has this asked what an account wants to hear of a conversation; answers the undo. The quietest answer counts. */
  addWishes(wish: (account: AccountRecord, conversation: string) => Awaitable<Wish>): () => void;
}
export const pushes = defineService<Pushes>('pushes');
