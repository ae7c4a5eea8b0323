/** Uploaded files of an export: each lies beside the XML and is taken under the name that it had, so that messages still show it. */
import { constants, type FileHandle, open } from 'node:fs/promises';
import { join, normalize, relative } from 'node:path';
import { parseDateTime } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import type { Element } from '@parley/xml';
import type { Host } from '../engine.ts';
import type { TransferCounts } from './format.ts';

/** The file that `href` names when it is below the folder; undefined for what leads elsewhere. */
export function insideOf(folder: string, from: string, href: string): string | undefined {
  let target: string;
  try {
    target = normalize(join(from, decodeURIComponent(href)));
  } catch {
    return undefined;
  }
  const inside = relative(folder, target);
  const leadsAway = inside === '' || inside.startsWith('..') || /[\0]/.test(href) || /^[a-z][a-z0-9+.-]*:|^\//i.test(href);
  return href === '' || leadsAway ? undefined : target;
}

export class FileImport {
  readonly #engine: Host;
  readonly #account: AccountRecord;
  readonly #folder: string;
  readonly #counts: TransferCounts;
  readonly #left: (what: string) => void;

  constructor(engine: Host, account: AccountRecord, folder: string, counts: TransferCounts, left: (what: string) => void) {
    this.#engine = engine;
    this.#account = account;
    this.#folder = folder;
    this.#counts = counts;
    this.#left = left;
  }

  async take(element: Element): Promise<void> {
    const filename = element.attr('name') ?? '';
    const left = (why: string): void => this.#left(`the file "${filename.slice(0, 100)}": ${why}`);
    const key = element.attr('key') ?? '';
    const size = element.attr('size') ?? '';
    const sha256 = element.attr('sha256') ?? '';
    const at = parseDateTime(element.attr('stamp') ?? '');
    if (!/^[a-z2-7]{32}$/.test(key) || !/^\d{1,15}$/.test(size) || !/^[0-9a-f]{64}$/.test(sha256) || at === undefined)
      return left('what is told of it is not whole');
    const path = insideOf(this.#folder, this.#folder, element.attr('href') ?? '');
    if (path === undefined) return left('it is not beside the export');
    let file: FileHandle;
    try {
      // No link to elsewhere.
      file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      return left((error as NodeJS.ErrnoException).code === 'ENOENT' ? 'it is missing' : 'it cannot be read');
    }
    try {
      const info = await file.stat();
      if (!info.isFile() || info.size !== Number(size)) return left('it is damaged');
      const outcome = await this.#engine.media.restore(
        key,
        {
          accountId: this.#account.id,
          bytes: info.size,
          sha256,
          contentType: element.attr('type') ?? '',
          filename,
          at: Math.min(at, this.#engine.core.clock.now()),
        },
        file.createReadStream({ autoClose: false }),
      );
      if (outcome !== 'taken') return left(outcome === 'there' ? 'there is one of this key already' : 'it is damaged');
      this.#counts.files++;
      this.#counts.fileBytes += info.size;
    } finally {
      await file.close();
    }
  }
}
