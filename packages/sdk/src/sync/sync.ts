import type { Session } from '../connection/session.ts';
import type { Context } from '../context.ts';
import type { Journal } from '../conversations/journal.ts';
import { serverKey } from '../conversations/keys.ts';
import type { Outcome } from '../conversations/records.ts';
import type { ServerConversation } from '../conversations/settings.ts';
import type { ConversationState } from '../conversations/state.ts';
import { ChatError } from '../errors.ts';
import { type Fact, factsOf } from '../messages/facts.ts';
import { groupFacts } from '../messages/group-facts.ts';
import type { ConversationRecord } from '../store/store.ts';
import { Archive, type ArchivedMessage, type ArchivePage } from './archive.ts';

/** Store key: archive id up to which the store has everything. */
export const CURSOR = 'sync.cursor';
/** Store key: id of the newest group message that came. */
export const ROOM_CURSOR = 'sync.groups';
const PAGE = 100;
/** Pages over all conversations at the first sign-in, before each contact is asked for. */
const FIRST_PAGES = 2;
/** Contacts asked one by one at the first sign-in; the others are read when opened. */
const FIRST_CONTACTS = 100;
/** Conversations at the beginning of the list whose newest messages are read at the first sign-in, and how many at a time. */
const READ_AHEAD = 20;
const AT_ONCE = 5;
/** Live facts held back while catching up; more are dropped, because the catch-up reads them from the archive. */
const MAX_HELD = 5_000;

/** Brings the store level with the server's archive and keeps it so. */
export class Sync {
  readonly archive: Archive;
  readonly #context: Context;
  readonly #journal: Journal;
  readonly #firstMessages: number;
  readonly #deliver: (outcome: Outcome) => void;
  /** While true, live messages wait, so that older ones come before them. */
  #catchingUp = false;
  /** The store has everything up to the newest live message, so live archive ids may move the cursor. */
  #level = false;
  #held: Fact[] = [];
  #live: Fact[] = [];
  #flushing = false;
  #generation = 0;

  constructor(context: Context, journal: Journal, firstMessages: number, deliver: (outcome: Outcome) => void) {
    this.#context = context;
    this.#journal = journal;
    this.#firstMessages = firstMessages;
    this.#deliver = deliver;
    this.archive = new Archive(context.platform);
  }

  /** A new session: what arrives from now on waits for `catchUp`. */
  begin(): void {
    this.#generation++;
    this.#catchingUp = true;
    this.#level = false;
  }

  /** The session is over; what was held is written, for it is real. */
  end(): void {
    this.#generation++;
    this.#catchingUp = false;
    this.#level = false;
    this.#release();
  }

  /** Takes live facts (from stanzas and carbons). Those of one turn are written together. */
  take(facts: readonly Fact[]): void {
    if (this.#catchingUp) {
      if (this.#held.length < MAX_HELD) this.#held.push(...facts);
      return;
    }
    this.#live.push(...facts);
    this.#flush();
  }

  #release(): void {
    this.#live.push(...this.#held);
    this.#held = [];
    this.#flush();
  }

