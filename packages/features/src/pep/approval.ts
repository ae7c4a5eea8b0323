/** Messages about subscriptions: the owner is asked, subscribers are told (XEP-0060 §8.6, §12.20). */
import type { FeatureContext } from '@parley/core';
import { type DataForm, decodeDataForm, encodeDataForm, formType, formValue, NS, SUBSCRIBE_AUTHORIZATION } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { el, type Stanza } from '@parley/xml';
import { bareOf } from './events.ts';

function newId(ctx: FeatureContext<object>): string {
  let id = 'pep-';
  for (const byte of ctx.random.bytes(10)) id += byte.toString(16).padStart(2, '0');
  return id;
}

export function approvalForm(node: string, jid: string): DataForm {
  return {
    type: 'form',
    title: 'Subscription request',
    instructions: [`${jid} asks to subscribe to ${node}.`],
    fields: [
      { var: 'FORM_TYPE', type: 'hidden', values: [SUBSCRIBE_AUTHORIZATION] },
      { var: 'pubsub#node', type: 'text-single', label: 'Node', values: [node] },
      { var: 'pubsub#subscriber_jid', type: 'jid-single', label: 'Subscriber', values: [jid] },
      { var: 'pubsub#allow', type: 'boolean', label: 'Allow this subscription?', values: ['false'] },
    ],
  };
}

/** It is kept until a device of the owner has it: the request waits for an answer. */
export function askForApproval(ctx: FeatureContext<object>, account: AccountRecord, node: string, jid: string): void {
  const form = approvalForm(node, jid);
  const own = bareOf(account);
  ctx.sendMessage(el('message', { from: own, to: own, id: newId(ctx) }, encodeDataForm(form), el('store', { xmlns: NS.hints })));
}

export function tellOwnerOfSubscriber(ctx: FeatureContext<object>, account: AccountRecord, node: string, jid: string, state: string): void {
  tellSubscription(ctx, account, bareOf(account), node, jid, state);
}

/** Tells somebody of a subscription that has changed. */
export function tellSubscription(
  ctx: FeatureContext<object>,
  account: AccountRecord,
  to: string,
  node: string,
  jid: string,
  state: string,
): void {
  const event = el('event', { xmlns: NS.pubsubEvent }, el('subscription', { node, jid, subscription: state }));
  ctx.sendMessage(el('message', { from: bareOf(account), to, type: 'headline', id: newId(ctx) }, event));
}

/** The owner's answer to a request (§8.6): undefined when the message is none. */
export interface Approval {
  readonly node: string;
  readonly jid: string;
  readonly allow: boolean;
}
export function readApproval(message: Stanza): Approval | 'cancelled' | undefined {
  if (!message.has('x', NS.dataForms)) return undefined;
  const form = decodeDataForm(message.child('x', NS.dataForms));
  if (form === undefined || formType(form) !== SUBSCRIBE_AUTHORIZATION) return undefined;
  if (form.type === 'cancel') return 'cancelled';
  const [node, jid, allow] = ['node', 'subscriber_jid', 'allow'].map((name) => formValue(form, `pubsub#${name}`));
  if (form.type !== 'submit' || node === undefined || jid === undefined || allow === undefined) return undefined;
  return { node, jid, allow: allow === 'true' || allow === '1' };
}
