/** The media server: takes files that were granted, serves them, makes thumbnails, lets old ones go. */
import type { Clock, Log } from '@parley/core/ports';
import { type BlobStore, type Storage, StorageError } from '@parley/storage';
import { HttpError } from '../errors.ts';
import { MediaCatalogue, type MediaRecord, type ThumbnailRecord } from './catalogue.ts';
import { normalContentType, safeFilename } from './content-type.ts';
import type { UploadGrant } from './signing.ts';
import { createUploadSlots, type PendingSlots, SLOT_MS, type SlotBook, type UploadSlots } from './slots.ts';
import { ThumbnailError, Thumbnailer } from './thumbnailer.ts';

/** What one domain grants to its accounts, and where its files are fetched. */
export interface MediaGrants {
  /** Where browsers reach it, without a slash at the end. Asked at each slot. */
  readonly baseUrl: () => string;
  readonly maxFileBytes: number;
  /** Asked at each slot. */
  readonly quotaBytes: number;
}

export interface MediaOptions extends MediaGrants {
  readonly storage: Storage;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: Log;
  /** HMAC key of upload addresses, 32 bytes. */
  readonly key: Uint8Array;
  /** Files go this long after their upload, ms; undefined keeps them. Asked at each sweep. */
  readonly keepMs: number | undefined;
}

/** Larger pictures get no thumbnail. */
const PICTURE_BYTES = 64 * 1024 * 1024;
const SWEEP_MS = 3_600_000;
/** An upload may take this long (`listener/server.ts`). */
const REQUEST_MS = 3_600_000;
/** Thumbnails that may be waited for at a time. */
const THUMBNAILS_WAITING = 32;
/** Time to remove files of a removed account while the server goes down. */
const CLOSE_MS = 2000;
const UNREADABLE_KEPT = 1000;
/** Files of a removed account that go with one commit. */
const REMOVED_TOGETHER = 500;

export class Media {
  readonly signingKey: Uint8Array;
  readonly slots: UploadSlots;
  readonly #options: MediaOptions;
  readonly #catalogue: MediaCatalogue;
  readonly #granted: SlotBook;
  readonly #pending: PendingSlots = new Map();
  readonly #thumbnailer = new Thumbnailer();
  readonly #uploading = new Set<string>();
  readonly #thumbnailing = new Map<string, Promise<ThumbnailRecord>>();
  /** One picture is read into memory at a time. */
  #lastThumbnail: Promise<unknown> = Promise.resolve();
  /** Pictures that could not be shown, so that nobody makes the decoder try again and again; oldest first. */
  readonly #unreadable = new Set<string>();
  /** Removed accounts by when their last upload address expires. */
  readonly #removedAccounts = new Map<number, number>();
  #stopSweep: (() => void) | undefined;
  #removing: Promise<unknown> = Promise.resolve();
  #closed = false;
  readonly #told = new Set<(key: string) => void>();
  /** Files that went before anybody asked to be told. */
  #goneEarly: string[] | undefined = [];

  private constructor(options: MediaOptions, catalogue: MediaCatalogue) {
    this.#options = options;
    this.#catalogue = catalogue;
    this.signingKey = options.key;
    this.#granted = this.#book(options);
    this.slots = this.#granted;
    this.#schedule();
  }

