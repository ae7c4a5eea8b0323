/** Messages to everybody (XEP-0045 §7.4, §8.1): kept once in the mailbox of the room, then shown to those who are there. */
import { isTombstone, type Pending, type ServiceStanza, type Session, sameContent, shouldKeepContent } from '@parley/core';
import {
  decodeRetract,
  encodeOccupantId,
  encodeRetracted,
  Jid,
  type MucAffiliation,
  type MucRole,
  NS,
  StanzaError,
} from '@parley/protocol';
import type { Awaitable, StorageError } from '@parley/storage';
import { type ChildRef, type Element, type Stanza, stanzaBytes, utf8Encode } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { isTag, type Timing, timingOf, withoutTimer, withTimer } from './ephemeral.ts';
import { type Hub, MESSAGE_HEAD, withHead } from './hub.ts';
import { freeNick, nickKey } from './nick.ts';
import { isOurs, mayTalk } from './occupants.ts';
import { bury, checkCorrection, type Doomed, retracted } from './retraction.ts';
import { headFor, type Room } from './room.ts';
import { initialRole, isAdmin, isMember } from './rules.ts';

const SUBJECT_LENGTH = 4096;

/** Who says something: an occupant, or a member whose device takes the group without joining. */
interface Speaker {
  readonly nick: string;
  readonly role: MucRole;
  readonly affiliation: MucAffiliation;
  readonly occupantId: string;
}

export type ClientCall = ServiceStanza & { readonly session: Session };

export function groupMessage(hub: Hub, call: ClientCall): Awaitable<void> {
  const { to, session } = call;
  if (to.resource !== '') throw new StanzaError('bad-request', { by: to.bare, text: 'Private messages are of type chat.' });
  return whenReady(hub.existing(to.local), (room) =>
    whenReady(hub.occupantId(room, session.bare), (occupantId) => say(hub, room, call, speakerOf(hub, room, session, occupantId))),
  );
}

function speakerOf(hub: Hub, room: Room, session: Session, occupantId: string): Speaker {
  const affiliation = hub.affiliation(room, session);
  const seat = room.seat(session);
  if (seat !== undefined) return { nick: seat.occupant.nick, role: seat.occupant.role, affiliation, occupantId };
  if (!isMember(affiliation) || hub.listeners.roomsOf(session)?.has(room.id) !== true) {
    if (!hub.mayKnow(room, session)) throw new StanzaError('item-not-found', { text: 'There is no such room.' });
    throw new StanzaError('not-acceptable', { by: room.bare, text: 'You are not in the room.' });
  }
  return {
    nick: memberNick(hub, room, session),
    role: room.roles.get(session.bare) ?? initialRole(affiliation, room.config.moderated),
    affiliation,
    occupantId,
  };
}

/** The name of a member who speaks without having come in; made once and registered. */
export function memberNick(hub: Hub, room: Room, session: Session): string {
  const record = room.affiliations.get(session.bare);
  if (record?.nick !== undefined) return record.nick;
  const nick = freeNick(session.jid.local, (one) => room.isTaken(one, session.bare));
  if (record !== undefined) {
    const named = { ...record, nick };
    room.affiliations.set(session.bare, named);
    room.reserved.set(nickKey(nick), session.bare);
    hub.store.saveAffiliation(room.id, session.bare, named);
  }
  return nick;
}

/** Whether a child of a message claims to be of this room, so that only the room may say it (R8: every copy goes). */
function isForged(room: Room, stanza: Stanza): ((child: ChildRef) => boolean) | undefined {
  let tree: readonly Element[] | undefined;
  const drop = new Set<ChildRef>();
  const { children } = stanza;
  for (let i = 0; i < children.length; i++) {
    const child = children[i] as ChildRef;
    if (isOurs(child)) drop.add(child);
    else if ((child.name === 'stanza-id' && child.ns === NS.sid) || (child.name === 'delay' && child.ns === NS.delay)) {
      tree ??= stanza.element().elements();
      const claimed = tree[i]?.attr(child.name === 'delay' ? 'from' : 'by');
      const by = claimed === undefined ? undefined : Jid.tryParse(claimed);
      // §7.9: an owner may bring history of elsewhere along, with the times of then; not in the name of the room or its server.
      if (by === undefined ? child.name === 'stanza-id' : by.domain === room.jid.domain) drop.add(child);
    }
  }
  return drop.size === 0 ? undefined : (child) => drop.has(child);
}

/** A timer that is written anew replaces what the sender wrote. */
function leftOut(forged: ((child: ChildRef) => boolean) | undefined, { tag }: Timing): ((child: ChildRef) => boolean) | undefined {
  if (tag === undefined) return forged;
  return (child) => isTag(child) || forged?.(child) === true;
}

