import { accountRemoved, defineFeature, HANDLED, json, messageFromClient, type Verdict } from '@parley/core';
import { Jid, NS, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { forEachReady, whenReady } from '../awaitable.ts';
import { clientCaps } from '../caps/service.ts';
import { disco } from '../disco/service.ts';
import { presences } from '../presence/service.ts';
import { rosters } from '../roster/service.ts';
import { readApproval, tellSubscription } from './approval.ts';
import { type PepParts, withCall } from './call.ts';
import { accountDisco, PEP_FEATURES } from './disco.ts';
import { PepEvents } from './events.ts';
import { PepNodes } from './nodes.ts';
import { answerOwnerGet, answerOwnerSet, setSubscriptions } from './owner.ts';
import { pubsubDomain, servePubsub } from './pubsub/index.ts';
import { answerGet, answerSet } from './requests.ts';
import { nodeTransfer, pep, pubsubTransfer } from './service.ts';
import { type ItemRow, type NodeRow, PepStore, type ProgressRow, type Subscription } from './store.ts';
import { nodeTransferOf } from './transfer.ts';

const PUBSUB = { name: 'pubsub', ns: NS.pubsub };
const OWNER = { name: 'pubsub', ns: NS.pubsubOwner };

export default defineFeature({
  name: 'pep',
  about:
    'Personal nodes of accounts: what devices share with each other (bookmarks, what was read) and with contacts (avatar, mood); and a pubsub service.',
  implements: [
    { xep: 163, version: '1.2.2', status: 'complete', note: 'XEP-0222 needs nothing beyond it' },
    {
      xep: 60,
      version: '1.30.0',
      status: 'partial',
      note: 'on accounts and as a service; without subscription options, leases and collections',
    },
    { xep: 223, version: '1.1.1', status: 'complete' },
    { xep: 172, version: '1.1', status: 'complete', note: 'a node like any other; in stanzas it passes through' },
  ],
  advertisesOnAccounts: PEP_FEATURES,
  needs: [rosters, presences, disco, clientCaps],
  provides: [pep, nodeTransfer, pubsubTransfer],
  options: {
    maxNodes: { reload: 'hot', type: 'integer', default: 200, min: 10, max: 10_000, about: 'Nodes of one account.' },
    maxItems: {
      reload: 'hot',
      type: 'integer',
      default: 2000,
      min: 1,
      max: 100_000,
      about: 'Items that a node keeps, also when its owner asks for more.',
    },
    maxItemSize: { reload: 'hot', type: 'bytes', default: '192KiB', min: '4KiB', max: '1MiB', about: 'Size of one item.' },
    maxAccountSize: {
      reload: 'hot',
      type: 'bytes',
      default: '8MiB',
      min: '256KiB',
      max: '1GiB',
      about: 'All items of an account together.',
    },
    maxSubscriptions: { reload: 'hot', type: 'integer', default: 500, min: 1, max: 100_000, about: 'Explicit subscriptions to one node.' },
    maxAffiliations: {
      reload: 'hot',
      type: 'integer',
      default: 500,
      min: 1,
      max: 100_000,
      about: 'People that one node has affiliations for.',
    },
    maxChangesPerHour: {
      reload: 'hot',
      type: 'integer',
      default: 6000,
      min: 60,
      max: 10_000_000,
      about: 'Items that the devices of one account may publish or take back in an hour, all at once or spread.',
    },
    cachedAccounts: {
      reload: 'cold',
      type: 'integer',
      default: 20_000,
      min: 100,
      max: 10_000_000,
      about: 'Accounts whose list of nodes is kept in memory.',
    },
    service: {
      reload: 'cold',
      type: 'boolean',
      default: true,
      about:
        'A pubsub service of its own (XEP-0060), for nodes that belong to no account: news, alerts, bots. maxItems and what follows it hold there, too.',
    },
    serviceHost: { reload: 'cold', type: 'string', default: 'pubsub', about: 'Its name below the domain: pubsub.example.org.' },
    serviceCreate: { reload: 'hot', type: 'string', default: 'anyone', values: ['anyone', 'nobody'], about: 'Who may make nodes on it.' },
    serviceMaxNodes: {
      reload: 'hot',
      type: 'integer',
      default: 10_000,
      min: 1,
      max: 1_000_000,
      about: 'Nodes of the service; all of them are in memory, their items are not.',
    },
    serviceNodesPerAccount: {
      reload: 'hot',
      type: 'integer',
      default: 100,
      min: 1,
      max: 1_000_000,
      about: 'Nodes of the service that one account may own.',
    },
    serviceMaxSize: {
      reload: 'hot',
      type: 'bytes',
      default: '256MiB',
      min: '1MiB',
      max: '1TiB',
      about: 'All items of the service together.',
    },
  },
  domains: (host, config) => (config.service ? [pubsubDomain(host, config)] : []),
  setup(ctx) {
    // Contacts on other domains of the server are told of changes, too: the nodes of an account must not be in memory twice.
    const store = ctx.once(
      'store',
      () =>
        new PepStore(
          {
            nodes: ctx.table('pep_node', json<NodeRow>()),
            progress: ctx.table('pep_progress', json<ProgressRow>()),
            items: ctx.table('pep_item', json<ItemRow>()),
            subscriptions: ctx.table('pep_subscription', json<readonly Subscription[]>()),
          },
          ctx.config.cachedAccounts,
        ),
    );
    /** Of which accounts a node keeps something about this bare JID: account and JID. */
    const people = ctx.table('pep_person', json<1>());
    const events = new PepEvents(ctx, store, ctx.use(rosters), ctx.use(clientCaps));
    const nodes = new PepNodes(ctx, store, events, ctx.config);
    const parts: PepParts = {
      ctx,
      store,
      rosters: ctx.use(rosters),
      events,
      pep: nodes,
      relate: (account, bare) => people.set(account, bare, 1),
      tellSubscriber: (account, node, jid, state) =>
        events.unlessBlocked(account, Jid.parse(jid), () => tellSubscription(ctx, account, jid, node, jid, state)),
    };
    ctx.provide(pep, nodes);
    ctx.provide(nodeTransfer, nodeTransferOf(parts));
    for (const place of ['account', 'contact'] as const) {
      ctx.iq('get', place, PUBSUB, withCall(parts, answerGet));
      ctx.iq('set', place, PUBSUB, withCall(parts, answerSet));
      ctx.iq('get', place, OWNER, withCall(parts, answerOwnerGet));
      ctx.iq('set', place, OWNER, withCall(parts, answerOwnerSet));
    }
    ctx.use(presences).onShown((account, contact) => events.greetContact(account, contact));
    ctx.use(disco).onAccounts(accountDisco(parts));

    // The owner answers a request for a subscription with a message to itself (XEP-0060 §8.6); it is for the server alone.
    ctx.on(messageFromClient, 'guard', ({ from, to, stanza }): Verdict | Promise<Verdict> => {
      if (to.bare !== from.bare || to.resource !== '') return;
      const approval = readApproval(stanza);
      if (approval === undefined) return;
      if (approval === 'cancelled') return HANDLED;
      return whenReady(store.of(from.account.id), (list): Verdict => {
        const node = list.get(approval.node);
        const pending = node?.subscriptions.find(({ jid, state }) => jid === approval.jid && state === 'pending');
        if (node === undefined || pending === undefined) throw new StanzaError('item-not-found');
        const granted: Subscription[] = approval.allow ? [{ jid: approval.jid, state: 'subscribed' }] : [];
        const rest = node.subscriptions.filter((one) => one !== pending);
        setSubscriptions(
          { parts, account: from.account, nodes: list },
          node,
          [...rest, ...granted],
          granted,
          approval.allow ? [] : [approval.jid],
        );
        return HANDLED;
      });
    });

    if (ctx.config.service) servePubsub(ctx, ctx.use(rosters));

    /** A name may be given to somebody else later, who inherits nothing. */
    const forgetPerson = (owner: number, bare: string): Awaitable<void> =>
      whenReady(store.of(owner), (list) => {
        for (const node of list.all()) {
          if (node.affiliations.delete(bare)) list.save(node);
          const left = node.subscriptions.filter(({ jid }) => jid !== bare && !jid.startsWith(`${bare}/`));
          if (left.length !== node.subscriptions.length) list.saveSubscriptions(node, left);
        }
        people.delete(owner, bare);
      });
    ctx.on(accountRemoved, 'clean', ({ account }: { account: AccountRecord }) => {
      store.forget(account.id);
      const bare = `${account.localpart}@${account.domain}`;
      return whenReady(people.owners(bare), (owners) => forEachReady(owners, (owner) => forgetPerson(owner, bare)));
    });
  },
});
