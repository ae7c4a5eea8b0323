/** Hats: what somebody is in this room beyond the affiliation (XEP-0317), managed by commands (XEP-0050). */
import type { Session } from '@parley/core';
import {
  type DataField,
  decodeDataForm,
  encodeDataForm,
  encodeMucUser,
  formValue,
  formValues,
  Jid,
  NS,
  StanzaError,
} from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import type { Hub } from './hub.ts';
import type { Room } from './room.ts';
import { isAdmin } from './rules.ts';
import type { Hat } from './store.ts';

const COMMANDS = 'http://jabber.org/protocol/commands';
const NODE = 'urn:xmpp:hats:commands:';
const FORM = 'urn:xmpp:hats:commands';
const MOST_HATS = 50;
const MOST_WEARERS = 500;

type Wanted = Readonly<Record<string, string>>;

const text = (name: string, label: string, required = true): DataField => ({
  var: name,
  type: 'text-single',
  label,
  values: [],
  ...(required ? { required: true } : undefined),
});
const hatChoice = (room: Room): DataField => ({
  var: 'hats#uri',
  type: 'list-single',
  label: 'The role',
  values: [],
  options: (room.record.hats ?? []).map(({ uri, title }) => ({ value: uri, label: title })),
});
const person: DataField = { var: 'hats#jid', type: 'jid-single', label: 'User Address', values: [], required: true };

interface Command {
  readonly title: string;
  /** Fields that are asked for; undefined for a list, which is answered at once. */
  readonly fields: ((room: Room) => DataField[]) | undefined;
  run(hub: Hub, room: Room, wanted: Wanted): Element | undefined;
}

function bad(room: Room, words: string): never {
  throw new StanzaError('bad-request', { by: room.bare, text: words });
}

function hatOf(room: Room, wanted: Wanted): Hat {
  // The form of §3.3 calls the field `hat`, the request `hats#uri`.
  const uri = wanted['hats#uri'] ?? wanted['hat'];
  const hat = (room.record.hats ?? []).find((one) => one.uri === uri);
  if (hat === undefined) throw new StanzaError('item-not-found', { by: room.bare, text: 'There is no such hat.' });
  return hat;
}
function personOf(room: Room, wanted: Wanted): string {
  const jid = Jid.tryParse(wanted['hats#jid'] ?? '');
  if (jid === undefined) throw new StanzaError('jid-malformed', { by: room.bare });
  return jid.bare;
}

/** Those who wear it are shown with it, or without. */
function refresh(hub: Hub, room: Room, bares: ReadonlySet<string>): void {
  for (const occupant of room.occupants.values()) if (bares.has(occupant.bare)) hub.tellAll(room, occupant, {});
}
function changed(hub: Hub, room: Room): void {
  hub.notice(room, el('message', { from: room.bare, type: 'groupchat', id: hub.newId() }, encodeMucUser({ statuses: [104] })));
}

