/** Small pictures, made in a worker thread: a picture that crashes or stalls the decoder takes the worker with it, not the server. */
import { Worker } from 'node:worker_threads';

export interface Thumbnail {
  /** WebP, at most 320 pixels wide and high, without metadata. */
  readonly webp: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** Of the original, turned upright. */
  readonly originalWidth: number;
  readonly originalHeight: number;
  readonly thumbhash: Uint8Array;
}

/** No thumbnail: the file is not a picture that we decode, too large, took too long, or too many wait. */
export class ThumbnailError extends Error {
  readonly code: 'not-a-picture' | 'busy';
  constructor(code: ThumbnailError['code'], message: string) {
    super(message);
    this.name = 'ThumbnailError';
    this.code = code;
  }
}

export type ThumbnailReply = { readonly ok: true; readonly thumbnail: Thumbnail } | { readonly ok: false; readonly reason: string };

const TIME_LIMIT_MS = 10_000;
const IDLE_MS = 30_000;
const WAITING = 32;

interface Job {
  readonly bytes: Uint8Array;
  readonly resolve: (thumbnail: Thumbnail) => void;
  readonly reject: (error: ThumbnailError) => void;
}

/** One worker, started when first needed and let go when idle; one picture at a time. */
export class Thumbnailer {
  readonly #jobs: Job[] = [];
  #worker: Worker | undefined;
  #current: Job | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Throws ThumbnailError. `bytes` is handed over and must not be used afterwards. */
  make(bytes: Uint8Array): Promise<Thumbnail> {
    if (this.#jobs.length >= WAITING)
      return Promise.reject(new ThumbnailError('busy', 'Too many pictures wait for their thumbnail. Try again in a minute.'));
    return new Promise((resolve, reject) => {
      this.#jobs.push({ bytes, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    if (this.#current !== undefined) return;
    clearTimeout(this.#timer);
    const job = this.#jobs.shift();
    if (job === undefined) {
      this.#timer = setTimeout(() => this.#stop(), IDLE_MS);
      this.#timer.unref();
      return;
    }
    this.#current = job;
    this.#worker ??= this.#start();
    this.#timer = setTimeout(() => this.#failed('The picture took too long.'), TIME_LIMIT_MS);
    this.#worker.postMessage(job.bytes, [job.bytes.buffer as ArrayBuffer]);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./thumbnail-worker.ts', import.meta.url), { resourceLimits: { maxOldGenerationSizeMb: 128 } });
    worker.unref();
    worker.on('message', (reply: ThumbnailReply) => {
      const job = this.#current;
      this.#current = undefined;
      if (reply.ok) job?.resolve(reply.thumbnail);
      else job?.reject(new ThumbnailError('not-a-picture', reply.reason));
      this.#next();
    });
    worker.on('error', (error: unknown) => {
      if (worker === this.#worker) this.#failed(`The picture could not be read: ${error instanceof Error ? error.message : String(error)}`);
    });
    return worker;
  }

  #failed(reason: string): void {
    this.#stop();
    const job = this.#current;
    this.#current = undefined;
    job?.reject(new ThumbnailError('not-a-picture', reason));
    this.#next();
  }

  #stop(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#stop();
    for (const job of [...this.#jobs.splice(0), this.#current]) job?.reject(new ThumbnailError('busy', 'The server is going down.'));
    this.#current = undefined;
  }
}
