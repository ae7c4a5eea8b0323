/** Archives and rooms in a dump of ejabberd's tables (`ejabberdctl dump FILE`, mod_mam and mod_muc with db_type mnesia); its export for XEP-0227 has neither. */
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type Element, escapeAttr, escapeText, utf8Decode } from '@parley/xml';
import { TransferError } from '../walk.ts';
import { Atom, parseTerm, type Term, TermSplitter, Tuple } from './erlang.ts';
import { elementOf, type More, type MoreMessage } from './more.ts';
import { type OtherRoom, roomOf } from './rooms.ts';

const TERM_BYTES = 16 * 1024 * 1024;

/** Where an entry lies in the file. */
interface Span {
  readonly offset: number;
  readonly length: number;
}
interface Place extends Span {
  /** Microseconds since the epoch: ejabberd's id, which also is the order. */
  readonly id: number;
}
interface RoomPlace extends Span {
  readonly local: string;
  readonly host: string;
}

export class EjabberdDump implements More {
  readonly #file: FileHandle;
  readonly #places: ReadonlyMap<string, Place[]>;
  readonly #rooms: readonly RoomPlace[];

  private constructor(file: FileHandle, places: ReadonlyMap<string, Place[]>, rooms: readonly RoomPlace[]) {
    this.#file = file;
    this.#places = places;
    this.#rooms = rooms;
  }

  /** Reads the dump once to see whose entries lie where. Throws TransferError. */
  static async open(path: string, domain: string): Promise<EjabberdDump> {
    const places = new Map<string, Place[]>();
    const rooms: RoomPlace[] = [];
    for await (const { text, offset } of termsOf(path)) {
      if (text.startsWith('{muc_room,')) {
        const [local, host] = roomTerm(text, path)?.name ?? [];
        if (local !== undefined && host !== undefined) rooms.push({ local, host, offset, length: text.length });
      }
      if (!text.startsWith('{archive_msg,')) continue;
      const entry = entryOf(text, path);
      // What rooms have said is under their own names.
      if (entry === undefined || entry.host !== domain) continue;
      const place = { id: entry.id, offset, length: text.length };
      const list = places.get(entry.local);
      if (list === undefined) places.set(entry.local, [place]);
      else list.push(place);
    }
    for (const list of places.values()) list.sort((a, b) => a.id - b.id);
    return new EjabberdDump(await open(path, 'r'), places, rooms);
  }

  async *of(local: string, left: (what: string) => void): AsyncIterable<MoreMessage> {
    for (const { id, ...span } of this.#places.get(local) ?? []) {
      const text = await this.#text(span);
      let message: Element | undefined;
      try {
        const entry = entryOf(text, '');
        message = entry === undefined ? undefined : elementOf(xmlOf(entry.packet));
      } catch {
        // Said below.
      }
      if (message === undefined) left('an archived message that cannot be read');
      else yield { kind: 'archived', id: String(id), at: Math.floor(id / 1000), message };
    }
  }

