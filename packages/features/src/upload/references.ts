import { type FeatureContext, json, type Table } from '@parley/core';
import type { Awaitable } from '@parley/storage';
import { utf8Decode } from '@parley/xml';
import type { MediaReferences } from './service.ts';

/** The media server's side. */
export interface Files {
  /** The account that uploaded it; undefined when there is no such file. */
  ownerOf(key: string): Promise<number | undefined>;
  /** Removes the file and its thumbnail. */
  remove(key: string): Promise<void>;
  /** Told of each file that has gone, for whatever reason. Answers the undo. */
  onRemoved(handle: (key: string) => void): () => void;
}

/** Files of one message that are looked after. */
const MOST_FILES = 32;
/** Owner of what belongs to the server itself: its media are those of all domains. */
const HOST = 0;

/** Names of our files in the addresses of a stanza. */
export function mediaKeys(stanza: Uint8Array): string[] {
  const keys = new Set<string>();
  for (const [, key] of utf8Decode(stanza).matchAll(/\/media\/([a-z2-7]{32})\//g)) {
    if (keys.size >= MOST_FILES) break;
    if (key !== undefined) keys.add(key);
  }
  return [...keys];
}

/** One row for each file of each message: the position owns it, the file's name is the key, so that both ways are one look-up. */
export class StoredReferences implements MediaReferences {
  readonly #ctx: FeatureContext<unknown>;
  readonly #files: Files;
  /** Value: the mailboxes that the message was appended to. */
  readonly #references: Table<readonly number[]>;
  /** Of the host: files that their owner has let go of. They are removed when nothing refers to them. */
  readonly #released: Table<1>;

  constructor(ctx: FeatureContext<unknown>, files: Files) {
    this.#ctx = ctx;
    this.#files = files;
    this.#references = ctx.table('media_references', json<readonly number[]>());
    this.#released = ctx.table('media_released', json<1>());
  }

  /** The file is gone: so is what is known of the messages that showed it, most of which have gone themselves. */
  fileGone(key: string): void {
    const forget = async (): Promise<void> => {
      for (const seq of await this.#references.owners(key)) this.#references.delete(seq, key);
    };
    forget().catch((error: unknown) => this.#ctx.log.warn('media_references_not_forgotten', { error }));
  }

  refer(seq: number, mailboxes: readonly number[], stanza: Uint8Array): void {
    for (const key of mediaKeys(stanza)) this.#references.set(seq, key, mailboxes);
  }

  release(seqs: readonly number[], account: number): Awaitable<() => void> {
    return this.#release(seqs, account);
  }

  async #release(seqs: readonly number[], account: number): Promise<() => void> {
    const rows: Array<{ seq: number; key: string }> = [];
    for (const seq of seqs) for (const { key } of await this.#references.list(seq)) rows.push({ seq, key });
    const going: string[] = [];
    for (const key of new Set(rows.map((row) => row.key)))
      if (account === HOST || (await this.#files.ownerOf(key)) === account || (await this.#released.get(HOST, key)) !== undefined)
        going.push(key);
    return () => {
      for (const { seq, key } of rows) this.#references.delete(seq, key);
      for (const key of going) this.#released.set(HOST, key, 1);
      if (going.length > 0) this.#ctx.afterCommit(() => this.#sweep(going));
    };
  }

  /** What a crash or a full disk left goes at the next start. */
  async sweepAll(): Promise<void> {
    this.#sweep((await this.#released.list(HOST)).map(({ key }) => key));
  }

  #sweep(keys: readonly string[]): void {
    const run = async (): Promise<void> => {
      for (const key of keys) if (!(await this.#isShown(key))) await this.#remove(key);
    };
    run().catch((error: unknown) => this.#ctx.log.error('media_release_failed', { error }));
  }

  /** Some message that a mailbox still holds refers to it. Rows of messages that have gone are forgotten. */
  async #isShown(key: string): Promise<boolean> {
    const { store } = this.#ctx.mailboxes;
    for (const seq of await this.#references.owners(key)) {
      for (const mailbox of (await this.#references.get(seq, key)) ?? []) if ((await store.get(mailbox, seq)) !== undefined) return true;
      this.#references.delete(seq, key);
    }
    return false;
  }

  async #remove(key: string): Promise<void> {
    await this.#files.remove(key);
    this.#released.delete(HOST, key);
    this.#ctx.log.info('media_released', {});
  }
}
