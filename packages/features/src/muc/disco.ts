/** What the service and its rooms say of themselves (XEP-0045 §6, §7.12; XEP-0030, XEP-0128, XEP-0433). */
import { HourlyLimit, type Session } from '@parley/core';
import {
  type DataField,
  type DataForm,
  decodeDataForm,
  decodeRsmRequest,
  encodeDataForm,
  encodeDiscoInfo,
  encodeDiscoItems,
  encodeRsmResult,
  formType,
  formValue,
  formValues,
  NS,
  StanzaError,
} from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import { type Element, el } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { configFeatures, TIMER_FIELD } from './config.ts';
import type { Hub } from './hub.ts';
import type { Room } from './room.ts';

const SERVICE_FEATURES = [
  NS.discoInfo,
  NS.discoItems,
  NS.muc,
  NS.mucStableId,
  NS.register,
  NS.vcard,
  NS.occupantId,
  NS.channelSearch,
  NS.ping,
  NS.groups,
  NS.rsm,
];
const ROOM_FEATURES = [
  NS.discoInfo,
  NS.discoItems,
  NS.muc,
  NS.mucStableId,
  NS.mucRequest,
  NS.mucSelfPing,
  NS.register,
  NS.vcard,
  NS.occupantId,
  NS.affiliationVersion,
  NS.moderation,
  NS.retraction,
  NS.tombstone,
  NS.hats,
  NS.sid,
  NS.mam,
  NS.mamExtended,
  NS.groups,
];
const PAGE = 100;
const SEARCHES = 600;

export function serviceInfo(node: string): Element {
  if (node !== '') throw new StanzaError('item-not-found');
  return encodeDiscoInfo({ identities: [{ category: 'conference', type: 'text', name: 'Group chats' }], features: [...SERVICE_FEATURES] });
}

/** `search`: its archive can be searched by text (XEP-0431); `timers`: its messages can disappear (XEP-0466). */
export function roomInfo(room: Room, { search, timers }: { search: boolean; timers: boolean }): Element {
  const { config } = room;
  const identity = { category: 'conference', type: 'text', name: config.name === '' ? room.record.local : config.name };
  return encodeDiscoInfo({
    identities: [identity],
    features: [...ROOM_FEATURES, ...(search ? [NS.fulltext] : []), ...(timers ? [NS.ephemeral] : []), ...configFeatures(config)],
    forms: [infoForm(room)],
  });
}

function infoForm(room: Room): DataForm {
  const { config, record } = room;
  const field = (name: string, value: string, type: DataField['type'] = 'text-single', label?: string): DataField => ({
    var: name,
    type,
    ...(label === undefined ? undefined : { label }),
    values: [value],
  });
  const fields: DataField[] = [
    { var: 'FORM_TYPE', type: 'hidden', values: [NS.mucInfo] },
    field('muc#roomconfig_roomname', config.name, 'text-single', 'Name'),
    field('muc#roominfo_description', config.description, 'text-single', 'Description'),
    field('muc#roominfo_occupants', String(room.occupants.size), 'text-single', 'Number of occupants'),
    field('muc#roominfo_lang', config.lang, 'text-single', 'Language of discussion'),
    field('muc#roomconfig_changesubject', config.changeSubject ? '1' : '0', 'boolean'),
    field('muc#roomconfig_allowinvites', config.allowInvites ? '1' : '0', 'boolean'),
    field('muc#roomconfig_allowpm', config.allowPm),
    field('muc#maxhistoryfetch', String(config.maxHistory)),
    field('muc#roominfo_slow_mode_duration', String(config.slowMode)),
  ];
  if (config.timer !== undefined) fields.push(field(TIMER_FIELD, String(config.timer)));
  // What is talked about in a group is not for those outside.
  if (!config.membersOnly && record.subject !== undefined) fields.push(field('muc#roominfo_subject', record.subject.text));
  if (record.avatar !== '')
    fields.push({ var: 'muc#roominfo_avatarhash', type: 'text-multi', label: 'Avatar hash', values: [record.avatar] });
  const hats = record.hats ?? [];
  if (hats.length > 0) fields.push(field('hats#hash', hatsHash(hats.map(({ uri }) => uri)), 'text-single', 'Hats hash'));
  return { type: 'result', fields };
}

