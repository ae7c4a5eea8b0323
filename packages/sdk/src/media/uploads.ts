import type { Session } from '../connection/session.ts';
import type { Context } from '../context.ts';
import { ChatError } from '../errors.ts';
import { Cell } from '../observable.ts';
import type { AbortSignalLike } from '../platform.ts';
import type { MessageRecord } from '../store/store.ts';
import type { Attachment, BlobLike, Unsubscribe, Upload, UploadSnapshot } from '../types.ts';
import { askForThumbnail } from './thumbnail.ts';
import { findUploadService, requestSlot, type UploadService } from './upload-service.ts';

/** Tries of one upload while there is a connection. */
const MAX_TRIES = 4;
const RETRY_DELAY_MS = 1_500;
/** A stalled upload is given up after this long without an answer. */
const UPLOAD_TIMEOUT_MS = 15 * 60_000;

export interface UploadEvents {
  /** The file is on the media server. */
  uploaded(record: MessageRecord, attachment: Attachment): void;
  failed(record: MessageRecord, error: ChatError): void;
  cancelled(record: MessageRecord): void;
}

/** Carries the files of the outbox to the media server, a few at a time. */
export class Uploads {
  readonly #context: Context;
  readonly #events: UploadEvents;
  readonly #tasks = new Map<string, UploadTask>();
  #service: { readonly session: Session; readonly found: Promise<UploadService> } | undefined;

  constructor(context: Context, events: UploadEvents) {
    this.#context = context;
    this.#events = events;
  }

  get(id: string): Upload | undefined {
    return this.#tasks.get(id);
  }

  /** Registers the upload of a message; it starts at once when there is a connection, else at the next one. */
  add(record: MessageRecord): Upload {
    const known = this.#tasks.get(record.id);
    if (known !== undefined && known.snapshot().state !== 'failed') return known;
    const task = new UploadTask(record, () => this.#cancelled(task));
    this.#tasks.set(record.id, task);
    this.#start(task);
    return task;
  }

  /** There is a connection again. */
  resume(): void {
    for (const task of this.#tasks.values()) this.#start(task);
  }

  clear(): void {
    for (const task of this.#tasks.values()) task.signal.abort();
    this.#tasks.clear();
  }

  #cancelled(task: UploadTask): void {
    this.#tasks.delete(task.id);
    this.#events.cancelled(task.record);
  }

  #start(task: UploadTask): void {
    if (task.running || task.snapshot().state !== 'waiting' || !this.#context.connection.online) return;
    task.running = true;
    this.#run(task)
      .catch((cause: unknown) => {
        if (task.signal.aborted) return;
        const error = cause instanceof ChatError ? cause : new ChatError('upload-failed', 'The upload failed', { cause });
        if (!this.#context.connection.online && error.retryable) {
          task.change({ state: 'waiting', sentBytes: 0 });
          return;
        }
        task.change({ state: 'failed', error });
        this.#context.emit('upload.failed', { upload: task.snapshot(), error });
        this.#events.failed(task.record, error);
      })
      .finally(() => {
        task.running = false;
        if (this.#context.connection.online) this.#start(task);
      });
  }

  async #run(task: UploadTask): Promise<void> {
    const file = await this.#context.store.file(task.id);
    if (file === undefined) throw new ChatError('not-found', 'The file is no longer on this device', { retryable: false });
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#carry(task, file);
        return;
      } catch (error) {
        const again = error instanceof ChatError && error.retryable && error.code !== 'rate-limited' && attempt < MAX_TRIES;
        if (!again || task.signal.aborted || !this.#context.connection.online) throw error;
        await this.#sleep(RETRY_DELAY_MS * 2 ** (attempt - 1));
      }
    }
  }

  async #carry(task: UploadTask, file: BlobLike): Promise<void> {
    const { platform, connection } = this.#context;
    const session = connection.session;
    if (session === undefined || !session.online) throw new ChatError('offline', 'There is no connection');
    const planned = task.record.attachments[0]!;
    const service = await this.#findService(session);
    if (service.maxBytes !== undefined && file.size > service.maxBytes) {
      throw new ChatError('too-large', 'The file is larger than the server accepts', { maxBytes: service.maxBytes });
    }
    const slot = await requestSlot(session, service, { name: planned.name, sizeBytes: file.size, mediaType: planned.mediaType });
    if (task.signal.aborted) throw new ChatError('cancelled', 'The upload was cancelled');
    task.change({ state: 'uploading', sentBytes: 0 });
    let answer: { readonly status: number };
    try {
      answer = await platform.http({
        method: 'PUT',
        url: slot.putUrl,
        headers: { ...slot.headers, 'content-type': planned.mediaType },
        body: file,
        signal: task.signal,
        timeoutMs: UPLOAD_TIMEOUT_MS,
        onProgress: (sentBytes) => {
          if (task.snapshot().state !== 'uploading') return;
          task.change({ sentBytes });
          this.#context.emit('upload.progress', { upload: task.snapshot() });
        },
      });
    } catch (cause) {
      throw new ChatError('upload-failed', 'The connection to the media server broke', { cause });
    }
    if (answer.status === 413) throw new ChatError('too-large', 'The file is larger than the server accepts');
    if (answer.status < 200 || answer.status > 299) {
      throw new ChatError('upload-failed', `The media server refused the file (${answer.status})`, { retryable: answer.status >= 500 });
    }
    const preview = planned.kind === 'image' ? await askForThumbnail(platform, slot, task.signal) : undefined;
    if (task.signal.aborted) throw new ChatError('cancelled', 'The upload was cancelled');
    task.change({ state: 'done', sentBytes: file.size });
    this.#context.emit('upload.done', { upload: task.snapshot() });
    this.#events.uploaded(
      task.record,
      Object.freeze({
        ...planned,
        url: slot.getUrl,
        width: planned.width ?? preview?.width,
        height: planned.height ?? preview?.height,
        thumbhash: planned.thumbhash ?? preview?.thumbhash,
        thumbnail: preview?.thumbnail,
      }),
    );
    this.#tasks.delete(task.id);
  }

  #findService(session: Session): Promise<UploadService> {
    if (this.#service?.session !== session) {
      const found = findUploadService(session);
      found.catch(() => {
        this.#service = undefined;
      });
      this.#service = { session, found };
    }
    return this.#service.found;
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#context.platform.setTimer(resolve, delayMs);
    });
  }
}

