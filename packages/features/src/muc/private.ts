/** From one occupant to another: private messages and requests (XEP-0045 §7.5, §17.4). */
import type { ServiceStanza, Session } from '@parley/core';
import { encodeMucUser, NS, StanzaError } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import { type ChildRef, parseStanza, stanzaBytes } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import type { Hub } from './hub.ts';
import { prepareNick } from './nick.ts';
import { mayTalk } from './occupants.ts';
import { checkPrivateChange } from './retraction.ts';
import type { Occupant, Room, Seat } from './room.ts';
import { roleRank } from './rules.ts';

const isForged = (child: ChildRef): boolean => child.ns === NS.mucUser || child.ns === NS.occupantId || child.ns === NS.muc;

function parties(hub: Hub, room: Room, call: ServiceStanza & { readonly session: Session }): { seat: Seat; target: Occupant } {
  const seat = room.seat(call.session);
  if (seat === undefined) {
    if (!hub.mayKnow(room, call.session)) throw new StanzaError('item-not-found', { text: 'There is no such room.' });
    throw new StanzaError('not-acceptable', { by: room.bare, text: 'You are not in the room.' });
  }
  const nick = prepareNick(call.to.resource);
  const target = nick === undefined ? undefined : room.byNick(nick);
  if (target === undefined) throw new StanzaError('item-not-found', { by: room.bare, text: 'Nobody here has this nickname.' });
  return { seat, target };
}

/** Kept for the account of the one it is for, like any message from one person to another. */
export function privateMessage(hub: Hub, call: ServiceStanza & { readonly session: Session }): Awaitable<void> {
  return whenReady(hub.existing(call.to.local), (room) => {
    const { seat, target } = parties(hub, room, call);
    if (!mayTalk(hub, room, call.session))
      throw new StanzaError('policy-violation', { by: room.bare, type: 'wait', text: 'Too much at once.' });
    const { allowPm } = room.config;
    const least = { anyone: 'visitor', participants: 'participant', moderators: 'moderator' } as const;
    if (allowPm === 'none' || roleRank(seat.occupant.role) < roleRank(least[allowPm]))
      throw new StanzaError(allowPm === 'none' ? 'not-allowed' : 'forbidden', {
        by: room.bare,
        text: 'Private messages are not for you to send here.',
      });
    const first = target.seats[0];
    if (first === undefined) throw new StanzaError('item-not-found', { by: room.bare });
    const bytes = stanzaBytes(call.stanza, {
      from: room.addressOf(seat.occupant.nick),
      to: first.session.address,
      extra: `${encodeMucUser({}).toString()}<occupant-id xmlns="${NS.occupantId}" id="${seat.occupant.occupantId}"/>`,
      drop: isForged,
    });
    const stanza = parseStanza(bytes, undefined, NS.client);
    const send = (): void =>
      hub.service.inOrder(call.session, () => {
        const sent = hub.service.send(stanza);
        if (sent instanceof Promise) sent.catch((error: unknown) => hub.ctx.log.error('muc_private_message_failed', { error }));
      });
    if (!stanza.has('replace', NS.correction) && !stanza.has('retract', NS.retraction)) return send();
    const { occupantId } = seat.occupant;
    return checkPrivateChange(hub, room, { stanza, session: call.session, account: first.session.account.id, occupantId }).then(send);
  });
}

// --- requests ---

interface Asked {
  readonly session: Session;
  readonly id: string;
  readonly from: string;
  readonly at: number;
}
const MOST = 10_000;
const PATIENCE_MS = 120_000;

/** Requests that were passed on and wait for an answer; the one who is asked does not learn who asks. */
export class Requests {
  readonly #waiting = new Map<string, Asked>();

  passOn(hub: Hub, room: Room, call: ServiceStanza & { readonly session: Session }): void {
    const { seat, target } = parties(hub, room, call);
    if (!mayTalk(hub, room, call.session))
      throw new StanzaError('policy-violation', { by: room.bare, type: 'wait', text: 'Too much at once.' });
    const asked = target.seats.find(({ session }) => session.connected && !session.congested)?.session;
    if (asked === undefined) throw new StanzaError('recipient-unavailable', { by: room.bare });
    // XEP-0191 §4: as if it came from outside.
    if (!hub.mayReach(asked, room, seat.occupant.nick)) throw new StanzaError('service-unavailable', { by: room.bare });
    for (const [key, { at }] of this.#waiting) {
      if (hub.now - at < PATIENCE_MS && this.#waiting.size < MOST) break;
      this.#waiting.delete(key);
    }
    const id = hub.newId();
    this.#waiting.set(`${asked.address} ${id}`, { session: call.session, id: call.stanza.id ?? '', from: call.to.toString(), at: hub.now });
    asked.sendBytes(stanzaBytes(call.stanza, { from: room.addressOf(seat.occupant.nick), to: asked.address, id }));
  }

  /** An answer goes to the one who asked, once, and only when it was asked of this session. */
  answered(call: ServiceStanza): void {
    const { stanza, session } = call;
    const key = `${session?.address} ${stanza.id}`;
    const asked = this.#waiting.get(key);
    if (asked === undefined) return;
    this.#waiting.delete(key);
    if (!asked.session.full) asked.session.sendBytes(stanzaBytes(stanza, { from: asked.from, to: asked.session.address, id: asked.id }));
  }
}
