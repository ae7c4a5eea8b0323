/** What disco tells of the service and its nodes (XEP-0060 §5). */
import { type DiscoInfo, decodeRsmRequest, encodeDiscoInfo, encodeDiscoItems, encodeRsmResult, NS, StanzaError } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import type { Element } from '@parley/xml';
import { whenReady } from '../../awaitable.ts';
import { nodeInfo, PEP_FEATURES } from '../disco.ts';
import type { PepNodes } from '../nodes.ts';
import { whyNotRead } from '../rules.ts';
import type { AccountNodes, PepNode } from '../store.ts';
import { ownersOf, visitorOf } from './call.ts';

/** What only makes sense where people have contacts. */
const OF_ACCOUNTS = [
  'access-presence',
  'access-roster',
  'auto-create',
  'auto-subscribe',
  'filtered-notifications',
  'presence-notifications',
  'presence-subscribe',
  'pubsub-on-a-jid',
];
const FEATURES: readonly string[] = [
  ...PEP_FEATURES.filter((name) => !OF_ACCOUNTS.some((of) => name.endsWith(`#${of}`))),
  NS.discoInfo,
  NS.discoItems,
  NS.ping,
];
const PAGE = 200;

const visible = (node: PepNode, asker: string): boolean => whyNotRead(node.config, visitorOf(node, asker)) === undefined;

export function serviceInfo(nodes: AccountNodes, asker: string, name: string): Element {
  let info: DiscoInfo = { identities: [{ category: 'pubsub', type: 'service', name: 'Publish and subscribe' }], features: [...FEATURES] };
  if (name !== '') {
    const node = nodes.get(name);
    if (node === undefined || !visible(node, asker)) throw new StanzaError('item-not-found');
    info = nodeInfo(node, ownersOf(node));
  }
  return encodeDiscoInfo(info);
}

/** The nodes that the asking side may read, or the items of one of them; in pages (XEP-0059). */
export function serviceItems(domain: string, pep: PepNodes, nodes: AccountNodes, asker: string, payload: Element): Awaitable<Element> {
  const name = payload.attr('node') ?? '';
  const set = payload.child('set', NS.rsm);
  const rsm = set === undefined ? {} : decodeRsmRequest(set);
  if (rsm === undefined || rsm.before !== undefined || rsm.index !== undefined)
    throw new StanzaError('feature-not-implemented', { text: 'Pages are asked for by what they begin after.' });
  const page = (items: { key: string; item: { jid: string; node?: string; name?: string } }[]): Element => {
    const from = rsm.after === undefined ? 0 : items.findIndex(({ key }) => key === rsm.after) + 1;
    if (rsm.after !== undefined && from === 0) throw new StanzaError('item-not-found');
    const shown = items.slice(from, from + Math.min(rsm.max ?? PAGE, PAGE));
    const answer = encodeDiscoItems({ ...(name === '' ? undefined : { node: name }), items: shown.map(({ item }) => item) });
    if (set !== undefined || shown.length < items.length)
      answer.append(
        encodeRsmResult({
          first: shown[0]?.key,
          firstIndex: shown.length === 0 ? undefined : from,
          last: shown.at(-1)?.key,
          count: items.length,
        }),
      );
    return answer;
  };
  if (name === '') {
    const list = [...nodes.all()].filter((node) => visible(node, asker)).sort((a, b) => (a.name < b.name ? -1 : 1));
    return page(
      list.map((node) => ({
        key: node.name,
        item: { jid: domain, node: node.name, ...(node.config.title === '' ? undefined : { name: node.config.title }) },
      })),
    );
  }
  const node = nodes.get(name);
  if (node === undefined || !visible(node, asker)) throw new StanzaError('item-not-found');
  return whenReady(pep.freshItems(nodes, node), (items) => page(items.map(({ id }) => ({ key: id, item: { jid: domain, name: id } }))));
}
