/** What is known of each file besides its bytes; kept in a key-value store, so that it is durable together with everything else. */
import type { KeyValueStore, Storage } from '@parley/storage';

export interface MediaRecord {
  readonly accountId: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly contentType: string;
  readonly filename: string;
  /** When it was uploaded, ms since the epoch. */
  readonly at: number;
  readonly thumbnail?: ThumbnailRecord;
}

export interface ThumbnailRecord {
  /** Base64. */
  readonly thumbhash: string;
  /** Pixels of the original, turned upright. */
  readonly width: number;
  readonly height: number;
  /** The small picture: absent when the original is one itself. */
  readonly small: { readonly width: number; readonly height: number; readonly bytes: number };
}

/** The host's own rows: they outlive the account, so that its files can still be found and removed. */
const HOST = 0;

export class MediaCatalogue {
  readonly #store: KeyValueStore;
  /** Keys of files that may lie in the blob store without a record: being written or being removed. A crash leaves them here. */
  readonly #loose: KeyValueStore;
  readonly #storage: Storage;
  /** Bytes that the files of each account take. */
  readonly #used = new Map<number, number>();

  private constructor(storage: Storage) {
    this.#storage = storage;
    this.#store = storage.keyValue('media');
    this.#loose = storage.keyValue('media_loose');
  }

  static async open(storage: Storage): Promise<MediaCatalogue> {
    const catalogue = new MediaCatalogue(storage);
    for (const { record } of await catalogue.all()) catalogue.#count(record.accountId, record.bytes);
    return catalogue;
  }

  #count(accountId: number, bytes: number): void {
    const used = (this.#used.get(accountId) ?? 0) + bytes;
    if (used > 0) this.#used.set(accountId, used);
    else this.#used.delete(accountId);
  }

  /** Bytes that the files of this account take together. */
  used(accountId: number): number {
    return this.#used.get(accountId) ?? 0;
  }

  async get(key: string): Promise<MediaRecord | undefined> {
    const text = await this.#store.get(HOST, key);
    return text === undefined ? undefined : (JSON.parse(text) as MediaRecord);
  }

  /** A file is about to be written under this key; resolves when that is durable, so that a crash cannot leave it unknown. */
  async announce(key: string): Promise<void> {
    this.#loose.set(HOST, key, '');
    await this.#durable();
  }

  /** The file under this key has its record, or is gone. Durable with whatever comes next: to forget this costs one look at the next start. */
  settle(key: string): void {
    this.#loose.delete(HOST, key);
  }

  /** Announced keys that were never settled: their files, if there are any, belong to nobody. */
  async loose(): Promise<string[]> {
    return (await this.#loose.list(HOST)).map(({ key }) => key);
  }

  /** The file is there. Resolves when the record is durable; until then the key is still announced. */
  async set(key: string, record: MediaRecord): Promise<void> {
    const before = await this.get(key);
    this.#store.set(HOST, key, JSON.stringify(record));
    this.settle(key);
    await this.#durable();
    this.#count(record.accountId, record.bytes - (before?.bytes ?? 0));
  }

  /** Forgets the records and announces their keys in one commit. Files are for the caller to remove, and their keys to settle. */
  async delete(keys: readonly string[]): Promise<void> {
    const gone: MediaRecord[] = [];
    for (const key of keys) {
      const record = await this.get(key);
      if (record !== undefined) gone.push(record);
    }
    for (const key of keys) {
      this.#store.delete(HOST, key);
      this.#loose.set(HOST, key, '');
    }
    await this.#durable();
    for (const record of gone) this.#count(record.accountId, -record.bytes);
  }

  async all(): Promise<{ key: string; record: MediaRecord }[]> {
    const rows = await this.#store.list(HOST);
    return rows.map(({ key, value }) => ({ key, record: JSON.parse(value) as MediaRecord }));
  }

  #durable(): Promise<void> {
    return new Promise((resolve, reject) => this.#storage.afterCommit(resolve, reject));
  }
}
