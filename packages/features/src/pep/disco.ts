/** What disco tells of accounts as pubsub services and of their nodes (XEP-0060 §5, XEP-0163 §6). */
import { type DiscoInfo, NODE_META_DATA, NS } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import { whenReady } from '../awaitable.ts';
import type { AccountDisco } from '../disco/service.ts';
import type { PepParts } from './call.ts';
import { bareOf, visitorOf } from './events.ts';
import { whyNotRead } from './rules.ts';
import type { PepNode } from './store.ts';

const NAMES = [
  'access-authorize',
  'access-open',
  'access-presence',
  'access-roster',
  'access-whitelist',
  'auto-create',
  'auto-subscribe',
  'config-node',
  'config-node-max',
  'create-and-configure',
  'create-nodes',
  'delete-items',
  'delete-nodes',
  'filtered-notifications',
  'instant-nodes',
  'item-ids',
  'last-published',
  'manage-subscriptions',
  'member-affiliation',
  'meta-data',
  'modify-affiliations',
  'multi-items',
  'outcast-affiliation',
  'persistent-items',
  'presence-notifications',
  'presence-subscribe',
  'publish',
  'publish-node-full',
  'publish-options',
  'publisher-affiliation',
  'pubsub-on-a-jid',
  'purge-nodes',
  'retract-items',
  'retrieve-affiliations',
  'retrieve-default',
  'retrieve-items',
  'retrieve-subscriptions',
  'rsm',
  'subscribe',
  'subscription-notifications',
];
export const PEP_FEATURES: readonly string[] = [NS.pubsub, ...NAMES.map((name) => `${NS.pubsub}#${name}`)];

export function accountDisco(parts: PepParts): AccountDisco {
  const mine = (account: Parameters<AccountDisco['items']>[0], asker: string): Awaitable<PepNode[]> =>
    whenReady(parts.store.of(account.id), (nodes) =>
      whenReady(parts.rosters.of(account), (roster) =>
        [...nodes.all()].filter((node) => whyNotRead(node.config, visitorOf(account, roster, node, asker)) === undefined),
      ),
    );
  return {
    identities: [{ category: 'pubsub', type: 'pep' }],
    items: (account, asker) =>
      whenReady(mine(account, asker), (list) =>
        list.map((node) => ({ jid: bareOf(account), node: node.name, name: node.config.title === '' ? undefined : node.config.title })),
      ),
    node: (account, asker, name) =>
      whenReady(mine(account, asker), (list) => {
        const node = list.find((one) => one.name === name);
        return node === undefined ? undefined : nodeInfo(node, [bareOf(account)]);
      }),
    nodeItems: (account, asker, name) =>
      whenReady(mine(account, asker), (list) => {
        const node = list.find((one) => one.name === name);
        if (node === undefined) return undefined;
        return whenReady(parts.store.of(account.id), (nodes) =>
          whenReady(parts.pep.freshItems(nodes, node), (items) => items.map(({ id }) => ({ jid: bareOf(account), name: id }))),
        );
      }),
  };
}

export function nodeInfo(node: PepNode, owners: readonly string[]): DiscoInfo {
  const { title, description, type, access_model } = node.config;
  const field = (name: string, value: string) => (value === '' ? [] : [{ var: `pubsub#${name}`, values: [value] }]);
  return {
    node: node.name,
    identities: [{ category: 'pubsub', type: 'leaf', name: title === '' ? undefined : title }],
    features: [NS.pubsub],
    forms: [
      {
        type: 'result',
        fields: [
          { var: 'FORM_TYPE', type: 'hidden', values: [NODE_META_DATA] },
          ...field('title', title),
          ...field('description', description),
          ...field('type', type),
          ...field('access_model', access_model),
          ...(owners.length === 0 ? [] : [{ var: 'pubsub#owner', values: [...owners] }]),
          ...field('num_subscribers', String(node.subscriptions.filter(({ state }) => state === 'subscribed').length)),
        ],
      },
    ],
  };
}
