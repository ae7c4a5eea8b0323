import type { Context } from '../context.ts';
import { serverKey } from '../conversations/keys.ts';
import { publicMessage } from '../conversations/state.ts';
import { ChatError } from '../errors.ts';
import { factsOf } from '../messages/facts.ts';
import type { MessageRecord } from '../store/store.ts';
import type { Message } from '../types.ts';
import type { Archive, ArchivedMessage } from './archive.ts';

const DEFAULT_LIMIT = 40;
const MAX_LIMIT = 100;
/** Messages of one conversation that are looked through on this device, newest first. */
const LOCAL_DEPTH = 5_000;
const STEP = 500;

/** The conversations that can be looked through. */
export interface SearchIn {
  readonly id: string;
  readonly group: boolean;
}

/** Case, diacritics and presentation forms do not matter: `uber` finds `Über`. */
export function fold(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}

/** All words of `query` are in `text`, each at the beginning of one of its words. */
export function matches(text: string, words: readonly string[]): boolean {
  const folded = fold(text);
  return words.every(
    (word) =>
      folded.startsWith(word) ||
      new RegExp(`[^\\p{L}\\p{N}]${literal(word)}`, 'u').test(folded) ||
      (CLOSE.test(word) && folded.includes(word)),
  );
}

/** Scripts without spaces between words: any part counts. */
const CLOSE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const literal = (word: string): string => word.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');

/** Words of a query, folded; punctuation separates. */
export const wordsOf = (query: string): string[] => (fold(query).match(/[\p{L}\p{N}]+/gu) ?? []).slice(0, 8);

/** Finds messages by their text: in the server's archive where it can search, and in what this device has. */
export class Search {
  readonly #context: Context;
  readonly #archive: Archive;

  constructor(context: Context, archive: Archive) {
    this.#context = context;
    this.#archive = archive;
  }

  /** Newest first. */
  async find(
    query: string,
    conversations: readonly SearchIn[],
    options: { readonly conversationId?: string | undefined; readonly limit?: number } = {},
  ): Promise<Message[]> {
    const words = wordsOf(query);
    const limit = Math.min(MAX_LIMIT, Math.max(1, options.limit ?? DEFAULT_LIMIT));
    if (words.length === 0) return [];
    const wanted = conversations.filter(({ id }) => options.conversationId === undefined || id === options.conversationId);
    const { session } = this.#context.connection;
    const onServer = session?.online === true && this.#context.features().textSearch;
    const found = new Map<string, Message>();
    if (onServer && (options.conversationId === undefined || wanted.some(({ group }) => !group))) {
      try {
        const page = await this.#archive.page(session, {
          text: query,
          before: '',
          limit,
          ...(options.conversationId === undefined ? {} : { with: options.conversationId }),
        });
        for (const message of await this.#known(page.items)) found.set(message.id, message);
      } catch (error) {
        if (!(error instanceof ChatError) || error.condition === undefined) throw error;
      }
    }
    // The archive of the account has no groups; without a network, and on servers that cannot search, this device has what it has.
    for (const { id, group } of wanted) {
      if (onServer && !group) continue;
      for (const message of await this.#local(id, words, limit)) found.set(message.id, message);
    }
    return [...found.values()].sort((a, b) => b.sentAt - a.sentAt).slice(0, limit);
  }

  async #local(conversationId: string, words: readonly string[], limit: number): Promise<Message[]> {
    const found: Message[] = [];
    let before: number | undefined;
    for (let depth = 0; depth < LOCAL_DEPTH && found.length < limit; depth += STEP) {
      const page: MessageRecord[] = await this.#context.store.messages(conversationId, {
        limit: STEP,
        ...(before === undefined ? {} : { before }),
      });
      for (const record of page) {
        if (record.deleted === true || record.notice !== undefined) continue;
        if (matches([record.body, ...record.attachments.map((file) => file.name)].join(' '), words)) found.push(publicMessage(record));
      }
      before = page[0]?.order;
      if (page.length < STEP) break;
    }
    return found;
  }

  /** What is here already as it is here; the rest as the archive has it, under the id that it will have. */
  async #known(items: readonly ArchivedMessage[]): Promise<Message[]> {
    const { me, cipher, now, store } = this.#context;
    const kept = await store.messagesByKey(items.map(({ archiveId }) => serverKey(archiveId)));
    return items.flatMap(({ archiveId, stampedAt, message }, index): Message[] => {
      const record = kept[index];
      if (record !== undefined) return record.deleted === true ? [] : [publicMessage(record)];
      const fact = factsOf(message, {
        me,
        origin: 'archive',
        cipher,
        now,
        archiveId,
        ...(stampedAt === undefined ? {} : { stampedAt }),
      }).find((one) => one.kind === 'message');
      if (fact?.kind !== 'message' || fact.retracted) return [];
      const at = fact.stampedAt ?? now();
      return [
        publicMessage({
          id: serverKey(archiveId),
          serverId: archiveId,
          conversationId: fact.conversationId,
          senderId: fact.senderId,
          mine: fact.mine,
          sentAt: at,
          order: at * 1_000,
          status: fact.mine ? 'sent' : 'delivered',
          error: undefined,
          body: fact.content.body,
          attachments: fact.content.attachments,
          wireId: fact.wireId ?? '',
          keys: [],
          queued: 0,
        }),
      ];
    });
  }
}