  async #text({ offset, length }: Span): Promise<string> {
    const { buffer } = await this.#file.read(Buffer.alloc(length), 0, length, offset);
    return buffer.toString('latin1');
  }

  /** Its export has them, as privacy lists. */
  async blocked(): Promise<readonly string[]> {
    return [];
  }

  async *rooms(service: string, left: (what: string) => void): AsyncIterable<OtherRoom> {
    const own = service.slice(service.indexOf('.'));
    const elsewhere = new Set(this.#rooms.filter(({ host }) => host !== service && host.endsWith(own)).map(({ host }) => host));
    for (const host of elsewhere) left(`rooms of ${host}: those of this server are at ${service} (features.muc.host)`);
    for (const { local, host, ...span } of this.#rooms) {
      if (host !== service) continue;
      const room = roomIn(local, roomTerm(await this.#text(span), '')?.options ?? []);
      if (room !== undefined) yield room;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** The terms of a dump with their places. Throws TransferError. */
async function* termsOf(path: string): AsyncGenerator<{ text: string; offset: number }> {
  const splitter = new TermSplitter();
  let rest = '';
  let offset = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 262_144 })) {
    const text = (chunk as Buffer).toString('latin1');
    const before = rest.length;
    const all = rest + text;
    let from = 0;
    for (const end of splitter.feed(text)) {
      const to = before + end;
      // Without the dot, and without the line breaks before it.
      const term = all.slice(from, to - 1);
      const begin = term.search(/\S/);
      if (begin >= 0) yield { text: term.slice(begin), offset: offset + from + begin };
      from = to;
    }
    rest = all.slice(from);
    offset += from;
    if (rest.length > TERM_BYTES)
      throw new TransferError(`${path}: this is no dump of ejabberd, or an entry is too large (near byte ${offset}).`);
  }
  if (rest.trim() !== '' && !/\.\s*$/.test(rest)) throw new TransferError(`${path}: the file ends before its time.`);
}

const textOf = (term: Term | undefined): string | undefined => (term instanceof Uint8Array ? utf8Decode(term) : undefined);

/** `{archive_msg, {User, Host}, Id, Timestamp, Peer, BarePeer, Packet, Nick, Type}`. Throws TransferError. */
function entryOf(text: string, path: string): { local: string; host: string; id: number; packet: Term } | undefined {
  let term: Term;
  try {
    term = parseTerm(text);
  } catch (error) {
    throw new TransferError(`${path}: an entry of the archive is not as ejabberd writes it (${(error as Error).message}).`);
  }
  if (!(term instanceof Tuple)) return undefined;
  const [, owner, id, , , , packet] = term.items;
  const [local, host] = owner instanceof Tuple ? owner.items.map(textOf) : [];
  const number = Number(textOf(id) ?? 'x');
  if (local === undefined || host === undefined || !Number.isSafeInteger(number) || packet === undefined) return undefined;
  return { local, host, id: number, packet };
}

/** `{muc_room, {Name, Host}, Options}`. Throws TransferError. */
function roomTerm(text: string, path: string): { name: [string, string]; options: readonly Term[] } | undefined {
  let term: Term;
  try {
    term = parseTerm(text);
  } catch (error) {
    throw new TransferError(`${path}: a room is not as ejabberd writes it (${(error as Error).message}).`);
  }
  const [, name, options] = term instanceof Tuple ? term.items : [];
  const [local, host] = name instanceof Tuple ? name.items.map(textOf) : [];
  return local === undefined || host === undefined || !Array.isArray(options)
    ? undefined
    : { name: [local, host], options: options as readonly Term[] };
}

/** Undefined for a room that goes when everybody has left. */
function roomIn(local: string, list: readonly Term[]): OtherRoom | undefined {
  const options = new Map(list.flatMap((one) => (one instanceof Tuple ? [[one.record, one.items[1]] as const] : [])));
  const flag = (name: string): boolean | undefined => {
    const value = options.get(name);
    return value instanceof Atom ? value.name === 'true' : undefined;
  };
  if (flag('persistent') !== true) return undefined;
  const told = (name: string): string | undefined => textOf(options.get(name));
  const subject = options.get('subject');
  // `[{text, Language, Text}]`; before 19.05 the text alone.
  const texts = Array.isArray(subject)
    ? (subject as Term[]).flatMap((one) => (one instanceof Tuple ? (textOf(one.items[2]) ?? []) : []))
    : [];
  const author = options.get('subject_author');
  const people = options.get('affiliations');
  return roomOf(local, {
    name: told('title'),
    description: told('description'),
    language: told('lang'),
    isPublic: flag('public'),
    membersOnly: flag('members_only'),
    moderated: flag('moderated'),
    password: flag('password_protected') === true ? told('password') : '',
    open: flag('anonymous') === undefined ? undefined : flag('anonymous') === false,
    changeSubject: flag('allow_change_subj'),
    allowInvites: flag('allow_user_invites'),
    allowPm: flag('allow_private_messages'),
    subject: {
      text: texts[0] ?? textOf(subject) ?? '',
      nick: textOf(author instanceof Tuple ? author.items[0] : author) ?? '',
      at: undefined,
    },
    people: Array.isArray(people) ? (people as Term[]).flatMap(personOf) : [],
  });
}

/** `{{User, Host, Resource}, Affiliation}` or `{…, {Affiliation, Reason}}`. */
function personOf(term: Term): { jid: string; affiliation: string; reason: string | undefined }[] {
  if (!(term instanceof Tuple)) return [];
  const [who, place] = term.items;
  const [user, host] = who instanceof Tuple ? who.items.map(textOf) : [];
  const [affiliation, reason] = place instanceof Tuple ? place.items : [place];
  if (user === undefined || host === undefined || !(affiliation instanceof Atom)) return [];
  return [{ jid: user === '' ? host : `${user}@${host}`, affiliation: affiliation.name, reason: textOf(reason) }];
}

/** `{xmlel, Name, Attributes, Children}` and `{xmlcdata, Text}` as XML. Throws when it is something else. */
function xmlOf(term: Term): string {
  if (!(term instanceof Tuple)) throw new TypeError('no element');
  const [, name, attributes, children] = term.items;
  if (term.record === 'xmlcdata') return escapeText(textOf(name) ?? '');
  const tag = textOf(name);
  if (term.record !== 'xmlel' || tag === undefined || !Array.isArray(attributes) || !Array.isArray(children))
    throw new TypeError('no element');
  const attrs = (attributes as Term[]).map((one) => {
    const [key, value] = one instanceof Tuple ? one.items.map(textOf) : [];
    if (key === undefined || value === undefined) throw new TypeError('no attribute');
    return ` ${key}="${escapeAttr(value)}"`;
  });
  return `<${tag}${attrs.join('')}>${(children as Term[]).map(xmlOf).join('')}</${tag}>`;
}
