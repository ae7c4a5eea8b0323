/** Messages of a group that disappear (XEP-0466): what its timer does to one of them, and who may change the timer. */
import { decodeEphemeral, encodeEphemeral, type MucRole, NS, StanzaError } from '@parley/protocol';
import { type ChildRef, el, parseStanza, Stanza, stanzaBytes } from '@parley/xml';
import type { RoomConfig } from './config.ts';
import type { Hub } from './hub.ts';
import type { Room } from './room.ts';

/** What becomes of one message. */
export interface Timing {
  /** Seconds after which it goes; 0: it stays. */
  readonly seconds: number;
  /** The timer of the group from here on; undefined: as it is. */
  readonly sets: number | undefined;
  /** What the stored message says of its timer in place of what its sender wrote; undefined: it is right as it is. */
  readonly tag: string | undefined;
}
const UNTIMED: Timing = { seconds: 0, sets: undefined, tag: undefined };

/** Beside the timer in a message that says nothing but how long others are to stay (§3.4). */
const BESIDE: ReadonlySet<string> = new Set([NS.ephemeral, NS.hints, NS.sid, NS.chatStates]);

export const isTag = ({ name, ns }: ChildRef): boolean => name === 'ephemeral' && ns === NS.ephemeral;

/**
 * The timer of a group is changed by a message that says nothing else, or by its owner's form. A timer beside a text is that message's own: it may go earlier than
 * the group wants, not later, and changes nothing for others (a device that was away would bring an old timer back).
 * Throws `bad-request` for a timer that is none, `forbidden` for who may not change it.
 */
export function timingOf(hub: Hub, room: Room, stanza: Stanza, role: MucRole): Timing {
  const ofGroup = room.config.timer ?? 0;
  const tagged = stanza.has('ephemeral', NS.ephemeral);
  if (ofGroup === 0 && !tagged) return UNTIMED;
  const { timers } = hub;
  if (timers === undefined) return UNTIMED;
  const own = tagged ? decodeEphemeral(stanza.child('ephemeral', NS.ephemeral)) : 0;
  if (own === undefined || (tagged && stanza.children.filter(isTag).length > 1))
    throw new StanzaError('bad-request', { by: room.bare, text: 'A timer is a whole number of seconds.' });
  const wanted = timers.bounded(own);
  const tag = (seconds: number): string | undefined => {
    if (tagged ? own === seconds : seconds === 0) return undefined;
    return seconds === 0 ? '' : encodeEphemeral(seconds).toString();
  };
  if (tagged && stanza.children.every(({ ns }) => BESIDE.has(ns))) {
    if (!mayChangeTimer(room, role))
      throw new StanzaError('forbidden', { by: room.bare, text: 'When messages disappear is for moderators to decide here.' });
    return { seconds: wanted, sets: wanted, tag: tag(wanted) };
  }
  // What the group is about outlives what was said when it was chosen.
  const isSubject = stanza.has('subject') && !stanza.has('body');
  const seconds = isSubject ? 0 : wanted === 0 ? ofGroup : ofGroup === 0 ? wanted : Math.min(wanted, ofGroup);
  return { seconds, sets: undefined, tag: tag(seconds) };
}

/** Who may change the subject may change the timer. */
export const mayChangeTimer = (room: Room, role: MucRole): boolean =>
  role === 'moderator' || (room.config.changeSubject && role === 'participant');

/** A message without its timer: what a resend is compared by, as the timer may have changed meanwhile. */
export function withoutTimer(bytes: Uint8Array): Uint8Array {
  const stanza = parseStanza(bytes, undefined, NS.client);
  return stanza.has('ephemeral', NS.ephemeral) ? stanzaBytes(stanza, { drop: isTag }) : bytes;
}

export function withTimer({ timer: _, ...config }: RoomConfig, seconds: number): RoomConfig {
  return seconds === 0 ? config : { ...config, timer: seconds };
}

/** The timer was changed by the form: members learn of it in its place among the messages. */
export function keepTimer(hub: Hub, room: Room): void {
  if (room.locked || !room.config.persistent) return;
  const head = { from: room.bare, id: hub.newId(), type: 'groupchat' };
  const stored = stanzaBytes(Stanza.from(el('message', head, encodeEphemeral(room.config.timer ?? 0))));
  const seq = hub.ctx.mailboxes.append(stored, [{ mailbox: room.id, peer: room.bare, outgoing: false, quiet: true }]);
  hub.ctx.mailboxes.whenDurable({
    seq,
    committed: () => hub.kept(room, stored, seq, '', room.bare),
    refused: (error) => hub.ctx.log.warn('muc_entry_refused', { code: error.code }),
  });
}
