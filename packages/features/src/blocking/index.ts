import {
  accountRemoved,
  defineFeature,
  defineSlot,
  HANDLED,
  iqFromClient,
  iqToSession,
  json,
  messageFromClient,
  presenceAddressed,
  type Session,
  stanzaFromService,
  stanzaToService,
  type Verdict,
} from '@parley/core';
import { type BlockingName, blockedElement, decodeReport, encodeBlocking, Jid, NS, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { type Element, el } from '@parley/xml';
import { forEachReady, whenReady } from '../awaitable.ts';
import { presences } from '../presence/service.ts';
import { reports } from '../reports/service.ts';
import { type Contact, rosters, seenByOwner, seesOwner } from '../roster/service.ts';
import { isSubscriptionType } from '../subscriptions/service.ts';
import { isBlocked, judge, readItems, type Traffic } from './rules.ts';
import { type BlockLists, blockLists } from './service.ts';
import { BlockStore } from './store.ts';

/** The session asked for the list, so changes are pushed to it (XEP-0191 §3.3). */
const wantsList = defineSlot('blocking-wants-list', 'handover', false);

export default defineFeature({
  name: 'blocking',
  about: 'Blocking somebody: for them the account looks offline, and nothing of theirs arrives.',
  implements: [{ xep: 191, version: '1.3', status: 'complete' }],
  advertises: [NS.blocking],
  needs: [rosters, presences],
  provides: [blockLists],
  options: {
    maxBlocked: { reload: 'hot', type: 'integer', default: 1000, min: 1, max: 100_000, about: 'Addresses that one account may block.' },
    cachedAccounts: {
      reload: 'cold',
      type: 'integer',
      default: 10_000,
      min: 100,
      max: 1_000_000,
      about: 'Block lists that are kept in memory.',
    },
  },
  setup(ctx) {
    const { config, host } = ctx;
    return whenReady(
      ctx.once('store', () => BlockStore.open(ctx.table('blocking', json<readonly string[]>()), config.cachedAccounts)),
      (store) => {
        let pushes = 0;

        const service: BlockLists = {
          of: (id) =>
            store.has(id) ? whenReady(store.get(id), (list) => ({ blocks: (address: Jid) => isBlocked(list, address, host) })) : undefined,
          concerns: (one, other) => !store.empty && (store.has(one) || store.has(other)),
          between(account, address, other, otherAddress) {
            if (store.empty || account.id === other.id || (!store.has(account.id) && !store.has(other.id))) return false;
            return whenReady(
              store.get(account.id),
              (mine) => isBlocked(mine, otherAddress, host) || whenReady(store.get(other.id), (theirs) => isBlocked(theirs, address, host)),
            );
          },
        };
        ctx.provide(blockLists, service);

        /** Who of the two stops what goes from a session to an address. Free while nobody involved blocks anybody. */
        const judgeTraffic = (from: Session, to: Jid, recipient: AccountRecord | undefined): Awaitable<Traffic> => {
          const { account } = from;
          if (!store.has(account.id) && (recipient === undefined || !store.has(recipient.id))) return 'pass';
          return whenReady(store.get(account.id), (mine) =>
            whenReady(recipient === undefined ? undefined : store.get(recipient.id), (theirs) =>
              judge({
                sameAccount: to.bare === from.bare,
                senderBlocks: isBlocked(mine, to, host),
                recipientBlocks: theirs !== undefined && isBlocked(theirs, from.jid, host),
              }),
            ),
          );
        };
        const notAcceptable = (): StanzaError =>
          new StanzaError('not-acceptable', {
            type: 'cancel',
            text: 'You have blocked this address.',
            extra: blockedElement(),
          });
        const enforce = (verdict: Traffic): void => {
          if (verdict === 'blocked-by-sender') throw notAcceptable();
          if (verdict === 'blocked-by-recipient') throw new StanzaError('service-unavailable');
        };

        ctx.on(messageFromClient, 'guard', ({ from, to, recipient }): Awaitable<void> => {
          if (store.empty) return;
          return whenReady(judgeTraffic(from, to, recipient), enforce);
        });
        ctx.on(presenceAddressed, 'guard', ({ from, stanza, to, recipient }): Verdict | Promise<Verdict> => {
          if (store.empty) return;
          return whenReady(judgeTraffic(from, to, recipient), (verdict): Verdict => {
            if (verdict === 'blocked-by-sender') throw notAcceptable();
            // Subscriptions go on: for the sender they end as with somebody who does not answer, and both rosters must still agree.
            if (verdict === 'blocked-by-recipient' && !isSubscriptionType(stanza.type)) return HANDLED;
          });
        });
        ctx.on(iqToSession, 'guard', ({ from, to, target }): Awaitable<void> => {
          if (store.empty) return;
          return whenReady(judgeTraffic(from, to, target.account), enforce);
        });
        ctx.on(iqFromClient, 'guard', ({ from, to }): Awaitable<void> => {
          if (store.empty || to === undefined || to.local === '' || to.bare === from.bare) return;
          return whenReady(to.domain === host ? ctx.accounts.get(to.local) : undefined, (recipient) =>
            whenReady(judgeTraffic(from, to, recipient), enforce),
          );
        });

        // Group chats and components can be blocked by their addresses as well (XEP-0191 §4).
        ctx.on(stanzaToService, 'guard', ({ from, stanza, to }): Awaitable<void> => {
          if (store.empty || stanza.type === 'unavailable') return;
          return whenReady(judgeTraffic(from, to, undefined), enforce);
        });
        ctx.on(stanzaFromService, 'guard', ({ from, stanza, recipient }): Verdict | Promise<Verdict> => {
          if (!store.has(recipient.id)) return;
          return whenReady(store.get(recipient.id), (list): Verdict => {
            if (!isBlocked(list, from, host)) return;
            if (stanza.name === 'presence' || stanza.type === 'error' || stanza.type === 'result') return HANDLED;
            throw new StanzaError('service-unavailable');
          });
        });

        const push = (from: Session, name: BlockingName, jids: readonly string[]): void => {
          for (const session of ctx.sessionsOf(from.bare))
            if (session.get(wantsList))
              session.send(
                el('iq', { type: 'set', id: `block-${++pushes}`, from: from.bare, to: session.address }, encodeBlocking(name, jids)),
              );
        };

        ctx.iq('get', 'account', { name: 'blocklist', ns: NS.blocking }, ({ from }) =>
          whenReady(store.get(from.account.id), (list) => {
            from.set(wantsList, true);
            return encodeBlocking('blocklist', [...list]);
          }),
        );

        ctx.iq('set', 'account', { name: 'block', ns: NS.blocking }, ({ from, payload }) => {
          const named = readItems(payload, 'block');
          if (!named.ok) throw new StanzaError(named.condition, { text: named.reason });
          if (named.jids.length === 0) throw new StanzaError('bad-request', { text: 'Nobody is named.' });
          if (named.jids.includes(from.bare)) throw new StanzaError('not-allowed', { text: 'You cannot block yourself.' });
          const { id } = from.account;
          return whenReady(store.get(id), (before) => {
            const after = new Set([...before, ...named.jids]);
            if (after.size > config.maxBlocked)
              throw new StanzaError('policy-violation', { text: `At most ${config.maxBlocked} addresses can be blocked.` });
            return whenReady(contactsAmong(from, named.jids, seesOwner), (watchers) => {
              store.set(id, after);
              ctx.afterCommit(
                () => {
                  for (const contact of watchers) ctx.use(presences).hide(from.account, contact);
                  withdraw(from, named.jids);
                  push(from, 'block', named.jids);
                  report(from.account, payload);
                },
                () => store.restore(id, before),
              );
            });
          });
        });

        ctx.iq('set', 'account', { name: 'unblock', ns: NS.blocking }, ({ from, payload }) => {
          const named = readItems(payload, 'unblock');
          if (!named.ok) throw new StanzaError(named.condition, { text: named.reason });
          const { id } = from.account;
          return whenReady(store.get(id), (before) => {
            const freed = named.jids.length === 0 ? [...before] : named.jids;
            const after = new Set(before);
            for (const jid of freed) after.delete(jid);
            return whenReady(
              contactsAmong(from, freed, (contact) => seesOwner(contact) || seenByOwner(contact)),
              (shared) => {
                store.set(id, after);
                ctx.afterCommit(
                  () => {
                    push(from, 'unblock', named.jids);
                    const seen = forEachReady(shared, (contact) => reunite(from.account, contact));
                    if (seen instanceof Promise) seen.catch((error: unknown) => ctx.log.error('presence_after_unblock_failed', { error }));
                  },
                  () => store.restore(id, before),
                );
              },
            );
          });
        });

        /** XEP-0377: what is said of the blocked, when it says anything. The block stands whatever becomes of it. */
        const report = (account: AccountRecord, command: Element): void => {
          const list = ctx.find(reports);
          if (list === undefined) return;
          for (const item of command.childrenNamed('item', NS.blocking)) {
            const said = decodeReport(item.child('report', NS.reporting));
            const jid = Jid.tryParse(item.attr('jid') ?? '');
            if (said !== undefined && jid !== undefined) void list.take(account, jid.toString(), said);
          }
        };
        /** Contacts (bare JIDs) that one of these addresses stands for. */
        const contactsAmong = (from: Session, jids: readonly string[], wanted: (contact: Contact) => boolean): Awaitable<string[]> =>
          whenReady(ctx.use(rosters).of(from.account), (roster) => {
            const named = new Set(jids);
            const out: string[] = [];
            for (const contact of roster.contacts()) if (wanted(contact) && standsFor(named, contact.jid)) out.push(contact.jid);
            return out;
          });
        const standsFor = (named: ReadonlySet<string>, jid: string): boolean => {
          const address = Jid.tryParse(jid);
          return address !== undefined && isBlocked(named, address, host);
        };
        /** Takes back directed presence: each session only where it had shown itself. */
        const withdraw = (from: Session, jids: readonly string[]): void => {
          const named = new Set(jids);
          for (const session of ctx.sessionsOf(from.bare))
            for (const to of ctx.use(presences).directedTo(session)) if (standsFor(named, to)) ctx.use(presences).withdraw(session, to);
        };
        /** After a block ends both see each other again, as far as each may (XEP-0191 §3.4). */
        const reunite = (account: AccountRecord, contact: string): Awaitable<void> => {
          const bare = `${account.localpart}@${account.domain}`;
          const other = Jid.parse(contact);
          return whenReady(ctx.use(rosters).of(account), (roster) => {
            const shown = seesOwner(roster.get(contact)) ? ctx.use(presences).show(account, contact) : undefined;
            return whenReady(shown, () => {
              if (!seenByOwner(roster.get(contact))) return;
              return whenReady(ctx.accountAt(other), (record) =>
                record === undefined ? undefined : ctx.use(presences).show(record, bare),
              );
            });
          });
        };

        ctx.on(accountRemoved, 'clean', ({ account }) => store.forget(account.id));
      },
    );
  },
});
