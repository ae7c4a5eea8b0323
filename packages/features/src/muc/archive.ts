/** The archive of a room (XEP-0313 §6.2): for those whom the room lets in, each entry once. */
import type { ServiceStanza, Session } from '@parley/core';
import {
  decodeMamQuery,
  encodeMamFin,
  encodeMamMetadata,
  formatDateTime,
  Jid,
  type MamQuery,
  mamQueryForm,
  NS,
  StanzaError,
} from '@parley/protocol';
import type { MailboxEntry, MailboxQuery } from '@parley/storage';
import { type Element, escapeAttr, parseStanza, utf8Encode, withClientNamespace } from '@parley/xml';
import { roleOf } from './affiliations.ts';
import { type Hub, withSender } from './hub.ts';
import type { Room } from './room.ts';
import { isMember } from './rules.ts';

const PAGE = 100;
const PAGE_BYTES = 1024 * 1024;
const READS = 20;
const TAIL = utf8Encode('</forwarded></result></message>');

/** Whether this session may read what was said here: whoever may come in, and nobody else. Throws. */
function mustEnter(hub: Hub, room: Room, session: Session): void {
  if (!hub.mayKnow(room, session)) throw new StanzaError('item-not-found', { text: 'There is no such room.' });
  const affiliation = hub.affiliation(room, session);
  if (room.seats.has(session) || isMember(affiliation)) return;
  const open = !room.config.membersOnly && room.config.password === '';
  if (affiliation === 'outcast' || !(open || room.config.logging)) throw new StanzaError('forbidden', { by: room.bare });
}

/** The storage can find messages by their text (XEP-0431). */
export const canSearch = (hub: Hub): boolean => hub.ctx.mailboxes.store.search !== undefined;

export function queryFields(hub: Hub, room: Room, session: Session): Element {
  mustEnter(hub, room, session);
  return mamQueryForm(canSearch(hub));
}

export async function metadata(hub: Hub, room: Room, session: Session): Promise<Element> {
  mustEnter(hub, room, session);
  const range = await hub.ctx.mailboxes.store.range(room.id);
  if (range === undefined) return encodeMamMetadata({});
  const edge = ({ seq, at }: { seq: number; at: number }) => ({ id: hub.ctx.mailboxes.stanzaId(seq), timestamp: at });
  return encodeMamMetadata({ start: edge(range.first), end: edge(range.last) });
}

export async function query(hub: Hub, room: Room, call: ServiceStanza & { readonly session: Session }, payload: Element): Promise<Element> {
  const { session } = call;
  mustEnter(hub, room, session);
  const asked = decodeMamQuery(payload, canSearch(hub));
  if (asked === undefined) throw new StanzaError('bad-request', { by: room.bare, text: 'The query is not one that this archive knows.' });
  if (asked.rsm?.index !== undefined || asked.ranked === true) throw new StanzaError('feature-not-implemented', { by: room.bare });
  const sees = hub.seesAddresses(room, roleOf(room, session));
  const { filter, fits } = matching(room, asked, sees);
  const { mailboxes } = hub.ctx;
  const position = async (id: string): Promise<number> => {
    const seq = mailboxes.parseStanzaId(id);
    if (seq === undefined || (await mailboxes.store.get(room.id, seq)) === undefined)
      throw new StanzaError('item-not-found', { by: room.bare });
    return seq;
  };
  const show = (entries: readonly MailboxEntry[]): void => {
    for (const entry of entries) session.sendBytes(result(hub, room, session, asked.queryid, entry, sees));
  };
  if (asked.ids !== undefined) {
    const entries: MailboxEntry[] = [];
    for (const id of asked.ids.slice(0, PAGE)) {
      const entry = await mailboxes.store.get(room.id, await position(id));
      if (entry !== undefined && fits(entry)) entries.push(entry);
    }
    show(entries.sort((a, b) => a.seq - b.seq));
    return encodeMamFin({ complete: true, stable: true, rsm: {} });
  }
  const max = Math.min(asked.rsm?.max ?? PAGE, PAGE);
  const backwards = asked.rsm?.before !== undefined;
  let after = 0;
  for (const id of [asked.afterId, asked.rsm?.after]) if (id !== undefined && id !== '') after = Math.max(after, await position(id));
  let before = mailboxes.committedSeq + 1;
  for (const id of [asked.beforeId, asked.rsm?.before]) if (id !== undefined && id !== '') before = Math.min(before, await position(id));
  const text = asked.text?.trim();
  if (max === 0) {
    // How many match is not counted (XEP-0059 §2.6 leaves it out).
    if (text !== undefined && text !== '') return encodeMamFin({ complete: false, stable: true, rsm: {} });
    const count = await mailboxes.store.count(room.id, { ...filter, after, before });
    return encodeMamFin({ complete: count === 0, stable: true, rsm: { count } });
  }
  const wanted = { ...filter, after, before, limit: max, reverse: backwards };
  const { page, complete } = await read(hub, room, wanted, fits, text === '' ? undefined : text);
  if (backwards) page.reverse();
  show(asked.flipPage === true ? [...page].reverse() : page);
  const [first, last] = [page[0], page[page.length - 1]];
  const id = (entry: MailboxEntry): string => mailboxes.stanzaId(entry.seq);
  return encodeMamFin({
    complete,
    stable: true,
    rsm: first === undefined || last === undefined ? {} : { first: id(first), last: id(last) },
  });
}