/** XEP-0317 §2: how it is made is the room's to say; FNV-1a of the URIs. */
function hatsHash(uris: readonly string[]): string {
  let hash = 0x811c9dc5;
  for (const char of uris.join('\n')) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
}

/** §7.12: the nickname that is registered for who asks. */
export function reservedNick(room: Room, session: Session): Element {
  const nick = room.nickOf(session.bare);
  return encodeDiscoInfo({
    node: 'x-roomuser-item',
    identities: nick === undefined ? [] : [{ category: 'conference', type: 'text', name: nick }],
    features: [],
  });
}

/** §6.5: who is there is for those who are there. */
export function roomItems(hub: Hub, room: Room, session: Session): Element {
  const seat = room.seat(session);
  if (seat === undefined) return encodeDiscoItems({ items: [] });
  const items = [...room.occupants.values()]
    .filter((occupant) => hub.shows(room, occupant.role))
    .map((occupant) => ({ jid: room.addressOf(occupant.nick) }));
  return encodeDiscoItems({ items });
}

/** §6.3: the public rooms, a page at a time; hidden ones are nowhere in it, and count nowhere. */
export function serviceItems(hub: Hub, payload: Element): Awaitable<Element> {
  const set = payload.child('set', NS.rsm);
  const page = set === undefined ? {} : decodeRsmRequest(set);
  if (page === undefined) throw new StanzaError('bad-request', { text: 'The result set request is not valid.' });
  return whenReady(hub.store.publicRooms(), (rooms) => {
    const max = Math.min(page.max ?? PAGE, PAGE);
    const { items, rsm, all } = cut(rooms, (room) => room.local, page, max);
    const query = encodeDiscoItems({
      items: items.map(({ local, name }) => ({ jid: `${local}@${hub.domain}`, name: name === '' ? local : name })),
    });
    return all && set === undefined ? query : query.append(rsm);
  });
}

interface Page {
  readonly max?: number;
  readonly after?: string;
  readonly before?: string;
}

/** One page of a sorted list (XEP-0059). */
function cut<T>(
  list: readonly T[],
  idOf: (one: T) => string,
  page: Page,
  max: number,
): { items: readonly T[]; rsm: Element; all: boolean } {
  let from = 0;
  let to = list.length;
  if (page.after !== undefined && page.after !== '') {
    from = list.findIndex((one) => idOf(one) === page.after) + 1;
    if (from === 0) throw new StanzaError('item-not-found');
  }
  if (page.before !== undefined && page.before !== '') {
    to = list.findIndex((one) => idOf(one) === page.before);
    if (to < 0) throw new StanzaError('item-not-found');
  }
  if (page.before !== undefined) from = Math.max(from, to - max);
  else to = Math.min(to, from + max);
  const items = list.slice(from, to);
  const [first, last] = [items[0], items[items.length - 1]];
  const rsm = encodeRsmResult({
    count: list.length,
    ...(first === undefined || last === undefined ? undefined : { first: idOf(first), firstIndex: from, last: idOf(last) }),
  });
  return { items, rsm, all: items.length === list.length };
}

// --- XEP-0433 ---

const ORDER_USERS = `{${NS.channelSearchOrder}}nusers`;
const ORDER_ADDRESS = `{${NS.channelSearchOrder}}address`;
const TYPE = 'xep-0045';

