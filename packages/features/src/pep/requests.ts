/** Requests in the namespace of pubsub: what readers, subscribers and publishers ask (XEP-0060 §5.6, §5.7, §6, §7, §8.1). */
import {
  decodeDataForm,
  decodeRsmRequest,
  encodeRsmResult,
  Jid,
  NODE_CONFIG,
  NS,
  PUBLISH_OPTIONS,
  pubsubError,
  pubsubUnsupported,
  type RsmRequest,
  StanzaError,
} from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import { type Element, el, parseElement } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import type { PepCall } from './call.ts';
import { type NodeConfig, readForm } from './config.ts';
import { howManyFit, itemId, mayPublish, nodeName, refusal, whyNotRead } from './rules.ts';
import type { PepNode, StoredItem, Subscription } from './store.ts';

const pubsub = (...children: (Element | undefined)[]): Element => el('pubsub', { xmlns: NS.pubsub }, ...children);
const only = (payload: Element, names: readonly string[]): Element => {
  const found = payload.elements().find((child) => child.ns === NS.pubsub && names.includes(child.name));
  if (found === undefined) throw new StanzaError('bad-request', { text: 'There is no such request in pubsub.' });
  return found;
};

export function answerGet(call: PepCall): Awaitable<Element | undefined> {
  const request = only(call.payload, ['items', 'subscriptions', 'affiliations', 'options', 'default']);
  switch (request.name) {
    case 'items':
      return items(call, request);
    case 'subscriptions':
      return subscriptions(call, request);
    case 'affiliations':
      return affiliations(call, request);
    case 'options':
      throw pubsubUnsupported('subscription-options');
    default:
      throw pubsubUnsupported('retrieve-default-sub');
  }
}

export function answerSet(call: PepCall): Awaitable<Element | undefined> {
  const request = only(call.payload, ['publish', 'retract', 'create', 'subscribe', 'unsubscribe', 'options']);
  switch (request.name) {
    case 'publish':
      return publish(call, request);
    case 'retract':
      return retract(call, request);
    case 'create':
      return create(call, request);
    case 'subscribe':
      return subscribe(call, request);
    case 'unsubscribe':
      return unsubscribe(call, request);
    default:
      throw pubsubUnsupported('subscription-options');
  }
}

// --- reading ---

/** Characters of the items in one answer. */
const ANSWER_SIZE = 1024 * 1024;

function items(call: PepCall, request: Element): Awaitable<Element> {
  const node = call.node(request);
  const visitor = call.visitor(node);
  const why = whyNotRead(node.config, visitor);
  if (why !== undefined) throw refusal(why, visitor);
  if (!node.config.persist_items) throw pubsubUnsupported('persistent-items');
  const wanted = new Set(request.childrenNamed('item', NS.pubsub).map((item) => item.attr('id')));
  const most = request.attr('max_items');
  if (most !== undefined && !/^[1-9]\d{0,8}$/.test(most)) throw new StanzaError('bad-request', { text: 'max_items is a number above 0.' });
  const set = call.payload.child('set', NS.rsm);
  const rsm = set === undefined ? undefined : decodeRsmRequest(set);
  if (set !== undefined && rsm === undefined) throw new StanzaError('bad-request', { text: 'This is no result set request (XEP-0059).' });
  return whenReady(call.parts.pep.freshItems(call.nodes, node), (all) => {
    let chosen = wanted.size === 0 ? all : all.filter(({ id }) => wanted.has(id));
    if (most !== undefined) chosen = chosen.slice(-Number(most));
    // §6.5.4: where not all of them go into one answer, the newest do, and the set says so.
    const page = pageOf(chosen, rsm ?? { before: '' });
    const list = page.items.map((item) => itemElement(item));
    return pubsub(el('items', { node: node.name }, ...list), rsm === undefined && list.length === chosen.length ? undefined : page.set);
  });
}

const itemElement = ({ id, by, xml }: StoredItem): Element => el('item', { id, publisher: by }, xml === '' ? undefined : parseElement(xml));

/** XEP-0059 over the items in the order of their publication. */
function pageOf(all: readonly StoredItem[], rsm: RsmRequest): { items: readonly StoredItem[]; set: Element } {
  const indexOf = (id: string): number => {
    const index = all.findIndex((item) => item.id === id);
    if (index < 0) throw new StanzaError('item-not-found');
    return index;
  };
  const max = rsm.max ?? all.length;
  let from = rsm.index ?? 0;
  let to = Math.min(all.length, from + max);
  if (rsm.after !== undefined) {
    from = indexOf(rsm.after) + 1;
    to = Math.min(all.length, from + max);
  } else if (rsm.before !== undefined) {
    to = rsm.before === '' ? all.length : indexOf(rsm.before);
    from = Math.max(0, to - max);
  }
  const backwards = rsm.before !== undefined && rsm.after === undefined;
  const fitting = howManyFit(all.slice(from, to), ANSWER_SIZE, backwards);
  if (backwards) from = to - fitting;
  else to = from + fitting;
  const page = all.slice(from, to);
  return {
    items: page,
    set: encodeRsmResult({
      first: page[0]?.id,
      firstIndex: page.length === 0 ? undefined : from,
      last: page.at(-1)?.id,
      count: all.length,
    }),
  };
}

