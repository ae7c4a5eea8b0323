import { NS } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import type { Session } from '../connection/session.ts';
import type { Context } from '../context.ts';
import { ChatError, ignoreRefusal } from '../errors.ts';
import { online } from '../groups/group.ts';
import type { StoredValue } from '../store/store.ts';
import type { Avatars, BlobLike } from '../types.ts';

const PUBSUB = 'http://jabber.org/protocol/pubsub';
/** XEP-0084 */
const METADATA = 'urn:xmpp:avatar:metadata';
const DATA = 'urn:xmpp:avatar:data';
const KEPT = 'avatars';
/** Larger pictures are not taken: they would be larger than what they stand beside. */
const MAX_BYTES = 200_000;
/** People whose pictures are asked for at one start. */
const ASKED_AT_ONCE = 100;
const PARALLEL = 5;
const TYPES: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif']);

/** Pictures of people (XEP-0084, XEP-0153) and groups (XEP-0486), kept by their hash. */
export class AvatarBook implements Avatars {
  readonly #context: Context;
  /** Hash of the picture by address; '' when there is none. */
  readonly #hashes = new Map<string, string>();
  readonly #asked = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();

  constructor(context: Context) {
    this.#context = context;
  }

  async load(): Promise<void> {
    const kept = await this.#context.store.value(KEPT);
    if (typeof kept !== 'object' || kept === null || Array.isArray(kept)) return;
    for (const [id, hash] of Object.entries(kept)) if (typeof hash === 'string') this.#hashes.set(id, hash);
  }

  clear(): void {
    this.#hashes.clear();
    this.#asked.clear();
  }

  /** A new session: what changed while this device was away is asked for again. */
  began(): void {
    this.#asked.clear();
  }

  async get(id: string): Promise<BlobLike | undefined> {
    const hash = this.#hashes.get(id);
    if (hash === undefined || hash === '') return undefined;
    return this.#context.store.file(fileId(hash));
  }

