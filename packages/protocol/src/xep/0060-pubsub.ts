/** XEP-0060: Publish-Subscribe. Requests and events as clients write and read them; the server's side works on the trees. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { StanzaError, type StanzaErrorCondition, type StanzaErrorType } from '../stanza/error.ts';
import { type DataFieldType, type DataForm, encodeDataForm } from './0004-data-forms.ts';
import { decodeRsmResult, encodeRsmRequest, encodeRsmResult, type RsmRequest, type RsmResult } from './0059-rsm.ts';
import { is } from './decode.ts';

export interface PubsubItem {
  id?: string;
  /** The address that published it; written by the service only. */
  publisher?: string;
  payload?: Element;
}
export interface PubsubItems {
  node: string;
  items: PubsubItem[];
  rsm?: RsmResult;
}

export const PUBLISH_OPTIONS = 'http://jabber.org/protocol/pubsub#publish-options';
export const NODE_CONFIG = 'http://jabber.org/protocol/pubsub#node_config';
export const SUBSCRIBE_AUTHORIZATION = 'http://jabber.org/protocol/pubsub#subscribe_authorization';
export const NODE_META_DATA = 'http://jabber.org/protocol/pubsub#meta-data';

const MANY = 4096;
const ID_LENGTH = 1024;

function encodeItem(item: PubsubItem): Element {
  return el('item', { id: item.id, publisher: item.publisher }, item.payload);
}
function decodeItem(element: Element): PubsubItem | undefined {
  const [id, publisher] = [element.attr('id'), element.attr('publisher')];
  return (id?.length ?? 0) > ID_LENGTH ? undefined : { id, publisher, payload: element.elements()[0] };
}

/** A form of options by their names without `pubsub#`, as publish-options or node configuration. */
export function pubsubForm(formType: string, options: Readonly<Record<string, string | readonly string[]>>): DataForm {
  const hidden: DataFieldType = 'hidden';
  return {
    type: 'submit',
    fields: [
      { var: 'FORM_TYPE', type: hidden, values: [formType] },
      ...Object.entries(options).map(([name, value]) => ({
        var: `pubsub#${name}`,
        values: typeof value === 'string' ? [value] : [...value],
      })),
    ],
  };
}

/** The request for items: all of them, those of these ids, or the newest `max` (§6.5). */
export function pubsubItemsQuery(node: string, which: { ids?: readonly string[]; max?: number; rsm?: RsmRequest } = {}): Element {
  return el(
    'pubsub',
    { xmlns: NS.pubsub },
    el('items', { node, max_items: which.max }, ...(which.ids ?? []).map((id) => el('item', { id }))),
    which.rsm === undefined ? undefined : encodeRsmRequest(which.rsm),
  );
}
export function encodePubsubItems(value: PubsubItems): Element {
  return el(
    'pubsub',
    { xmlns: NS.pubsub },
    el('items', { node: value.node }, ...value.items.map(encodeItem)),
    value.rsm === undefined ? undefined : encodeRsmResult(value.rsm),
  );
}
/** Undefined for another element, no node, more than 4,096 items or an id past 1,024 characters. */
export function decodePubsubItems(element: Element | undefined): PubsubItems | undefined {
  if (!is(element, 'pubsub', NS.pubsub)) return undefined;
  const list = element.child('items', NS.pubsub);
  const node = list?.attr('node');
  const rows = list?.childrenNamed('item', NS.pubsub) ?? [];
  if (node === undefined || rows.length > MANY) return undefined;
  const items = rows.flatMap((row) => decodeItem(row) ?? []);
  if (items.length !== rows.length) return undefined;
  return { node, items, rsm: decodeRsmResult(element.child('set', NS.rsm)) };
}

/** Publishes one item; `options` are preconditions, or the configuration when the node is made by this (§7.1.5). */
export function pubsubPublish(node: string, item: PubsubItem, options?: Readonly<Record<string, string | readonly string[]>>): Element {
  return el(
    'pubsub',
    { xmlns: NS.pubsub },
    el('publish', { node }, encodeItem(item)),
    options && el('publish-options', null, encodeDataForm(pubsubForm(PUBLISH_OPTIONS, options))),
  );
}
/** Id of the item in the answer to a publication (§7.1.2). */
export function publishedId(answer: Element | undefined): string | undefined {
  return answer?.child('publish', NS.pubsub)?.child('item', NS.pubsub)?.attr('id');
}
export function pubsubRetract(node: string, id: string, notify = true): Element {
  return el('pubsub', { xmlns: NS.pubsub }, el('retract', { node, notify: notify ? 'true' : undefined }, el('item', { id })));
}

/** What has happened at a node (§7.1.2.1, §7.2.2.1, §8.4.2, §8.5.2, §8.2.5.3). */
export type PubsubEvent =
  | { type: 'items'; node: string; items: PubsubItem[]; retracted: string[] }
  | { type: 'purge' | 'delete' | 'configuration'; node: string };

export function encodePubsubEvent(event: PubsubEvent): Element {
  const content =
    event.type === 'items'
      ? el('items', { node: event.node }, ...event.items.map(encodeItem), ...event.retracted.map((id) => el('retract', { id })))
      : el(event.type, { node: event.node });
  return el('event', { xmlns: NS.pubsubEvent }, content);
}
/** Undefined for another element, other content, or more than 4,096 items. Whether the sender may say so is the caller's to check. */
export function decodePubsubEvent(element: Element | undefined): PubsubEvent | undefined {
  if (!is(element, 'event', NS.pubsubEvent)) return undefined;
  for (const child of element.elements()) {
    const node = child.attr('node');
    if (child.ns !== NS.pubsubEvent || node === undefined) continue;
    if (child.name === 'purge' || child.name === 'delete' || child.name === 'configuration') return { type: child.name, node };
    if (child.name !== 'items' || child.children.length > MANY) continue;
    const rows = child.childrenNamed('item', NS.pubsubEvent);
    const items = rows.flatMap((row) => decodeItem(row) ?? []);
    if (items.length !== rows.length) return undefined;
    return { type: 'items', node, items, retracted: child.childrenNamed('retract', NS.pubsubEvent).flatMap((row) => row.attr('id') ?? []) };
  }
  return undefined;
}

/** Conditions of `pubsub#errors`. */
export type PubsubCondition =
  | 'closed-node'
  | 'invalid-jid'
  | 'invalid-options'
  | 'invalid-payload'
  | 'invalid-subid'
  | 'item-forbidden'
  | 'item-required'
  | 'jid-required'
  | 'max-items-exceeded'
  | 'max-nodes-exceeded'
  | 'node-full'
  | 'nodeid-required'
  | 'not-in-roster-group'
  | 'not-subscribed'
  | 'payload-too-big'
  | 'payload-required'
  | 'pending-subscription'
  | 'precondition-not-met'
  | 'presence-subscription-required'
  | 'too-many-subscriptions'
  | 'unsupported-access-model';

/** A stanza error with a condition of pubsub in it. */
export function pubsubError(
  condition: StanzaErrorCondition,
  detail: PubsubCondition,
  options: { type?: StanzaErrorType; text?: string } = {},
): StanzaError {
  return new StanzaError(condition, { ...options, extra: el(detail, { xmlns: NS.pubsubErrors }) });
}
/** `feature-not-implemented`, with the name of the feature that is not there. */
export function pubsubUnsupported(feature: string): StanzaError {
  return new StanzaError('feature-not-implemented', { extra: el('unsupported', { xmlns: NS.pubsubErrors, feature }) });
}
