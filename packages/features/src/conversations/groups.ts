/** Groups in the list: the same figures from the group's own mailbox. */
import { type FeatureContext, positionTime } from '@parley/core';
import { NS } from '@parley/protocol';
import type { AccountRecord, MailboxEntry } from '@parley/storage';
import { parseStanza } from '@parley/xml';
import { type Mentionable, mentions } from '../mentions.ts';
import { groups, type Membership } from '../muc/service.ts';
import { MOST_UNREAD } from './rules.ts';
import type { GroupConversation } from './service.ts';

/** Newest unread messages that are looked through for a mention. */
const MENTIONS_WITHIN = 50;

/** The groups that an account is a member of, as the list shows them. */
export class GroupRows {
  readonly #ctx: FeatureContext<unknown>;

  constructor(ctx: FeatureContext<unknown>) {
    this.#ctx = ctx;
  }

  async of(account: AccountRecord): Promise<GroupConversation[]> {
    const rows: GroupConversation[] = [];
    for (const membership of (await this.#ctx.find(groups)?.of(account)) ?? []) rows.push(await this.#row(account, membership));
    return rows;
  }

  async #row(account: AccountRecord, { jid, mailbox, nick, since, read, timer }: Membership): Promise<GroupConversation> {
    const { store, committedSeq, stanzaId } = this.#view;
    const before = committedSeq + 1;
    const bare = `${account.localpart}@${account.domain}`;
    const [last] = await store.read(mailbox, { after: since - 1, before, contentOnly: true, reverse: true, limit: 1 });
    const after = Math.max(read, since - 1);
    const fresh = { after, before, contentOnly: true };
    const isNew = last !== undefined && last.seq > after;
    const all = isNew ? await store.count(mailbox, fresh, MOST_UNREAD) : 0;
    const own = all > 0 ? await store.count(mailbox, { ...fresh, peer: bare }, MOST_UNREAD) : 0;
    const unread = Math.max(0, all - own);
    return {
      jid,
      id: last === undefined ? undefined : stanzaId(last.seq),
      at: positionTime(last?.seq ?? since),
      unread,
      mention: unread > 0 && (await this.#mentioned(mailbox, { after, before }, { bare, group: jid, nick })),
      timer,
      displayed: read === 0 ? undefined : stanzaId(read),
      stanza: () => last?.stanza,
    };
  }

  async #mentioned(mailbox: number, range: { after: number; before: number }, whom: Mentionable): Promise<boolean> {
    const { store } = this.#view;
    const page = await store.read(mailbox, { ...range, contentOnly: true, reverse: true, limit: MENTIONS_WITHIN });
    return page.some(({ peer, stanza }: MailboxEntry) => peer !== whom.bare && mentions(parseStanza(stanza, undefined, NS.client), whom));
  }

  get #view() {
    const { mailboxes } = this.#ctx;
    return { store: mailboxes.store, committedSeq: mailboxes.committedSeq, stanzaId: (seq: number) => mailboxes.stanzaId(seq) };
  }
}
