/** The archive in a dump of ejabberd's tables (`ejabberdctl dump FILE`, mod_mam with db_type mnesia); its export for XEP-0227 has none. */
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type Element, escapeAttr, escapeText, utf8Decode } from '@parley/xml';
import { TransferError } from '../walk.ts';
import { parseTerm, type Term, TermSplitter, Tuple } from './erlang.ts';
import { elementOf, type More, type MoreMessage } from './more.ts';

const TERM_BYTES = 16 * 1024 * 1024;

/** Where an entry lies in the file. */
interface Place {
  /** Microseconds since the epoch: ejabberd's id, which also is the order. */
  readonly id: number;
  readonly offset: number;
  readonly length: number;
}

export class EjabberdDump implements More {
  readonly #file: FileHandle;
  readonly #places: ReadonlyMap<string, Place[]>;

  private constructor(file: FileHandle, places: ReadonlyMap<string, Place[]>) {
    this.#file = file;
    this.#places = places;
  }

  /** Reads the dump once to see whose entries lie where. Throws TransferError. */
  static async open(path: string, domain: string): Promise<EjabberdDump> {
    const places = new Map<string, Place[]>();
    for await (const { text, offset } of termsOf(path)) {
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
    return new EjabberdDump(await open(path, 'r'), places);
  }

  async *of(local: string, left: (what: string) => void): AsyncIterable<MoreMessage> {
    for (const { id, offset, length } of this.#places.get(local) ?? []) {
      const { buffer } = await this.#file.read(Buffer.alloc(length), 0, length, offset);
      let message: Element | undefined;
      try {
        const entry = entryOf(buffer.toString('latin1'), '');
        message = entry === undefined ? undefined : elementOf(xmlOf(entry.packet));
      } catch {
        // Said below.
      }
      if (message === undefined) left('an archived message that cannot be read');
      else yield { kind: 'archived', id: String(id), at: Math.floor(id / 1000), message };
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
