/**
 * The list of an account's conversations in one request: last message, unread count, and what the owner decided (pinned, muted,
 * archived). XEP-0430 where it fits; docs/protocol/conversations.md for the rest.
 */
import {
  accountRemoved,
  defineFeature,
  defineSlot,
  findMessage,
  HourlyLimit,
  type IqCall,
  inlineBind,
  json,
  messageFromClient,
  type Session,
  sasl2Features,
} from '@parley/core';
import {
  type Conversation,
  type ConversationsQuery,
  decodeConversation,
  decodeConversationsQuery,
  decodeInboxQuery,
  encodeConversation,
  encodeConversations,
  encodeInboxEntry,
  encodeInboxFin,
  formatDateTime,
  Jid,
  type NotifyLevel,
  NS,
  type RsmRequest,
  type RsmResult,
  StanzaError,
} from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { type Element, el, escapeAttr, serialize, utf8Encode, withClientNamespace } from '@parley/xml';
import { forEachReady, whenReady } from '../awaitable.ts';
import { isFull } from '../backlog.ts';
import { bookmarks } from '../bookmarks/service.ts';
import { ephemeralTimers } from '../ephemeral/service.ts';
import { groups } from '../muc/service.ts';
import { pushes } from '../push/service.ts';
import { ConversationList, type Summary } from './list.ts';
import { byActivity, changed, inOrder, pageOf, type StoredState, visibleState } from './rules.ts';
import { conversationLists } from './service.ts';
import { ConversationStore } from './store.ts';

/** The session asked for the list, so changes are pushed to it. */
const wantsChanges = defineSlot('conversations', 'handover', false);

/** Lists that one account may ask for in an hour: each walks all its conversations. */
const LISTS = 1200;
/** Entries of a conversation in which the message of a displayed marker is looked for. */
const MARKER_DEPTH = 200;
/** Bytes of one answer. */
const ANSWER_BYTES = 512 * 1024;