  #flush(): void {
    if (this.#flushing || this.#live.length === 0) return;
    this.#flushing = true;
    queueMicrotask(() => {
      const facts = this.#live;
      this.#live = [];
      const cursor = this.#level ? facts.findLast((fact) => fact.serverId !== undefined && fact.room !== true)?.serverId : undefined;
      const roomCursor = facts.findLast((fact) => fact.serverId !== undefined && fact.room === true)?.serverId;
      this.#journal
        .apply(facts, {
          place: 'append',
          values: {
            ...(cursor === undefined ? {} : { [CURSOR]: cursor }),
            ...(roomCursor === undefined ? {} : { [ROOM_CURSOR]: roomCursor }),
          },
        })
        .then((outcome) => this.#deliver(outcome))
        .catch((error: unknown) => {
          // Not written: the next catch-up must read them again.
          this.#level = false;
          this.#context.report(error);
        })
        .finally(() => {
          this.#flushing = false;
          this.#flush();
        });
    });
  }

  /** Reads what is missing. `contacts` are asked for one by one the first time. Never rejects. */
  async catchUp(session: Session, contacts: readonly string[]): Promise<void> {
    const generation = this.#generation;
    const current = (): boolean => generation === this.#generation;
    let stored = 0;
    const progress = (count: number): void => {
      stored += count;
      this.#context.emit('sync.progress', { stored });
    };
    try {
      const cursor = await this.#context.store.value(CURSOR);
      let known = typeof cursor === 'string';
      if (typeof cursor === 'string') {
        try {
          await this.#since(session, cursor, current, progress);
        } catch (error) {
          // The server has deleted that far: begin anew with what it still has.
          if (!(error instanceof ChatError) || error.code !== 'not-found') throw error;
          known = false;
        }
      }
      if (!known) await this.#first(session, contacts, current, progress);
      if (!current()) return;
      this.#level = true;
    } catch (error) {
      if (!current()) return;
      // No archive on this server is no error: there is only what arrives live.
      if (!(error instanceof ChatError) || error.code !== 'not-supported') this.#context.report(error);
    }
    if (!current()) return;
    this.#catchingUp = false;
    this.#release();
    this.#context.emit('sync.done', { stored });
  }

  async #since(session: Session, cursor: string, current: () => boolean, progress: (count: number) => void): Promise<void> {
    let after = cursor;
    for (;;) {
      const page = await this.archive.page(session, { after, limit: PAGE });
      if (!current()) return;
      if (page.items.length > 0) {
        if (page.last === undefined || page.last === after) throw new ChatError('protocol-violation', 'The archive does not move on');
        after = page.last;
        const outcome = await this.#journal.apply(this.#facts(page.items), { place: 'append', values: { [CURSOR]: after } });
        progress(outcome.added);
        this.#deliver(outcome);
      }
      if (page.complete || !current()) return;
    }
  }

