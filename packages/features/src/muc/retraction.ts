/** Messages that are taken back: by who sent them (XEP-0424), or by a moderator (XEP-0425). */
import { findMessage, isTombstone, type Session, tombstoneOf } from '@parley/core';
import { decodeModerate, encodeModerated, formatDateTime, NS, StanzaError } from '@parley/protocol';
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

/** Newest messages, of the sender and of anybody, among which the one that is corrected is looked for by its id. */
const CORRECTABLE = 200;
const ID_LENGTH = 1024;

/**
 * XEP-0308 §4: a message is corrected by whoever sent it, here: by the same account, under whatever nickname. Throws `forbidden` for somebody else's,
 * `item-not-found` for one that was taken back. One that is not known any more is for those who have it to judge.
 */
export async function checkCorrection(hub: Hub, room: Room, stanza: Stanza, session: Session): Promise<void> {
  const id = stanza.child('replace', NS.correction)?.attr('id') ?? '';
  const one = stanza.children.filter(({ name, ns }) => name === 'replace' && ns === NS.correction).length === 1;
  if (!one || id === '' || id.length > ID_LENGTH)
    throw new StanzaError('bad-request', { by: room.bare, text: 'A correction names the one message that it replaces.' });
  const { store, committedSeq } = hub.ctx.mailboxes;
  const wanted = { mailbox: room.id, id, outgoing: false, depth: CORRECTABLE, before: committedSeq + 1 };
  const origin = id.length > 256 ? undefined : await store.findOrigin(room.id, `${session.account.id}:${id}`);
  const own = origin ?? (await findMessage(store, { ...wanted, peer: session.bare }));
  const entry = own === undefined ? undefined : await store.get(room.id, own);
  if (entry !== undefined && isTombstone(entry.stanza))
    throw new StanzaError('item-not-found', { by: room.bare, text: 'This message was taken back.' });
  if (own === undefined && (await findMessage(store, wanted)) !== undefined)
    throw new StanzaError('forbidden', { by: room.bare, text: 'This message is of somebody else.' });
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
