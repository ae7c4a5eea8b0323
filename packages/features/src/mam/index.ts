/** XEP-0313: Message Archive Management of the user's own mailbox; XEP-0059 paging. */
import {
  defineFeature,
  defineSlot,
  type FeatureContext,
  HourlyLimit,
  type IqCall,
  inlineBind,
  json,
  messageRouted,
  type Session,
} from '@parley/core';
import { encodeRsmResult, formatDateTime, Jid, NS, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable, MailboxEntry, MailboxQuery } from '@parley/storage';
import { type Element, el, escapeAttr, parseStanza, utf8Encode, withClientNamespace } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { rosters } from '../roster/service.ts';
import { ALWAYS, type ArchivePreferences, decodePreferences, encodePreferences, wantsArchived } from './preferences.ts';
import { type ArchiveQuery, decodeQuery, queryForm } from './query.ts';
import { archives } from './service.ts';

const EXTENDED = `${NS.mam}#extended`;
const PREFERENCES = 'preferences';
const CACHED = 10_000;
/** Bytes of one page: a shorter page than was asked for is allowed (XEP-0059 §2.1), a queue that nobody reads is not. */
const PAGE_BYTES = 1024 * 1024;
/** Reads for one page, when most entries are hidden or of another resource. */
const PAGE_READS = 20;
/** Countings of a mailbox that one account may ask for in an hour: a long one takes long. */
const COUNTS = 600;
/** Searches by text that one account may ask for in an hour. */
const SEARCHES = 3600;

const options = {
  pageMax: {
    reload: 'hot',
    type: 'integer',
    default: 100,
    min: 10,
    max: 500,
    about: 'Entries in one page of the archive, whatever a client asks for.',
  },
} as const;

/** This device reads the archive, and that is written down. */
const reads = defineSlot('mam-reads', 'handover', false);

class Archive {
  readonly #ctx: FeatureContext<{ readonly pageMax: number }>;
  readonly #preferences;
  /** Devices that have read from the archive. */
  readonly #readers;
  /** Entries that wait for delivery but are not for the archive: position as id → peer. */
  readonly #hidden;
  readonly #cache = new Map<number, ArchivePreferences>();
  readonly #counts = new HourlyLimit(COUNTS);
  readonly #searches = new HourlyLimit(SEARCHES);

  constructor(ctx: FeatureContext<{ readonly pageMax: number }>) {
    this.#ctx = ctx;
    this.#preferences = ctx.table('mam_preferences', json<ArchivePreferences>());
    this.#readers = ctx.table('mam_readers', json<true>());
    this.#hidden = ctx.table('mam_hidden', json<string>());
  }

  preferencesOf(account: number): ArchivePreferences | Promise<ArchivePreferences> {
    const there = this.#cache.get(account);
    if (there !== undefined) return there;
    const found = this.#preferences.get(account, PREFERENCES);
    const keep = (value: ArchivePreferences | undefined): ArchivePreferences => {
      if (this.#cache.size >= CACHED) this.#cache.clear();
      this.#cache.set(account, value ?? ALWAYS);
      return value ?? ALWAYS;
    };
    return found instanceof Promise ? found.then(keep) : keep(found);
  }

  setPreferences(account: number, preferences: ArchivePreferences): void {
    this.#cache.delete(account);
    this.#preferences.set(account, PREFERENCES, preferences);
  }

  /** A kept message has an entry in this mailbox; hides it when the owner does not want it archived. */
  consider(account: AccountRecord, peer: string, seq: number): void | Promise<void> {
    const preferences = this.preferencesOf(account.id);
    if (preferences === ALWAYS) return;
    return this.#hideIfUnwanted(account, peer, seq, preferences);
  }

  async #hideIfUnwanted(
    account: AccountRecord,
    peer: string,
    seq: number,
    wanted: ArchivePreferences | Promise<ArchivePreferences>,
  ): Promise<void> {
    const preferences = await wanted;
    const contacts = preferences.default === 'roster' ? await this.#ctx.find(rosters)?.of(account) : undefined;
    if (!wantsArchived(preferences, peer, () => contacts?.get(peer)?.listed ?? false))
      this.#hidden.set(account.id, this.#ctx.mailboxes.stanzaId(seq), peer);
  }

  /** Hidden positions of a mailbox; those that every device has are removed for good. */
  async hiddenOf(account: number): Promise<ReadonlySet<number>> {
    const rows = await this.#hidden.list(account);
    if (rows.length === 0) return EMPTY;
    const { store } = this.#ctx.mailboxes;
    const cursors = await store.cursors(account);
    const through = cursors.length === 0 ? 0 : Math.min(...cursors.map((cursor) => cursor.seq));
    const hidden = new Set<number>();
    for (const { key } of rows) {
      const seq = this.#ctx.mailboxes.parseStanzaId(key);
      if (seq === undefined) continue;
      hidden.add(seq);
      if (seq <= through) {
        store.remove(account, seq);
        this.#hidden.delete(account, key);
      }
    }
    return hidden;
  }

