/** Being a member is enough: groups without joining (docs/protocol/groups.md). */
import { defineSlot, type FeatureContext, type IqCall, type Session, type Source } from '@parley/core';
import { NS, StanzaError } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { type Element, el } from '@parley/xml';
import { groupElement } from './affiliations.ts';
import type { Hub } from './hub.ts';
import { isMember } from './rules.ts';
import type { Membership } from './service.ts';
import type { AffiliationRecord, RoomRecord } from './store.ts';

/** Groups that are looked at for one account. */
const MOST = 2000;

interface Found {
  readonly record: RoomRecord;
  readonly own: AffiliationRecord;
  readonly bare: string;
}

async function membershipsOf(hub: Hub, account: AccountRecord): Promise<Found[]> {
  const bare = `${account.localpart}@${account.domain}`;
  const found: Found[] = [];
  for (const id of (await hub.store.roomsOf(bare)).slice(0, MOST)) {
    const one = await membershipIn(hub, account, bare, id);
    if (one !== undefined) found.push(one);
  }
  return found;
}

async function membershipIn(hub: Hub, account: AccountRecord, bare: string, id: number): Promise<Found | undefined> {
  const own = await hub.store.affiliation(id, bare);
  if (own === undefined || !isMember(own.affiliation) || (own.account !== undefined && own.account !== account.id)) return undefined;
  const record = await hub.store.room(id);
  return record === undefined ? undefined : { record, own, bare: `${record.local}@${hub.domain}` };
}

const shape = ({ record, own, bare }: Found): Membership => ({
  jid: bare,
  mailbox: record.id,
  name: record.config.name,
  affiliation: own.affiliation,
  nick: own.nick,
  avatar: record.avatar,
  timer: record.config.timer ?? 0,
  since: own.since,
  read: own.read ?? 0,
});

/** For the conversation list and others (service.ts). */
export async function listOf(hub: Hub, account: AccountRecord): Promise<readonly Membership[]> {
  return (await membershipsOf(hub, account)).map(shape);
}

export async function oneOf(hub: Hub, account: AccountRecord, jid: string): Promise<Membership | undefined> {
  const [local = '', domain] = jid.split('@');
  if (domain !== hub.domain) return undefined;
  const id = (await hub.store.name(local))?.id;
  if (id === undefined) return undefined;
  const found = await membershipIn(hub, account, `${account.localpart}@${account.domain}`, id);
  return found === undefined ? undefined : shape(found);
}

/** The session takes its groups from here on. Answers where it begins. */
async function enable(hub: Hub, session: Session, after: string | undefined): Promise<number> {
  const { mailboxes } = hub.ctx;
  const asked = after === undefined ? undefined : mailboxes.parseStanzaId(after);
  if (after !== undefined && asked === undefined) throw new StanzaError('bad-request', { text: 'after is not an id of this server.' });
  const known = await mailboxes.groupCursor(session);
  const from = Math.min(asked ?? known ?? mailboxes.committedSeq, mailboxes.committedSeq);
  await take(hub, session, from, from);
  return from;
}

/** Reads the groups from a position on; the cursor of the device is at another, when what it was sent is not acknowledged yet. */
async function take(hub: Hub, session: Session, from: number, cursor: number): Promise<void> {
  const { mailboxes } = hub.ctx;
  const found = await membershipsOf(hub, session.account);
  hub.listeners.begin(session);
  const sources: Source[] = [];
  for (const { record, own, bare } of found) {
    hub.listeners.add(session, record.id);
    const shows = (): boolean => (hub.inMemory(record.local)?.record ?? record).config.whois === 'anyone';
    sources.push(hub.source({ id: record.id, bare }, Math.max(from, own.since), shows));
  }
  mailboxes.trackGroups(session, cursor);
  mailboxes.addSources(session, sources);
}

/** The session takes its groups; with its fate at a resumption and after a restart. */
const takesGroups = defineSlot('groups-taken', 'handover', false);

/** A session of the process before: its groups go on where it was. */
export async function restoreGroups(hub: Hub, session: Session): Promise<void> {
  if (!session.get(takesGroups)) return;
  const known = await hub.ctx.mailboxes.groupCursor(session);
  await take(hub, session, session.position, known ?? session.position);
}

function disable(hub: Hub, session: Session): void {
  const rooms = [...(hub.listeners.roomsOf(session) ?? [])];
  hub.listeners.end(session);
  const joined = new Set([...hub.loaded].filter((room) => room.seats.has(session)).map((room) => room.id));
  for (const id of rooms) if (!joined.has(id)) hub.ctx.mailboxes.removeSource(session, id);
}

export function serveMembership(hub: Hub, ctx: Pick<FeatureContext<never>, 'iq'>): void {
  ctx.iq('set', 'account', { name: 'enable', ns: NS.groups }, async ({ from, payload }: IqCall) => {
    const position = await enable(hub, from, payload.attr('after'));
    from.set(takesGroups, true);
    return el('enabled', { xmlns: NS.groups, after: hub.ctx.mailboxes.stanzaId(position) });
  });
  ctx.iq('set', 'account', { name: 'disable', ns: NS.groups }, async ({ from }) => {
    await hub.ctx.mailboxes.groupCursor(from);
    disable(hub, from);
    from.set(takesGroups, false);
    hub.ctx.mailboxes.trackGroups(from, undefined);
  });
  ctx.iq('get', 'account', { name: 'groups', ns: NS.groups }, async ({ account }): Promise<Element> => {
    const list = await listOf(hub, account);
    return el('groups', { xmlns: NS.groups }, ...list.map(groupElement));
  });
}
