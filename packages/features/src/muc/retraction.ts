/** Messages that are taken back: by who sent them (XEP-0424), or by a moderator (XEP-0425). */
import { findMessage, isTombstone, type Session, tombstoneOf } from '@parley/core';
import { decodeModerate, decodeRetract, encodeModerated, formatDateTime, NS, StanzaError } from '@parley/protocol';
import type { Awaitable, MailboxEntry } from '@parley/storage';
import { type Element, el, parseStanza, Stanza, stanzaBytes } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { accountOf } from './affiliations.ts';
import type { Hub } from './hub.ts';
import type { Room } from './room.ts';

/** The entry that an id of this room names. */
function entryOf(hub: Hub, room: Room, id: string | undefined): Awaitable<MailboxEntry | undefined> {
  const seq = id === undefined ? undefined : hub.ctx.mailboxes.parseStanzaId(id);
  return seq === undefined ? undefined : hub.ctx.mailboxes.store.get(room.id, seq);
}

/** What goes with a message: itself, its corrections (XEP-0308), and the files that nobody else shows. */
export interface Doomed {
  readonly entries: readonly MailboxEntry[];
  readonly release: (() => void) | undefined;
}

/** No account has this number. */
const NOBODY = -1;
/** Entries of the same sender after a message that are looked at for corrections of it. */
const DEPTH = 500;

async function doom(hub: Hub, room: Room, entry: MailboxEntry, account: number): Promise<Doomed> {
  const { id } = parseStanza(entry.stanza, undefined, NS.client);
  const entries = [entry];
  if (id !== undefined)
    for (const later of await hub.ctx.mailboxes.store.read(room.id, { after: entry.seq, peer: entry.peer, limit: DEPTH })) {
      const stanza = parseStanza(later.stanza, undefined, NS.client);
      if (stanza.has('replace', NS.correction) && stanza.child('replace', NS.correction)?.attr('id') === id) entries.push(later);
    }
  const release = await hub.media?.release(
    entries.map(({ seq }) => seq),
    account,
  );
  return { entries, release };
}

/** Puts tombstones in their places, in the commit of this turn. */
export function bury(hub: Hub, { entries, release }: Doomed, retracted: Element): void {
  for (const entry of entries) {
    const done = hub.ctx.mailboxes.store.replace(entry.seq, tombstoneOf(entry.stanza, retracted));
    if (done instanceof Promise) done.catch((error: unknown) => hub.ctx.log.error('muc_retraction_failed', { error }));
  }
  release?.();
}

/** What its own sender takes back; undefined when it is not there any more. Throws `forbidden` for somebody else's. */
export function retracted(hub: Hub, room: Room, id: string | undefined, sender: Session): Awaitable<Doomed | undefined> {
  return whenReady(entryOf(hub, room, id), (entry) => {
    if (entry === undefined) return undefined;
    // It is gone already, by whomever: what is left says so.
    if (entry.peer === sender.bare && isTombstone(entry.stanza)) return undefined;
    if (entry.peer !== sender.bare)
      throw new StanzaError('forbidden', { by: room.bare, text: 'This message is of somebody else: moderators take it back.' });
    return doom(hub, room, entry, sender.account.id);
  });
}

/** Newest messages, of the sender and of anybody, among which the one that is corrected is looked for by an `id` that is no origin-id. */
const NEAR = 200;
/** The same for the few that are not found there, and how many of them one account may ask for in an hour. */
const FAR = 5000;
export const FAR_PER_HOUR = 120;
/** Messages of others with the same id that are passed over. */
const SAME_ID = 5;
const ID_LENGTH = 1024;

/** The id of the one message that a correction replaces. Throws `bad-request`. */
function replacedBy(room: Room, stanza: Stanza): string {
  const id = stanza.child('replace', NS.correction)?.attr('id') ?? '';
  const one = stanza.children.filter(({ name, ns }) => name === 'replace' && ns === NS.correction).length === 1;
  if (!one || id === '' || id.length > ID_LENGTH)
    throw new StanzaError('bad-request', { by: room.bare, text: 'A correction names the one message that it replaces.' });
  return id;
}

const somebodyElses = (room: Room): StanzaError =>
  new StanzaError('forbidden', { by: room.bare, text: 'This message is of somebody else.' });

/** Looks among the newest, and farther back for those who do not ask for it all the time. Bounded by `FAR` entries. */
async function looked<T>(hub: Hub, session: Session, look: (depth: number) => Promise<T | undefined>): Promise<T | undefined> {
  const near = await look(NEAR);
  if (near !== undefined || hub.farther.take(String(session.account.id), hub.now) > 0) return near;
  return look(FAR);
}

/**
 * XEP-0308 §4: a message is corrected by whoever sent it, here: by the same account, under whatever nickname. Throws `forbidden` for somebody else's,
 * `item-not-found` for one that was taken back. One that is not known any more is for those who have it to judge.
 */
