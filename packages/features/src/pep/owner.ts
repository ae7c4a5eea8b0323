/** Requests in the namespace of the owner (XEP-0060 §8). */
import { decodeDataForm, encodeDataForm, Jid, NODE_CONFIG, NS, pubsubError, pubsubUnsupported, StanzaError } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import { type Element, el, escapeAttr, serialize } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import type { PepCall } from './call.ts';
import { configForm, type NodeConfig, readForm } from './config.ts';
import { type Affiliation, capacity } from './rules.ts';
import type { PepNode, Subscription } from './store.ts';

const owner = (...children: Element[]): Element => el('pubsub', { xmlns: NS.pubsubOwner }, ...children);
const only = (payload: Element, names: readonly string[]): Element => {
  const found = payload.elements().find((child) => child.ns === NS.pubsubOwner && names.includes(child.name));
  if (found === undefined) throw new StanzaError('bad-request', { text: 'There is no such request in pubsub#owner.' });
  return found;
};

export function answerOwnerGet(call: PepCall): Awaitable<Element> {
  call.demandOwner();
  const request = only(call.payload, ['configure', 'default', 'subscriptions', 'affiliations']);
  if (request.name === 'default')
    return owner(el('default', null, encodeDataForm(configForm(call.parts.pep.newConfig(''), 'form', call.accessModels))));
  const node = call.ownNode(request);
  switch (request.name) {
    case 'configure':
      return owner(el('configure', { node: node.name }, encodeDataForm(configForm(node.config, 'form', call.accessModels))));
    case 'subscriptions':
      return owner(
        el(
          'subscriptions',
          { node: node.name },
          ...node.subscriptions.map(({ jid, state }) => el('subscription', { jid, subscription: state })),
        ),
      );
    default: {
      const list = [...node.affiliations].map(([jid, affiliation]) => el('affiliation', { jid, affiliation }));
      const implied = call.impliedOwners().map((jid) => el('affiliation', { jid, affiliation: 'owner' }));
      return owner(el('affiliations', { node: node.name }, ...implied, ...list));
    }
  }
}

export function answerOwnerSet(call: PepCall): Awaitable<undefined> {
  call.demandOwner();
  const request = only(call.payload, ['configure', 'delete', 'purge', 'subscriptions', 'affiliations']);
  const node = call.ownNode(request);
  call.countChange();
  switch (request.name) {
    case 'configure':
      return configure(call, node, request);
    case 'delete':
      return whenReady(call.parts.pep.remove(call.account, call.nodes, node, call.by), () => undefined);
    case 'purge':
      if (!node.config.persist_items) throw pubsubUnsupported('persistent-items');
      return whenReady(call.parts.pep.purge(call.account, call.nodes, node, call.by), () => undefined);
    case 'subscriptions':
      return subscriptions(call, node, request);
    default:
      return affiliations(call, node, request);
  }
}

function configure(call: PepCall, node: PepNode, request: Element): Awaitable<undefined> {
  const form = decodeDataForm(request.child('x', NS.dataForms));
  if (form === undefined) throw new StanzaError('bad-request', { text: 'A form is needed.' });
  if (form.type === 'cancel') return undefined;
  const read = readForm(form, NODE_CONFIG);
  if (form.type !== 'submit' || read === undefined)
    throw new StanzaError('bad-request', { text: `The form's FORM_TYPE must be ${NODE_CONFIG}.` });
  if (read.wrong.includes('pubsub#access_model')) throw pubsubError('not-acceptable', 'unsupported-access-model');
  if (read.wrong.length > 0)
    throw new StanzaError('not-acceptable', { text: `Not understood: ${read.wrong.slice(0, 10).join(', ').slice(0, 500)}.` });
  call.checkConfig(read.values);
  const config: NodeConfig = { ...node.config, ...read.values };
  const { pep, events } = call.parts;
  return whenReady(call.nodes.withOrder(node), (order) => {
    pep.change(
      call.account,
      () => {
        node.config = config;
        const room = capacity(config, pep.limits.maxItems);
        for (const oldest of [...order.keys()]) {
          if (order.size <= room) break;
          call.nodes.drop(node, order, oldest);
        }
        call.nodes.save(node);
        call.nodes.saveProgress(node);
      },
      () => {
        if (!config.notify_config) return;
        const content = config.deliver_payloads ? serialize(encodeDataForm(configForm(config, 'result')), '') : '';
        events.tell(call.account, node, `<configuration node="${escapeAttr(node.name)}">${content}</configuration>`);
      },
    );
    return undefined;
  });
}

