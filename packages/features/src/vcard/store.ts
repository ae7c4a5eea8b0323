/** Keeps vCards: rows for an account: the card, the hash of its photo, and who may see that. */
import type { Table } from '@parley/core';
import type { Awaitable } from '@parley/storage';
import { whenReady } from '../awaitable.ts';
import { Cache } from '../cache.ts';
import type { Readers } from './service.ts';

const CARD = 'card';
const PHOTO = 'photo';
/** Who may see the photo; only there when it is not for everybody. */
const PHOTO_FOR = 'photo-for';

export class VcardStore {
  readonly #table: Table<string>;
  /** Accounts with a photo, so that the presence of all others costs one look-up and no read. */
  readonly #photos: Set<number>;
  readonly #hashes = new Cache<number, Awaitable<string>>(10_000);

  constructor(table: Table<string>, photos: readonly number[]) {
    this.#table = table;
    this.#photos = new Set(photos);
  }

  static open(table: Table<string>): Awaitable<VcardStore> {
    return whenReady(table.owners(PHOTO), (owners) => new VcardStore(table, owners));
  }

  /** The card as XML text. */
  card(account: number): Awaitable<string | undefined> {
    return this.#table.get(account, CARD);
  }

  /** SHA-1 of the photo in hexadecimal, '' when there is none. */
  photo(account: number): Awaitable<string> {
    if (!this.#photos.has(account)) return '';
    const cached = this.#hashes.get(account);
    if (cached !== undefined) return cached;
    const hash = whenReady(this.#table.get(account, PHOTO), (text) => text ?? '');
    if (!(hash instanceof Promise)) this.#hashes.set(account, hash);
    return hash;
  }

  photoFor(account: number): Awaitable<Readers> {
    if (!this.#photos.has(account)) return 'anyone';
    return whenReady(this.#table.get(account, PHOTO_FOR), (text) => (text === 'contacts' ? text : 'anyone'));
  }

  set(account: number, card: string, photo: string, photoFor: Readers): void {
    this.#table.set(account, CARD, card);
    if (photo === '') this.#table.delete(account, PHOTO);
    else this.#table.set(account, PHOTO, photo);
    if (photo !== '' && photoFor === 'contacts') this.#table.set(account, PHOTO_FOR, photoFor);
    else this.#table.delete(account, PHOTO_FOR);
    this.remember(account, photo);
  }

  /** What holds in memory: after a write, and again what was before when its commit was refused. */
  remember(account: number, photo: string): void {
    if (photo === '') this.#photos.delete(account);
    else this.#photos.add(account);
    this.#hashes.set(account, photo);
  }

  /** For an account that is going; should its removal be refused, the photo is found again. */
  forget(account: number): void {
    this.#hashes.delete(account);
  }
}
