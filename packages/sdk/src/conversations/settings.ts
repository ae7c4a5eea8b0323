import {
  type Conversation,
  type ConversationState as Decided,
  decodeConversations,
  encodeConversation,
  encodeConversationsQuery,
  type NotifyLevel,
  NS,
} from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import type { Session } from '../connection/session.ts';
import type { Context } from '../context.ts';
import { ChatError, ignoreRefusal } from '../errors.ts';
import type { ConversationRecord } from '../store/store.ts';
import type { ConversationSettings } from '../types.ts';
import type { Journal } from './journal.ts';
import { roomKey, serverKey } from './keys.ts';
import type { ConversationState } from './state.ts';

const PAGE = 100;
/** Pages of the list that are read; a person with more conversations finds the others by their messages. */
const MAX_PAGES = 20;
/** Muted for ever. A number that JSON keeps. */
export const FOREVER = Number.MAX_SAFE_INTEGER;

/** The list as the server has it, for a device that has nothing yet. */
export interface ServerConversation extends Conversation {
  readonly archived: boolean;
}

/** What the owner decided about conversations, the same on all devices (docs/protocol/conversations.md). */
export class Settings {
  readonly #context: Context;
  readonly #journal: Journal;

  constructor(context: Context, journal: Journal) {
    this.#context = context;
    this.#journal = journal;
  }

  /** Sends what was decided without a network, then reads the list. Rejects when the connection breaks. */
  async fetch(session: Session, states: Iterable<ConversationState>): Promise<ServerConversation[]> {
    for (const state of states) if (state.record.unsaid !== undefined) await this.#say(session, state);
    const all: ServerConversation[] = [];
    for (const archived of [false, true]) {
      let after: string | undefined;
      for (let page = 0; page < MAX_PAGES; page++) {
        const query = encodeConversationsQuery({ archived, rsm: { max: PAGE, ...(after === undefined ? {} : { after }) } });
        const list = decodeConversations((await session.iq(el('iq', { type: 'get' }, query))).child('conversations', NS.conversations));
        if (list === undefined) throw new ChatError('protocol-violation', 'The server gave no list of conversations');
        all.push(...list.conversations.map((one) => ({ ...one, archived })));
        const last = list.rsm?.last;
        if (
          list.conversations.length === 0 ||
          last === undefined ||
          last === after ||
          all.length >= (list.total ?? Number.POSITIVE_INFINITY)
        )
          break;
        after = last;
      }
    }
    await this.apply(all);
    return all;
  }

  /** A change on another device. Only the own account may say this. True: the stanza was one. */
  take(stanza: Element): boolean {
    const list = stanza.child('conversations', NS.conversations);
    if (list === undefined) return false;
    if (stanza.attr('from') !== this.#context.me) return true;
    const changed = decodeConversations(list)?.conversations ?? [];
    this.apply(changed).catch((error: unknown) => this.#context.report(error));
    return true;
  }

  /** Takes over what the server says. */
  async apply(list: readonly Conversation[]): Promise<void> {
    for (const one of list) {
      const state = this.#context.conversationState(one.jid);
      await this.#journal.serverState(
        state,
        { ...changeOf(one, state.record), ...mentionOf(one, state.record), ...notifyOf(one, state.record) },
        keyOf(one.jid, one.displayed, one.group === true || state.record.group !== undefined),
      );
    }
  }

  /** Decides something here, and tells the server now or at the next connection. */
  async change(state: ConversationState, change: ConversationSettings): Promise<void> {
    const { session } = this.#context.connection;
    const record: Partial<ConversationRecord> = { ...change };
    await this.#journal.changeConversation(state, {
      ...record,
      unsaid: [...new Set([...(state.record.unsaid ?? []), ...(Object.keys(change) as (keyof ConversationSettings)[])])],
    });
    if (session?.online === true && this.#context.features().conversations) await this.#say(session, state);
  }

  async #say(session: Session, state: ConversationState): Promise<void> {
    const { unsaid = [], pinned = false, mutedUntil = 0, archived = false, timer = 0, notify = 'all' } = state.record;
    const until = mutedUntil >= FOREVER ? Number.POSITIVE_INFINITY : mutedUntil;
    const all: Decided & { notify: NotifyLevel } = { pinned, mutedUntil: until, archived, timer, notify: LEVELS[notify] };
    const said = Object.fromEntries(unsaid.map((key) => [key, all[key]]));
    try {
      await session.iq(el('iq', { type: 'set' }, encodeConversation({ jid: state.id, ...said })));
    } catch (error) {
      ignoreRefusal(error);
      this.#context.report(error);
    }
    // What was decided meanwhile is still to be said.
    await this.#journal.changeConversation(state, { unsaid: state.record.unsaid === unsaid ? undefined : state.record.unsaid });
  }

  /** Tells the account's other devices what was seen here, where no marker does. */
  sayDisplayed(state: ConversationState, serverId: string | undefined): void {
    const { session } = this.#context.connection;
    if (serverId === undefined || session?.online !== true || !this.#context.features().conversations) return;
    session
      .iq(el('iq', { type: 'set' }, encodeConversation({ jid: state.id, displayed: serverId })))
      .catch((error: unknown) => ignoreRefusal(error));
  }
}

const LEVELS = { all: 'always', mentions: 'on-mention', nothing: 'never' } as const;
const WISHES = { always: 'all', 'on-mention': 'mentions', never: 'nothing' } as const;
/** Left out of what another device has changed: then it is as it was. */
function notifyOf({ notify }: Conversation, record: ConversationRecord): Partial<ConversationRecord> {
  if (notify === undefined || record.unsaid?.includes('notify') === true || (record.notify ?? 'all') === WISHES[notify]) return {};
  return { notify: WISHES[notify] };
}

/** Something unread that this device may not have mentions the account. */
function mentionOf(
  { mention }: Conversation,
  { mentionOrder = 0, readOrder, lastMessage }: ConversationRecord,
): Partial<ConversationRecord> {
  return mention === true && mentionOrder <= readOrder ? { mentionOrder: lastMessage?.order ?? readOrder + 1 } : {};
}

function keyOf(jid: string, id: string | undefined, group: boolean): string | undefined {
  if (id === undefined) return undefined;
  return group ? roomKey(jid, id) : serverKey(id);
}

/** What the owner has decided here and the server does not know yet wins. */
function changeOf({ pinned, mutedUntil, archived, timer }: Conversation, record: ConversationRecord): Partial<ConversationRecord> {
  const unsaid = record.unsaid ?? [];
  const muted = mutedUntil === Number.POSITIVE_INFINITY ? FOREVER : mutedUntil;
  const said = { pinned, mutedUntil: muted, archived, timer };
  const entries = Object.entries(said).filter(
    ([key, value]) =>
      value !== undefined && !unsaid.includes(key as keyof ConversationSettings) && record[key as keyof ConversationSettings] !== value,
  );
  return Object.fromEntries(entries);
}
