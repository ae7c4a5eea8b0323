/** Notifications (XEP-0060 §7.1.2, §12.2; XEP-0163 §4.3): who gets them, and as what bytes. */
import { defineSlot, type FeatureContext, type Session, sessionResumed, type Undo } from '@parley/core';
import { encodeDelay, Jid } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { escapeAttr, serialize, utf8Encode } from '@parley/xml';
import { forEachReady, whenReady } from '../awaitable.ts';
import { isFull } from '../backlog.ts';
import { type BlockLists, blockLists } from '../blocking/service.ts';
import type { ClientCaps } from '../caps/service.ts';
import { type Roster, type Rosters, seenByOwner, seesOwner } from '../roster/service.ts';
import { type Missed, withMissed } from './missed.ts';
import { expired, type Visitor, whyNotRead } from './rules.ts';
import { pep } from './service.ts';
import { type AccountNodes, PepNode, type PepStore, type StoredItem } from './store.ts';

/** By account id and node. With the key '' too much was missed to be told anew. */
const missed = defineSlot<ReadonlyMap<string, Missed>>('pep-missed', 'resume', new Map());
/** How often a device that does not read is looked at. */
const LATE_MS = 1000;
/** Contacts whose last items are looked up without a pause, when somebody comes online. */
const SLICE = 50;
const SLICE_PAUSE_MS = 5;

interface Target {
  readonly session: Session;
  readonly to: string;
}

/** A service has no localpart. */
export const bareOf = ({ localpart, domain }: AccountRecord): string => (localpart === '' ? domain : `${localpart}@${domain}`);
const bareText = (jid: string): string => {
  const slash = jid.indexOf('/');
  return slash < 0 ? jid : jid.slice(0, slash);
};

/** Somebody as this node sees them. `roster` is the owner's. */
export function visitorOf(account: AccountRecord, roster: Roster, node: PepNode | undefined, bare: string): Visitor {
  if (bare === bareOf(account)) return { affiliation: 'owner', subscribed: true, contact: true, groups: [] };
  const contact = roster.get(bare);
  return {
    affiliation: node?.affiliations.get(bare) ?? 'none',
    subscribed: node?.hasSubscriber(bare) ?? false,
    contact: seesOwner(contact),
    groups: contact?.groups ?? [],
  };
}

export const itemText = ({ id, by, xml }: Pick<StoredItem, 'id' | 'by' | 'xml'>, payload = true): string => {
  const head = `<item id="${escapeAttr(id)}"${by === undefined ? '' : ` publisher="${escapeAttr(by)}"`}`;
  return xml === '' || !payload ? `${head}/>` : `${head}>${xml}</item>`;
};

/** Tells those who want to know; what has become durable only. */
export interface NodeEvents {
  /** `content` is what is inside `<event/>`; `n` the number of the item it is about. */
  tell(account: AccountRecord, node: PepNode, content: string, n?: number): void;
  tellItem(account: AccountRecord, node: PepNode, item: StoredItem): void;
  tellRetracted(account: AccountRecord, node: PepNode, ids: readonly string[]): void;
}

export class PepEvents implements NodeEvents {
  readonly #ctx: FeatureContext<object>;
  readonly #store: PepStore;
  readonly #rosters: Rosters;
  readonly #caps: ClientCaps;
  readonly #prefix: string;
  #count = 0;
  /** Devices that are connected, do not read, and have missed something. */
  readonly #late = new Set<Session>();
  #lateTimer: Undo | undefined;
  #blocking: BlockLists | undefined | null = null;
  /** Events sent since start. */
  sent = 0;

