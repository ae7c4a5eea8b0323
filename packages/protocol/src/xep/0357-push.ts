/** XEP-0357: Push Notifications. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { type DataField, decodeDataForm, encodeDataForm, formType } from './0004-data-forms.ts';
import { is } from './decode.ts';

const PUBSUB = 'http://jabber.org/protocol/pubsub';
const PUBLISH_OPTIONS = 'http://jabber.org/protocol/pubsub#publish-options';
const SUMMARY = 'urn:xmpp:push:summary';

/** What the app server wants with each publication: name and values. */
export type PublishOptions = readonly { readonly name: string; readonly values: readonly string[] }[];

export interface PushEnable {
  jid: string;
  node?: string;
  /** Secrets of the app server, for the user's server alone. */
  options?: PublishOptions;
}
export interface PushSummary {
  messageCount: number;
  pendingSubscriptionCount?: number;
  lastMessageSender?: string;
  lastMessageBody?: string;
}

const JID_LENGTH = 3071;
const NODE_LENGTH = 1024;
const MAX_OPTIONS = 16;
const OPTIONS_LENGTH = 4096;

const optionsForm = (options: PublishOptions): Element =>
  encodeDataForm({
    type: 'submit',
    fields: [
      { var: 'FORM_TYPE', type: 'hidden', values: [PUBLISH_OPTIONS] },
      ...options.map(({ name, values }): DataField => ({ var: name, values: [...values] })),
    ],
  });

export function encodePushEnable(value: PushEnable): Element {
  const { jid, node, options } = value;
  return el('enable', { xmlns: NS.push0357, jid, node }, options === undefined ? undefined : optionsForm(options));
}
/** Undefined without a jid, for a form of another kind, and for what is far longer than any app server needs. */
export function decodePushEnable(element: Element | undefined): PushEnable | undefined {
  if (!is(element, 'enable', NS.push0357)) return undefined;
  const [jid, node] = [element.attr('jid'), element.attr('node')];
  if (jid === undefined || jid === '' || jid.length > JID_LENGTH || (node !== undefined && (node === '' || node.length > NODE_LENGTH)))
    return undefined;
  const x = element.child('x', NS.dataForms);
  if (x === undefined) return { jid, node };
  const form = decodeDataForm(x);
  if (form === undefined || form.type !== 'submit' || formType(form) !== PUBLISH_OPTIONS) return undefined;
  const options = form.fields.flatMap(({ var: name, values }) => (name === undefined || name === 'FORM_TYPE' ? [] : [{ name, values }]));
  const length = options.reduce((sum, { name, values }) => sum + name.length + values.join('').length, 0);
  return options.length > MAX_OPTIONS || length > OPTIONS_LENGTH ? undefined : { jid, node, options };
}

export function pushDisable(jid: string, node?: string): Element {
  return el('disable', { xmlns: NS.push0357, jid, node });
}
export function decodePushDisable(element: Element | undefined): { jid: string; node?: string } | undefined {
  if (!is(element, 'disable', NS.push0357)) return undefined;
  const [jid, node] = [element.attr('jid'), element.attr('node')];
  return jid === undefined || jid === '' || jid.length > JID_LENGTH || (node?.length ?? 0) > NODE_LENGTH ? undefined : { jid, node };
}

/** What the server publishes at the app server (§6). */
export function encodePushPublish(node: string | undefined, summary: PushSummary, options: PublishOptions | undefined): Element {
  const fields: DataField[] = [
    { var: 'FORM_TYPE', type: 'hidden', values: [SUMMARY] },
    { var: 'message-count', values: [String(summary.messageCount)] },
  ];
  if (summary.pendingSubscriptionCount !== undefined)
    fields.push({ var: 'pending-subscription-count', values: [String(summary.pendingSubscriptionCount)] });
  if (summary.lastMessageSender !== undefined) fields.push({ var: 'last-message-sender', values: [summary.lastMessageSender] });
  if (summary.lastMessageBody !== undefined) fields.push({ var: 'last-message-body', values: [summary.lastMessageBody] });
  const notification = el('notification', { xmlns: NS.push0357 }, encodeDataForm({ type: 'submit', fields }));
  return el(
    'pubsub',
    { xmlns: PUBSUB },
    el('publish', { node }, el('item', null, notification)),
    options === undefined ? undefined : el('publish-options', null, optionsForm(options)),
  );
}
