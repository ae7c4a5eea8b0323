/** The picture of a room (XEP-0486): the photo of its vCard. */
import type { Session } from '@parley/core';
import { base64Decode, encodeMucUser, NS, StanzaError } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import { type Element, el, parseElement } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { tellMembers } from './affiliations.ts';
import type { Hub } from './hub.ts';
import type { Room } from './room.ts';

const CARD_BYTES = 96 * 1024;

export function readCard(hub: Hub, room: Room, session: Session): Awaitable<Element> {
  if (hub.affiliation(room, session) === 'outcast') throw new StanzaError('forbidden', { by: room.bare });
  return whenReady(hub.store.vcard(room.id), (text) =>
    text === undefined ? el('vCard', { xmlns: NS.vcard }) : parseElement(text, undefined, ''),
  );
}

/** The vCard as it is stored, and the SHA-1 of its photo ('' without one). Throws StanzaError when it cannot be taken. */
export function pictureOf(hub: Hub, by: string, card: Element): Awaitable<{ text: string; avatar: string }> {
  const text = card.toString();
  if (text.length > CARD_BYTES) throw new StanzaError('policy-violation', { by, text: `A vCard holds at most ${CARD_BYTES} bytes here.` });
  const binval = card.child('PHOTO')?.childText('BINVAL')?.replace(/\s+/g, '') ?? '';
  const photo = binval === '' ? undefined : base64Decode(binval);
  if (binval !== '' && photo === undefined) throw new StanzaError('bad-request', { by, text: 'The photo is not base64.' });
  return whenReady(photo === undefined ? undefined : hub.ctx.crypto.hash('SHA-1', photo), (digest) => {
    let avatar = '';
    for (const byte of digest ?? []) avatar += byte.toString(16).padStart(2, '0');
    return { text, avatar };
  });
}

export function writeCard(hub: Hub, room: Room, session: Session, card: Element): Awaitable<void> {
  if (hub.affiliation(room, session) !== 'owner')
    throw new StanzaError('forbidden', { by: room.bare, text: 'Only owners are allowed to set avatars.' });
  return whenReady(pictureOf(hub, room.bare, card), ({ text, avatar }) => {
    hub.store.setVcard(room.id, card.elements().length === 0 ? undefined : text);
    const isNew = avatar !== room.record.avatar;
    hub.update(room, { avatar });
    hub.notice(room, el('message', { from: room.bare, type: 'groupchat', id: hub.newId() }, encodeMucUser({ statuses: [104] })));
    if (isNew) tellMembers(hub, room);
  });
}
