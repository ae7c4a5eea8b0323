// Words for the stories about rooms: who comes in, who hears what.
import assert from 'node:assert/strict';
import type { TestServer } from '../support/server.ts';
import { bodyOf, newUser, present, quietly, says, stanzaIds } from './messages.ts';
import { type Heard, message, type Person, presence, type Wanted } from './people.ts';

export const HOST = 'conference.localhost';
export const NS_MUC = 'http://jabber.org/protocol/muc';
export const NS_USER = `${NS_MUC}#user`;
export const NS_ADMIN = `${NS_MUC}#admin`;
export const NS_OWNER = `${NS_MUC}#owner`;
export const NS_GROUPS = 'urn:parley:groups:0';
export const NS_FORM = 'jabber:x:data';
export const NS_MAM = 'urn:xmpp:mam:2';

let rooms = 0;
export const newRoom = (): string => `room${++rooms}@${HOST}`;

export const user = (heard: Heard): Heard | undefined => heard.child('x', NS_USER);
export const item = (heard: Heard): Readonly<Record<string, string>> => user(heard)?.child('item')?.attrs ?? {};
export const codes = (heard: Heard): string[] => (user(heard)?.all('status') ?? []).map((status) => status.attrs['code'] ?? '').sort();
export const has = (code: string) => (heard: Heard) => codes(heard).includes(code);

/** The presence that ends joining (§7.1), or the refusal. */
export const self = (room: string): Wanted => ({
  name: 'presence',
  where: (heard) => (heard.attrs['from'] ?? '').startsWith(`${room}/`) && (has('110')(heard) || heard.attrs['type'] === 'error'),
});
export const subjectOf = (room: string): Wanted => ({
  name: 'message',
  where: (heard) =>
    (heard.attrs['from'] ?? '').split('/')[0] === room && heard.child('subject') !== undefined && heard.child('body') === undefined,
});
export const occupant = (room: string, nick: string, attrs: Record<string, string | undefined> = {}): Wanted =>
  presence({ from: `${room}/${nick}`, ...attrs });

/** Comes in and has heard everything that comes with it; answers the own presence. */
export async function join(person: Person, room: string, nick: string, inside = ''): Promise<Heard> {
  person.send(`<presence to='${room}/${nick}'><x xmlns='${NS_MUC}'>${inside}</x></presence>`);
  const own = await person.take(self(room));
  assert.equal(own.attrs['type'], undefined, `${nick} cannot come in: ${own}`);
  await person.take(subjectOf(room));
  return own;
}

/** Tries to come in; answers the condition of the error. */
export async function refusedEntry(person: Person, room: string, nick: string, inside = ''): Promise<string | undefined> {
  person.send(`<presence to='${room}/${nick}'><x xmlns='${NS_MUC}'>${inside}</x></presence>`);
  return (await person.take(self(room))).error;
}

export const field = (name: string, ...values: string[]): string =>
  `<field var='${name}'>${values.map((value) => `<value>${value}</value>`).join('')}</field>`;
export const config = (name: string, ...values: string[]): string => field(`muc#roomconfig_${name}`, ...values);

export function configure(person: Person, room: string, fields = ''): Promise<Heard> {
  const type = fields === '' ? '' : field('FORM_TYPE', `${NS_MUC}#roomconfig`);
  return person.ask('set', `<query xmlns='${NS_OWNER}'><x xmlns='${NS_FORM}' type='submit'>${type}${fields}</x></query>`, room);
}

export function admin(person: Person, room: string, items: string): Promise<Heard> {
  return person.ask('set', `<query xmlns='${NS_ADMIN}'>${items}</query>`, room);
}
export function list(person: Person, room: string, what: string): Promise<Heard> {
  return person.ask('get', `<query xmlns='${NS_ADMIN}'><item ${what}/></query>`, room);
}

export const groupchat = (room: string, text: string, more = ''): string =>
  `<message to='${room}' type='groupchat' id='m-${text}'><body>${text}</body>${more}</message>`;

/** Ann has made a room and is in it; `fields` as in its form. */
export async function annsRoom(server: TestServer, fields = ''): Promise<{ ann: Person; room: string }> {
  const ann = await present(server, await newUser(server, 'ann'), 'a');
  const room = newRoom();
  await join(ann, room, 'Ann');
  const answer = await configure(ann, room, fields);
  assert.equal(answer.attrs['type'], 'result', String(answer));
  await ann.forget();
  return { ann, room };
}

/** Somebody else, in the room. */
export async function guest(server: TestServer, room: string, nick: string, prefix = nick.toLowerCase()): Promise<Person> {
  const person = await present(server, await newUser(server, prefix), 'x');
  await join(person, room, nick);
  await person.forget();
  return person;
}

export async function takeGroups(person: Person, after?: string): Promise<Heard> {
  const answer = await person.ask('set', `<enable xmlns='${NS_GROUPS}'${after === undefined ? '' : ` after='${after}'`}/>`);
  assert.equal(answer.attrs['type'], 'result', String(answer));
  return answer;
}

/** A group made by one request, with members. */
export async function makeGroup(person: Person, members: readonly string[] = [], fields = ''): Promise<string> {
  const room = newRoom();
  const all = `${fields}${members.length === 0 ? '' : field(`{${NS_GROUPS}}members`, ...members)}`;
  const answer = await configure(person, room, all === '' ? config('roomname', 'Team') : all);
  assert.equal(answer.attrs['type'], 'result', String(answer));
  return room;
}

/** The texts of the group messages in the inbox, in the order they came. */
export const groupTexts = (person: Person): string[] =>
  person.inbox.filter((one) => one.attrs['type'] === 'groupchat' && bodyOf(one) !== undefined).map((one) => bodyOf(one) ?? '');

/** The account is told of a group of its. */
export const notice = (room: string): Wanted => ({
  ...message({ from: room, type: 'headline' }),
  where: (heard) => heard.child('group', NS_GROUPS) !== undefined,
});

/** A device that takes the groups of its account, with XEP-0198. */
export async function device(server: TestServer, name: string, resource: string): Promise<{ person: Person; id: string }> {
  const person = await quietly(server, name, resource);
  const id = await person.makeResumable();
  await takeGroups(person);
  person.send('<presence/>');
  await person.settled();
  return { person, id };
}

/** Says this in the room; answers the ids that the room gave. */
export async function said(person: Person, room: string, ...texts: string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const text of texts) {
    person.send(groupchat(room, text));
    ids.push(stanzaIds(await person.take(says(text)), room)[0] ?? '');
  }
  return ids;
}

// --- the archive of a room (XEP-0313) ---

export const mamForm = (fields: string): string => `<x xmlns='${NS_FORM}' type='submit'>${field('FORM_TYPE', NS_MAM)}${fields}</x>`;
export const forwarded = (heard: Heard): Heard | undefined => heard.child('result', NS_MAM)?.child('forwarded')?.child('message');

export interface Page {
  readonly answer: Heard;
  readonly results: Heard[];
  readonly messages: Heard[];
}
export async function roomArchive(person: Person, room: string, inside = ''): Promise<Page> {
  const answer = await person.ask('set', `<query xmlns='${NS_MAM}' queryid='q'>${inside}</query>`, room);
  const results = person.inbox.filter((one) => one.attrs['from'] === room && one.child('result', NS_MAM) !== undefined);
  for (const one of results) person.inbox.splice(person.inbox.indexOf(one), 1);
  return { answer, results, messages: results.flatMap((one) => forwarded(one) ?? []) };
}
export const bodies = (page: Page): string[] => page.messages.map((one) => bodyOf(one) ?? '').filter((text) => text !== '');
