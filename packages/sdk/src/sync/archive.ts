import { NS, parseDateTime } from '@parley/protocol';
import { type Element, el } from '@parley/xml';
import { randomId, type Session } from '../connection/session.ts';
import { ChatError } from '../errors.ts';
import type { Platform } from '../platform.ts';

/** XEP-0431 */
const FULLTEXT = '{urn:xmpp:fulltext:0}fulltext';

/** A message as the archive has it. */
export interface ArchivedMessage {
  readonly archiveId: string;
  readonly stampedAt: number | undefined;
  readonly message: Element;
}

export interface ArchivePage {
  /** Oldest first. */
  readonly items: readonly ArchivedMessage[];
  readonly first: string | undefined;
  readonly last: string | undefined;
  /** Nothing lies beyond this page in the direction of the query. */
  readonly complete: boolean;
}

export interface ArchiveQuery {
  readonly with?: string;
  /** The group whose archive is asked; default: the own account's. */
  readonly of?: string;
  /** Only messages with these words (XEP-0431). */
  readonly text?: string;
  /** Page after this id, in order of time. */
  readonly after?: string;
  /** Page before this id; '' for the newest. */
  readonly before?: string;
  /** Only messages from this time on, milliseconds since 1970. */
  readonly limit: number;
}

/** Asks the own archive (XEP-0313 with XEP-0059), page by page. */
export class Archive {
  readonly #platform: Platform;
  readonly #open = new Map<string, { readonly items: ArchivedMessage[]; readonly limit: number; readonly of: string | undefined }>();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** One page. Rejects like an iq; `not-found` when the server no longer has the id in `after`. */
  async page(session: Session, query: ArchiveQuery): Promise<ArchivePage> {
    const queryId = randomId(this.#platform);
    const items: ArchivedMessage[] = [];
    this.#open.set(queryId, { items, limit: query.limit, of: query.of });
    try {
      const result = await session.iq(
        el(
          'iq',
          { type: 'set', to: query.of },
          el(
            'query',
            { xmlns: NS.mam, queryid: queryId },
            query.with === undefined && query.text === undefined ? undefined : form({ with: query.with, [FULLTEXT]: query.text }),
            el(
              'set',
              { xmlns: NS.rsm },
              el('max', null, String(query.limit)),
              query.after === undefined ? undefined : el('after', null, query.after),
              query.before === undefined ? undefined : el('before', null, query.before),
            ),
          ),
        ),
      );
      const fin = result.child('fin', NS.mam);
      if (fin === undefined) throw new ChatError('protocol-violation', 'The archive gave no end of page');
      const set = fin.child('set', NS.rsm);
      const complete = fin.attr('complete') === 'true' || fin.attr('complete') === '1';
      return {
        items,
        first: set?.childText('first', NS.rsm) ?? items[0]?.archiveId,
        last: set?.childText('last', NS.rsm) ?? items.at(-1)?.archiveId,
        // An empty page ends it, whatever the server says: nobody may make us ask forever.
        complete: complete || items.length === 0,
      };
    } finally {
      this.#open.delete(queryId);
    }
  }

  /**
   * Takes a message stanza that carries an archive result. True: it was one (taken or thrown away).
   * CVE-2019-16237: only from the own account (or the group that was asked), and only for a query that is open.
   */
  take(stanza: Element, me: string): boolean {
    const result = stanza.child('result', NS.mam);
    if (result === undefined) return false;
    const from = stanza.attr('from') ?? me;
    const open = this.#open.get(result.attr('queryid') ?? '');
    if (from !== (open?.of ?? me)) return true;
    const archiveId = result.attr('id');
    const forwarded = result.child('forwarded', NS.forward);
    const message = forwarded?.child('message', NS.client);
    if (open === undefined || archiveId === undefined || archiveId === '' || message === undefined) return true;
    if (open.items.length >= open.limit) return true;
    const stamp = forwarded?.child('delay', NS.delay)?.attr('stamp');
    open.items.push({ archiveId, stampedAt: stamp === undefined ? undefined : parseDateTime(stamp), message });
    return true;
  }
}

function form(fields: Readonly<Record<string, string | undefined>>): Element {
  return el(
    'x',
    { xmlns: NS.dataForms, type: 'submit' },
    el('field', { var: 'FORM_TYPE', type: 'hidden' }, el('value', null, NS.mam)),
    ...Object.entries(fields).flatMap(([name, value]) =>
      value === undefined ? [] : [el('field', { var: name }, el('value', null, value))],
    ),
  );
}