  constructor(ctx: FeatureContext<object>, store: PepStore, rosters: Rosters, caps: ClientCaps) {
    this.#ctx = ctx;
    this.#store = store;
    this.#rosters = rosters;
    this.#caps = caps;
    let prefix = 'pep-';
    for (const byte of ctx.random.bytes(6)) prefix += byte.toString(16).padStart(2, '0');
    this.#prefix = `${prefix}-`;
    caps.onInterests((session, added) => this.#report(this.greet(session, added)));
    ctx.on(sessionResumed, 'watch', ({ session }) => this.#tellMissed(session));
  }

  /** Runs on its own: the change that caused it is done, whatever becomes of the events. */
  #report(done: Awaitable<void>): void {
    if (done instanceof Promise) done.catch((error: unknown) => this.#ctx.log.error('pep_event_failed', { error }));
  }

  /** For timers: nobody stands behind them. */
  #attempt(run: () => Awaitable<void>): void {
    try {
      this.#report(run());
    } catch (error) {
      this.#ctx.log.error('pep_event_failed', { error });
    }
  }

  /** Tells of something that has become durable. `content` is what is inside `<event/>`; `n` the number of the item it is about. */
  tell(account: AccountRecord, node: PepNode, content: string, n?: number): void {
    try {
      this.#report(this.#tell(account, node, content, n ?? -1));
    } catch (error) {
      this.#ctx.log.error('pep_event_failed', { error });
    }
  }

  tellItem(account: AccountRecord, node: PepNode, item: StoredItem): void {
    if (!node.config.deliver_notifications) return;
    const inner = itemText(item, node.config.deliver_payloads);
    this.tell(account, node, `<items node="${escapeAttr(node.name)}">${inner}</items>`, item.n);
  }

  tellRetracted(account: AccountRecord, node: PepNode, ids: readonly string[]): void {
    if (!node.config.deliver_notifications || ids.length === 0) return;
    const inner = ids.map((id) => `<retract id="${escapeAttr(id)}"/>`).join('');
    this.tell(account, node, `<items node="${escapeAttr(node.name)}">${inner}</items>`);
  }

  #tell(account: AccountRecord, node: PepNode, content: string, n: number): Awaitable<void> {
    return whenReady(this.#rosters.of(account), (roster) => {
      const targets: Target[] = [];
      const taken = new Set<Session>();
      const add = (session: Session, to: string): void => {
        if (taken.has(session)) return;
        taken.add(session);
        targets.push({ session, to });
      };
      const addInterested = (bare: string): void => {
        for (const session of this.#ctx.sessionsOf(bare))
          if (session.available && this.#caps.interestsOf(session).has(node.name)) add(session, session.address);
      };
      const mayRead = (bare: string): boolean => whyNotRead(node.config, visitorOf(account, roster, node, bare)) === undefined;
      const own = bareOf(account);
      addInterested(own);
      const { access_model: access } = node.config;
      // Those who see the owner's presence are subscribed by that (§9.1), as far as they may read the node.
      if (access === 'whitelist' || access === 'authorize') {
        for (const bare of node.affiliations.keys()) if (seesOwner(roster.get(bare)) && mayRead(bare)) addInterested(bare);
      } else for (const contact of roster.contacts()) if (seesOwner(contact) && mayRead(contact.jid)) addInterested(contact.jid);
      for (const { jid, state } of node.subscriptions) {
        const bare = bareText(jid);
        if (state !== 'subscribed' || !mayRead(bare)) continue;
        if (jid !== bare) {
          const session = this.#ctx.sessionAt(jid);
          if (session?.available) add(session, jid);
        } else for (const session of this.#ctx.sessionsOf(bare)) if (session.receptive) add(session, bare);
      }
      return forEachReady(targets, ({ session, to }) =>
        session.bare === own
          ? this.#give(session, to, account, node, content, n)
          : whenReady(this.#blocked(account, session), (stop) => {
              if (!stop) this.#give(session, to, account, node, content, n);
            }),
      );
    });
  }

  #blocked(account: AccountRecord, session: Session): Awaitable<boolean> {
    if (this.#blocking === null) this.#blocking = this.#ctx.find(blockLists);
    const lists = this.#blocking;
    if (lists === undefined || !lists.concerns(account.id, session.account.id)) return false;
    return lists.between(account, Jid.of(account.localpart, account.domain), session.account, session.jid);
  }

  /** Runs when neither of the two blocks the other (XEP-0191); not at all when nobody has this address. */
  unlessBlocked(account: AccountRecord, to: Jid, run: () => void): void {
    const go = (other: AccountRecord | undefined): Awaitable<void> => {
      if (other === undefined) return;
      if (this.#blocking === null) this.#blocking = this.#ctx.find(blockLists);
      const lists = this.#blocking;
      const stop =
        lists?.concerns(account.id, other.id) === true && lists.between(account, Jid.of(account.localpart, account.domain), other, to);
      return whenReady(stop, (blocked) => (blocked ? undefined : run()));
    };
    this.#report(whenReady(this.#ctx.accountAt(to), go));
  }

  #give(session: Session, to: string, account: AccountRecord, node: PepNode, content: string, n: number, at?: number): void {
    const key = `${account.id} ${node.name}`;
    const before = session.get(missed);
    // What is behind something that was left out waits with it, so that order is kept.
    if (isFull(session) || (session.connected && session.congested) || before.has(key)) {
      session.set(missed, withMissed(before, key, content, n));
      if (session.connected) this.#waitFor(session);
      return;
    }
    const { notification_type: type } = node.config;
    const id = this.#prefix + ++this.#count;
    const head = `<message from="${escapeAttr(bareOf(account))}" to="${escapeAttr(to)}"${type === 'normal' ? '' : ` type="${type}"`} id="${id}">`;
    const delay = at === undefined ? '' : serialize(encodeDelay({ stamp: at }), '');
    this.sent++;
    session.sendBytes(utf8Encode(`${head}<event xmlns="http://jabber.org/protocol/pubsub#event">${content}</event>${delay}</message>`));
  }

  #giveItem(session: Session, to: string, account: AccountRecord, node: PepNode, item: StoredItem): void {
    if (!node.config.deliver_notifications || expired(node.config, item.at, this.#ctx.clock.now())) return;
    const inner = itemText(item, node.config.deliver_payloads);
    this.#give(session, to, account, node, `<items node="${escapeAttr(node.name)}">${inner}</items>`, item.n, item.at);
  }

  /** The last item of one node to somebody who has just subscribed (§6.1.7). */
  welcome(session: Session, to: string, account: AccountRecord, nodes: AccountNodes, node: PepNode): Awaitable<void> {
    if (node.config.send_last_published_item === 'never') return;
    return whenReady(nodes.lastItem(node), (item) => {
      if (item !== undefined) this.#giveItem(session, to, account, node, item);
    });
  }

  /** The last items of nodes that a newly available session wants (XEP-0163 §4.3.4): the account's own, then its contacts'. */
  greet(session: Session, wanted: ReadonlySet<string>): Awaitable<void> {
    return whenReady(this.#greetFrom(session, session.account, wanted), () =>
      whenReady(this.#rosters.of(session.account), (roster) => {
        const contacts: string[] = [];
        for (const contact of roster.contacts()) if (seenByOwner(contact)) contacts.push(contact.jid);
        if (contacts.length > 0) return this.#greetSlice(session, wanted, contacts, 0);
      }),
    );
  }

  #greetSlice(session: Session, wanted: ReadonlySet<string>, contacts: readonly string[], from: number): Awaitable<void> {
    if (session.ended || !session.available) return;
    const slice = contacts.slice(from, from + SLICE);
    const done = forEachReady(slice, (contact) => {
      const jid = Jid.tryParse(contact);
      if (jid === undefined || jid.local === '' || this.#ctx.findAt(jid.domain, pep) === undefined) return;
      return whenReady(this.#ctx.accountAt(jid), (account) =>
        account === undefined ? undefined : this.#greetFrom(session, account, wanted),
      );
    });
    const next = from + SLICE;
    if (next >= contacts.length) return done;
    const goOn = (): void => this.#attempt(() => this.#greetSlice(session, wanted, contacts, next));
    return whenReady(done, () => void this.#ctx.clock.after(SLICE_PAUSE_MS, goOn));
  }

  /** What one account has for this session among the nodes it wants. */
  #greetFrom(session: Session, account: AccountRecord, wanted: ReadonlySet<string>): Awaitable<void> {
    return whenReady(this.#store.of(account.id), (nodes) => {
      if (nodes.count === 0) return;
      const found: PepNode[] = [];
      for (const node of nodes.all())
        if (node.last !== undefined && node.config.send_last_published_item === 'on_sub_and_presence' && wanted.has(node.name))
          found.push(node);
      if (found.length === 0) return;
      return whenReady(this.#rosters.of(account), (roster) =>
        forEachReady(found, (node) => {
          const visitor = visitorOf(account, roster, node, session.bare);
          if (!visitor.contact || whyNotRead(node.config, visitor) !== undefined) return;
          return whenReady(session.account.id === account.id ? false : this.#blocked(account, session), (stop) =>
            stop
              ? undefined
              : whenReady(nodes.lastItem(node), (item) => {
                  if (item !== undefined) this.#giveItem(session, session.address, account, node, item);
                }),
          );
        }),
      );
    });
  }