  /**
   * The position that an id names; it must be there (§4.1.3: item-not-found). `bound`: for a page that goes on from it, it is enough that it
   * lies within the archive: a message that has disappeared since (XEP-0466) leaves no gap that the client does not know of.
   */
  async #position(account: number, id: string, bound: boolean): Promise<number> {
    const { store, committedSeq } = this.#ctx.mailboxes;
    const seq = this.#ctx.mailboxes.parseStanzaId(id);
    if (seq !== undefined && (await store.get(account, seq)) !== undefined) return seq;
    const first = bound && seq !== undefined && seq <= committedSeq ? (await store.range(account))?.first.seq : undefined;
    if (seq === undefined || first === undefined || seq < first) throw new StanzaError('item-not-found');
    return seq;
  }

  /** Whether this device has read from the archive before. Until then it is given what waits: a client that does not read would miss it. */
  isReader(session: Session): Awaitable<boolean> {
    if (session.device === '') return false;
    return whenReady(this.#readers.get(session.account.id, session.device), (reads) => reads === true);
  }

  async #rememberReader(session: Session): Promise<void> {
    session.set(reads, true);
    if (await this.isReader(session)) return;
    await this.#forgetReaders(session.account.id);
    this.#readers.set(session.account.id, session.device, true);
  }

  /** Device names are the clients' own words: those that the mailbox does not know (any more) are forgotten when they become many. */
  async #forgetReaders(account: number): Promise<void> {
    const rows = await this.#readers.list(account);
    if (rows.length < this.#ctx.limits.devicesPerAccount * 2) return;
    const known = new Set((await this.#ctx.mailboxes.store.cursors(account)).map(({ device }) => device));
    for (const { key } of rows) if (!known.has(key)) this.#readers.delete(account, key);
  }

  /** The storage can find messages by their text (XEP-0431). */
  get canSearch(): boolean {
    return this.#ctx.mailboxes.store.search !== undefined;
  }

  /** One read of the archive: entries, and where to go on when they are fewer than `limit` without being all. */
  async #read(
    account: number,
    query: MailboxQuery,
    text: string | undefined,
  ): Promise<{ entries: readonly MailboxEntry[]; goOn: number | undefined }> {
    const { store } = this.#ctx.mailboxes;
    if (text === undefined || store.search === undefined) {
      const entries = await store.read(account, query);
      return { entries, goOn: entries.length < query.limit ? undefined : entries[entries.length - 1]?.seq };
    }
    const { entries, reached } = await store.search(account, { ...query, text });
    return { entries, goOn: reached ?? (entries.length < query.limit ? undefined : entries[entries.length - 1]?.seq) };
  }

  async query(call: IqCall): Promise<Element> {
    const { from, account } = call;
    const query = decodeQuery(call.payload, this.canSearch);
    if (query.text !== undefined && this.#searches.take(String(account.id), this.#ctx.clock.now()) > 0)
      throw new StanzaError('resource-constraint', { type: 'wait', text: 'Too many searches. Try again in a minute.' });
    // Who only looks for something does not fetch what waits by that.
    if (!from.available && query.text === undefined) this.#ctx.mailboxes.skipOffline(from);
    if (from.device !== '' && query.text === undefined && !from.get(reads)) await this.#rememberReader(from);
    const hidden = await this.hiddenOf(account.id);
    const visible = (entry: MailboxEntry): boolean =>
      !hidden.has(entry.seq) && (query.with === undefined || query.with.isBare || involves(entry, query.with));
    if (query.ids !== undefined) return this.#byIds(from, account.id, query, visible);

    const { store, committedSeq } = this.#ctx.mailboxes;
    const max = Math.min(query.page.max ?? this.#ctx.config.pageMax, this.#ctx.config.pageMax);
    const backwards = query.page.before !== undefined;
    let after = 0;
    let before = committedSeq + 1;
    const bounds = [
      { id: query.afterId, page: false, lower: true },
      { id: query.page.after, page: true, lower: true },
      { id: query.beforeId, page: false, lower: false },
      { id: query.page.before, page: true, lower: false },
    ];
    for (const { id, page, lower } of bounds) {
      if (id === undefined || id === '') continue;
      const seq = await this.#position(account.id, id, page);
      if (lower) after = Math.max(after, seq);
      else before = Math.min(before, seq);
    }
    const isOpen = before > committedSeq;
    const filter: Omit<MailboxQuery, 'limit'> = {
      ...(query.with === undefined ? undefined : { peer: query.with.bare }),
      ...(query.start === undefined ? undefined : { start: query.start }),
      ...(query.end === undefined ? undefined : { end: query.end }),
    };
    if (query.ranked) return this.#best(from, account.id, query, { ...filter, after, before }, max, visible);
    if (max === 0 && query.text !== undefined) return el('fin', { xmlns: NS.mam }, encodeRsmResult({}));
    if (max === 0) {
      // How many there are is optional (XEP-0059 §2.6).
      if (this.#counts.take(String(account.id), this.#ctx.clock.now()) > 0) return el('fin', { xmlns: NS.mam }, encodeRsmResult({}));
      const count = await store.count(account.id, { ...filter, before: committedSeq + 1 });
      return el(
        'fin',
        { xmlns: NS.mam, complete: count === 0 ? true : undefined },
        encodeRsmResult({ count: Math.max(0, count - hidden.size) }),
      );
    }
    // Read on until the page is full, because what is hidden does not count.
    const page: MailboxEntry[] = [];
    let complete = false;
    let bytes = 0;
    for (let rounds = 1; page.length <= max; rounds++) {
      const wanted = max + 1 - page.length;
      const { entries, goOn } = await this.#read(account.id, { ...filter, after, before, limit: wanted, reverse: backwards }, query.text);
      let full = false;
      for (const entry of entries) {
        if (!visible(entry)) continue;
        bytes += entry.stanza.length;
        full = bytes > PAGE_BYTES && page.length > 0;
        if (full) break;
        page.push(entry);
      }
      if (full) break;
      if (goOn === undefined) {
        complete = true;
        break;
      }
      if (backwards) before = goOn;
      else after = goOn;
      // Whoever gets an empty page that is not the last goes on from where it ended, which must be told.
      if (rounds >= PAGE_READS && page.length > 0) break;
      if (rounds % PAGE_READS === 0) await new Promise<void>((resolve) => this.#ctx.clock.after(0, resolve));
    }
    if (page.length > max) page.length = max;
    if (backwards) page.reverse();
    this.#show(from, query, query.flip ? [...page].reverse() : page);
    // Unfiltered and to the end: what is before `after` or `start` the client says it has.
    if (complete && query.text === undefined && query.with === undefined && query.end === undefined && isOpen)
      this.#ctx.mailboxes.archiveSent(from, committedSeq);
    const first = page[0];
    const last = page[page.length - 1];
    const id = (entry: MailboxEntry): string => this.#ctx.mailboxes.stanzaId(entry.seq);
    return el(
      'fin',
      { xmlns: NS.mam, complete: complete ? true : undefined, queryid: query.queryId },
      encodeRsmResult(first === undefined || last === undefined ? {} : { first: id(first), last: id(last) }),
    );
  }

  /** The best matches of a search, best first, in one page. `complete`: there are no others. */
  async #best(
    from: Session,
    account: number,
    query: ArchiveQuery,
    filter: Omit<MailboxQuery, 'limit'>,
    max: number,
    visible: (entry: MailboxEntry) => boolean,
  ): Promise<Element> {
    const found = await this.#ctx.mailboxes.store.search?.(account, { ...filter, text: query.text ?? '', ranked: true, limit: max + 1 });
    const page: Array<MailboxEntry & { readonly score?: number }> = [];
    let bytes = 0;
    for (const entry of found?.entries ?? []) {
      if (!visible(entry)) continue;
      bytes += entry.stanza.length;
      if (page.length >= max || (bytes > PAGE_BYTES && page.length > 0)) break;
      page.push(entry);
    }
    this.#show(from, query, page);
    const all = found?.reached === undefined && (found?.entries.length ?? 0) <= max;
    return el('fin', { xmlns: NS.mam, complete: all ? true : undefined, queryid: query.queryId }, encodeRsmResult({}));
  }

  async #byIds(from: Session, account: number, query: ArchiveQuery, visible: (entry: MailboxEntry) => boolean): Promise<Element> {
    const page: MailboxEntry[] = [];
    for (const id of query.ids ?? []) {
      const seq = this.#ctx.mailboxes.parseStanzaId(id);
      const entry =
        seq === undefined || seq > this.#ctx.mailboxes.committedSeq ? undefined : await this.#ctx.mailboxes.store.get(account, seq);
      if (entry === undefined || !visible(entry)) throw new StanzaError('item-not-found');
      page.push(entry);
    }
    page.sort((a, b) => a.seq - b.seq);
    this.#show(from, query, page);
    return el('fin', { xmlns: NS.mam, complete: true, queryid: query.queryId }, encodeRsmResult({}));
  }

  #show(session: Session, query: ArchiveQuery, page: ReadonlyArray<MailboxEntry & { readonly score?: number }>): void {
    const queryId = query.queryId === undefined ? '' : ` queryid="${escapeAttr(query.queryId)}"`;
    for (const entry of page) {
      const head = utf8Encode(
        `<message from="${escapeAttr(session.bare)}" to="${escapeAttr(session.address)}"><result xmlns="${NS.mam}"${queryId} id="${this.#ctx.mailboxes.stanzaId(entry.seq)}">` +
          `<forwarded xmlns="${NS.forward}"><delay xmlns="${NS.delay}" stamp="${formatDateTime(entry.at)}"/>`,
      );
      const stanza = withClientNamespace(entry.stanza);
      const tail = entry.score === undefined ? TAIL : utf8Encode(`</forwarded>${rankText(entry.score)}</result></message>`);
      const out = new Uint8Array(head.length + stanza.length + tail.length);
      out.set(head, 0);
      out.set(stanza, head.length);
      out.set(tail, head.length + stanza.length);
      session.sendBytes(out);
    }
  }

  metadata(account: number): Awaitable<Element> {
    const end = (name: string, { seq, at }: { seq: number; at: number }): Element =>
      el(name, { id: this.#ctx.mailboxes.stanzaId(seq), timestamp: formatDateTime(at) });
    return whenReady(this.#ctx.mailboxes.store.range(account), (range) =>
      range === undefined
        ? el('metadata', { xmlns: NS.mam })
        : el('metadata', { xmlns: NS.mam }, end('start', range.first), end('end', range.last)),
    );
  }
}

const EMPTY: ReadonlySet<number> = new Set();
const TAIL = utf8Encode('</forwarded></result></message>');

/** How well a message answers the search: larger is better, comparable within one answer. */
const rankText = (score: number): string => `<rank xmlns="${NS.archiveSearch}" score="${score.toFixed(3)}"/>`;

/** True when this full address sent or was sent the entry. */
function involves(entry: MailboxEntry, full: Jid): boolean {
  const stanza = parseStanza(entry.stanza, undefined, NS.client);
  const other = Jid.tryParse((entry.outgoing ? stanza.to : stanza.from) ?? '');
  return other?.equals(full) ?? false;
}

export default defineFeature({
  name: 'mam',
  about: "Lets a client page through its account's message history.",
  implements: [
    { xep: 313, version: '1.1.3', status: 'complete', note: 'user archive with the extended queries' },
    { xep: 431, version: '0.2.0', status: 'complete', note: 'where the storage can search; with ranked results' },
    { xep: 59, version: '1.0', status: 'partial', note: 'paging by id; not by index' },
    { xep: 359, version: '0.7.0', status: 'complete' },
    { xep: 334, version: '1.0.0', status: 'complete' },
  ],
  advertises: [NS.mam],
  advertisesOnAccounts: [NS.mam, EXTENDED, NS.sid],
  provides: [archives],
  options,
  setup(ctx) {
    const archive = new Archive(ctx);
    if (archive.canSearch) for (const namespace of [NS.fulltext, NS.archiveSearch]) ctx.advertise(namespace, 'account');
    ctx.provide(archives, { hiddenOf: (account) => archive.hiddenOf(account) });
    ctx.on(messageRouted, 'watch', ({ from, to, recipient, seq }) => {
      if (seq === undefined) return;
      if (recipient !== undefined && from !== undefined) {
        const done = recipient.domain === ctx.host ? archive.consider(recipient, from.bare, seq) : undefined;
        const own = from.account.domain === ctx.host && from.account.id !== recipient.id;
        const sent = own ? archive.consider(from.account, to.bare, seq) : undefined;
        if (done !== undefined || sent !== undefined) return Promise.all([done, sent]).then(() => undefined);
      }
    });
    // XEP-0386 §3.2: who binds so reads what waits from here, and is not given it as well.
    ctx.on(inlineBind, 'tell', ({ session, results }) =>
      whenReady(archive.isReader(session), (reads) => {
        if (reads) ctx.mailboxes.skipOffline(session);
        return whenReady(archive.metadata(session.account.id), (metadata) => void results.push(metadata));
      }),
    );
    ctx.iq('get', 'account', { name: 'query', ns: NS.mam }, () => queryForm(archive.canSearch));
    ctx.iq('set', 'account', { name: 'query', ns: NS.mam }, (call) => archive.query(call));
    ctx.iq('get', 'account', { name: 'metadata', ns: NS.mam }, ({ account }) => archive.metadata(account.id));
    ctx.iq('get', 'account', { name: 'prefs', ns: NS.mam }, async ({ account }) =>
      encodePreferences(await archive.preferencesOf(account.id)),
    );
    ctx.iq('set', 'account', { name: 'prefs', ns: NS.mam }, ({ account, payload }) => {
      const preferences = decodePreferences(payload);
      archive.setPreferences(account.id, preferences);
      return encodePreferences(preferences);
    });
  },
});