/** The address of somebody here; the owner is not to be changed. */
function person(call: PepCall, element: Element): Jid {
  const jid = Jid.tryParse(element.attr('jid') ?? '');
  if (jid === undefined || !call.isHere(jid))
    throw new StanzaError('not-acceptable', { text: 'An address on this server is needed.', extra: element });
  return jid;
}

function subscriptions(call: PepCall, node: PepNode, request: Element): undefined {
  const list = new Map(node.subscriptions.map((one) => [one.jid, one]));
  const changed: Subscription[] = [];
  const ended: string[] = [];
  for (const element of request.childrenNamed('subscription', NS.pubsubOwner)) {
    const address = person(call, element);
    const jid = address.toString();
    const state = element.attr('subscription');
    if (state === undefined) continue;
    if (state !== 'subscribed' && state !== 'none')
      throw new StanzaError('not-acceptable', { text: 'A subscription is subscribed or none.', extra: element });
    if (state === 'none') {
      if (list.delete(jid)) ended.push(jid);
    } else if (list.get(jid)?.state !== 'subscribed') {
      // To subscribe people at will would be a way to write to anybody.
      if (!list.has(jid) && address.bare !== call.bare && !call.isContact(address.bare))
        throw new StanzaError('forbidden', { text: 'Subscribed are who asked, and contacts.', extra: element });
      const one: Subscription = { jid, state };
      list.set(jid, one);
      changed.push(one);
    }
  }
  if (list.size > call.parts.pep.limits.maxSubscriptions) throw pubsubError('policy-violation', 'too-many-subscriptions', { type: 'wait' });
  if (changed.length + ended.length === 0) return;
  call.countChange(changed.length + ended.length - 1);
  setSubscriptions(call, node, [...list.values()], changed, ended);
}

/** Writes, and tells those concerned when it is durable. */
export function setSubscriptions(
  call: Pick<PepCall, 'parts' | 'account' | 'nodes'>,
  node: PepNode,
  all: readonly Subscription[],
  changed: readonly Subscription[],
  ended: readonly string[],
): void {
  const { parts, account, nodes } = call;
  parts.pep.change(
    account,
    () => {
      for (const { jid } of changed) parts.relate(account.id, jid.split('/', 1)[0] as string);
      nodes.saveSubscriptions(node, all);
    },
    () => {
      for (const { jid } of changed) parts.tellSubscriber(account, node.name, jid, 'subscribed');
      for (const jid of ended) parts.tellSubscriber(account, node.name, jid, 'none');
    },
  );
}

function affiliations(call: PepCall, node: PepNode, request: Element): undefined {
  const list = new Map(node.affiliations);
  const seen = new Set<string>();
  for (const element of request.childrenNamed('affiliation', NS.pubsubOwner)) {
    const { bare } = person(call, element);
    const affiliation = element.attr('affiliation');
    if (seen.has(bare)) throw new StanzaError('bad-request', { text: 'One affiliation for each address.' });
    seen.add(bare);
    const implied = call.impliedOwners().includes(bare);
    if (affiliation === undefined || (affiliation === 'owner' && implied)) continue;
    // The account is the owner of its nodes, and nobody else is (XEP-0163 §3.2).
    if (implied || (affiliation === 'owner' && !call.givenAffiliations.includes('owner')))
      throw new StanzaError('not-acceptable', { text: 'The account itself is the owner, and the only one.', extra: element });
    if (!call.givenAffiliations.includes(affiliation))
      throw pubsubUnsupported(`${affiliation === 'publish-only' ? affiliation : 'member'}-affiliation`);
    if (affiliation === 'none') list.delete(bare);
    else list.set(bare, affiliation as Affiliation);
  }
  call.checkAffiliations(list);
  if (list.size > call.parts.pep.limits.maxAffiliations)
    throw new StanzaError('resource-constraint', { text: `A node has at most ${call.parts.pep.limits.maxAffiliations} affiliations.` });
  call.parts.pep.change(call.account, () => {
    node.affiliations.clear();
    for (const [jid, affiliation] of list) {
      node.affiliations.set(jid, affiliation);
      call.parts.relate(call.account.id, jid);
    }
    call.nodes.save(node);
    const left = node.subscriptions.filter(({ jid }) => list.get(jid.split('/', 1)[0] as string) !== 'outcast');
    if (left.length !== node.subscriptions.length) call.nodes.saveSubscriptions(node, left);
  });
}
