import { defineFeature, HourlyLimit, json } from '@parley/core';
import {
  type Bookmark,
  type BookmarkStorage,
  decodeBookmark,
  decodeBookmarkStorage,
  encodeBookmark,
  encodeBookmarkStorage,
  Jid,
  NS,
  StanzaError,
} from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { type Element, parseElement, serialize } from '@parley/xml';
import { forEachReady, whenReady } from '../awaitable.ts';
import { pep } from '../pep/service.ts';
import { privateStorage } from '../private-storage/service.ts';
import { changesTo, levelIn, storageOf, withLevel } from './rules.ts';
import { bookmarks } from './service.ts';

const PRIVATE = { access_model: 'whitelist', persist_items: true } as const;
const READ_BY_OTHERS = 'The bookmarks of this account can be read by others; make that node private first.';
const OTHERS = 'others';
const CURRENT = 'current';
/** Entries that one list in the older form may add or change: each is a publication of its own. */
const MOST_CHANGES = 500;
const CHANGES_PER_HOUR = 3000;

export default defineFeature({
  name: 'bookmarks',
  about: "One list of an account's group chats, whichever of the three ways of storing it a client uses.",
  implements: [
    { xep: 402, version: '1.2.0', status: 'complete' },
    { xep: 48, version: '1.2', status: 'complete', note: 'in step with XEP-0402' },
    { xep: 411, version: '1.1.0', status: 'complete' },
    { xep: 492, version: '0.2.0', status: 'complete', note: 'kept with the bookmarks' },
  ],
  advertisesOnAccounts: [`${NS.bookmarks}#compat`, `${NS.bookmarks}#compat-pep`, 'urn:xmpp:bookmarks-conversion:0'],
  needs: [pep, privateStorage],
  provides: [bookmarks],
  options: {},
  setup(ctx) {
    const nodes = ctx.use(pep);
    /** What XEP-0048 has beside group chats: web pages, and what nobody knows. */
    const rest = ctx.table('bookmark_rest', json<string>());
    /** Accounts whose list in the older form is being taken over: it is written anew once, at the end. */
    const busy = new Set<number>();
    const limit = new HourlyLimit(CHANGES_PER_HOUR);
    /** One request must not be worth thousands: the answer to a list that asks for too much is none of it. */
    const judge = (account: AccountRecord, changes: number): StanzaError | undefined => {
      if (changes > MOST_CHANGES)
        return new StanzaError('policy-violation', { text: `At most ${MOST_CHANGES} bookmarks are added or changed at a time.` });
      for (let i = 0; i < changes; i++)
        if (limit.take(String(account.id), ctx.clock.now()) > 0)
          return new StanzaError('resource-constraint', { type: 'wait', text: 'Too many bookmarks were changed; try again later.' });
      return undefined;
    };
    nodes.defaults(NS.bookmarks, { ...PRIVATE, max_items: 'max', send_last_published_item: 'never' });
    nodes.defaults(NS.bookmarksLegacy, PRIVATE);

    const itemsOf = (account: AccountRecord): Awaitable<Map<string, Bookmark>> =>
      whenReady(nodes.itemsOf(account, NS.bookmarks), (items) => {
        const map = new Map<string, Bookmark>();
        for (const item of items) {
          const bookmark = decodeBookmark(item.payload);
          if (bookmark !== undefined) map.set(Jid.tryParse(item.id)?.bare ?? item.id, bookmark);
        }
        return map;
      });
    const othersOf = (account: AccountRecord): Awaitable<Element[]> =>
      whenReady(rest.get(account.id, OTHERS), (text) => (text === undefined ? [] : parseElement(`<r>${text}</r>`).elements()));
    const storageFor = (account: AccountRecord): Awaitable<BookmarkStorage> =>
      whenReady(itemsOf(account), (items) => whenReady(othersOf(account), (others) => storageOf(items, others)));

    /** Nothing private is written where others read (XEP-0411 §6). */
    const isPrivate = (account: AccountRecord, node: string): Awaitable<boolean> =>
      whenReady(nodes.configOf(account, node), (config) => config === undefined || config.access_model === 'whitelist');

    /** Writes the older form from the items. What cannot be done is no reason to refuse what was asked for. */
    const writeLegacy = (account: AccountRecord): Awaitable<void> => {
      if (busy.has(account.id)) return;
      return whenReady(isPrivate(account, NS.bookmarksLegacy), (may) => {
        if (!may) return;
        return whenReady(storageFor(account), (storage) =>
          whenReady(nodes.lastItem(account, NS.bookmarksLegacy), (before) => {
            const payload = encodeBookmarkStorage(storage);
            if (before?.payload !== undefined && serialize(before.payload, '') === serialize(payload, '')) return;
            busy.add(account.id);
            return andThen(
              () => whenReady(nodes.publishAs(account, NS.bookmarksLegacy, { id: CURRENT, payload }), () => undefined),
              (error) => {
                busy.delete(account.id);
                if (error instanceof StanzaError)
                  ctx.log.warn('bookmarks_not_converted', { account: account.id, condition: error.condition });
                else if (error !== undefined) throw error;
              },
            );
          }),
        );
      });
    };

    /** Takes over a list in the older form. */
    const take = (account: AccountRecord, storage: BookmarkStorage, strict: boolean): Awaitable<void> =>
      whenReady(isPrivate(account, NS.bookmarks), (may) => {
        if (!may) {
          if (strict) throw new StanzaError('conflict', { text: READ_BY_OTHERS });
          return;
        }
        return whenReady(itemsOf(account), (items) => {
          const { publish, retract, wrong } = changesTo(items, storage);
          if (strict && wrong.length > 0)
            throw new StanzaError('bad-request', { text: `Not the address of a group chat: ${wrong[0]?.slice(0, 100)}` });
          const refused = judge(account, publish.size);
          if (refused !== undefined) {
            if (strict) throw refused;
            ctx.log.warn('bookmarks_not_converted', { account: account.id, condition: refused.condition });
            // What the list should have been is told anew.
            return writeLegacy(account);
          }
          rest.set(account.id, OTHERS, storage.others.map((other) => serialize(other, '')).join(''));
          busy.add(account.id);
          return andThen(
            () =>
              whenReady(
                forEachReady(publish, ([id, bookmark]) =>
                  whenReady(nodes.publishAs(account, NS.bookmarks, { id, payload: encodeBookmark(bookmark) }), () => undefined),
                ),
                () => whenReady(nodes.retractAs(account, NS.bookmarks, retract, { notify: true }), () => undefined),
              ),
            (error) => {
              busy.delete(account.id);
              if (error !== undefined && (strict || !(error instanceof StanzaError))) throw error;
              if (error !== undefined) ctx.log.warn('bookmarks_not_converted', { account: account.id });
              return writeLegacy(account);
            },
          );
        });
      });

    nodes.onPublished(NS.bookmarks, ({ account }) => writeLegacy(account));
    nodes.onRetracted(NS.bookmarks, ({ account }) => writeLegacy(account));
    nodes.onPublished(NS.bookmarksLegacy, ({ account, item, access }) => {
      if (busy.has(account.id) || access !== 'whitelist') return;
      const storage = decodeBookmarkStorage(item.payload);
      return storage === undefined ? undefined : take(account, storage, false);
    });
    ctx.use(privateStorage).delegate('storage', NS.bookmarksLegacy, {
      get: (account) => whenReady(storageFor(account), encodeBookmarkStorage),
      set(account, element) {
        const storage = decodeBookmarkStorage(element);
        if (storage === undefined) throw new StanzaError('bad-request', { text: 'These are no bookmarks (XEP-0048).' });
        return take(account, storage, true);
      },
    });

    const bookmark = (account: AccountRecord, jid: string): Awaitable<Bookmark | undefined> =>
      whenReady(nodes.item(account, NS.bookmarks, jid), (item) => decodeBookmark(item?.payload));
    ctx.provide(bookmarks, {
      of: itemsOf,
      bookmark,
      setNotifyLevel: (account, jid, level) =>
        whenReady(bookmark(account, jid), (found) => {
          const payload = withLevel(found, level);
          if (payload === undefined) return;
          const refused = judge(account, 1);
          if (refused !== undefined) throw refused;
          return whenReady(isPrivate(account, NS.bookmarks), (may) => {
            if (!may) throw new StanzaError('conflict', { text: READ_BY_OTHERS });
            return whenReady(nodes.publishAs(account, NS.bookmarks, { id: jid, payload: encodeBookmark(payload) }), () => undefined);
          });
        }),
      notifyLevel: (account, jid, identity) => whenReady(bookmark(account, jid), (found) => levelIn(found, identity)),
    });
  },
});

/** Runs, then ends with `end`, which is told of an error and may throw it again; no promise unless something was waited for. */
function andThen(run: () => Awaitable<void>, end: (error: unknown) => Awaitable<void>): Awaitable<void> {
  let done: Awaitable<void>;
  try {
    done = run();
  } catch (error) {
    return end(error);
  }
  return done instanceof Promise ? done.then(() => end(undefined), end) : end(undefined);
}
