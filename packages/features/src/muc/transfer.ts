/** Rooms for an export of the whole server, and back (lent as `roomTransfer`). XEP-0227 has no place for them; the shape is ours. */
import { StanzaError } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import { type Element, parseElement } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { accountOf } from './affiliations.ts';
import { pictureOf } from './avatar.ts';
import { configForm, DEFAULT_ROOM } from './config.ts';
import type { Hub } from './hub.ts';
import { nickKey } from './nick.ts';
import { configFrom } from './owner.ts';
import { isMember } from './rules.ts';
import type { RoomPerson, RoomTransfer, TransferredRoom } from './service.ts';
import type { AffiliationRecord, Hat, RoomRecord } from './store.ts';

const HATS = 100;
const REASON_LENGTH = 1024;

export function roomTransferOf(hub: Hub): RoomTransfer {
  return {
    domain: hub.domain,
    names: () => whenReady(hub.store.names(), (list) => list),
    read: (local) => read(hub, local),
    newMailbox: () => hub.store.newId(),
    isTaken: (local) => whenReady(hub.store.name(local), (name) => name !== undefined || hub.inMemory(local) !== undefined),
    make: (mailbox, room) => make(hub, mailbox, room),
  };
}

async function read(hub: Hub, local: string): Promise<(TransferredRoom & { readonly mailbox: number }) | undefined> {
  const id = (await hub.store.name(local))?.id;
  const record = id === undefined ? undefined : await hub.store.room(id);
  if (record === undefined || !record.config.persistent) return undefined;
  const people: RoomPerson[] = [];
  for (const { key, value } of await hub.store.affiliations(record.id)) {
    const { affiliation, nick, reason, since, read: seen } = value;
    if (affiliation === 'none') continue;
    // What was given to somebody who had the name before is nobody's.
    if (value.account !== undefined && (await accountOf(hub, key)) !== value.account) continue;
    people.push({ jid: key, affiliation, nick, reason, since, read: seen ?? 0 });
  }
  const card = await hub.store.vcard(record.id);
  return {
    local,
    mailbox: record.id,
    createdAt: record.createdAt,
    config: configForm(record.config, [], [], '', hub.timers !== undefined),
    subject: record.subject,
    hats: record.hats ?? [],
    worn: record.worn ?? {},
    vCard: card === undefined ? undefined : parseElement(card, undefined, ''),
    secret: record.secret,
    people,
  };
}

/** Makes the room that these entries were appended for. Answers what could not be taken. Throws StanzaError when there is no room for it. */
async function make(hub: Hub, mailbox: number, room: TransferredRoom): Promise<string[]> {
  const left: string[] = [];
  if (room.people.filter(({ affiliation }) => affiliation === 'owner').length === 0)
    throw new StanzaError('not-acceptable', { text: 'it has no owner' });
  const { config } = configFrom(hub, room.local, room.config, DEFAULT_ROOM);
  const people = new Map<string, AffiliationRecord>();
  const nicks = new Set<string>();
  for (const { jid, affiliation, nick, reason, since, read: seen } of room.people) {
    if (people.has(jid) || people.size >= hub.ctx.config.maxMembers) {
      left.push(`the place of ${jid}`);
      continue;
    }
    const account = await accountOf(hub, jid);
    const name = nick === undefined || !isMember(affiliation) || nicks.has(nickKey(nick)) ? undefined : nick;
    if (name !== undefined) nicks.add(nickKey(name));
    people.set(jid, {
      affiliation,
      changed: 1,
      since,
      ...(account === undefined ? undefined : { account }),
      ...(name === undefined ? undefined : { nick: name }),
      ...(reason === undefined ? undefined : { reason: reason.slice(0, REASON_LENGTH) }),
      ...(seen > 0 ? { read: seen } : undefined),
    });
  }
  const picture = await takePicture(hub, room, left);
  const hats: Hat[] = room.hats.slice(0, HATS).map(({ uri, title, hue }) => ({ uri, title, ...(hue === undefined ? undefined : { hue }) }));
  const worn = Object.fromEntries(Object.entries(room.worn).filter(([jid]) => people.has(jid)));
  const record: RoomRecord = {
    id: mailbox,
    local: room.local,
    createdAt: room.createdAt,
    config: { ...config, persistent: true },
    ...(room.subject === undefined ? undefined : { subject: room.subject }),
    version: 1,
    avatar: picture?.avatar ?? '',
    secret: /^[0-9a-f]{32}$/.test(room.secret) ? room.secret : hub.newSecret(),
    ...(hats.length === 0 ? undefined : { hats, worn }),
  };
  // Somebody may have made one of this name since it was asked.
  if ((await hub.store.name(room.local)) !== undefined || hub.inMemory(room.local) !== undefined)
    throw new StanzaError('conflict', { text: 'there is such a room' });
  hub.store.save(record);
  for (const [jid, person] of people) hub.store.saveAffiliation(mailbox, jid, person);
  if (picture !== undefined) hub.store.setVcard(mailbox, picture.text);
  return left;
}

function takePicture(hub: Hub, room: TransferredRoom, left: string[]): Awaitable<{ text: string; avatar: string } | undefined> {
  const card: Element | undefined = room.vCard;
  if (card === undefined) return undefined;
  try {
    return pictureOf(hub, room.local, card);
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
    left.push('its vCard');
    return undefined;
  }
}