  #book(grants: MediaGrants): SlotBook {
    const { key, clock } = this.#options;
    const used = (accountId: number): number => this.#catalogue.used(accountId);
    return createUploadSlots(
      {
        key,
        now: () => clock.now(),
        used,
        baseUrl: grants.baseUrl,
        maxFileBytes: grants.maxFileBytes,
        get quotaBytes() {
          return grants.quotaBytes;
        },
      },
      this.#pending,
    );
  }

  /** Slots for the accounts of another domain; the files are all in one place. */
  slotsFor(grants: MediaGrants): UploadSlots {
    return this.#book(grants);
  }

  /** Opens the catalogue; files without a record, which a crash left behind, and those that are too old go first. */
  static async open(options: MediaOptions): Promise<Media> {
    const catalogue = await MediaCatalogue.open(options.storage);
    const media = new Media(options, catalogue);
    const failed = (error: unknown): void => options.log.error('media_expiry_failed', { error });
    for (const key of await catalogue.loose()) {
      if ((await catalogue.get(key)) !== undefined) catalogue.settle(key);
      else await media.#removeFiles(key).catch(failed);
    }
    await media.expire().catch(failed);
    return media;
  }

  /** Takes the bytes of a granted upload; resolves when file and record are durable. Nothing is left behind when it fails. Throws HttpError. */
  async upload(grant: UploadGrant, source: AsyncIterable<Uint8Array>, sha256: string | undefined): Promise<void> {
    const { blobs, clock, log } = this.#options;
    const { key, accountId } = grant;
    if (grant.expiresAt <= clock.now()) throw new HttpError(403, 'expired', 'This upload address has expired; ask for a new one.');
    this.#checkOwner(accountId);
    // One use: the second PUT finds the file, or the first one at work.
    if (this.#uploading.has(key)) throw usedAlready();
    this.#uploading.add(key);
    try {
      if ((await this.#catalogue.get(key)) !== undefined) throw usedAlready();
      this.#granted.began(grant);
      try {
        await this.#catalogue.announce(key);
        const info = await blobs.put(key, source, { expectBytes: grant.bytes });
        if (sha256 !== undefined && sha256 !== info.sha256)
          throw new HttpError(400, 'hash-mismatch', 'The bytes that came are not those of the digest.');
        this.#checkOwner(accountId);
        const { contentType, filename, bytes } = grant;
        await this.#catalogue.set(key, { accountId, bytes, sha256: info.sha256, contentType, filename, at: clock.now() });
      } catch (error) {
        this.#granted.failed(grant);
        // What cannot be removed now goes at the next start.
        await this.#removeFiles(key).catch((cause: unknown) => log.error('media_removal_failed', { error: cause }));
        throw error;
      }
      this.#granted.done(grant);
      log.info('media_uploaded', { account: accountId, bytes: grant.bytes });
    } catch (error) {
      throw uploadError(error);
    } finally {
      this.#uploading.delete(key);
    }
  }

  #checkOwner(accountId: number): void {
    if (this.#removedAccounts.has(accountId)) throw new HttpError(403, 'forbidden', 'The account that asked for this address was removed.');
  }

  /** The account is going: its files go, too. Resolves when nobody can fetch them any more; the bytes are removed in the meantime. */
  async removeAccount(accountId: number): Promise<void> {
    const { clock, log } = this.#options;
    const now = clock.now();
    for (const [id, until] of this.#removedAccounts) if (until <= now) this.#removedAccounts.delete(id);
    this.#removedAccounts.set(accountId, now + SLOT_MS + REQUEST_MS);
    const keys = (await this.#catalogue.all()).filter(({ record }) => record.accountId === accountId).map(({ key }) => key);
    for (let at = 0; at < keys.length; at += REMOVED_TOGETHER) await this.#catalogue.delete(keys.slice(at, at + REMOVED_TOGETHER));
    const run = async (): Promise<void> => {
      for (const key of keys) {
        if (this.#closed) return;
        await this.#removeFiles(key);
      }
      if (keys.length > 0) log.info('media_removed', { account: accountId, files: keys.length });
    };
    // What a crash or an error leaves goes at the next start.
    this.#removing = Promise.all([this.#removing, run().catch((error: unknown) => log.error('media_removal_failed', { error }))]);
  }

  /** Every file, with its record. */
  list(): Promise<{ key: string; record: MediaRecord }[]> {
    return this.#catalogue.all();
  }

  /**
   * Takes a file that another server has had, under the key that it had there, so that its address stays the same. The bytes must have
   * the length and the hash of the record. Answers what became of it; nothing is left behind when it was not taken. Throws StorageError.
   */
  async restore(
    key: string,
    record: Omit<MediaRecord, 'thumbnail'>,
    source: AsyncIterable<Uint8Array>,
  ): Promise<'taken' | 'there' | 'damaged'> {
    const { blobs } = this.#options;
    // Files of an account that was removed a moment ago may have had the same keys.
    await this.#removing;
    if (this.#uploading.has(key) || (await this.#catalogue.get(key)) !== undefined) return 'there';
    this.#uploading.add(key);
    try {
      await this.#catalogue.announce(key);
      const info = await blobs.put(key, source, { expectBytes: record.bytes });
      if (info.sha256 === record.sha256) {
        const { accountId, bytes, sha256, at } = record;
        const contentType = normalContentType(record.contentType);
        await this.#catalogue.set(key, { accountId, bytes, sha256, contentType, filename: safeFilename(record.filename), at });
        return 'taken';
      }
    } catch (error) {
      await this.#removeFiles(key);
      if (!(error instanceof RangeError)) throw error;
      return 'damaged';
    } finally {
      this.#uploading.delete(key);
    }
    await this.#removeFiles(key);
    return 'damaged';
  }

  find(key: string): Promise<MediaRecord | undefined> {
    return this.#catalogue.get(key);
  }

  read(key: string, range?: { start: number; end: number }): Promise<AsyncIterable<Uint8Array> | undefined> {
    return this.#options.blobs.read(key, range);
  }

  /** Makes the thumbnail of a picture, once. Throws HttpError. */
  async thumbnail(key: string): Promise<ThumbnailRecord> {
    const record = await this.#catalogue.get(key);
    if (record === undefined) throw new HttpError(404, 'not-found', 'There is no such file.');
    if (record.thumbnail !== undefined) return record.thumbnail;
    if (!record.contentType.startsWith('image/') || record.bytes > PICTURE_BYTES)
      throw new HttpError(415, 'not-a-picture', 'Only pictures have thumbnails.');
    if (this.#unreadable.has(key)) throw new HttpError(415, 'not-a-picture', 'This file is not a picture that can be shown.');
    // Two who ask at the same time get the same one.
    let making = this.#thumbnailing.get(key);
    if (making === undefined) {
      if (this.#thumbnailing.size >= THUMBNAILS_WAITING)
        throw new HttpError(503, 'busy', 'Too many pictures wait for their thumbnail. Try again in a minute.');
      making = this.#lastThumbnail.then(() => this.#makeThumbnail(key, record)).finally(() => this.#thumbnailing.delete(key));
      this.#lastThumbnail = making.catch(() => {});
      this.#thumbnailing.set(key, making);
    }
    return making;
  }

  async #makeThumbnail(key: string, record: MediaRecord): Promise<ThumbnailRecord> {
    const { blobs } = this.#options;
    const source = await blobs.read(key);
    if (source === undefined) throw new HttpError(404, 'not-found', 'There is no such file.');
    const bytes = new Uint8Array(record.bytes);
    let at = 0;
    for await (const chunk of source) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    try {
      const made = await this.#thumbnailer.make(bytes);
      await blobs.put(thumbnailKey(key), once(made.webp), { expectBytes: made.webp.length });
      const thumbnail: ThumbnailRecord = {
        thumbhash: Buffer.from(made.thumbhash).toString('base64'),
        width: made.originalWidth,
        height: made.originalHeight,
        small: { width: made.width, height: made.height, bytes: made.webp.length },
      };
      // It may have been removed meanwhile: no record may come back, nor the small picture stay.
      if ((await this.#catalogue.get(key)) === undefined) {
        await blobs.delete(thumbnailKey(key));
        throw new HttpError(404, 'not-found', 'There is no such file.');
      }
      await this.#catalogue.set(key, { ...record, thumbnail });
      return thumbnail;
    } catch (error) {
      if (error instanceof ThumbnailError && error.code === 'not-a-picture') {
        this.#unreadable.add(key);
        const [oldest] = this.#unreadable;
        if (this.#unreadable.size > UNREADABLE_KEPT && oldest !== undefined) this.#unreadable.delete(oldest);
      }
      if (error instanceof ThumbnailError) throw new HttpError(error.code === 'busy' ? 503 : 415, error.code, error.message);
      throw uploadError(error);
    }
  }

  /** Removes a file and its thumbnail. */
  async remove(key: string): Promise<void> {
    // The record first: a file that nobody can find is only lost room, a record without its file would be an error to each who looks.
    await this.#catalogue.delete([key]);
    await this.#removeFiles(key);
  }

  async #removeFiles(key: string): Promise<void> {
    await this.#options.blobs.delete(key);
    await this.#options.blobs.delete(thumbnailKey(key));
    for (const tell of this.#told) tell(key);
    this.#goneEarly?.push(key);
    this.#catalogue.settle(key);
  }

  /** Has this told of each file that goes; those that went before anybody asked are told at once. Answers the undo. */
  onRemoved(handle: (key: string) => void): () => void {
    this.#told.add(handle);
    const early = this.#goneEarly ?? [];
    this.#goneEarly = undefined;
    for (const key of early) handle(key);
    return () => this.#told.delete(handle);
  }

  /** Files older than `keepMs` go. Answers how many. */
  async expire(): Promise<number> {
    const { keepMs, clock, log } = this.#options;
    if (keepMs === undefined) return 0;
    let gone = 0;
    for (const { key, record } of await this.#catalogue.all()) {
      if (record.at + keepMs > clock.now()) continue;
      await this.remove(key);
      gone++;
    }
    if (gone > 0) log.info('media_expired', { files: gone });
    return gone;
  }

  #schedule(): void {
    this.#stopSweep = this.#options.clock.after(SWEEP_MS, () => {
      this.expire()
        .catch((error: unknown) => this.#options.log.error('media_expiry_failed', { error }))
        .finally(() => this.#schedule());
    });
  }

  /** Resolves when nothing of it touches the storage any more. */
  async close(): Promise<void> {
    this.#stopSweep?.();
    this.#thumbnailer.close();
    // The rest goes at the next start.
    const late = this.#options.clock.after(CLOSE_MS, () => {
      this.#closed = true;
    });
    await this.#removing;
    late();
  }
}

export function thumbnailKey(key: string): string {
  return `${key}-thumbnail`;
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

function usedAlready(): HttpError {
  return new HttpError(409, 'used', 'This upload address was used already.');
}

function uploadError(error: unknown): unknown {
  if (error instanceof RangeError) return new HttpError(400, 'bad-length', 'The file does not have the length that was announced.');
  if (error instanceof StorageError && error.code === 'full') return new HttpError(507, 'full', 'The server has no room for files now.');
  if (error instanceof StorageError)
    return new HttpError(503, 'storage', 'The server cannot store files now; try again later.', { 'retry-after': '10' });
  const { code } = error as { code?: string };
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE') return new HttpError(400, 'cut-off', 'The upload broke off.');
  return error;
}
