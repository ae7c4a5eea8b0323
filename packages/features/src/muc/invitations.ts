/** Invitations through the room, and requests for voice (XEP-0045 §7.8, §7.13, §8.6; XEP-0249). */
import type { ServiceStanza, Session } from '@parley/core';
import {
  type DataForm,
  decodeDataForm,
  decodeMucUser,
  encodeDataForm,
  encodeDirectInvitation,
  encodeMucUser,
  formType,
  formValue,
  Jid,
  type MucInvite,
  NS,
  StanzaError,
} from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import { el, type Stanza } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { accountOf, changeAffiliation, checkRoomFor, roleOf } from './affiliations.ts';
import type { Hub } from './hub.ts';
import { prepareNick } from './nick.ts';
import { mayTalk, setRole } from './occupants.ts';
import type { Room } from './room.ts';
import { isAdmin, isMember } from './rules.ts';

const MOST_AT_ONCE = 20;

/** Sends one invitation in the room's name; with the form of XEP-0249 as well, which every client knows. */
export function sendInvitation(
  hub: Hub,
  room: Room,
  invitation: { from: string; to: string; reason?: string | undefined; thread?: string | undefined; id?: string | undefined },
): void {
  const { from, to, reason, thread } = invitation;
  const password = room.config.password === '' ? undefined : room.config.password;
  const sent = hub.service.send(
    el(
      'message',
      { from: room.bare, to, id: invitation.id ?? hub.newId() },
      encodeMucUser({ invites: [{ from, reason, thread }], password }),
      encodeDirectInvitation({ jid: room.bare, password, reason }),
    ),
  );
  if (sent instanceof Promise) sent.catch((error: unknown) => hub.ctx.log.error('muc_invitation_failed', { error }));
}

/** A message of type normal to the room: invitations, refusals of them, requests for voice. False when it is none of these. */
export function normalMessage(hub: Hub, call: ServiceStanza & { readonly session: Session }): Awaitable<boolean> {
  const { stanza, to } = call;
  const user = stanza.has('x', NS.mucUser) ? decodeMucUser(stanza.child('x', NS.mucUser)) : undefined;
  const form = stanza.has('x', NS.dataForms) ? decodeDataForm(stanza.child('x', NS.dataForms)) : undefined;
  if (user?.invites === undefined && user?.decline === undefined && form === undefined) return false;
  return whenReady(hub.existing(to.local), (room) => {
    if (!mayTalk(hub, room, call.session))
      throw new StanzaError('policy-violation', { by: room.bare, type: 'wait', text: 'Too much at once.' });
    if (user?.invites !== undefined) return whenReady(invite(hub, room, call, user.invites), () => true);
    if (user?.decline !== undefined) {
      decline(hub, room, call, user.decline);
      return true;
    }
    return voice(hub, room, call.session, form as DataForm, stanza);
  });
}

function invite(hub: Hub, room: Room, call: ServiceStanza & { readonly session: Session }, invites: readonly MucInvite[]): Awaitable<void> {
  const { session, stanza } = call;
  const seat = room.seat(session);
  const affiliation = hub.affiliation(room, session);
  if (seat === undefined && !isMember(affiliation)) {
    if (!hub.mayKnow(room, session)) throw new StanzaError('item-not-found', { text: 'There is no such room.' });
    throw new StanzaError('not-acceptable', { by: room.bare, text: 'You are not in the room.' });
  }
  if (!isAdmin(affiliation) && (!room.config.allowInvites || (room.config.membersOnly && !isMember(affiliation))))
    throw new StanzaError('forbidden', { by: room.bare, text: 'Invitations are for the admins to make here.' });
  if (room.locked) throw new StanzaError('item-not-found', { by: room.bare });
  if (invites.length > MOST_AT_ONCE)
    throw new StanzaError('resource-constraint', { by: room.bare, text: `At most ${MOST_AT_ONCE} at once.` });
  const people = invites.map((one) => {
    const jid = Jid.tryParse(one.to ?? '');
    if (jid === undefined) throw new StanzaError('jid-malformed', { by: room.bare });
    return { jid, one };
  });
  const from = room.showsAddresses || seat === undefined ? session.address : room.addressOf(seat.occupant.nick);
  const send = (accounts: readonly (number | undefined)[]): void => {
    people.forEach(({ jid, one }, i) => {
      if (room.affiliationOf(jid.bare, accounts[i]) === 'outcast')
        throw new StanzaError('not-allowed', { by: room.bare, text: 'One of them is banned from this room.' });
      // §9.5: in a members-only room an invitation lets in.
      if (room.config.membersOnly && !isMember(room.affiliationOf(jid.bare, accounts[i]))) {
        checkRoomFor(hub, room, jid.bare);
        changeAffiliation(hub, room, { bare: jid.bare, affiliation: 'member', account: accounts[i] });
      }
      sendInvitation(hub, room, { from, to: jid.toString(), reason: one.reason, thread: one.thread, id: stanza.id });
    });
  };
  return Promise.all(people.map(({ jid }) => accountOf(hub, jid.bare))).then(send);
}

