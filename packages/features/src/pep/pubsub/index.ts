/** The pubsub service below the domain (XEP-0060), on the engine of personal nodes: nodes that belong to nobody's account. */
import { accountRemoved, ConfigError, type FeatureContext, json, type LocalService, type ServiceStanza } from '@parley/core';
import { Jid, NS, StanzaError } from '@parley/protocol';
import type { AccountRecord, Awaitable } from '@parley/storage';
import { type Element, parseElement } from '@parley/xml';
import { forEachReady, whenReady } from '../../awaitable.ts';
import type { Rosters } from '../../roster/service.ts';
import { readApproval } from '../approval.ts';
import { configForm } from '../config.ts';
import { PepNodes } from '../nodes.ts';
import { answerOwnerGet, answerOwnerSet, setSubscriptions } from '../owner.ts';
import { answerGet, answerSet } from '../requests.ts';
import { itemId, nodeName } from '../rules.ts';
import { pubsubTransfer } from '../service.ts';
import { type ItemRow, type NodeRow, PepStore, type ProgressRow, type Subscription } from '../store.ts';
import { restore } from '../transfer.ts';
import { AFFILIATIONS, MODELS, ownersOf, PubsubCall } from './call.ts';
import { serviceInfo, serviceItems } from './disco.ts';
import { PubsubEvents } from './events.ts';

export interface PubsubConfig {
  readonly serviceHost: string;
  readonly serviceCreate: string;
  readonly serviceMaxNodes: number;
  readonly serviceNodesPerAccount: number;
  readonly serviceMaxSize: number;
  readonly maxItems: number;
  readonly maxItemSize: number;
  readonly maxSubscriptions: number;
  readonly maxAffiliations: number;
  readonly maxChangesPerHour: number;
}

/** Where the service is. Throws ConfigError. */
export function pubsubDomain(host: string, config: { readonly serviceHost: string }): string {
  const domain = Jid.tryParse(`${config.serviceHost}.${host}`)?.domain;
  if (domain === undefined || !domain.endsWith(`.${host}`)) throw new ConfigError('features.pep.serviceHost is not the name of a host.');
  return domain;
}