export default defineFeature({
  name: 'conversations',
  about: "Gives a client the list of its account's conversations in one request, with unread counts, pins, mutes and archiving.",
  implements: [
    { xep: 372, version: '0.5.0', status: 'partial', note: 'mentions are counted; what else is referred to is for clients' },
    { xep: 430, version: '0.2.0', status: 'complete', note: 'with our own namespace for what it does not have' },
  ],
  advertises: [NS.inbox, NS.conversations],
  advertisesOnAccounts: [NS.inbox, NS.conversations],
  provides: [conversationLists],
  options: {
    pageMax: {
      reload: 'hot',
      type: 'integer',
      default: 100,
      min: 10,
      max: 500,
      about: 'Conversations in one page of the list, whatever a client asks for.',
    },
    statesPerAccount: {
      reload: 'hot',
      type: 'integer',
      default: 10_000,
      min: 100,
      max: 1_000_000,
      about: 'Conversations of one account whose state (displayed, pinned, muted, archived) is kept.',
    },
    cachedAccounts: {
      reload: 'cold',
      type: 'integer',
      default: 2000,
      min: 10,
      max: 1_000_000,
      about: 'Accounts whose states are kept in memory.',
    },
  },
  setup(ctx) {
    const { config, mailboxes } = ctx;
    const store = new ConversationStore(ctx.table('conversation_state', json<StoredState>()), config.cachedAccounts);
    const list = new ConversationList(ctx, store);
    const lists = new HourlyLimit(LISTS);
    const limit = (account: AccountRecord): void => {
      if (lists.take(String(account.id), ctx.clock.now()) > 0)
        throw new StanzaError('resource-constraint', { type: 'wait', text: 'The list was asked for too often. Try again in a minute.' });
    };
    const pageRequest = (rsm: RsmRequest | undefined): RsmRequest => {
      if (rsm?.index !== undefined) throw new StanzaError('feature-not-implemented', { text: 'Pages are asked for by id, not by index.' });
      return rsm ?? {};
    };
    const cut = (rows: readonly Summary[], rsm: RsmRequest): { page: Summary[]; first: number } => {
      const found = pageOf(rows, rsm, config.pageMax);
      if (found === undefined) throw new StanzaError('item-not-found');
      return found;
    };
    const rsmResult = (page: readonly Summary[], first: number, count: number): RsmResult => ({
      ...(page.length === 0 ? undefined : { first: page[0]?.jid, firstIndex: first, last: page[page.length - 1]?.jid }),
      count,
    });

    const conversationsOf = async (account: AccountRecord, query: ConversationsQuery): Promise<Element> => {
      limit(account);
      const rsm = pageRequest(query.rsm);
      const { rows, unread, allUnread } = await list.summaries(account, (state) => (state.archived === true) === query.archived);
      const { page, first } = cut(inOrder(rows), rsm);
      const shown: Conversation[] = [];
      let bytes = 0;
      for (const row of page) {
        const one = await list.conversation(account, row);
        bytes += one.message === undefined ? 200 : serialize(one.message.stanza, '').length + 400;
        if (bytes > ANSWER_BYTES && shown.length > 0) break;
        shown.push(one);
      }
      return encodeConversations({
        total: rows.length,
        unread,
        allUnread,
        conversations: shown,
        rsm: rsmResult(page.slice(0, shown.length), first, rows.length),
      });
    };

    /** XEP-0430 §3.1: a message for each conversation, then the result. */
    const inbox = async ({ from, account, stanza, payload }: IqCall): Promise<Element> => {
      const query = decodeInboxQuery(payload);
      if (query === undefined) throw new StanzaError('bad-request', { text: 'The request for the inbox is not valid.' });
      limit(account);
      const rsm = pageRequest(query.rsm);
      const all = await list.summaries(account, () => true);
      const rows = byActivity(query.unreadOnly ? all.rows.filter((row) => row.unread > 0) : all.rows).filter(
        (row) => row.group === undefined || row.group.id !== undefined,
      );
      const { page, first } = cut(rows, rsm);
      let shown = 0;
      let bytes = 0;
      for (const row of page) {
        const message = query.messages ? await list.message(account, row) : undefined;
        bytes += 400 + (message?.stanza.length ?? 0);
        if (bytes > ANSWER_BYTES && shown > 0) break;
        shown++;
        const id = row.group?.id ?? mailboxes.stanzaId(row.last);
        const { pinned, mutedUntil, archived, timer } = visibleState(row.state, ctx.clock.now(), row.timer);
        const entry = encodeInboxEntry({ jid: row.jid, unread: row.unread, id });
        entry.append(encodeConversation({ jid: row.jid, pinned, mutedUntil, archived, timer, mention: row.group?.mention }));
        const head = `<message from="${escapeAttr(from.bare)}" to="${escapeAttr(from.address)}">${serialize(entry, NS.client)}`;
        if (message === undefined) from.sendBytes(utf8Encode(`${head}</message>`));
        else {
          const result =
            `<result xmlns="${NS.mam}" queryid="${escapeAttr(stanza.id ?? '')}" id="${escapeAttr(message.id)}">` +
            `<forwarded xmlns="${NS.forward}"><delay xmlns="${NS.delay}" stamp="${formatDateTime(message.at)}"/>`;
          from.sendBytes(join(utf8Encode(head + result), withClientNamespace(message.stanza), TAIL));
        }
      }
      return encodeInboxFin({
        total: all.rows.length,
        unread: all.unread,
        allUnread: all.allUnread,
        rsm: rsmResult(page.slice(0, shown), first, rows.length),
      });
    };

    /** A group's timer is the group's. */
    const timerOf = async (account: AccountRecord, jid: string): Promise<number> =>
      (await ctx.find(groups)?.membership(account, jid))?.timer ?? (await ctx.find(ephemeralTimers)?.of(account.id, jid)) ?? 0;

    /** Tells the account's other devices that asked for the list. */
    const push = async (
      account: AccountRecord,
      jid: string,
      state: StoredState,
      except: Session | undefined,
      notify: NotifyLevel | undefined,
    ): Promise<void> => {
      const timer = await timerOf(account, jid);
      const bare = `${account.localpart}@${account.domain}`;
      const displayed = state.displayed === undefined ? undefined : mailboxes.stanzaId(state.displayed);
      const change = encodeConversations({ conversations: [{ jid, displayed, notify, ...visibleState(state, ctx.clock.now(), timer) }] });
      for (const session of ctx.sessionsOf(bare)) {
        if (session === except || !session.get(wantsChanges) || isFull(session)) continue;
        session.send(el('message', { from: bare, to: session.address, type: 'headline' }, change));
      }
    };

    const write = (account: AccountRecord, jid: string, state: StoredState | undefined): void => {
      store.set(account.id, jid, state);
      ctx.afterCommit(
        () => {},
        () => store.forget(account.id),
      );
    };

    /** Everything up to here was displayed; it only moves forward (XEP-0490 §5.1). Answers whether it moved. */
    const markDisplayed = (account: AccountRecord, jid: string, seq: number): Awaitable<boolean> =>
      whenReady(store.all(account.id), (states) => {
        const before = states.get(jid);
        if ((before?.displayed ?? 0) >= seq) return false;
        if (before === undefined && states.size >= config.statesPerAccount) return false;
        write(account, jid, { ...before, displayed: seq });
        return whenReady(tellDisplayed(account, jid, seq), () => true);
      });
    const displayedHandlers: Array<(account: AccountRecord, jid: string, stanzaId: string) => Awaitable<void>> = [];
    const tellDisplayed = (account: AccountRecord, jid: string, seq: number): Awaitable<void> =>
      displayedHandlers.length === 0
        ? undefined
        : forEachReady(displayedHandlers, (handle) => handle(account, jid, mailboxes.stanzaId(seq)));

    /** The position of an id that names an entry of this conversation. */
    const positionIn = (account: AccountRecord, jid: string, id: string): Awaitable<number | undefined> => {
      const seq = mailboxes.parseStanzaId(id);
      if (seq === undefined || seq > mailboxes.committedSeq) return undefined;
      return whenReady(mailboxes.store.get(account.id, seq), (entry) => (entry?.peer === jid ? seq : undefined));
    };

    /** The parts of a change that others keep. All is checked before anything is changed. */
    const decide = async (account: AccountRecord, bare: string, { timer, notify }: Conversation): Promise<void> => {
      if (timer === undefined && notify === undefined) return;
      const timers = ctx.find(ephemeralTimers);
      const levels = ctx.find(bookmarks);
      const member = (await ctx.find(groups)?.membership(account, bare)) !== undefined;
      if (timer !== undefined && timers === undefined)
        throw new StanzaError('feature-not-implemented', { text: 'Messages do not disappear here.' });
      if (timer !== undefined && member)
        throw new StanzaError('not-allowed', { text: 'The timer of a group is the same for all: tell the group (XEP-0466).' });
      if (notify !== undefined && levels === undefined)
        throw new StanzaError('feature-not-implemented', { text: 'There are no bookmarks here to keep it in.' });
      if (notify !== undefined && !member)
        throw new StanzaError('not-allowed', { text: 'What notifies is chosen for groups that you are in. Mute other conversations.' });
      if (timer !== undefined) timers?.set(account.id, bare, timer);
      if (notify !== undefined) await levels?.setNotifyLevel(account, bare, notify);
    };

    const change = async ({ from, account, payload }: IqCall): Promise<void> => {
      const wanted = decodeConversation(payload);
      const jid = wanted === undefined ? undefined : Jid.tryParse(wanted.jid);
      if (wanted === undefined || jid === undefined)
        throw new StanzaError(wanted === undefined ? 'bad-request' : 'jid-malformed', {
          text: 'The change of a conversation is not valid.',
        });
      const { bare } = jid;
      let seq: number | undefined;
      if (wanted.displayed !== undefined) {
        seq = await positionIn(account, bare, wanted.displayed);
        if (seq === undefined) throw new StanzaError('item-not-found');
      }
      const states = await store.all(account.id);
      const before = states.get(bare);
      if (before === undefined && states.size >= config.statesPerAccount)
        throw new StanzaError('resource-constraint', { type: 'wait', text: 'The states of too many conversations are kept already.' });
      await decide(account, bare, wanted);
      const next = changed(before ?? {}, wanted, ctx.clock.now());
      const state = seq === undefined || seq <= (next?.displayed ?? 0) ? next : { ...next, displayed: seq };
      write(account, bare, state);
      if (seq !== undefined && seq > (before?.displayed ?? 0)) await tellDisplayed(account, bare, seq);
      ctx.afterCommit(() => {
        push(account, bare, state ?? {}, from, wanted.notify).catch((error: unknown) => ctx.log.error('push_failed', { error }));
      });
      if (seq !== undefined) ctx.find(pushes)?.read(account, bare);
    };

    ctx.provide(conversationLists, {
      list: (session, query) => {
        session.set(wantsChanges, true);
        return conversationsOf(session.account, query);
      },
      stateOf: (account, jid) =>
        whenReady(store.get(account, jid), (state) => {
          const { timer: _, ...decided } = visibleState(state, ctx.clock.now(), 0);
          return decided;
        }),
      displayed: (account, jid, stanzaId) =>
        whenReady(positionIn(account, jid, stanzaId), (seq) =>
          seq === undefined ? undefined : whenReady(markDisplayed(account, jid, seq), () => undefined),
        ),
      onDisplayed: (handle) => void displayedHandlers.push(handle),
      unread: (account) => list.unread(account),
      states: (account) => store.all(account),
      restore: (account, jid, state) =>
        whenReady(store.all(account.id), (states) => {
          if (!states.has(jid) && states.size >= config.statesPerAccount) return false;
          write(account, jid, { ...states.get(jid), ...state });
          return true;
        }),
    });

    // XEP-0386 §3.2: the list comes with the answer to the sign-in.
    ctx.on(sasl2Features, 'offer', ({ bind }) => void bind.push(NS.conversations));
    ctx.on(inlineBind, 'tell', ({ session, request, results }) => {
      if (!request.elements().some((child) => child.ns === NS.conversations)) return;
      const query = decodeConversationsQuery(request.child('conversations', NS.conversations));
      // Signing in does not fail for it: without an answer inside the client asks again.
      if (query === undefined) return;
      session.set(wantsChanges, true);
      return conversationsOf(session.account, query).then(
        (list) => void results.push(list),
        (error: unknown) => {
          if (!(error instanceof StanzaError)) throw error;
        },
      );
    });

    ctx.iq('get', 'account', { name: 'inbox', ns: NS.inbox }, (call) => {
      call.from.set(wantsChanges, true);
      return inbox(call);
    });
    ctx.iq('get', 'account', { name: 'conversations', ns: NS.conversations }, ({ from, account, payload }) => {
      const query = decodeConversationsQuery(payload);
      if (query === undefined) throw new StanzaError('bad-request', { text: 'The request for the conversations is not valid.' });
      from.set(wantsChanges, true);
      return conversationsOf(account, query);
    });
    ctx.iq('set', 'account', { name: 'conversation', ns: NS.conversations }, (call) => change(call));

    // XEP-0333 §3: a device of the account tells the other side what it displayed, and with it the account's other devices.
    ctx.on(messageFromClient, 'watch', ({ from, stanza, to }): Awaitable<void> => {
      if (!stanza.has('displayed', NS.markers) || stanza.type === 'error') return;
      const id = stanza.child('displayed', NS.markers)?.attr('id');
      if (id === undefined || id === '' || id.length > 1024) return;
      const before = mailboxes.committedSeq + 1;
      const reference = { mailbox: from.account.id, peer: to.bare, id, outgoing: false, depth: MARKER_DEPTH, before };
      return whenReady(findMessage(mailboxes.store, reference), (seq) =>
        seq === undefined ? undefined : whenReady(markDisplayed(from.account, to.bare, seq), () => undefined),
      );
    });
    ctx.on(accountRemoved, 'clean', ({ account }) => store.forget(account.id));
  },
});

const TAIL = utf8Encode('</forwarded></result></message>');

function join(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