export function searchForm(): Element {
  const flag = (name: string, label: string): DataField => ({ var: name, type: 'boolean', label, values: ['true'] });
  const form: DataForm = {
    type: 'form',
    fields: [
      { var: 'FORM_TYPE', type: 'hidden', values: [NS.channelSearchForm] },
      { var: 'q', type: 'text-single', label: 'Search for', values: [] },
      { var: 'all', type: 'boolean', label: 'Return all entries', values: [] },
      flag('sinname', 'Search in name'),
      flag('sindescription', 'Search in description'),
      flag('sinaddr', 'Search in address'),
      { var: 'min_users', type: 'text-single', label: 'Minimum number of users', values: ['0'] },
      { var: 'types', type: 'list-multi', label: 'Service types', values: [TYPE], options: [{ value: TYPE, label: 'Group chats' }] },
      {
        var: 'key',
        type: 'list-single',
        label: 'Sort results by',
        values: [ORDER_USERS],
        options: [
          { value: ORDER_USERS, label: 'Number of online users' },
          { value: ORDER_ADDRESS, label: 'Address' },
        ],
      },
    ],
  };
  return el('search', { xmlns: NS.channelSearch }, encodeDataForm(form));
}

export class Searches {
  readonly #limit = new HourlyLimit(SEARCHES);

  run(hub: Hub, session: Session, payload: Element): Awaitable<Element> {
    const set = payload.child('set', NS.rsm);
    const page = set === undefined ? {} : decodeRsmRequest(set);
    const form = decodeDataForm(payload.child('x', NS.dataForms));
    if (page === undefined || form === undefined || formType(form) !== NS.channelSearchForm) throw new StanzaError('bad-request');
    const refuse = (condition: 'bad-request' | 'feature-not-implemented', name: string): never => {
      throw new StanzaError(condition, { type: 'modify', extra: el(name, { xmlns: NS.channelSearchErrors }) });
    };
    const wait = this.#limit.take(session.bare, hub.now);
    if (wait > 0)
      throw new StanzaError('resource-constraint', {
        type: 'wait',
        extra: el('rate-limit', { xmlns: NS.channelSearchErrors, 'retry-after': String(Math.ceil(wait / 1000)) }),
      });
    const isSet = (name: string, otherwise: boolean): boolean => {
      const value = formValue(form, name);
      return value === undefined ? otherwise : value === 'true' || value === '1';
    };
    const q = formValue(form, 'q')?.trim();
    const all = isSet('all', false);
    if (all && q !== undefined && q !== '') refuse('bad-request', 'conflicting-fields');
    if (!all && q === undefined) refuse('bad-request', 'no-search-conditions');
    const terms = (q ?? '')
      .toLowerCase()
      .split(/\s+/)
      .filter((term) => term !== '');
    if (!all && (terms.length === 0 || terms.some((term) => [...term].length < 2) || terms.length > 8))
      refuse('bad-request', 'invalid-search-terms');
    const key = formValue(form, 'key') ?? ORDER_USERS;
    if (key !== ORDER_USERS && key !== ORDER_ADDRESS) refuse('feature-not-implemented', 'invalid-sort-key');
    const least = Number(formValue(form, 'min_users') ?? '0');
    const types = formValues(form, 'types');
    return whenReady(hub.store.publicRooms(), (rooms) => {
      const found = rooms
        .map((room) => ({ ...room, address: `${room.local}@${hub.domain}`, users: hub.inMemory(room.local)?.occupants.size ?? 0 }))
        .filter((room) => {
          if (types !== undefined && types.length > 0 && !types.includes(TYPE)) return false;
          if (!(room.users >= least)) return false;
          const text = [
            isSet('sinname', true) ? room.name : '',
            isSet('sindescription', true) ? room.description : '',
            isSet('sinaddr', true) ? room.address : '',
          ]
            .join('\n')
            .toLowerCase();
          return terms.every((term) => text.includes(term));
        });
      if (key === ORDER_USERS) found.sort((a, b) => b.users - a.users || (a.address < b.address ? -1 : 1));
      const { items, rsm } = cut(found, (room) => room.address, page, Math.min(page.max ?? PAGE, PAGE));
      return el(
        'result',
        { xmlns: NS.channelSearch },
        ...items.map((room) =>
          el(
            'item',
            { address: room.address },
            el('name', null, room.name === '' ? room.local : room.name),
            room.description === '' ? undefined : el('description', null, room.description),
            room.lang === '' ? undefined : el('language', null, room.lang),
            el('nusers', null, String(room.users)),
            el('service-type', null, TYPE),
            room.open ? el('is-open') : undefined,
          ),
        ),
        rsm,
      );
    });
  }
}