export async function checkCorrection(hub: Hub, room: Room, stanza: Stanza, session: Session): Promise<void> {
  const id = replacedBy(room, stanza);
  const { store, committedSeq } = hub.ctx.mailboxes;
  // By its index, however old it is; old clients that give no origin-id are looked for.
  const origin = id.length > 256 ? undefined : await store.findOrigin(room.id, `${session.account.id}:${id}`);
  const wanted = { mailbox: room.id, id, outgoing: false, before: committedSeq + 1 };
  const found = await looked(hub, session, async (depth): Promise<number | 'foreign' | undefined> => {
    const own = origin ?? (await findMessage(store, { ...wanted, depth, peer: session.bare }));
    if (own !== undefined) return own;
    return (await findMessage(store, { ...wanted, depth })) === undefined ? undefined : 'foreign';
  });
  if (found === 'foreign') throw somebodyElses(room);
  const entry = found === undefined ? undefined : await store.get(room.id, found);
  if (entry !== undefined && isTombstone(entry.stanza))
    throw new StanzaError('item-not-found', { by: room.bare, text: 'This message was taken back.' });
}

/**
 * The same for what one occupant says to another alone, and for what takes it back: the address `room/nick` says nothing about who had that
 * nickname before, the occupant-id does (XEP-0421). `account`: of the one it is for, whose mailbox has what was said. Throws `forbidden`.
 */
export async function checkPrivateChange(hub: Hub, room: Room, call: PrivateChange): Promise<void> {
  const { stanza, session, account, occupantId } = call;
  const id = stanza.has('retract', NS.retraction)
    ? (decodeRetract(stanza.child('retract', NS.retraction)) ?? '')
    : replacedBy(room, stanza);
  if (id === '') throw new StanzaError('bad-request', { by: room.bare, text: 'A retraction names the message that is to go.' });
  const { store, committedSeq } = hub.ctx.mailboxes;
  const wanted = { mailbox: account, peer: room.bare, id };
  const found = await looked(hub, session, async (depth): Promise<'own' | 'foreign' | undefined> => {
    let before = committedSeq + 1;
    let foreign = false;
    // Ids of old clients come again, also with others.
    for (let i = 0; i < SAME_ID; i++) {
      const seq = await findMessage(store, { ...wanted, depth, before, outgoing: false });
      const entry = seq === undefined ? undefined : await store.get(account, seq);
      if (entry === undefined) break;
      const author = parseStanza(entry.stanza, undefined, NS.client).child('occupant-id', NS.occupantId)?.attr('id');
      if (author === occupantId) return 'own';
      foreign = true;
      before = entry.seq;
    }
    if (foreign || (await findMessage(store, { ...wanted, depth, before: committedSeq + 1, outgoing: true })) !== undefined)
      return 'foreign';
    return undefined;
  });
  if (found === 'foreign') throw somebodyElses(room);
}
interface PrivateChange {
  readonly stanza: Stanza;
  readonly session: Session;
  readonly account: number;
  readonly occupantId: string;
}

/** XEP-0425 §4: a moderator has the message removed, and everybody is told. */
export function moderate(hub: Hub, room: Room, session: Session, payload: Element): Awaitable<void> {
  const seat = room.seat(session);
  const wanted = decodeModerate(payload);
  if (seat?.occupant.role !== 'moderator') throw new StanzaError('forbidden', { by: room.bare, text: 'This is for moderators.' });
  if (wanted === undefined) throw new StanzaError('bad-request', { by: room.bare });
  return whenReady(entryOf(hub, room, wanted.id), async (entry) => {
    if (entry === undefined || entry.peer === room.bare || isTombstone(entry.stanza))
      throw new StanzaError('item-not-found', { by: room.bare, text: 'There is no such message.' });
    // R3: its author's files go with it, and nobody else's: whoever has a room could show them there.
    const doomed = await doom(hub, room, entry, (await accountOf(hub, entry.peer)) ?? NOBODY);
    const { nick, occupantId } = seat.occupant;
    const { reason } = wanted;
    const by = room.addressOf(nick);
    const told = el(
      'message',
      { type: 'groupchat', from: room.bare, id: hub.newId() },
      encodeModerated('retract', { id: wanted.id, by, occupantId, reason }),
    );
    const bytes = stanzaBytes(Stanza.from(told));
    const seq = hub.ctx.mailboxes.append(bytes, [{ mailbox: room.id, peer: room.bare, outgoing: false, quiet: true }]);
    bury(hub, doomed, encodeModerated('retracted', { stamp: formatDateTime(hub.now), by, occupantId, reason }));
    hub.service.whenDurable(session, {
      seq,
      committed: () => {
        hub.kept(room, bytes, seq, '', room.bare);
        hub.takenBack(room, doomed);
      },
      refused: (error) => hub.ctx.log.warn('muc_moderation_refused', { code: error.code }),
    });
  });
}
