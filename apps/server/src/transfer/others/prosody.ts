/** Messages that wait, in Prosody's own data folder; its migrator leaves them out. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { NS, parseDateTime } from '@parley/protocol';
import { escapeAttr, escapeText, utf8Decode } from '@parley/xml';
import { TransferError } from '../walk.ts';
import { type LuaTable, type LuaValue, parseItems } from './lua.ts';
import { elementOf, type More, type MoreMessage } from './more.ts';

/** Of what waits for one account. */
const LIST_BYTES = 128 * 1024 * 1024;

/** Names of files are those of accounts and hosts with everything but letters and digits in hexadecimal. */
const encoded = (name: string): string =>
  [...new TextEncoder().encode(name)]
    .map((byte) => (/[A-Za-z0-9]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`))
    .join('');

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

  async close(): Promise<void> {}
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
