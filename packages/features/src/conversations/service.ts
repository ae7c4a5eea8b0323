import { defineService, type Session } from '@parley/core';
import type { ConversationState, ConversationsQuery } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import type { Element } from '@parley/xml';
import type { StoredState } from './rules.ts';

/** What the conversation list lends to others. */
export interface ConversationLists {
  /** The list as one element, for inlining (Bind 2); the session is told of changes from then on. */
  list(session: Session, query: ConversationsQuery): Awaitable<Element>;
  /** What the owner decided about one conversation. */
  stateOf(account: number, jid: string): Awaitable<Omit<ConversationState, 'timer'>>;
  /** A device of the account has displayed everything up to this stanza-id (XEP-0490); older ones and unknown ids are ignored. */
  displayed(account: AccountRecord, jid: string, stanzaId: string): Awaitable<void>;
  /** Called when a device has displayed everything up to this stanza-id of the account, however the server learnt of it. */
  onDisplayed(handle: (account: AccountRecord, jid: string, stanzaId: string) => Awaitable<void>): void;
  /** Unread messages of the account, groups not included; stops counting at 1,000. */
  unread(account: AccountRecord): Awaitable<number>;
  /** All that the owner decided about conversations, by address; for the export of a whole server. */
  states(account: number): Awaitable<ReadonlyMap<string, StoredState>>;
  /** The same for its import; nobody is told. Answers whether there was room. */
  restore(account: AccountRecord, jid: string, state: StoredState): Awaitable<boolean>;
}
export const conversationLists = defineService<ConversationLists>('conversation-lists');

/** One group in somebody's list. */
export interface GroupConversation {
  /** Bare JID of the group. */
  readonly jid: string;
  /** stanza-id of the last message in the group's archive that is not quiet; undefined when there is none. */
  readonly id: string | undefined;
  /** Its time, or when the account joined; ms since the epoch. */
  readonly at: number;
  readonly unread: number;
  /** Something unread mentions the account. */
  readonly mention: boolean;
  /** Seconds after which its messages disappear (XEP-0466); 0: they stay. */
  readonly timer: number;
  /** stanza-id up to which everything was displayed. */
  readonly displayed: string | undefined;
  /** The last message as stored: asked for only when it is shown. */
  stanza(): Awaitable<Uint8Array | undefined>;
}
