/** Group messages for push: members need not be there, nor have joined. */
import type { FeatureContext } from '@parley/core';
import { Jid, NS } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { parseStanza, type Stanza } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { mentions } from '../mentions.ts';
import { groups, type Membership, type StoredGroupMessage } from '../muc/service.ts';
import type { PushEngine } from './engine.ts';
import { noteworthy } from './rules.ts';
import type { Arrival } from './service.ts';

const BODY_LENGTH = 2000;

/** Tells the engine of each group message, once for each member who has something registered. */
export function watchGroups(ctx: FeatureContext<unknown>, engine: PushEngine): void {
  const list = ctx.find(groups);
  if (list === undefined) return;
  ctx.defer(
    list.onTakenBack(({ group, seqs, members }) => {
      if (engine.size === 0) return;
      for (const { account } of members()) if (account !== undefined) engine.withdrawn({ id: account }, group, seqs);
    }),
  );
  ctx.defer(
    list.onMessage((message) => {
      if (engine.idle) return;
      const what = noteworthy(message.stanza);
      if (what === undefined) return;
      for (const member of message.members()) {
        if (member.account === undefined || !engine.concerns(member.account)) continue;
        tell(message, member.account, what.encrypted).catch((error: unknown) =>
          ctx.log.error('push_of_group_failed', { account: member.account, error }),
        );
      }
    }),
  );

  const tell = async (message: StoredGroupMessage, accountId: number, encrypted: boolean): Promise<void> => {
    const account = await ctx.accounts.byId(accountId);
    if (account === undefined) return;
    const membership = await list.membership(account, message.group.jid);
    if (membership === undefined) return;
    const { seq, stanza, from } = message;
    engine.arrived(arrivalIn(ctx, account, membership, { seq, stanza, nick: from.nick, encrypted, at: ctx.clock.now() }));
  };
}

interface Said {
  readonly seq: number;
  readonly stanza: Stanza;
  readonly nick: string;
  readonly encrypted: boolean;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

function arrivalIn(ctx: FeatureContext<unknown>, account: AccountRecord, group: Membership, said: Said): Arrival {
  const { seq, stanza, nick, encrypted, at } = said;
  const body = encrypted ? undefined : stanza.childText('body', NS.client)?.slice(0, BODY_LENGTH);
  const whom = { bare: `${account.localpart}@${account.domain}`, group: group.jid, nick: group.nick };
  return {
    account,
    conversation: group.jid,
    kind: 'group',
    sender: nick,
    senderName: nick,
    groupName: group.name,
    ...(body === undefined ? undefined : { body }),
    encrypted,
    mention: !encrypted && mentions(stanza, whom),
    id: ctx.mailboxes.stanzaId(seq),
    at,
    seq,
    taken: (device) => whenReady(cursorsOf(ctx, account, group), (cursors) => cursors.find((one) => one.device === device)?.seq ?? 0),
  };
}

/** How far devices have taken a group: with a cursor for all groups, or one in the group while they had joined it. */
function cursorsOf(
  ctx: FeatureContext<unknown>,
  account: AccountRecord,
  group: Membership,
): Awaitable<ReadonlyArray<{ readonly device: string; readonly seq: number }>> {
  const { store } = ctx.mailboxes;
  const mark = `${account.id}/`;
  return whenReady(store.cursors(account.id), (own) =>
    whenReady(store.cursors(group.mailbox), (joined) => {
      const furthest = new Map(own.map((one) => [one.device, one.groups ?? 0]));
      for (const { device, seq } of joined) {
        if (!device.startsWith(mark)) continue;
        const name = device.slice(mark.length);
        furthest.set(name, Math.max(furthest.get(name) ?? 0, seq));
      }
      return [...furthest].map(([device, seq]) => ({ device, seq }));
    }),
  );
}

/** After a restart: what was said in the groups of an account since somebody has read or taken it. */
export async function saidInGroups(ctx: FeatureContext<unknown>, account: AccountRecord, since: number, limit: number): Promise<Arrival[]> {
  const list = ctx.find(groups);
  if (list === undefined) return [];
  const { store, committedSeq } = ctx.mailboxes;
  const bare = `${account.localpart}@${account.domain}`;
  const arrivals: Arrival[] = [];
  for (const group of await list.of(account)) {
    let after = Math.max(group.read, group.since - 1);
    for (const { seq } of await cursorsOf(ctx, account, group)) after = Math.max(after, seq);
    if (after >= committedSeq) continue;
    const page = { after, before: committedSeq + 1, start: since, contentOnly: true, limit, reverse: true };
    for (const { stanza: bytes, peer, seq, at } of await store.read(group.mailbox, page)) {
      const stanza = parseStanza(bytes, undefined, NS.client);
      const what = noteworthy(stanza);
      if (what === undefined || peer === bare) continue;
      const nick = Jid.tryParse(stanza.from ?? '')?.resource ?? '';
      arrivals.push(arrivalIn(ctx, account, group, { seq, stanza, nick, encrypted: what.encrypted, at }));
    }
  }
  return arrivals;
}