  /** First sign-in on this device: the newest of everything, then the newest of each contact not seen there. */
  async #first(session: Session, contacts: readonly string[], current: () => boolean, progress: (count: number) => void): Promise<void> {
    const pages: ArchivePage[] = [];
    let before = '';
    let complete = false;
    while (pages.length < FIRST_PAGES && !complete && this.#firstMessages > 0) {
      const page = await this.archive.page(session, { before, limit: PAGE });
      if (!current()) return;
      pages.unshift(page);
      complete = page.complete;
      before = page.first ?? '';
    }
    const items = pages.flatMap((page) => page.items);
    const cursor = items.at(-1)?.archiveId ?? (await this.#newest(session));
    if (!current()) return;
    await this.#history(items, complete, progress, cursor);
    if (complete || this.#firstMessages === 0) return;
    const seen = new Set(items.map(({ message }) => message).flatMap((message) => [bare(message.attr('from')), bare(message.attr('to'))]));
    for (const contact of contacts.filter((id) => !seen.has(id)).slice(0, FIRST_CONTACTS)) {
      const page = await this.archive.page(session, { with: contact, before: '', limit: this.#firstMessages });
      if (!current()) return;
      await this.#history(page.items, page.complete, progress, undefined);
    }
  }

  async #newest(session: Session): Promise<string | undefined> {
    return (await this.archive.page(session, { before: '', limit: 1 })).items.at(-1)?.archiveId;
  }

  /** Writes first history; nobody gets receipts for it. Remembers from where older messages are to be asked. */
  async #history(
    items: readonly ArchivedMessage[],
    complete: boolean,
    progress: (count: number) => void,
    cursor: string | undefined,
  ): Promise<void> {
    const facts = this.#facts(items);
    const conversations = new Map<string, Partial<ConversationRecord>>();
    for (const fact of facts) {
      if (fact.kind === 'nothing' || conversations.has(fact.conversationId)) continue;
      conversations.set(fact.conversationId, { oldestServerId: fact.serverId, complete });
    }
    const outcome = await this.#journal.apply(facts, {
      place: 'append',
      conversations,
      ...(cursor === undefined ? {} : { values: { [CURSOR]: cursor } }),
    });
    progress(outcome.added);
  }

  /** Older history of one conversation, for a window that scrolls up. Resolves with whether there may be more. */
  readonly fetchOlder = async (state: ConversationState, count: number): Promise<boolean> => {
    const session = this.#context.connection.session;
    if (session === undefined || !session.online)
      throw new ChatError('offline', 'Older messages are on the server, and there is no connection');
    const before = state.record.oldestServerId ?? (await this.#oldestKnown(state));
    let page: ArchivePage;
    try {
      page = await this.archive.page(session, {
        ...(state.group ? { of: state.id } : { with: state.id }),
        before: before ?? '',
        limit: Math.max(count, 20),
      });
    } catch (error) {
      if (!(error instanceof ChatError) || (error.code !== 'not-supported' && error.code !== 'not-found')) throw error;
      await this.#journal.changeConversation(state, { complete: true });
      return false;
    }
    const oldest = page.items[0]?.archiveId;
    await this.#journal.apply(this.#facts(page.items, state.group ? state : undefined), {
      place: 'prepend',
      conversations: new Map([[state.id, { complete: page.complete, ...(oldest === undefined ? {} : { oldestServerId: oldest }) }]]),
    });
    return !page.complete;
  };

  async #oldestKnown(state: ConversationState): Promise<string | undefined> {
    const oldest = await this.#context.store.messages(state.id, { after: 0, limit: 20 });
    return oldest.find((message) => message.serverId !== undefined)?.serverId;
  }

  /** `group`: the items are from its archive. */
  #facts(items: readonly ArchivedMessage[], group?: ConversationState): Fact[] {
    const { me, cipher, now } = this.#context;
    return items.flatMap(({ archiveId, stampedAt, message }) => {
      const options = { me, origin: 'archive' as const, cipher, now, archiveId, ...(stampedAt === undefined ? {} : { stampedAt }) };
      if (group === undefined) return factsOf(message, options);
      // Whose archive it is, is known; what it says of other rooms is not believed.
      return bare(message.attr('from')) === group.id ? groupFacts(message, { ...options, nick: group.record.group?.nick ?? '' }) : [];
    });
  }

  /** The newest messages of a group that this device knows nothing of. */
  async readGroup(session: Session, state: ConversationState): Promise<void> {
    const limit = Math.max(this.#firstMessages, 1);
    const page = await this.archive.page(session, { of: state.id, before: '', limit });
    const oldest = page.items[0]?.archiveId;
    await this.#journal.apply(this.#facts(page.items, state), {
      place: 'append',
      conversations: new Map([[state.id, { complete: page.complete, ...(oldest === undefined ? {} : { oldestServerId: oldest }) }]]),
    });
  }

  /**
   * A device that has nothing yet paints the server's list: the last message of each conversation, and what is unread. Older ones
   * are read when they are looked at. False: this device has something already. `fetch` takes over what the server says, and is called
   * in either case.
   */
  async seed(session: Session, fetch: () => Promise<readonly ServerConversation[]>): Promise<boolean> {
    const generation = this.#generation;
    const fresh = (await this.#context.store.value(CURSOR)) === undefined && this.#firstMessages > 0;
    // Before the list: what comes while that is on its way is in neither, and must be read by the catch-up to stand in its order.
    const newest = fresh ? await this.#newest(session) : undefined;
    const list = await fetch();
    if (generation !== this.#generation || newest === undefined) return false;
    for (const { jid, id, group, message, unread = 0, truncated } of list) {
      if (group === true || id === undefined) continue;
      const state = this.#context.conversationState(jid);
      const items =
        message === undefined || truncated === true ? [] : [{ archiveId: id, stampedAt: message.delay?.stamp, message: message.stanza }];
      await this.#journal.apply(this.#facts(items), {
        place: 'append',
        conversations: new Map([[state.id, { ...(items.length > 0 ? { oldestServerId: id } : {}), complete: false }]]),
      });
      await this.#journal.seen(state, unread);
    }
    await this.#context.store.commit({ values: { [CURSOR]: newest } });
    this.#context.emit('sync.progress', { stored: list.length });
    // What a person is likely to open first is there when the network goes: all that is unread, and the beginning of the list.
    const direct = list.filter(({ group, archived }) => group !== true && !archived);
    const wanted = direct.filter(({ unread = 0, truncated }, index) => unread > 0 || truncated === true || index < READ_AHEAD);
    for (let start = 0; start < Math.min(wanted.length, FIRST_CONTACTS); start += AT_ONCE) {
      if (generation !== this.#generation) return true;
      await Promise.all(wanted.slice(start, start + AT_ONCE).map((one) => this.#readAhead(one)));
    }
    return true;
  }

  async #readAhead({ jid, unread = 0, displayed }: ServerConversation): Promise<void> {
    const state = this.#context.conversationState(jid);
    // All that is unread: the same messages may be on their way as a backlog, and must be known by then to stand in their order.
    let wanted = Math.max(unread + 5, this.#firstMessages);
    while (wanted > 0 && (await this.fetchOlder(state, Math.min(PAGE, wanted)))) wanted -= PAGE;
    await this.#journal.serverState(state, {}, displayed === undefined ? undefined : serverKey(displayed));
  }
}

function bare(address: string | undefined): string {
  return address?.split('/', 1)[0] ?? '';
}