export function servePubsub(ctx: FeatureContext<PubsubConfig>, rosters: Rosters): void {
  const { config } = ctx;
  const domain = pubsubDomain(ctx.host, config);
  const store = new PepStore(
    {
      nodes: ctx.table('pubsub_node', json<NodeRow>()),
      progress: ctx.table('pubsub_progress', json<ProgressRow>()),
      items: ctx.table('pubsub_item', json<ItemRow>()),
      subscriptions: ctx.table('pubsub_subscription', json<readonly Subscription[]>()),
    },
    1,
  );
  /** Whose all of these nodes are, for the engine; nobody signs in with it. */
  const account: AccountRecord = { id: ctx.hostOwner, localpart: '', domain, createdAt: 0, disabled: false, credentials: '' };
  const events = new PubsubEvents(ctx, () => service);
  const pep = new PepNodes(
    ctx,
    store,
    events,
    {
      get maxNodes() {
        return config.serviceMaxNodes;
      },
      get maxAccountSize() {
        return config.serviceMaxSize;
      },
      get maxItems() {
        return config.maxItems;
      },
      get maxItemSize() {
        return config.maxItemSize;
      },
      get maxSubscriptions() {
        return config.maxSubscriptions;
      },
      get maxAffiliations() {
        return config.maxAffiliations;
      },
      get maxChangesPerHour() {
        return config.maxChangesPerHour;
      },
    },
    { access_model: 'open', max_items: 'max', send_last_published_item: 'on_sub' },
  );
  const parts = {
    ctx,
    store,
    rosters,
    events,
    pep,
    relate: () => {},
    tellSubscriber: (_account: AccountRecord, node: string, jid: string, state: string) => events.subscription(jid, node, jid, state),
  };
  const rules = {
    get create() {
      return config.serviceCreate;
    },
    get nodesPerAccount() {
      return config.serviceNodesPerAccount;
    },
  };

  const request = (call: ServiceStanza): Awaitable<Element | undefined> => {
    const { stanza, to, from, session } = call;
    const [child] = stanza.children;
    const payload = child === undefined ? undefined : stanza.child(child.name, child.ns);
    if (payload === undefined) throw new StanzaError('bad-request');
    if (to.local !== '' || to.resource !== '') throw new StanzaError('item-not-found');
    const key = `${stanza.type} ${payload.name} ${payload.ns}`;
    if (key === `get ping ${NS.ping}`) return undefined;
    return whenReady(store.of(account.id), (nodes): Awaitable<Element | undefined> => {
      const asked = (): PubsubCall =>
        new PubsubCall(parts, { payload, bare: from.bare, address: from.toString(), account, session }, nodes, rules);
      switch (key) {
        case `get query ${NS.discoInfo}`:
          return serviceInfo(nodes, from.bare, payload.attr('node') ?? '');
        case `get query ${NS.discoItems}`:
          return serviceItems(domain, pep, nodes, from.bare, payload);
        case `get pubsub ${NS.pubsub}`:
          return answerGet(asked());
        case `set pubsub ${NS.pubsub}`:
          return answerSet(asked());
        case `get pubsub ${NS.pubsubOwner}`:
          return answerOwnerGet(asked());
        case `set pubsub ${NS.pubsubOwner}`:
          return answerOwnerSet(asked());
        default:
          throw new StanzaError('service-unavailable');
      }
    });
  };

  /** §8.6: an owner answers a request for a subscription. */
  const approve = ({ stanza, from }: ServiceStanza): Awaitable<void> => {
    if (stanza.type === 'error') return;
    const approval = readApproval(stanza);
    if (approval === 'cancelled') return;
    if (approval === undefined) throw new StanzaError('service-unavailable');
    return whenReady(store.of(account.id), (nodes) => {
      const node = nodes.get(approval.node);
      if (node === undefined || !ownersOf(node).includes(from.bare)) throw new StanzaError('forbidden');
      const pending = node.subscriptions.find(({ jid, state }) => jid === approval.jid && state === 'pending');
      if (pending === undefined) throw new StanzaError('item-not-found');
      const granted: Subscription[] = approval.allow ? [{ jid: approval.jid, state: 'subscribed' }] : [];
      const rest = node.subscriptions.filter((one) => one !== pending);
      setSubscriptions({ parts, account, nodes }, node, [...rest, ...granted], granted, approval.allow ? [] : [approval.jid]);
    });
  };

  const service: LocalService = ctx.service(
    domain,
    {
      presence: () => {},
      message: approve,
      iq: (call) => {
        if (call.stanza.type === 'result' || call.stanza.type === 'error') return;
        return whenReady(request(call), (answer) => service.reply(call, answer));
      },
    },
    { name: 'Publish and subscribe' },
  );

  const isHere = (jid: Jid): boolean => (jid.domain === ctx.host && jid.local !== '') || jid.domain.endsWith(`.${ctx.host}`);
  ctx.provide(pubsubTransfer, {
    domain,
    names: () => whenReady(store.of(account.id), (nodes) => [...nodes.all()].map(({ name }) => name)),
    read: (name) =>
      whenReady(store.of(account.id), (nodes) => {
        const node = nodes.get(name);
        if (node === undefined) return undefined;
        return whenReady(pep.freshItems(nodes, node), (items) => ({
          config: configForm(node.config, 'form', MODELS),
          affiliations: [...node.affiliations],
          subscriptions: node.subscriptions.map(({ jid, state }) => [jid, state] as const),
          items: items.map(({ id, at, by, xml }) => ({ id, at, by, payload: xml === '' ? undefined : parseElement(xml) })),
        }));
      }),
    restore: (name, from) => {
      if (!(from.affiliations ?? []).some(([, affiliation]) => affiliation === 'owner'))
        throw new StanzaError('not-acceptable', { text: 'it has no owner' });
      return whenReady(store.of(account.id), (nodes) =>
        restore(parts, account, nodes, nodeName(name), from, { affiliations: AFFILIATIONS, isHere }),
      );
    },
    publish: (name, { id, payload, publisher }) =>
      whenReady(store.of(account.id), (nodes) => {
        if (nodes.get(name) === undefined) throw new StanzaError('item-not-found');
        return whenReady(pep.publish(account, nodes, name, { id: itemId(id), payload, publisher }), () => undefined);
      }),
  });

  // R10: a namesake inherits nothing. A node goes with its last owner: nobody else could ever change it.
  const forget = (bare: string): Awaitable<void> =>
    whenReady(store.of(account.id), (nodes) =>
      forEachReady([...nodes.all()], (node) => {
        const mine = ownersOf(node);
        if (mine.length === 1 && mine[0] === bare) return pep.remove(account, nodes, node, undefined);
        const left = node.subscriptions.filter(({ jid }) => jid !== bare && !jid.startsWith(`${bare}/`));
        if (!node.affiliations.has(bare) && left.length === node.subscriptions.length) return;
        pep.change(account, () => {
          if (node.affiliations.delete(bare)) nodes.save(node);
          if (left.length !== node.subscriptions.length) nodes.saveSubscriptions(node, left);
        });
      }),
    );
  // People of other domains of the server may have subscribed, too.
  const all = ctx.once('pubsub', () => new Set<typeof forget>());
  all.add(forget);
  ctx.defer(() => void all.delete(forget));
  ctx.on(accountRemoved, 'clean', ({ account: { localpart, domain: host } }) =>
    forEachReady([...all], (one) => one(`${localpart}@${host}`)),
  );
}
