/** Builds the list: one summary of each conversation, and the last message of those that are shown. */
import { type FeatureContext, positionTime } from '@parley/core';
import { type Conversation, NS } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { Element, el, parseStanza } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { bookmarks } from '../bookmarks/service.ts';
import { ephemeralTimers } from '../ephemeral/service.ts';
import { archives } from '../mam/service.ts';
import { GroupRows } from './groups.ts';
import { DEFAULT, MOST_UNREAD, type Row, type StoredState, visibleState } from './rules.ts';
import type { GroupConversation } from './service.ts';
import type { ConversationStore } from './store.ts';

/** Bytes of a last message that is shown whole. */
const PREVIEW_BYTES = 4096;
/** Characters of the text of a longer one. */
const PREVIEW_TEXT = 512;
/** Bytes of a child element that a preview still has. */
const PREVIEW_CHILD_BYTES = 1024;

/** Conversations that are counted without a pause. */
const SLICE = 200;

export interface Summary extends Row {
  readonly unread: number;
  /** Position of the last message in the account's mailbox; 0 for a group. */
  readonly last: number;
  readonly group: GroupConversation | undefined;
  /** Seconds (XEP-0466). */
  readonly timer: number;
}
export interface Summaries {
  readonly rows: readonly Summary[];
  /** Conversations with something unread, and unread messages, of all rows. */
  readonly unread: number;
  readonly allUnread: number;
}

/** A last message: the stanza as stored, and when it came. */
export interface LastMessage {
  readonly id: string;
  readonly at: number;
  readonly stanza: Uint8Array;
}

export class ConversationList {
  readonly #ctx: FeatureContext<unknown>;
  readonly #store: ConversationStore;
  readonly #groups: GroupRows;

  constructor(ctx: FeatureContext<unknown>, store: ConversationStore) {
    this.#ctx = ctx;
    this.#store = store;
    this.#groups = new GroupRows(ctx);
  }

  /** Everything that the account has a conversation with. */
  async summaries(account: AccountRecord, wanted: (state: StoredState) => boolean): Promise<Summaries> {
    const { mailboxes } = this.#ctx;
    const before = mailboxes.committedSeq + 1;
    const states = await this.#store.all(account.id);
    const heads = await mailboxes.store.conversations(account.id, before);
    const groups = await this.#groups.of(account);
    const isGroup = new Set(groups.map((group) => group.jid));
    const timers = await this.#ctx.find(ephemeralTimers)?.all(account.id);
    const rows: Summary[] = [];
    let withUnread = 0;
    let allUnread = 0;
    let counts = 0;
    for (const { peer, last } of heads) {
      // Invitations and the like that a group sent to the account itself.
      if (isGroup.has(peer)) continue;
      const state = states.get(peer) ?? DEFAULT;
      if (!wanted(state)) continue;
      const after = state.displayed ?? 0;
      const query = { peer, after, before, incomingOnly: true, contentOnly: true };
      const counted = last <= after ? 0 : mailboxes.store.count(account.id, query, MOST_UNREAD);
      const unread = counted instanceof Promise ? await counted : counted;
      if (last > after && ++counts % SLICE === 0) await this.#pause();
      rows.push({ jid: peer, at: positionTime(last), state, unread, last, group: undefined, timer: timers?.get(peer) ?? 0 });
      if (unread > 0) withUnread++;
      allUnread += unread;
    }
    for (const group of groups) {
      const state = states.get(group.jid) ?? DEFAULT;
      if (!wanted(state)) continue;
      rows.push({ jid: group.jid, at: group.at, state, unread: group.unread, last: 0, group, timer: group.timer });
      if (group.unread > 0) withUnread++;
      allUnread += group.unread;
    }
    return { rows, unread: withUnread, allUnread };
  }

  /** Others have their turn between two slices, however many conversations somebody has. */
  #pause(): Promise<void> {
    return new Promise((resolve) => this.#ctx.clock.soon(resolve));
  }

  /** The last message of a row, unless it is hidden from the archive or has gone meanwhile. */
  async message(account: AccountRecord, row: Summary): Promise<LastMessage | undefined> {
    const { mailboxes } = this.#ctx;
    if (row.group !== undefined) {
      const stanza = await row.group.stanza();
      return stanza === undefined || row.group.id === undefined ? undefined : { id: row.group.id, at: row.group.at, stanza };
    }
    const hidden = await this.#ctx.find(archives)?.hiddenOf(account.id);
    if (hidden?.has(row.last) === true) return undefined;
    const entry = await mailboxes.store.get(account.id, row.last);
    return entry === undefined ? undefined : { id: mailboxes.stanzaId(entry.seq), at: entry.at, stanza: entry.stanza };
  }

  /** A row as it is told in our namespace. */
  async conversation(account: AccountRecord, row: Summary): Promise<Conversation> {
    const { mailboxes, clock } = this.#ctx;
    const { group, state } = row;
    const message = await this.message(account, row);
    const preview = message === undefined ? undefined : previewOf(message.stanza);
    return {
      jid: row.jid,
      group: group === undefined ? undefined : true,
      id: group === undefined ? mailboxes.stanzaId(row.last) : group.id,
      unread: row.unread,
      displayed: group === undefined ? (state.displayed === undefined ? undefined : mailboxes.stanzaId(state.displayed)) : group.displayed,
      mention: group?.mention,
      notify: group === undefined ? undefined : ((await this.#ctx.find(bookmarks)?.notifyLevel(account, row.jid)) ?? 'always'),
      truncated: preview?.truncated,
      ...visibleState(state, clock.now(), row.timer),
      message: message === undefined || preview === undefined ? undefined : { delay: { stamp: message.at }, stanza: preview.stanza },
    };
  }

  unread(account: AccountRecord): Awaitable<number> {
    return whenReady(this.#store.all(account.id), async (states) => {
      const { mailboxes } = this.#ctx;
      let unread = 0;
      let counts = 0;
      for (const { peer, last } of await mailboxes.store.conversations(account.id, mailboxes.committedSeq + 1)) {
        const after = states.get(peer)?.displayed ?? 0;
        if (last <= after) continue;
        if (++counts % SLICE === 0) await this.#pause();
        unread += await mailboxes.store.count(account.id, { peer, after, incomingOnly: true, contentOnly: true }, MOST_UNREAD - unread);
        if (unread >= MOST_UNREAD) return MOST_UNREAD;
      }
      return unread;
    });
  }
}

/** A stored stanza as a tree; a long one without its long parts. */
export function previewOf(bytes: Uint8Array): { stanza: Element; truncated: boolean } {
  const stanza = parseStanza(bytes, undefined, NS.client);
  if (bytes.length <= PREVIEW_BYTES) return { stanza: stanza.element(), truncated: false };
  const short = new Element('message', NS.client, { ...stanza.attrs });
  let left = PREVIEW_BYTES;
  for (const ref of stanza.children) {
    if (ref.name === 'body' && ref.ns === NS.client) {
      // Only the beginning is parsed to a string: cutting at whole characters is left to the string.
      const text = stanza.childText('body', NS.client) ?? '';
      short.append(el('body', null, [...text.slice(0, PREVIEW_TEXT * 2)].slice(0, PREVIEW_TEXT).join('')));
      continue;
    }
    const size = ref.end - ref.start;
    if (size > PREVIEW_CHILD_BYTES || size > left) continue;
    left -= size;
    const child = stanza.child(ref.name, ref.ns);
    if (child !== undefined) short.append(child);
  }
  return { stanza: short, truncated: true };
}