const COMMAND_LIST: Readonly<Record<string, Command>> = {
  create: {
    title: 'Create a hat',
    fields: () => [text('hats#title', 'Hat Title'), text('hats#uri', 'Hat URI'), text('hats#hue', 'Hat Hue', false)],
    run(hub, room, wanted) {
      const { 'hats#title': title = '', 'hats#uri': uri = '', 'hats#hue': hue } = wanted;
      if (title.trim() === '' || title.length > 64 || uri === '' || uri.length > 256) bad(room, 'A hat has a title and a URI.');
      if (hue !== undefined && hue !== '' && !(/^\d{1,3}(?:\.\d{1,8})?$/.test(hue) && Number(hue) <= 360))
        bad(room, 'The hue is an angle.');
      const others = (room.record.hats ?? []).filter((one) => one.uri !== uri);
      if (others.length >= MOST_HATS) throw new StanzaError('resource-constraint', { by: room.bare, text: `At most ${MOST_HATS} hats.` });
      hub.update(room, { hats: [...others, { uri, title, ...(hue === undefined || hue === '' ? undefined : { hue }) }] });
      changed(hub, room);
      refresh(hub, room, new Set(Object.entries(room.record.worn ?? {}).flatMap(([bare, uris]) => (uris.includes(uri) ? [bare] : []))));
      return undefined;
    },
  },
  destroy: {
    title: 'Destroy a hat',
    fields: (room) => [hatChoice(room)],
    run(hub, room, wanted) {
      const { uri } = hatOf(room, wanted);
      const wearers = new Set<string>();
      const worn: Record<string, readonly string[]> = {};
      for (const [bare, uris] of Object.entries(room.record.worn ?? {})) {
        if (uris.includes(uri)) wearers.add(bare);
        const rest = uris.filter((one) => one !== uri);
        if (rest.length > 0) worn[bare] = rest;
      }
      hub.update(room, { hats: (room.record.hats ?? []).filter((one) => one.uri !== uri), worn });
      changed(hub, room);
      refresh(hub, room, wearers);
      return undefined;
    },
  },
  list: {
    title: 'Hats',
    fields: undefined,
    run: (_, room) =>
      table(
        ['hats#title', 'hats#uri', 'hats#hue'],
        (room.record.hats ?? []).map(({ title, uri, hue }) => [title, uri, hue ?? '']),
      ),
  },
  assign: {
    title: 'Assign a hat',
    fields: (room) => [person, hatChoice(room)],
    run(hub, room, wanted) {
      const { uri } = hatOf(room, wanted);
      const bare = personOf(room, wanted);
      const now = room.record.worn ?? {};
      if (!Object.hasOwn(now, bare) && Object.keys(now).length >= MOST_WEARERS)
        throw new StanzaError('resource-constraint', { by: room.bare, text: `At most ${MOST_WEARERS} people wear hats.` });
      hub.update(room, { worn: { ...now, [bare]: [...(now[bare] ?? []).filter((one) => one !== uri), uri] } });
      refresh(hub, room, new Set([bare]));
      return undefined;
    },
  },
  unassign: {
    title: 'Remove a hat',
    fields: (room) => [person, hatChoice(room)],
    run(hub, room, wanted) {
      const { uri } = hatOf(room, wanted);
      const bare = personOf(room, wanted);
      const { [bare]: uris = [], ...others } = room.record.worn ?? {};
      const rest = uris.filter((one) => one !== uri);
      hub.update(room, { worn: rest.length === 0 ? others : { ...others, [bare]: rest } });
      refresh(hub, room, new Set([bare]));
      return undefined;
    },
  },
  'list-assigned': {
    title: 'Assigned hats',
    fields: undefined,
    run: (_, room) =>
      table(
        ['hats#jid', 'hats#uri', 'hats#title'],
        Object.entries(room.record.worn ?? {}).flatMap(([bare, uris]) =>
          uris.map((uri) => [bare, uri, (room.record.hats ?? []).find((hat) => hat.uri === uri)?.title ?? '']),
        ),
      ),
  },
};

function table(columns: readonly string[], rows: readonly (readonly string[])[]): Element {
  return encodeDataForm({
    type: 'result',
    fields: [],
    reported: columns.map((name) => ({ var: name, type: 'text-single', values: [] })),
    items: rows.map((row) => columns.map((name, i) => ({ var: name, values: [row[i] ?? ''] }))),
  });
}

/** One command of XEP-0317 §3; a request with a filled form runs at once. */
export function hatCommand(hub: Hub, room: Room, session: Session, payload: Element): Element {
  const node = payload.attr('node') ?? '';
  const name = node.startsWith(NODE) ? node.slice(NODE.length) : '';
  const command = Object.hasOwn(COMMAND_LIST, name) ? COMMAND_LIST[name] : undefined;
  if (command === undefined) throw new StanzaError('item-not-found', { by: room.bare, text: 'There is no such command.' });
  // The list of hats is for everybody who is there; who wears what shows addresses.
  const allowed =
    name === 'list' ? room.seats.has(session) || isAdmin(hub.affiliation(room, session)) : isAdmin(hub.affiliation(room, session));
  if (!allowed) throw new StanzaError('forbidden', { by: room.bare });
  const sessionid = payload.attr('sessionid')?.slice(0, 64) ?? hub.newId();
  const answer = (status: string, content?: Element): Element => el('command', { xmlns: COMMANDS, node, sessionid, status }, content);
  if (payload.attr('action') === 'cancel') return answer('canceled');
  const x = payload.child('x', NS.dataForms);
  const form = x === undefined ? undefined : decodeDataForm(x);
  if (x !== undefined && form?.type !== 'submit') bad(room, 'The form is not a submitted one.');
  if (command.fields !== undefined && form === undefined) {
    const fields: DataField[] = [{ var: 'FORM_TYPE', type: 'hidden', values: [FORM] }, ...command.fields(room)];
    return answer('executing', encodeDataForm({ type: 'form', title: command.title, fields }));
  }
  const wanted: Record<string, string> = {};
  for (const field of form?.fields ?? []) {
    if ((formValues(form as NonNullable<typeof form>, field.var ?? '')?.length ?? 0) > 1) bad(room, 'One at a time.');
    if (field.var !== undefined) wanted[field.var] = formValue(form as NonNullable<typeof form>, field.var) ?? '';
  }
  return answer('completed', command.run(hub, room, wanted));
}

/** The commands, for disco#items of the room (XEP-0050 §2.2). */
export const HAT_COMMANDS = Object.entries(COMMAND_LIST).map(([name, { title }]) => ({ node: `${NODE}${name}`, name: title }));
