/** XEP-0012: Last Activity. Since when somebody is away, for those who see their presence; and how long the server runs. */
import { defineFeature, iqFromClient, json, presenceFromClient } from '@parley/core';
import { encodeLastActivity, type Jid, NS, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import type { Element } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { presences } from '../presence/service.ts';
import { rosters } from '../roster/service.ts';
import { lastSeen, mayAsk, secondsSince } from './rules.ts';
import { type LastSeen, lastActivities } from './service.ts';

const QUERY = { name: 'query', ns: NS.last };
const KEY = 'last';

export default defineFeature({
  name: 'last-activity',
  about: 'Tells those who see the presence of somebody since when they are away, and how long the server runs.',
  implements: [
    { xep: 12, version: '2.0', status: 'complete' },
    { xep: 319, version: '1.0.2', status: 'complete', note: 'passed on with presence, kept with the last one' },
  ],
  advertises: [NS.last],
  advertisesOnAccounts: [NS.last],
  needs: [rosters, presences],
  provides: [lastActivities],
  options: {},
  setup(ctx) {
    const table = ctx.table('last_activity', json<LastSeen>());
    const startedAt = ctx.clock.now();
    const anyAvailable = (bare: string): boolean => {
      for (const session of ctx.sessionsOf(bare)) if (session.available) return true;
      return false;
    };
    const of = (account: AccountRecord): Awaitable<LastSeen | undefined> => table.get(account.id, KEY);
    ctx.provide(lastActivities, { of });

    ctx.on(presenceFromClient, 'watch', ({ from, stanza, available, wasAvailable, implied }) => {
      if (available === wasAvailable) return;
      if (available) {
        // Should the server end without a farewell, this much is known.
        table.set(from.account.id, KEY, { at: ctx.clock.now() });
        return;
      }
      if (anyAvailable(from.bare)) return;
      // Of a broken connection it is known when it broke, not only when it was given up.
      const at = from.detachedAt > 0 ? from.detachedAt : ctx.clock.now();
      table.set(from.account.id, KEY, lastSeen(at, implied ? undefined : stanza));
    });
    // Whoever is here when the server stops was last seen now.
    ctx.defer(() => {
      const now = ctx.clock.now();
      for (const session of ctx.sessions()) if (session.available) table.set(session.account.id, KEY, { at: now });
    });

    /** An account that is not there refuses like one that tells nothing (§7). */
    const refused = (): StanzaError => new StanzaError('forbidden', { type: 'auth' });
    ctx.on(iqFromClient, 'guard', ({ from, stanza, to }): Awaitable<void> => {
      if (to === undefined || to.local === '' || to.bare === from.bare || to.domain !== ctx.host) return;
      if (stanza.type !== 'get' || !stanza.has('query', NS.last)) return;
      const reachable = to.resource !== '' && isDirected(to, from.address, from.bare);
      return whenReady(ctx.accounts.get(to.local), (account) =>
        whenReady(account === undefined ? false : ctx.use(rosters).isSubscriber(account, from.bare), (subscribed) => {
          if (!mayAsk({ sameAccount: false, subscribed, directed: reachable })) throw refused();
        }),
      );
    });
    const isDirected = (to: Jid, full: string, bare: string): boolean => {
      const session = ctx.sessionAt(to.full);
      if (session === undefined) return false;
      const shown = ctx.use(presences).directedTo(session);
      return shown.includes(full) || shown.includes(bare);
    };

    const answer = (account: AccountRecord): Awaitable<Element> => {
      if (anyAvailable(`${account.localpart}@${account.domain}`)) return encodeLastActivity({ seconds: 0 });
      return whenReady(of(account), (last) => {
        // One that was never here is as old as its account.
        const seconds = secondsSince(last?.at ?? account.createdAt, ctx.clock.now());
        return encodeLastActivity({ seconds, status: last?.status });
      });
    };
    ctx.iq('get', 'account', QUERY, ({ account }) => answer(account));
    ctx.iq('get', 'contact', QUERY, ({ account }) => answer(account));
    ctx.iq('get', 'host', QUERY, () => encodeLastActivity({ seconds: secondsSince(startedAt, ctx.clock.now()) }));
  },
});