/** §4.1.1: by the sender's address, for those who may know it, or by the nickname it was sent under. */
function matching(
  room: Room,
  asked: MamQuery,
  sees: boolean,
): { filter: Omit<MailboxQuery, 'limit'>; fits: (entry: MailboxEntry) => boolean } {
  const span = {
    ...(asked.start === undefined ? undefined : { start: asked.start }),
    ...(asked.end === undefined ? undefined : { end: asked.end }),
  };
  if (asked.with === undefined) return { filter: span, fits: () => true };
  const jid = Jid.tryParse(asked.with);
  if (jid === undefined) throw new StanzaError('jid-malformed', { by: room.bare });
  if (jid.bare !== room.bare) {
    if (!sees) throw new StanzaError('forbidden', { by: room.bare, text: 'Addresses are for moderators here.' });
    return { filter: { ...span, peer: jid.bare }, fits: () => true };
  }
  if (jid.resource === '') return { filter: span, fits: () => true };
  return { filter: span, fits: (entry) => parseStanza(entry.stanza, undefined, NS.client).from === jid.full };
}

async function read(
  hub: Hub,
  room: Room,
  wanted: MailboxQuery & { after: number; before: number },
  fits: (entry: MailboxEntry) => boolean,
  /** XEP-0431. */
  text: string | undefined,
): Promise<{ page: MailboxEntry[]; complete: boolean }> {
  const page: MailboxEntry[] = [];
  let { after, before } = wanted;
  let bytes = 0;
  for (let round = 0; round < READS; round++) {
    // One more than is wanted tells whether there are more.
    const limit = wanted.limit + 1;
    const { store } = hub.ctx.mailboxes;
    const query = { ...wanted, after, before, limit };
    const found = text === undefined ? undefined : await store.search?.(room.id, { ...query, text });
    const entries = found?.entries ?? (await store.read(room.id, query));
    for (const entry of entries) {
      if (!fits(entry)) continue;
      bytes += entry.stanza.length;
      if (page.length === wanted.limit || (bytes > PAGE_BYTES && page.length > 0)) return { page, complete: false };
      page.push(entry);
    }
    if (entries.length < limit && found?.reached === undefined) return { page, complete: true };
    const last = found?.reached ?? (entries[entries.length - 1] as MailboxEntry).seq;
    if (wanted.reverse === true) before = last;
    else after = last;
  }
  return { page, complete: false };
}

function result(hub: Hub, room: Room, session: Session, queryid: string | undefined, entry: MailboxEntry, sees: boolean): Uint8Array {
  const asked = queryid === undefined ? '' : ` queryid="${escapeAttr(queryid)}"`;
  const head = utf8Encode(
    `<message from="${room.escaped}" to="${escapeAttr(session.address)}"><result xmlns="${NS.mam}"${asked} id="${hub.ctx.mailboxes.stanzaId(entry.seq)}">` +
      `<forwarded xmlns="${NS.forward}"><delay xmlns="${NS.delay}" stamp="${formatDateTime(entry.at)}"/>`,
  );
  const named = sees && entry.peer !== room.bare ? withSender(entry.stanza, entry.peer, room.affiliationOf(entry.peer)) : entry.stanza;
  const stanza = withClientNamespace(named);
  const out = new Uint8Array(head.length + stanza.length + TAIL.length);
  out.set(head, 0);
  out.set(stanza, head.length);
  out.set(TAIL, head.length + stanza.length);
  return out;
}
