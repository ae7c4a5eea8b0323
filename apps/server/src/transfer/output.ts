/** The file of an export, and the folder beside it with the uploaded files. Both are there whole, or not at all. */
import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { StorageError } from '@parley/storage';
import { type Element, serialize } from '@parley/xml';
import { PIE } from './format.ts';
import { TransferError } from './walk.ts';

export class ExportOutput {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;
  #folder = false;

  private constructor(path: string, temporary: string, file: FileHandle) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
  }

  /** Throws TransferError. */
  static async open(path: string): Promise<ExportOutput> {
    const temporary = `${path}.${process.pid}.part`;
    try {
      // It holds everybody's keys and messages.
      return new ExportOutput(path, temporary, await open(temporary, 'wx', 0o600));
    } catch (error) {
      throw refusal(path, error);
    }
  }

  async text(text: string): Promise<void> {
    await this.#file.write(text);
  }

  async elements(...elements: (Element | undefined)[]): Promise<void> {
    for (const element of elements) if (element !== undefined) await this.text(`${serialize(element, PIE)}\n`);
  }

  /** Copies a file into the folder. Answers its address beside this one; undefined when its bytes are not those of the hash. */
  async copy(name: string, source: AsyncIterable<Uint8Array>, sha256: string): Promise<string | undefined> {
    const folder = `${this.#temporary}.files`;
    if (!this.#folder) await mkdir(folder, { mode: 0o700 });
    this.#folder = true;
    const copy = await open(join(folder, name), 'wx', 0o600);
    const hash = createHash('sha256');
    try {
      for await (const chunk of source) {
        hash.update(chunk);
        await copy.write(chunk);
      }
      await copy.sync();
    } finally {
      await copy.close();
    }
    if (hash.digest('hex') === sha256) return `${encodeURIComponent(basename(this.#path))}.files/${name}`;
    await rm(join(folder, name));
    return undefined;
  }

  /** Puts both in place of what was there. */
  async finish(): Promise<void> {
    await this.#file.sync();
    await this.#file.close();
    await rm(`${this.#path}.files`, { recursive: true, force: true });
    if (this.#folder) await rename(`${this.#temporary}.files`, `${this.#path}.files`);
    await rename(this.#temporary, this.#path);
  }

  /** Leaves nothing behind. Answers what to throw. */
  async fail(error: unknown): Promise<unknown> {
    await this.#file.close().catch(() => undefined);
    await rm(this.#temporary, { force: true });
    await rm(`${this.#temporary}.files`, { recursive: true, force: true });
    return (error as NodeJS.ErrnoException).syscall === undefined || error instanceof StorageError ? error : refusal(this.#path, error);
  }
}

const refusal = (path: string, error: unknown): TransferError => new TransferError(`Cannot write ${path}: ${(error as Error).message}.`);
