/** Messages that wait, block lists and rooms, in Prosody's own data folder; its migrator leaves them out. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { NS, parseDateTime } from '@parley/protocol';
import { escapeAttr, escapeText, utf8Decode } from '@parley/xml';
import { TransferError } from '../walk.ts';
import { type LuaTable, type LuaValue, parseItems, parseReturn } from './lua.ts';
import { elementOf, type More, type MoreMessage } from './more.ts';
import { type OtherRoom, roomOf } from './rooms.ts';

/** Of what waits for one account. */
const LIST_BYTES = 128 * 1024 * 1024;
/** Of one room, or one block list. */
const TABLE_BYTES = 32 * 1024 * 1024;

/** Names of files are those of accounts and hosts with everything but letters and digits in hexadecimal. */
const encoded = (name: string): string =>
  [...new TextEncoder().encode(name)]
    .map((byte) => (/[A-Za-z0-9]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`))
    .join('');
const decoded = (name: string): string =>
  utf8Decode(
    Uint8Array.from(
      name.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
      (char) => char.charCodeAt(0),
    ),
  );

export class ProsodyData implements More {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** `path`: the data folder, or that of the host in it. Throws TransferError. */
  static async open(path: string, domain: string): Promise<ProsodyData> {
    const host = encoded(domain);
    const names = await readdir(path);
    if (names.includes(host)) return new ProsodyData(join(path, host));
    if (basename(path) === host) return new ProsodyData(path);
    throw new TransferError(`${path} is not the data folder of Prosody for ${domain}: there is no folder ${host} in it.`);
  }

  async *of(local: string, left: (what: string) => void): AsyncIterable<MoreMessage> {
    const path = join(this.#folder, 'offline', `${encoded(local)}.list`);
    const info = await stat(path).catch(() => undefined);
    if (info === undefined) return;
    if (info.size > LIST_BYTES) return left(`what waits in ${path}: the file is too large`);
    let items: LuaTable[];
    try {
      items = parseItems(await readFile(path, 'latin1'));
    } catch (error) {
      return left(`what waits in ${path}: ${(error as Error).message}`);
    }
    for (const item of items) {
      try {
        const stamp = text(attributesOf(item)?.get('stamp'));
        const when = item.fields.get('when');
        const at = parseDateTime(stamp ?? '') ?? (typeof when === 'number' ? when * 1000 : undefined);
        if (at === undefined) throw new TypeError('no time');
        yield { kind: 'waiting', at, message: elementOf(xmlOf(item, true)) };
      } catch {
        left('a message that waits and cannot be read');
      }
    }
  }

  async blocked(local: string, left: (what: string) => void): Promise<readonly string[]> {
    const table = await tableIn(join(this.#folder, 'blocklist', `${encoded(local)}.dat`), left);
    // Under `false` it keeps when the list was changed.
    return [...(table?.fields ?? [])].flatMap(([key, value]) => (key === 'false' || value === false ? [] : (text(key) ?? [])));
  }

  async *rooms(service: string, left: (what: string) => void): AsyncIterable<OtherRoom> {
    const all = dirname(this.#folder);
    const own = basename(this.#folder);
    for (const folder of (await readdir(all)).sort()) {
      if (!folder.endsWith(`%2e${own}`)) continue;
      const names = (await readdir(join(all, folder, 'config')).catch((): string[] => [])).filter((name) => name.endsWith('.dat')).sort();
      if (names.length > 0 && folder !== encoded(service)) {
        left(`rooms of ${decoded(folder)}: those of this server are at ${service} (features.muc.host)`);
        continue;
      }
      for (const name of names) {
        const table = await tableIn(join(all, folder, 'config', name), left);
        const room = table === undefined ? undefined : roomIn(decoded(name.slice(0, -4)), table);
        if (room !== undefined) yield room;
      }
    }
  }

  async close(): Promise<void> {}
}

/** The table of a file; undefined when there is none, or when it cannot be read, which is said. */
async function tableIn(path: string, left: (what: string) => void): Promise<LuaTable | undefined> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return undefined;
  if (info.size > TABLE_BYTES) return void left(`${path}: the file is too large`);
  try {
    return parseReturn(await readFile(path, 'latin1'));
  } catch (error) {
    return void left(`${path}: ${(error as Error).message}`);
  }
}

/** A room as mod_muc keeps it (0.11 and newer); undefined for one that goes when everybody has left. */
function roomIn(local: string, { fields }: LuaTable): OtherRoom | undefined {
  const tableOf = (value: LuaValue | undefined): ReadonlyMap<string, LuaValue> => (typeof value === 'object' ? value.fields : new Map());
  const data = tableOf(fields.get('_data'));
  if (data.get('persistent') !== true) return undefined;
  // A flag that is not there is not set.
  const flag = (name: string): boolean => data.get(name) === true;
  const from = text(data.get('subject_from')) ?? '';
  const when = data.get('subject_time');
  const notes = tableOf(fields.get('_affiliation_data'));
  // Beside the rest, or in a table of their own.
  const places = [...tableOf(fields.get('_affiliations')), ...[...fields].filter(([key]) => !key.startsWith('_'))];
  return roomOf(local, {
    name: text(data.get('name')),
    description: text(data.get('description')),
    language: text(data.get('language')),
    isPublic: !flag('hidden'),
    membersOnly: flag('members_only'),
    moderated: flag('moderated'),
    password: text(data.get('password')) ?? '',
    open: data.get('whois') === 'anyone',
    changeSubject: flag('changesubject'),
    allowInvites: flag('allow_member_invites'),
    subject: {
      text: text(data.get('subject')) ?? '',
      nick: from.slice(from.indexOf('/') + 1),
      at: typeof when === 'number' ? when * 1000 : undefined,
    },
    people: places.flatMap(([jid, affiliation]) => {
      const note = tableOf(notes.get(jid));
      const [name, reason] = [text(note.get('reserved_nickname')), text(note.get('reason'))];
      return typeof affiliation === 'string' ? [{ jid: text(jid) ?? '', affiliation, nick: name, reason }] : [];
    }),
  });
}

/** Strings are bytes, one to a character. */
const text = (value: LuaValue | undefined): string | undefined =>
  typeof value === 'string' ? utf8Decode(Uint8Array.from(value, (char) => char.charCodeAt(0))) : undefined;

function attributesOf(element: LuaTable): ReadonlyMap<string, LuaValue> | undefined {
  const attributes = element.fields.get('attr');
  return typeof attributes === 'object' ? attributes.fields : undefined;
}

/** Prosody's stanzas: `{ name, attr, children … }`; a child without a namespace has that of its parent. Throws when it is something else. */
function xmlOf(element: LuaTable, outermost: boolean): string {
  const name = text(element.fields.get('name'));
  if (name === undefined) throw new TypeError('no element');
  const attrs = [...(attributesOf(element) ?? [])].map(([key, value]) => {
    // Its own notes, and attributes of other namespaces, which messages do not need.
    if ((outermost && (key === 'stamp' || key === 'stamp_legacy' || key === 'xmlns')) || key.includes('\u0001')) return '';
    return ` ${key}="${escapeAttr(text(value) ?? '')}"`;
  });
  const children = element.list.map((child) => (typeof child === 'object' ? xmlOf(child, false) : escapeText(text(child) ?? '')));
  return `<${name}${outermost ? ` xmlns="${NS.client}"` : ''}${attrs.join('')}>${children.join('')}</${name}>`;
}