const bareText = (jid: string): string => jid.split('/', 1)[0] as string;

/** Only what the asking side may know of is looked at: its own subscriptions. */
function subscriptions(call: PepCall, request: Element): Element {
  const name = request.attr('node');
  const list: Element[] = [];
  for (const node of call.nodes.all()) {
    if (name !== undefined && node.name !== name) continue;
    for (const { jid, state } of node.subscriptions)
      if (bareText(jid) === call.bare) list.push(el('subscription', { node: node.name, jid, subscription: state }));
  }
  if (list.length === 0 && !call.visitor(undefined).contact) throw new StanzaError('service-unavailable');
  return pubsub(el('subscriptions', { node: name }, ...list));
}

function affiliations(call: PepCall, request: Element): Element {
  const name = request.attr('node');
  const list: Element[] = [];
  for (const node of call.nodes.all()) {
    if (name !== undefined && node.name !== name) continue;
    const affiliation = call.affiliationWith(node);
    if (affiliation !== undefined) list.push(el('affiliation', { node: node.name, affiliation }));
  }
  if (list.length === 0 && !call.visitor(undefined).contact) throw new StanzaError('service-unavailable');
  return pubsub(el('affiliations', { node: name }, ...list));
}

// --- publishing ---

function optionsIn(form: Element | undefined, type: string): Partial<NodeConfig> | undefined {
  if (form === undefined) return undefined;
  const decoded = decodeDataForm(form.child('x', NS.dataForms));
  if (decoded === undefined || decoded.type === 'cancel') return undefined;
  const read = readForm(decoded, type);
  if (read === undefined) throw new StanzaError('bad-request', { text: `The form's FORM_TYPE must be ${type}.` });
  if (read.wrong.includes('pubsub#access_model')) throw pubsubError('not-acceptable', 'unsupported-access-model');
  const bad = [...read.wrong, ...read.unknown];
  // A precondition that is not understood cannot be met (§7.1.5).
  if (bad.length > 0) throw new StanzaError('not-acceptable', { text: `Not understood: ${bad.slice(0, 10).join(', ').slice(0, 500)}.` });
  return read.values;
}

function publish(call: PepCall, request: Element): Awaitable<Element> {
  const name = nodeName(request.attr('node'));
  const node = call.nodes.get(name);
  const visitor = call.visitor(node);
  if (node === undefined && !call.makesByPublishing) throw call.missing();
  if (node !== undefined && !mayPublish(node.config, visitor))
    throw visitor.contact ? new StanzaError('forbidden') : refusal('outcast', visitor);
  const wanted = optionsIn(call.payload.child('publish-options', NS.pubsub), PUBLISH_OPTIONS);
  const list = request.childrenNamed('item', NS.pubsub);
  const [item] = list;
  if (list.length > 1) throw new StanzaError('bad-request', { text: 'One item at a time.' });
  const persistent = node?.config.persist_items ?? wanted?.persist_items ?? true;
  if (item === undefined && persistent) throw pubsubError('bad-request', 'item-required');
  const payloads = item?.elements() ?? [];
  if (payloads.length > 1) throw pubsubError('bad-request', 'invalid-payload');
  if (item !== undefined && !persistent && node?.config.deliver_payloads === false) throw pubsubError('bad-request', 'item-forbidden');
  const given = item?.attr('id');
  call.countChange();
  const id = given === undefined || given === '' ? undefined : itemId(given);
  const there =
    (node !== undefined && call.isOwner(node)) || node === undefined || id === undefined ? undefined : call.nodes.item(node, id);
  return whenReady(there, (before) => {
    // Others put something in the place of what is their own only, as with taking back.
    if (before !== undefined && before.by !== call.bare) throw visitor.contact ? new StanzaError('forbidden') : refusal('outcast', visitor);
    const done = call.parts.pep.publish(call.account, call.nodes, name, {
      id,
      payload: payloads[0],
      wanted,
      by: call.by,
      publisher: call.publisher,
      asked: true,
    });
    return whenReady(done, (published) => pubsub(el('publish', { node: name }, el('item', { id: published }))));
  });
}