/** std has no AbortController. */
class Signal implements AbortSignalLike {
  aborted = false;
  readonly #listeners: (() => void)[] = [];

  addEventListener(_type: 'abort', listener: () => void): void {
    if (this.aborted) listener();
    else this.#listeners.push(listener);
  }

  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    for (const listener of this.#listeners.splice(0)) listener();
  }
}

class UploadTask implements Upload {
  readonly id: string;
  readonly record: MessageRecord;
  readonly signal = new Signal();
  running = false;
  readonly #cell: Cell<UploadSnapshot>;
  readonly #onCancel: () => void;

  constructor(record: MessageRecord, onCancel: () => void) {
    this.id = record.id;
    this.record = record;
    this.#onCancel = onCancel;
    const totalBytes = record.attachments[0]?.sizeBytes ?? 0;
    this.#cell = new Cell<UploadSnapshot>(
      Object.freeze({
        id: record.id,
        messageId: record.id,
        conversationId: record.conversationId,
        state: 'waiting',
        sentBytes: 0,
        totalBytes,
        progress: 0,
        error: undefined,
      }),
    );
  }

  readonly snapshot = (): UploadSnapshot => this.#cell.snapshot();
  readonly subscribe = (listener: () => void): Unsubscribe => this.#cell.subscribe(listener);

  change(change: Partial<UploadSnapshot>): void {
    const next = { ...this.snapshot(), ...change };
    const progress = next.state === 'done' ? 1 : next.totalBytes === 0 ? 0 : Math.min(1, next.sentBytes / next.totalBytes);
    this.#cell.set(Object.freeze({ ...next, progress }));
  }

  cancel(): void {
    const { state } = this.snapshot();
    if (state === 'done' || state === 'cancelled') return;
    this.change({ state: 'cancelled' });
    this.signal.abort();
    this.#onCancel();
  }
}
