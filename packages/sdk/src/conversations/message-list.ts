import { ChatError } from '../errors.ts';
import { Cell } from '../observable.ts';
import type { ChatStore, MessageRecord } from '../store/store.ts';
import type { Message, MessageList, MessageListOptions, MessageListSnapshot, Unsubscribe } from '../types.ts';
import { isArchiveId } from './keys.ts';
import { type ConversationState, publicMessage, type TimelineListener } from './state.ts';

const DEFAULT_PAGE = 50;
const MAX_PAGE = 200;
const DEFAULT_MAX_ITEMS = 300;
/** How far back a jump reads, in pages of MAX_PAGE. */
const MAX_JUMP_PAGES = 100;

/** Fetches older history of a conversation into the store. Resolves with whether there may be more. Rejects when offline. */
export type FetchOlder = (state: ConversationState, count: number) => Promise<boolean>;

const EMPTY: MessageListSnapshot = Object.freeze({
  items: Object.freeze([]) as readonly Message[],
  ready: false,
  hasOlder: true,
  hasNewer: false,
  loading: undefined,
  newerUnread: 0,
  error: undefined,
});

/** A bounded window; see `MessageList`. Listens to the journal only while somebody listens to it. */
export class MessageWindow implements MessageList, TimelineListener {
  readonly conversationId: string;
  readonly #state: ConversationState;
  readonly #store: ChatStore;
  readonly #fetchOlder: FetchOlder;
  readonly #pageSize: number;
  readonly #maxItems: number;
  readonly #cell: Cell<MessageListSnapshot>;
  #loading: Promise<void> | undefined;
  /** The window came from listening without a gap; false after nobody listened for a while. */
  #fresh = false;
  #version = 0;

  constructor(state: ConversationState, store: ChatStore, fetchOlder: FetchOlder, options: MessageListOptions = {}) {
    this.conversationId = state.id;
    this.#state = state;
    this.#store = store;
    this.#fetchOlder = fetchOlder;
    this.#pageSize = clamp(options.pageSize ?? DEFAULT_PAGE, 1, MAX_PAGE);
    this.#maxItems = Math.max(options.maxItems ?? DEFAULT_MAX_ITEMS, this.#pageSize * 2);
    this.#cell = new Cell(EMPTY, (watched) => this.#watched(watched));
  }

  readonly snapshot = (): MessageListSnapshot => this.#cell.snapshot();
  readonly subscribe = (listener: () => void): Unsubscribe => this.#cell.subscribe(listener);

