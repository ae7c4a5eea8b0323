/** Registering with a room, and leaving it for good (XEP-0045 §7.10, §9.9). */
import type { Session } from '@parley/core';
import { decodeRegistration, encodeDataForm, encodeRegistration, formType, formValue, NS, StanzaError } from '@parley/protocol';
import type { Element } from '@parley/xml';
import { el } from '@parley/xml';
import { changeAffiliation, checkRoomFor } from './affiliations.ts';
import type { Hub } from './hub.ts';
import { prepareNick } from './nick.ts';
import type { Room } from './room.ts';
import { isMember } from './rules.ts';

function mayRegister(hub: Hub, room: Room, session: Session): void {
  if (!hub.mayKnow(room, session)) throw new StanzaError('item-not-found', { text: 'There is no such room.' });
  const affiliation = hub.affiliation(room, session);
  if (isMember(affiliation)) return;
  if (affiliation === 'outcast' || !room.config.registration || room.config.membersOnly)
    throw new StanzaError('not-allowed', { by: room.bare, text: 'Members are made by the admins of this room.' });
}

export function registrationForm(hub: Hub, room: Room, session: Session): Element {
  mayRegister(hub, room, session);
  const nick = room.nickOf(session.bare);
  if (isMember(hub.affiliation(room, session)) && nick !== undefined) return encodeRegistration({ registered: true, username: nick });
  const form = encodeDataForm({
    type: 'form',
    title: `Register with ${room.config.name === '' ? room.bare : room.config.name}`,
    instructions: ['The nickname will be yours in this room.'],
    fields: [
      { var: 'FORM_TYPE', type: 'hidden', values: [NS.mucRegister] },
      { var: 'muc#register_roomnick', type: 'text-single', label: 'Nickname', required: true, values: [] },
    ],
  });
  return el('query', { xmlns: NS.register }, el('instructions', null, 'Choose a nickname.'), form);
}

export function register(hub: Hub, room: Room, session: Session, payload: Element): void {
  const request = decodeRegistration(payload);
  if (request?.remove === true) return unregister(hub, room, session);
  mayRegister(hub, room, session);
  const form = request?.form;
  if (form === undefined || form.type !== 'submit' || formType(form) !== NS.mucRegister)
    throw new StanzaError('bad-request', { by: room.bare, text: 'There is no form of registration in this request.' });
  const nick = prepareNick(formValue(form, 'muc#register_roomnick') ?? '');
  if (nick === undefined) throw new StanzaError('bad-request', { by: room.bare, text: 'This nickname is none.' });
  if (room.isTaken(nick, session.bare))
    throw new StanzaError('conflict', { by: room.bare, text: 'Somebody has this nickname, or one that looks like it.' });
  checkRoomFor(hub, room, session.bare);
  const now = hub.affiliation(room, session);
  changeAffiliation(hub, room, { bare: session.bare, affiliation: isMember(now) ? now : 'member', account: session.account.id, nick });
}

/** A member goes for good; the last owner cannot. */
function unregister(hub: Hub, room: Room, session: Session): void {
  const affiliation = hub.affiliation(room, session);
  if (!isMember(affiliation)) {
    if (!hub.mayKnow(room, session)) throw new StanzaError('item-not-found', { text: 'There is no such room.' });
    throw new StanzaError('registration-required', { by: room.bare });
  }
  if (affiliation === 'owner' && room.owners().length <= 1)
    throw new StanzaError('conflict', { by: room.bare, text: 'Make somebody else an owner first, or destroy the room.' });
  changeAffiliation(hub, room, { bare: session.bare, affiliation: 'none', account: session.account.id });
}
