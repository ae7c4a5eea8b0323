/** Bookmarks in the form of XEP-0402 and in that of XEP-0048: what has to change in one when the other has changed. Pure. */
import {
  type Bookmark,
  type BookmarkStorage,
  decodeNotificationSettings,
  encodeNotificationSettings,
  Jid,
  type NotifyLevel,
  notifyLevel,
} from '@parley/protocol';

/** What the older form does not know is kept (XEP-0402 §3). */
function merged(before: Bookmark | undefined, now: Bookmark): Bookmark {
  return { name: now.name, autojoin: now.autojoin, nick: now.nick, password: now.password, extensions: before?.extensions };
}
function same(one: Bookmark, other: Bookmark): boolean {
  return one.name === other.name && one.autojoin === other.autojoin && one.nick === other.nick && one.password === other.password;
}

export interface Changes {
  readonly publish: ReadonlyMap<string, Bookmark>;
  readonly retract: readonly string[];
  /** Entries whose address is none. */
  readonly wrong: readonly string[];
}
/** What the list in the older form changes of the items; those that stay as they are are left alone (XEP-0402 §5.3). */
export function changesTo(items: ReadonlyMap<string, Bookmark>, storage: BookmarkStorage): Changes {
  const publish = new Map<string, Bookmark>();
  const listed = new Set<string>();
  const wrong: string[] = [];
  for (const conference of storage.conferences) {
    const jid = Jid.tryParse(conference.jid);
    if (jid === undefined || jid.local === '') {
      wrong.push(conference.jid);
      continue;
    }
    listed.add(jid.bare);
    const before = items.get(jid.bare);
    const now = merged(before, conference);
    if (before !== undefined && same(before, now)) publish.delete(jid.bare);
    else publish.set(jid.bare, now);
  }
  return { publish, retract: [...items.keys()].filter((jid) => !listed.has(jid)), wrong };
}

export function storageOf(items: ReadonlyMap<string, Bookmark>, others: BookmarkStorage['others']): BookmarkStorage {
  return { conferences: [...items].map(([jid, bookmark]) => ({ jid, ...bookmark })), others };
}

/** XEP-0492 §3: the settings are among the extensions. */
export function levelIn(bookmark: Bookmark | undefined, identity?: { category?: string; type?: string }): NotifyLevel | undefined {
  for (const extension of bookmark?.extensions ?? []) {
    const settings = decodeNotificationSettings(extension);
    if (settings !== undefined) return notifyLevel(settings, identity);
  }
  return undefined;
}

/** The bookmark with this level for all applications that have none of their own; undefined when that is what it says. XEP-0492 §4. */
export function withLevel(bookmark: Bookmark | undefined, level: NotifyLevel): Bookmark | undefined {
  const before = bookmark?.extensions ?? [];
  const at = before.findIndex((extension) => decodeNotificationSettings(extension) !== undefined);
  const settings = at < 0 ? [] : (decodeNotificationSettings(before[at]) ?? []);
  const general = settings.findIndex(({ category }) => category === undefined);
  if (settings[general]?.level === level) return undefined;
  const said = { ...settings[general], level };
  const notify = encodeNotificationSettings(general < 0 ? [...settings, said] : settings.with(general, said));
  return { ...(bookmark ?? { autojoin: true }), extensions: at < 0 ? [...before, notify] : before.with(at, notify) };
}