/** §7.8.2: to who has invited, and only from who may know of the room; nothing is told of those who are not there. */
function decline(hub: Hub, room: Room, call: ServiceStanza, refusal: MucInvite): void {
  const jid = Jid.tryParse(refusal.to ?? '');
  if (jid === undefined) throw new StanzaError('jid-malformed', { by: room.bare });
  const to = jid.bare === room.bare ? room.byNick(jid.resource)?.shown : jid.toString();
  // Anybody could write to anybody in the room's name otherwise.
  const bare = to === undefined ? undefined : Jid.parse(to).bare;
  if (
    to === undefined ||
    bare === undefined ||
    !(isMember(room.affiliationOf(bare)) || [...room.occupants.values()].some((one) => one.bare === bare))
  )
    return;
  const sent = hub.service.send(
    el(
      'message',
      { from: room.bare, to, id: call.stanza.id },
      encodeMucUser({ decline: { from: call.from.bare, reason: refusal.reason } }),
    ),
  );
  if (sent instanceof Promise) sent.catch((error: unknown) => hub.ctx.log.error('muc_decline_failed', { error }));
}

// --- voice ---

function voice(hub: Hub, room: Room, session: Session, form: DataForm, stanza: Stanza): boolean {
  if (form.type !== 'submit' || formType(form) !== NS.mucRequest) return false;
  const seat = room.seat(session);
  if (seat === undefined) throw new StanzaError('not-acceptable', { by: room.bare, text: 'You are not in the room.' });
  const allow = formValue(form, 'muc#request_allow');
  if (allow !== undefined && seat.occupant.role === 'moderator') {
    if (allow === '1' || allow === 'true') grant(hub, room, form);
    return true;
  }
  if (formValue(form, 'muc#role') !== 'participant') throw new StanzaError('bad-request', { by: room.bare });
  if (!room.config.moderated || roleOf(room, session) !== 'visitor') return true;
  const field = (name: string, type: 'text-single' | 'jid-single' | 'list-single' | 'boolean', label: string, value: string) => ({
    var: name,
    type,
    label,
    values: [value],
  });
  const request = encodeDataForm({
    type: 'form',
    title: 'Voice request',
    instructions: ['Somebody asks to be allowed to speak.'],
    fields: [
      { var: 'FORM_TYPE', type: 'hidden', values: [NS.mucRequest] },
      field('muc#role', 'list-single', 'Requested role', 'participant'),
      field('muc#jid', 'jid-single', 'User', seat.session.address),
      field('muc#roomnick', 'text-single', 'Nickname', seat.occupant.nick),
      field('muc#request_allow', 'boolean', 'Let this person speak?', 'false'),
    ],
  });
  for (const other of room.seats.values())
    if (other.occupant.role === 'moderator')
      other.session.send(el('message', { from: room.bare, to: other.session.address, id: stanza.id ?? hub.newId() }, request));
  return true;
}

function grant(hub: Hub, room: Room, form: DataForm): void {
  const occupant = room.byNick(prepareNick(formValue(form, 'muc#roomnick') ?? '') ?? '');
  if (occupant === undefined || occupant.role !== 'visitor' || formValue(form, 'muc#role') !== 'participant') return;
  room.roles.set(occupant.bare, 'participant');
  setRole(hub, room, occupant, 'participant', {});
}