  async publish(picture: BlobLike | undefined): Promise<void> {
    const session = online(this.#context);
    if (picture === undefined) {
      await session.iq(publish(METADATA, undefined, el('metadata', { xmlns: METADATA })));
      await this.#keep(this.#context.me, '', undefined);
      return;
    }
    if (!TYPES.has(picture.type)) throw new ChatError('invalid-argument', 'This is not a picture that others can see');
    if (picture.size > MAX_BYTES) throw new ChatError('too-large', 'The picture is too large', { maxBytes: MAX_BYTES });
    const bytes = new Uint8Array(await picture.arrayBuffer());
    const hash = await this.#sha1(bytes);
    await session.iq(publish(DATA, hash, el('data', { xmlns: DATA }, encode(bytes))));
    const info = el('info', { id: hash, bytes: bytes.length, type: picture.type });
    await session.iq(publish(METADATA, hash, el('metadata', { xmlns: METADATA }, info)));
    await this.#keep(this.#context.me, hash, picture);
  }

  /** Somebody's presence, or a list of groups, says which picture they have now. */
  hint(id: string, hash: string, group = false): void {
    if (this.#hashes.get(id) === hash) return;
    if (hash === '') this.#keep(id, '', undefined).catch((error: unknown) => this.#context.report(error));
    else this.#fetch(id, group);
  }

  /** Asks for the pictures of these people, those who were not asked for in this session. */
  async ask(ids: readonly string[]): Promise<void> {
    const wanted = ids.filter((id) => !this.#asked.has(id)).slice(0, ASKED_AT_ONCE);
    for (let start = 0; start < wanted.length; start += PARALLEL) {
      await Promise.all(wanted.slice(start, start + PARALLEL).map((id) => this.#fetch(id, false)));
      if (this.#context.connection.session?.online !== true) return;
    }
  }

  #fetch(id: string, group: boolean): Promise<void> {
    let running = this.#running.get(id);
    if (running === undefined) {
      this.#asked.add(id);
      running = (group ? this.#fromCard(id) : this.#fromNode(id))
        .catch((error: unknown) => this.#context.report(error))
        .finally(() => this.#running.delete(id));
      this.#running.set(id, running);
    }
    return running;
  }

  async #fromNode(id: string): Promise<void> {
    const { session } = this.#context.connection;
    if (session?.online !== true) return;
    const metadata = (await this.#item(session, id, METADATA, undefined))?.child('metadata', METADATA);
    if (metadata === undefined) return this.#fromCard(id);
    const info = metadata.childrenNamed('info', METADATA).find((one) => one.attr('url') === undefined && TYPES.has(one.attr('type') ?? ''));
    const hash = info?.attr('id') ?? '';
    if (info === undefined || !/^[0-9a-f]{40}$/.test(hash)) return this.#keep(id, '', undefined);
    if (this.#hashes.get(id) === hash) return;
    const data = (await this.#item(session, id, DATA, hash))?.child('data', DATA)?.text();
    await this.#take(id, data, info.attr('type') ?? '', hash);
  }

  /** XEP-0153 and XEP-0486: the picture on the card. */
  async #fromCard(id: string): Promise<void> {
    const { session } = this.#context.connection;
    if (session?.online !== true) return;
    try {
      const result = await session.iq(el('iq', { type: 'get', to: id }, el('vCard', { xmlns: NS.vcard })));
      const photo = result.child('vCard', NS.vcard)?.child('PHOTO', NS.vcard);
      const data = photo?.childText('BINVAL', NS.vcard);
      if (data === undefined || data === '') await this.#keep(id, '', undefined);
      else await this.#take(id, data, photo?.childText('TYPE', NS.vcard) ?? 'image/png', undefined);
    } catch (error) {
      ignoreRefusal(error);
      await this.#keep(id, '', undefined);
    }
  }

  async #item(session: Session, id: string, node: string, item: string | undefined): Promise<Element | undefined> {
    try {
      const items = el(
        'items',
        { node, ...(item === undefined ? { max_items: 1 } : {}) },
        item === undefined ? undefined : el('item', { id: item }),
      );
      const result = await session.iq(el('iq', { type: 'get', to: id }, el('pubsub', { xmlns: PUBSUB }, items)));
      return result.child('pubsub', PUBSUB)?.child('items', PUBSUB)?.child('item', PUBSUB);
    } catch (error) {
      ignoreRefusal(error);
      return undefined;
    }
  }

  async #take(id: string, data: string | undefined, type: string, expected: string | undefined): Promise<void> {
    const bytes = decode(data);
    const mediaType = type.toLowerCase();
    if (bytes === undefined || !TYPES.has(mediaType)) return;
    const hash = await this.#sha1(bytes);
    // Under another name it would be shown for somebody else's picture.
    if (expected !== undefined && expected !== hash) return;
    const file = { size: bytes.length, type: mediaType, arrayBuffer: async () => bytes.slice().buffer as ArrayBuffer };
    await this.#keep(id, hash, file);
  }

  async #keep(id: string, hash: string, file: BlobLike | undefined): Promise<void> {
    if (this.#hashes.get(id) === hash) return;
    if (file !== undefined) await this.#context.store.putFile(fileId(hash), file);
    this.#hashes.set(id, hash);
    const values: Record<string, StoredValue> = Object.fromEntries(this.#hashes);
    await this.#context.store.commit({ values: { [KEPT]: values } });
    this.#context.emit('avatar.changed', { id });
  }

  async #sha1(bytes: Uint8Array): Promise<string> {
    let text = '';
    for (const byte of await this.#context.platform.crypto.hash('SHA-1', bytes)) text += byte.toString(16).padStart(2, '0');
    return text;
  }
}

const fileId = (hash: string): string => `avatar ${hash}`;

function publish(node: string, id: string | undefined, payload: Element): Element {
  return el('iq', { type: 'set' }, el('pubsub', { xmlns: PUBSUB }, el('publish', { node }, el('item', { id: id ?? 'current' }, payload))));
}

function encode(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function decode(text: string | undefined): Uint8Array | undefined {
  const plain = text?.replace(/\s+/g, '') ?? '';
  if (plain === '' || plain.length > (MAX_BYTES * 4) / 3 + 4) return undefined;
  try {
    return Uint8Array.from(atob(plain), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