const isSubject = (stanza: Stanza): boolean => stanza.has('subject') && !stanza.has('body') && !stanza.has('thread');

function say(hub: Hub, room: Room, call: ClientCall, speaker: Speaker): Awaitable<void> {
  const { stanza, session } = call;
  if (room.locked && speaker.affiliation !== 'owner') throw new StanzaError('item-not-found', { by: room.bare });
  if (stanza.inner.length > hub.ctx.config.messageBytes)
    throw new StanzaError('policy-violation', {
      by: room.bare,
      text: `A message to a room holds at most ${hub.ctx.config.messageBytes} bytes.`,
    });
  if (!mayTalk(hub, room, session))
    throw new StanzaError('policy-violation', { by: room.bare, type: 'wait', text: 'Too many messages at once.' });
  const subject = isSubject(stanza);
  if (subject) checkSubject(room, stanza, speaker);
  else if (speaker.role === 'visitor' || speaker.role === 'none')
    throw new StanzaError('forbidden', { by: room.bare, text: 'You have no voice in this room.' });
  const verdict = shouldKeepContent(stanza);
  // A marker is no entry, whatever hint is beside it: it moves the member's place.
  const marker = stanza.has('displayed', NS.markers) && !stanza.has('body');
  // A retraction is checked and kept whatever its hints say (XEP-0424 §5): nobody passes one by the room that is not theirs.
  const asked =
    (verdict.keep && !marker && verdict.reason !== 'marker' && verdict.reason !== 'receipt') || stanza.has('retract', NS.retraction);
  const timing = timingOf(hub, room, stanza, speaker.role);
  const keep = (asked || timing.sets !== undefined) && !room.locked;
  if (marker) hub.seen.marked(room, session, stanza);
  const bytes = stanzaBytes(stanza, {
    from: room.addressOf(speaker.nick),
    to: undefined,
    type: 'groupchat',
    id: stanza.id ?? hub.newId(),
    extra: utf8Encode(encodeOccupantId(speaker.occupantId).toString() + (timing.tag ?? '')),
    drop: leftOut(isForged(room, stanza), timing),
  });
  if (!keep) {
    const passOn = (): void =>
      hub.service.inOrder(session, () => hub.passing(room, bytes, speaker.nick, room.members <= hub.ctx.config.presenceMembers));
    return whenReady(corrects(stanza) ? checkCorrection(hub, room, stanza, session) : undefined, passOn);
  }
  const originId = stanza.has('origin-id', NS.sid) ? stanza.child('origin-id', NS.sid)?.attr('id') : undefined;
  // A sender's ids are its own: another's resend is another message.
  const known = originId === undefined || originId === '' || originId.length > 256 ? undefined : `${session.account.id}:${originId}`;
  const message: Kept = {
    bytes,
    speaker,
    subject: subject ? (stanza.childText('subject') ?? '') : undefined,
    originId: known,
    quiet: verdict.quiet,
    timing,
  };
  if (known === undefined) return slowly(hub, room, call, message);
  return whenReady(hub.ctx.mailboxes.store.findOrigin(room.id, known), (seq) =>
    seq === undefined ? slowly(hub, room, call, message) : again(hub, room, call, message, seq),
  );
}

function checkSubject(room: Room, stanza: Stanza, speaker: Speaker): void {
  if (speaker.role !== 'moderator' && !(room.config.changeSubject && speaker.role === 'participant'))
    throw new StanzaError('forbidden', { by: room.bare, text: 'The subject is for moderators to change here.' });
  if ((stanza.childText('subject') ?? '').length > SUBJECT_LENGTH)
    throw new StanzaError('policy-violation', { by: room.bare, text: `A subject holds at most ${SUBJECT_LENGTH} characters.` });
}

const corrects = (stanza: Stanza): boolean => stanza.has('replace', NS.correction) && !stanza.has('retract', NS.retraction);

interface Kept {
  readonly bytes: Uint8Array;
  readonly speaker: Speaker;
  readonly subject: string | undefined;
  readonly originId: string | undefined;
  readonly quiet: boolean;
  readonly timing: Timing;
}

/** Meanwhile it may have been taken back, or the timer of the group been changed. */
const isResend = (stored: Uint8Array, sent: Uint8Array): boolean =>
  sameContent(stored, sent) || isTombstone(stored) || sameContent(withoutTimer(stored), withoutTimer(sent));

