/** XEP-0402: PEP Native Bookmarks, and XEP-0048: Bookmark Storage, which it replaces. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { is, parseBoolean } from './decode.ts';

/** A group chat; its address is the id of the item that holds this. */
export interface Bookmark {
  name?: string;
  autojoin: boolean;
  nick?: string;
  password?: string;
  /** Kept as they are by those who do not understand them (§3). */
  extensions?: Element[];
}
const TEXT_LENGTH = 4096;
const MANY = 5000;

export function encodeBookmark(bookmark: Bookmark): Element {
  return el(
    'conference',
    { xmlns: NS.bookmarks, name: bookmark.name, autojoin: bookmark.autojoin ? 'true' : undefined },
    bookmark.nick === undefined ? undefined : el('nick', null, bookmark.nick),
    bookmark.password === undefined ? undefined : el('password', null, bookmark.password),
    bookmark.extensions === undefined ? undefined : el('extensions', null, ...bookmark.extensions),
  );
}
/** Undefined for another element, an `autojoin` that is no boolean, or texts past 4,096 characters. */
export function decodeBookmark(element: Element | undefined): Bookmark | undefined {
  if (!is(element, 'conference', NS.bookmarks)) return undefined;
  const extensions = element.child('extensions', NS.bookmarks)?.elements();
  return readConference(element, NS.bookmarks, extensions);
}

function readConference(element: Element, ns: string, extensions?: Element[]): Bookmark | undefined {
  const autojoin = element.attr('autojoin');
  const join = autojoin === undefined ? false : parseBoolean(autojoin);
  const bookmark = {
    name: element.attr('name'),
    autojoin: join === true,
    nick: element.childText('nick', ns),
    password: element.childText('password', ns),
    extensions: extensions === undefined || extensions.length === 0 ? undefined : extensions,
  };
  const texts = [bookmark.name, bookmark.nick, bookmark.password];
  return join === undefined || texts.some((text) => (text?.length ?? 0) > TEXT_LENGTH) ? undefined : bookmark;
}

/** All bookmarks in one element, as XEP-0048 has them. */
export interface BookmarkStorage {
  conferences: Array<Bookmark & { jid: string }>;
  /** Web pages and whatever else is in there. */
  others: Element[];
}
export function encodeBookmarkStorage(storage: BookmarkStorage): Element {
  return el(
    'storage',
    { xmlns: NS.bookmarksLegacy },
    ...storage.conferences.map(({ jid, name, autojoin, nick, password }) =>
      el(
        'conference',
        { jid, name, autojoin: autojoin ? 'true' : 'false' },
        nick === undefined ? undefined : el('nick', null, nick),
        password === undefined ? undefined : el('password', null, password),
      ),
    ),
    ...storage.others,
  );
}
/** Undefined for another element, a conference without jid or that is not valid, or more than 5,000 children. */
export function decodeBookmarkStorage(element: Element | undefined): BookmarkStorage | undefined {
  if (!is(element, 'storage', NS.bookmarksLegacy) || element.children.length > 2 * MANY) return undefined;
  const conferences: Array<Bookmark & { jid: string }> = [];
  const others: Element[] = [];
  for (const child of element.elements()) {
    if (!is(child, 'conference', NS.bookmarksLegacy)) {
      others.push(child);
      continue;
    }
    const jid = child.attr('jid');
    const bookmark = readConference(child, NS.bookmarksLegacy);
    if (jid === undefined || bookmark === undefined) return undefined;
    conferences.push({ jid, ...bookmark });
  }
  return { conferences, others };
}