  #watched(watched: boolean): void {
    if (!watched) {
      this.#state.timelines.delete(this);
      this.#fresh = false;
      return;
    }
    this.#state.timelines.add(this);
    this.jumpToLatest().catch(() => undefined);
  }

  loadOlder(count = this.#pageSize): Promise<void> {
    const wanted = clamp(count, 1, MAX_PAGE);
    return this.#exclusive('older', async () => {
      const { items } = this.snapshot();
      const before = items[0]?.order;
      const range = before === undefined ? { limit: wanted } : { before, limit: wanted };
      let older = await this.#store.messages(this.conversationId, range);
      let more = true;
      if (older.length < wanted && !this.#state.record.complete) {
        more = await this.#fetchOlder(this.#state, wanted - older.length);
        older = await this.#store.messages(this.conversationId, range);
      }
      const now = this.snapshot().items;
      const first = now[0]?.order ?? Number.POSITIVE_INFINITY;
      const merged = [...older.map(publicMessage).filter((message) => message.order < first), ...now];
      const overflow = merged.length - this.#maxItems;
      this.#update({
        items: overflow > 0 ? merged.slice(0, this.#maxItems) : merged,
        hasOlder: older.length >= wanted || (more && !this.#state.record.complete),
        ...(overflow > 0 ? { hasNewer: true } : {}),
      });
    });
  }

  loadNewer(count = this.#pageSize): Promise<void> {
    const wanted = clamp(count, 1, MAX_PAGE);
    return this.#exclusive('newer', async () => {
      const { items } = this.snapshot();
      const after = items.at(-1)?.order ?? 0;
      const newer = await this.#store.messages(this.conversationId, { after, limit: wanted });
      const now = this.snapshot().items;
      const last = now.at(-1)?.order ?? 0;
      const merged = [...now, ...newer.map(publicMessage).filter((message) => message.order > last)];
      const overflow = merged.length - this.#maxItems;
      const hasNewer = newer.length >= wanted;
      this.#update({
        items: overflow > 0 ? merged.slice(overflow) : merged,
        hasNewer,
        ...(hasNewer ? {} : { newerUnread: 0 }),
        ...(overflow > 0 ? { hasOlder: true } : {}),
      });
    });
  }

  jumpTo(target: string | Date): Promise<void> {
    return this.#exclusive('around', async () => {
      let order: number;
      if (typeof target === 'string') {
        const record = (await this.#store.message(target)) ?? (await this.#fetchUntil(target));
        if (record === undefined || record.conversationId !== this.conversationId) throw new ChatError('not-found', 'No such message here');
        order = record.order;
      } else {
        order = target.getTime() * 1_000;
      }
      const older = await this.#store.messages(this.conversationId, { before: order, limit: this.#pageSize });
      const newer = await this.#store.messages(this.conversationId, { after: order - 1, limit: this.#pageSize });
      this.#update({
        items: [...older, ...newer].map(publicMessage),
        ready: true,
        hasOlder: older.length >= this.#pageSize || !this.#state.record.complete,
        hasNewer: newer.length >= this.#pageSize,
        newerUnread: 0,
      });
    });
  }

  /** A message that a search has found in the archive: everything between it and what is here is read. */
  async #fetchUntil(id: string): Promise<MessageRecord | undefined> {
    if (!isArchiveId(id)) return undefined;
    for (let page = 0; page < MAX_JUMP_PAGES && !this.#state.record.complete; page++) {
      const more = await this.#fetchOlder(this.#state, MAX_PAGE);
      const found = await this.#store.message(id);
      if (found !== undefined || !more) return found;
    }
    return undefined;
  }

  jumpToLatest(): Promise<void> {
    const { ready, hasNewer } = this.snapshot();
    if (ready && !hasNewer && this.#fresh) return Promise.resolve();
    return this.#exclusive('around', async () => {
      let newest: MessageRecord[];
      let version: number;
      do {
        // What the journal wrote while the store was read must not be lost.
        version = this.#version;
        newest = await this.#store.messages(this.conversationId, { limit: this.#pageSize });
      } while (version !== this.#version);
      const short = newest.length < this.#pageSize;
      this.#fresh = this.#cell.watched;
      this.#update({
        items: newest.map(publicMessage),
        ready: true,
        hasOlder: !short || !this.#state.record.complete,
        hasNewer: false,
        newerUnread: 0,
      });
      if (short && !this.#state.record.complete) queueMicrotask(() => this.loadOlder().catch(() => undefined));
    });
  }

  /** The journal has written. Cheap for what lies outside the window. */
  changed(changed: readonly Message[], removed: readonly string[]): void {
    this.#version++;
    const before = this.snapshot();
    if (!before.ready) return;
    let items: Message[] | undefined;
    let { hasNewer, hasOlder, newerUnread } = before;
    const copy = (): Message[] => (items ??= [...before.items]);
    if (removed.length > 0) {
      const gone = new Set(removed);
      if (before.items.some((message) => gone.has(message.id))) items = before.items.filter((message) => !gone.has(message.id));
    }
    for (const message of changed) {
      const list = items ?? before.items;
      const index = placeOf(list, message.order);
      const there = list[index];
      if (there?.id === message.id) {
        copy()[index] = message;
      } else if (index === list.length && list.length > 0) {
        if (hasNewer) {
          if (!message.mine && message.status === 'delivered') newerUnread++;
        } else {
          copy().push(message);
        }
      } else if (index === 0 && list.length > 0 && hasOlder) {
        // Lies before the window: loadOlder will find it.
      } else if (list.length === 0 && hasNewer) {
        hasNewer = true;
      } else {
        copy().splice(index, 0, message);
      }
    }
    if (items !== undefined && items.length > this.#maxItems) {
      items = items.slice(items.length - this.#maxItems);
      hasOlder = true;
    }
    if (this.#state.record.complete && items === undefined && hasOlder && before.items.length === 0) hasOlder = false;
    if (items !== undefined || hasOlder !== before.hasOlder || newerUnread !== before.newerUnread) {
      this.#update({ ...(items === undefined ? {} : { items }), hasNewer, hasOlder, newerUnread });
    }
  }

  /** Another tab has written: read the window again. */
  async reload(): Promise<void> {
    const { items, hasNewer, ready } = this.snapshot();
    if (!ready || !this.#cell.watched) return;
    if (!hasNewer) {
      this.#fresh = false;
      await this.jumpToLatest();
      return;
    }
    const first = items[0];
    const last = items.at(-1);
    if (first === undefined || last === undefined) return;
    await this.#exclusive('around', async () => {
      const again = await this.#store.messages(this.conversationId, {
        after: first.order - 1,
        before: last.order + 1,
        limit: this.#maxItems,
      });
      this.#update({ items: again.map(publicMessage) });
    });
  }

  #update(change: Partial<MessageListSnapshot>): void {
    const next = { ...this.snapshot(), ...change };
    if (change.items !== undefined) Object.freeze(change.items);
    this.#cell.set(Object.freeze(next));
  }

  /** One load at a time; a second wish of the same kind joins the first. */
  async #exclusive(kind: 'older' | 'newer' | 'around', work: () => Promise<void>): Promise<void> {
    const running = this.#loading;
    if (running !== undefined) {
      if (this.snapshot().loading === kind && kind !== 'around') return running;
      await running.catch(() => undefined);
      return this.#exclusive(kind, work);
    }
    const run = (async (): Promise<void> => {
      this.#update({ loading: kind, error: undefined });
      try {
        await work();
        this.#loading = undefined;
        this.#update({ loading: undefined });
      } catch (cause) {
        this.#loading = undefined;
        const error = cause instanceof ChatError ? cause : new ChatError('store-failed', 'Messages could not be read', { cause });
        this.#update({ loading: undefined, error });
        throw error;
      }
    })();
    this.#loading = run;
    return run;
  }
}

/** Index of the first message whose order is not smaller. */
function placeOf(items: readonly Message[], order: number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle]!.order < order) low = middle + 1;
    else high = middle;
  }
  return low;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, Math.floor(value)));
}