/** D3: a resend is the same message, shown again to the one who was not sure; other content under its id is a conflict. */
function again(hub: Hub, room: Room, call: ClientCall, message: Kept, seq: number): Awaitable<void> {
  return whenReady(hub.ctx.mailboxes.store.get(room.id, seq), (entry) => {
    if (entry !== undefined && !isResend(entry.stanza, message.bytes))
      throw new StanzaError('conflict', { by: room.bare, text: 'Another message was sent under this origin-id.' });
    const show = (): void => {
      const { session } = call;
      if (entry === undefined || session.ended) return;
      // D4: when the session is still to read it from the mailbox, it comes in its place.
      const source = session.sources?.list.get(room.id);
      if (source !== undefined && session.mailboxMode !== 'off' && seq > source.after && seq > session.position) return;
      const late = hub.ctx.mailboxes.stamps.late(entry.stanza, room.bare, seq, entry.at, room.bare);
      session.sendBytes(withHead(headFor('message', session.address), late, MESSAGE_HEAD));
    };
    hub.service.whenDurable(call.session, { seq: 0, committed: show, refused: () => {} });
  });
}

/** XEP-0500: who is no admin waits between two messages with a text. */
function slowly(hub: Hub, room: Room, call: ClientCall, message: Kept): Awaitable<void> {
  const { slowMode } = room.config;
  if (slowMode > 0 && !isAdmin(message.speaker.affiliation) && call.stanza.has('body')) {
    const last = room.lastSpoke.get(call.session.bare) ?? Number.NEGATIVE_INFINITY;
    if (hub.now - last < slowMode * 1000)
      throw new StanzaError('policy-violation', {
        by: room.bare,
        type: 'wait',
        text: `You have to wait ${slowMode} seconds between messages in this room. Please try again later.`,
      });
    room.lastSpoke.set(call.session.bare, hub.now);
  }
  const { stanza } = call;
  if (corrects(stanza)) return checkCorrection(hub, room, stanza, call.session).then(() => keep(hub, room, call, message, undefined));
  if (!stanza.has('retract', NS.retraction)) return keep(hub, room, call, message, undefined);
  const id = decodeRetract(stanza.child('retract', NS.retraction));
  return whenReady(retracted(hub, room, id, call.session), (target) => keep(hub, room, call, message, target));
}

function keep(hub: Hub, room: Room, call: ClientCall, message: Kept, retracts: Doomed | undefined): void {
  const { mailboxes } = hub.ctx;
  const { session } = call;
  if (room.destroyed) throw new StanzaError('item-not-found', { by: room.bare });
  if (mailboxes.isFull(room.id))
    throw new StanzaError('resource-constraint', { by: room.bare, type: 'wait', text: 'The mailbox of this group is full.' });
  const { bytes, speaker, originId, quiet, timing } = message;
  const seq = mailboxes.append(bytes, [
    { mailbox: room.id, peer: session.bare, outgoing: false, quiet, ...(originId === undefined ? undefined : { originId }) },
  ]);
  if (message.subject !== undefined) hub.update(room, { subject: { text: message.subject, nick: speaker.nick, at: hub.now } });
  if (timing.seconds > 0) hub.timers?.startTimer(seq, timing.seconds, session.account.id);
  if (timing.sets !== undefined) hub.update(room, { config: withTimer(room.config, timing.sets) });
  if (retracts !== undefined) bury(hub, retracts, encodeRetracted({ id: call.stanza.id ?? mailboxes.stanzaId(seq), stamp: hub.now }));
  if (call.stanza.has('file-sharing', NS.sfs) || call.stanza.has('x', NS.oob)) hub.media?.refer(seq, [room.id], bytes);
  hub.service.whenDurable(session, new KeptMessage(hub, room, call, bytes, seq, speaker.nick, retracts));
}

class KeptMessage implements Pending {
  readonly #hub: Hub;
  readonly #room: Room;
  readonly #call: ClientCall;
  readonly #bytes: Uint8Array;
  readonly #nick: string;
  readonly #retracts: Doomed | undefined;
  readonly seq: number;
  constructor(hub: Hub, room: Room, call: ClientCall, bytes: Uint8Array, seq: number, nick: string, retracts: Doomed | undefined) {
    this.#hub = hub;
    this.#room = room;
    this.#call = call;
    this.#bytes = bytes;
    this.seq = seq;
    this.#nick = nick;
    this.#retracts = retracts;
  }
  committed(): void {
    const { session, stanza } = this.#call;
    this.#hub.kept(this.#room, this.#bytes, this.seq, this.#nick, session.bare);
    this.#hub.stored(this.#room, { seq: this.seq, stanza, bytes: this.#bytes, from: session, nick: this.#nick });
    if (this.#retracts !== undefined) this.#hub.takenBack(this.#room, this.#retracts);
  }
  refused(error: StorageError): void {
    this.#hub.service.refuse(this.#call, error);
  }
}
