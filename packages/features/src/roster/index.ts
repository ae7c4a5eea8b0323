import { defineFeature, defineSlot, iqFromClient, json, type Session, sessionResumed, streamFeatures } from '@parley/core';
import { NS, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { el } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { isFull } from '../backlog.ts';
import { Cache } from '../cache.ts';
import { subscriptions } from '../subscriptions/service.ts';
import { answerRosterGet, itemOf, readRosterSet, rosterForAnother, versionText } from './rules.ts';
import { type Contact, type Rosters, rosters, seesOwner } from './service.ts';
import { type Row, StoredRoster } from './store.ts';

/** The session asked for the roster, so changes are pushed to it (RFC 6121 §2.2). */
const interested = defineSlot('roster-interested', 'handover', false);
/** Version before the first push that a device which is away did not get, because too much waited for it; -1 is none. */
const missedSince = defineSlot('roster-missed-since', 'handover', -1);
const ROSTER = { name: 'query', ns: NS.roster };

export default defineFeature({
  name: 'roster',
  about: 'The contact list, kept on the server, with pushes to all devices and versions that save sending it again.',
  implements: [
    { rfc: 6121, status: 'complete', note: '§2 roster' },
    { xep: 237, version: '1.3', status: 'complete', note: 'merged into RFC 6121 §2.6' },
  ],
  provides: [rosters],
  options: {
    maxContacts: { reload: 'hot', type: 'integer', default: 5000, min: 1, max: 100_000, about: 'Contacts that one account may have.' },
    maxRequests: {
      reload: 'hot',
      type: 'integer',
      default: 500,
      min: 1,
      max: 100_000,
      about: 'Subscription requests that may wait for one account.',
    },
    maxNameLength: {
      reload: 'hot',
      type: 'integer',
      default: 1023,
      min: 1,
      max: 10_000,
      unit: 'characters',
      about: 'Length of the name given to a contact.',
    },
    maxGroupLength: {
      reload: 'hot',
      type: 'integer',
      default: 1023,
      min: 1,
      max: 10_000,
      unit: 'characters',
      about: 'Length of the name of a roster group.',
    },
    maxGroups: { reload: 'hot', type: 'integer', default: 50, min: 0, max: 1000, about: 'Groups that one contact may be in.' },
    cachedAccounts: {
      reload: 'cold',
      type: 'integer',
      default: 50_000,
      min: 100,
      max: 10_000_000,
      about: 'Rosters that are kept in memory; best above the number of accounts that are online at once.',
    },
  },
  setup(ctx) {
    const { config } = ctx;
    const table = ctx.table<Row>('roster', json<Row>());
    // That of a removed account stays until others take its place: its last presence is still to be told, and ids are never used again.
    // Accounts of other domains of the server are contacts, too, and one roster must not be in memory twice.
    const cache = ctx.once('cache', () => new Cache<number, Awaitable<StoredRoster>>(config.cachedAccounts));
    let pushes = 0;

    const load = (account: AccountRecord): Awaitable<StoredRoster> => {
      const cached = cache.get(account.id);
      if (cached !== undefined) return cached;
      const loaded = whenReady(table.list(account.id), (rows) => new StoredRoster(table, account.id, rows));
      cache.set(account.id, loaded);
      if (loaded instanceof Promise)
        loaded.then(
          (roster) => cache.set(account.id, roster),
          () => cache.delete(account.id),
        );
      return loaded;
    };
    /** A store that refuses a write takes back the whole batch, so what is in memory is read anew. */
    const attempt = <T>(account: AccountRecord, write: () => T): T => {
      try {
        return write();
      } catch (error) {
        cache.delete(account.id);
        throw error;
      }
    };
    const bareOf = (account: AccountRecord): string => `${account.localpart}@${account.domain}`;

    const pushTo = (session: Session, contact: Contact, removed: boolean): void => {
      const query = el(
        'query',
        { xmlns: NS.roster, ver: versionText(session.account.createdAt, contact.version) },
        itemOf(contact, removed),
      );
      session.send(el('iq', { type: 'set', id: `push-${++pushes}`, from: session.bare, to: session.address }, query));
    };
    const service: Rosters = {
      limits: {
        get contacts() {
          return config.maxContacts;
        },
        get requests() {
          return config.maxRequests;
        },
      },
      of: load,
      change: (account, roster, jid, change) => attempt(account, () => (roster as StoredRoster).change(jid, change)),
      remove: (account, roster, jid) => attempt(account, () => (roster as StoredRoster).remove(jid)),
      push(account, contact, removed = false) {
        for (const session of ctx.sessionsOf(bareOf(account))) {
          if (!session.get(interested) || session.get(missedSince) >= 0) continue;
          if (isFull(session)) session.set(missedSince, contact.version - 1);
          else pushTo(session, contact, removed);
        }
      },
      forget: (id) => cache.delete(id),
      keepersOf: (jid) => table.owners(jid),
      isSubscriber: (account, jid) => whenReady(load(account), (roster) => seesOwner(roster.get(jid))),
      isInterested: (session) => session.get(interested),
    };
    ctx.provide(rosters, service);

    ctx.iq('get', 'account', ROSTER, ({ from, payload }) => {
      if (payload.elements().length > 0) throw new StanzaError('bad-request', { text: 'A roster get holds no items.' });
      return whenReady(load(from.account), (roster) => {
        const { account } = from;
        const epoch = account.createdAt;
        const view = { epoch, version: roster.version, floor: roster.floor, listed: roster.listed };
        const get = answerRosterGet(payload.attr('ver'), view, (since) => roster.since(since).length);
        if (get.answer === 'whole') {
          from.set(interested, true);
          const items: ReturnType<typeof el>[] = [];
          for (const contact of roster.contacts()) if (contact.listed) items.push(itemOf(contact));
          return el('query', { xmlns: NS.roster, ver: versionText(epoch, roster.version) }, ...items);
        }
        // The changes follow the empty result. Only then do live pushes begin, so that versions come in order.
        if (get.since === roster.version) from.set(interested, true);
        else
          ctx.clock.soon(() =>
            ctx.afterCommit(() => {
              from.set(interested, true);
              for (const { contact, removed } of roster.since(get.since)) pushTo(from, contact, removed);
            }),
          );
      });
    });

    ctx.iq('set', 'account', ROSTER, ({ from, payload }) => {
      const { account } = from;
      const set = readRosterSet(payload, from.bare, {
        nameLength: config.maxNameLength,
        groupLength: config.maxGroupLength,
        groups: config.maxGroups,
      });
      if (!set.ok) throw new StanzaError(set.condition, { text: set.reason });
      return whenReady(load(account), (roster) => {
        const before = roster.get(set.jid);
        if (set.action === 'remove') {
          if (before?.listed !== true) throw new StanzaError('item-not-found', { type: 'modify' });
          const cancelled = ctx.find(subscriptions)?.sever(account, before);
          return whenReady(cancelled, () => {
            const gone = service.remove(account, roster, set.jid);
            if (gone !== undefined) pushWhenDurable(account, gone, true);
          });
        }
        if (before?.listed !== true && roster.listed >= config.maxContacts)
          throw new StanzaError('policy-violation', {
            type: 'cancel',
            text: `The roster is full: it holds ${config.maxContacts} contacts.`,
          });
        pushWhenDurable(account, service.change(account, roster, set.jid, { name: set.name, groups: set.groups, listed: true }), false);
      });
    });

    const pushWhenDurable = (account: AccountRecord, contact: Contact, removed: boolean): void =>
      ctx.afterCommit(
        () => service.push(account, contact, removed),
        () => service.forget(account.id),
      );

    // Rosters go to their owner only; a roster set to anybody else is a forgery or a mistake, whoever is (not) there.
    ctx.on(iqFromClient, 'guard', ({ from, stanza, to }) => {
      if (to !== undefined && rosterForAnother(to, from.bare) && stanza.has('query', NS.roster)) throw new StanzaError('forbidden');
    });
    // What was left out while the device was away follows when it is back.
    ctx.on(sessionResumed, 'watch', ({ session }) => {
      const since = session.get(missedSince);
      if (since < 0) return;
      session.set(missedSince, -1);
      return whenReady(load(session.account), (roster) => {
        if (since < roster.floor) session.end('reset', 'The roster has changed too much; sign in again.');
        else for (const { contact, removed } of roster.since(since)) pushTo(session, contact, removed);
      });
    });
    const feature = el('ver', { xmlns: NS.rosterVer });
    ctx.on(streamFeatures, 'offer', ({ authenticated, features }) => {
      if (authenticated) features.push(feature);
    });
  },
});