  /** Somebody has been allowed to see the owner's presence, and so those nodes. */
  greetContact(account: AccountRecord, contact: string): Awaitable<void> {
    return forEachReady(this.#ctx.sessionsOf(contact), (session) => {
      if (!session.available) return;
      const wanted = this.#caps.interestsOf(session);
      if (wanted.size > 0) return this.#greetFrom(session, account, wanted);
    });
  }

  /** The device is connected and does not read. */
  #waitFor(session: Session): void {
    this.#late.add(session);
    this.#lateTimer ??= this.#ctx.clock.after(LATE_MS, this.#lookAtLate);
  }

  readonly #lookAtLate = (): void => {
    this.#lateTimer = undefined;
    for (const session of this.#late) {
      // One that is away by now is told when it is resumed.
      if (!session.ended && session.connected && session.congested) continue;
      this.#late.delete(session);
      if (!session.ended && session.connected) this.#attempt(() => this.#tellMissed(session));
    }
    if (this.#late.size > 0) this.#lateTimer = this.#ctx.clock.after(LATE_MS, this.#lookAtLate);
  };

  /** What a device did not get while it was away, or did not read. */
  #tellMissed(session: Session): Awaitable<void> {
    const list = session.get(missed);
    if (list.size === 0) return;
    session.set(missed, new Map());
    if (list.has('')) {
      session.end('reset', 'Too much has changed; sign in again.');
      return;
    }
    return forEachReady(list, ([key, one]) => {
      const at = key.indexOf(' ');
      const id = Number(key.slice(0, at));
      return whenReady(id === session.account.id ? session.account : this.#ctx.accountById(id), (account) =>
        account === undefined ? undefined : this.#tellMissedOf(session, account, key.slice(at + 1), one),
      );
    });
  }

  #tellMissedOf(session: Session, account: AccountRecord, name: string, { from, contents }: Missed): Awaitable<void> {
    return whenReady(this.#store.of(account.id), (nodes) =>
      whenReady(this.#rosters.of(account), (roster) => {
        const node = nodes.get(name) ?? new PepNode(name, GONE, []);
        if (whyNotRead(node.config, visitorOf(account, roster, node, session.bare)) !== undefined) return;
        // The items that are there now come last: whatever else has happened, they are what is true.
        for (const content of contents) this.#give(session, session.address, account, node, content, -1);
        return whenReady(from === Number.POSITIVE_INFINITY ? [] : nodes.items(node), (items) => {
          for (const item of items) if (item.n >= from) this.#giveItem(session, session.address, account, node, item);
        });
      }),
    );
  }
}

/** A node that is there no more. */
const GONE = { config: {}, affiliations: {}, next: 1, last: undefined, count: 0, size: 0 };