function retract(call: PepCall, request: Element): Awaitable<undefined> {
  const node = call.node(request);
  const visitor = call.visitor(node);
  const list = request.childrenNamed('item', NS.pubsub);
  const id = list[0]?.attr('id');
  if (list.length !== 1 || id === undefined || id === '') throw pubsubError('bad-request', 'item-required');
  const denied = (): StanzaError => (visitor.contact ? new StanzaError('forbidden') : refusal('outcast', visitor));
  if (!mayPublish(node.config, visitor)) throw denied();
  if (!node.config.persist_items) throw pubsubUnsupported('persistent-items');
  call.countChange();
  const notify = request.attr('notify');
  return whenReady(call.nodes.item(node, id), (item) => {
    if (item === undefined) throw new StanzaError('item-not-found');
    // Others take back what is their own only.
    if (!call.isOwner(node) && item.by !== call.bare) throw denied();
    const tell = notify === 'true' || notify === '1' || (notify === undefined && node.config.notify_retract);
    return whenReady(call.parts.pep.retract(call.account, call.nodes, node, [id], tell, call.by), () => undefined);
  });
}

function create(call: PepCall, request: Element): Element | undefined {
  call.demandCreator();
  const given = request.attr('node');
  const configure = call.payload.child('configure', NS.pubsub);
  if (configure?.attr('node') !== undefined) throw new StanzaError('bad-request');
  const config = optionsIn(configure?.child('x', NS.dataForms) === undefined ? undefined : configure, NODE_CONFIG);
  call.countChange();
  const name = given === undefined || given === '' ? instantName(call) : nodeName(given);
  call.checkConfig(config ?? {});
  call.parts.pep.change(call.account, () => call.made(call.parts.pep.create(call.account, call.nodes, name, config ?? {})));
  return given === name ? undefined : pubsub(el('create', { node: name }));
}

function instantName(call: PepCall): string {
  let name = '';
  for (const byte of call.parts.ctx.random.bytes(12)) name += byte.toString(16).padStart(2, '0');
  return name;
}

// --- subscriptions ---

/** The address to (un)subscribe: whose bare JID is that of who asks (§6.1.3.1, §6.2.3.3). */
function subscriberIn(call: PepCall, request: Element): string {
  const text = request.attr('jid');
  if (text === undefined) throw pubsubError('bad-request', 'jid-required');
  const jid = Jid.tryParse(text);
  if (jid === undefined || jid.bare !== call.bare) {
    if (request.name === 'subscribe') throw pubsubError('bad-request', 'invalid-jid');
    throw new StanzaError('forbidden');
  }
  return jid.toString();
}

function subscribe(call: PepCall, request: Element): Awaitable<Element> {
  const node = call.node(request);
  const visitor = call.visitor(node);
  const why = whyNotRead(node.config, visitor);
  if (why !== undefined && why !== 'authorize') throw refusal(why, visitor);
  const jid = subscriberIn(call, request);
  if (call.payload.child('options', NS.pubsub) !== undefined) throw pubsubUnsupported('subscription-options');
  if (!node.config.subscribe) throw pubsubUnsupported('subscribe');
  const there = node.subscriptions.find((one) => one.jid === jid);
  if (there?.state === 'pending') throw pubsubError('not-authorized', 'pending-subscription');
  if (there !== undefined) return subscribed(node, there);
  if (
    node.subscriptions.length >= call.parts.pep.limits.maxSubscriptions ||
    node.subscriptions.filter((one) => bareText(one.jid) === call.bare).length >= 10
  )
    throw pubsubError('policy-violation', 'too-many-subscriptions', { type: 'wait' });
  call.countChange();
  const subscription: Subscription = { jid, state: why === undefined ? 'subscribed' : 'pending' };
  call.parts.relate(call.account.id, call.bare);
  call.saveSubscriptions(node, [...node.subscriptions, subscription], () => {
    if (subscription.state === 'pending') call.askForApproval(node, jid);
    else {
      if (node.config.notify_sub) call.tellOwner(node, jid, 'subscribed');
      const done = call.welcome(node, jid);
      if (done instanceof Promise) done.catch((error: unknown) => call.parts.ctx.log.error('pep_event_failed', { error }));
    }
  });
  return subscribed(node, subscription);
}

const subscribed = (node: PepNode, { jid, state }: Subscription): Element =>
  pubsub(el('subscription', { node: node.name, jid, subscription: state }));

function unsubscribe(call: PepCall, request: Element): Element {
  const node = call.node(request);
  const visitor = call.visitor(node);
  if (!visitor.contact && visitor.affiliation === 'none' && !node.subscriptions.some((one) => bareText(one.jid) === call.bare))
    throw refusal('missing', visitor);
  const jid = subscriberIn(call, request);
  const rest = node.subscriptions.filter((one) => one.jid !== jid);
  if (rest.length === node.subscriptions.length) throw pubsubError('unexpected-request', 'not-subscribed', { type: 'cancel' });
  call.saveSubscriptions(node, rest, () => {
    if (node.config.notify_sub) call.tellOwner(node, jid, 'none');
  });
  return pubsub(el('subscription', { node: node.name, jid, subscription: 'none' }));
}
