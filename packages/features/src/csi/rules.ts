/** XEP-0352 §5.1: what becomes of a stanza while nobody looks. Pure. */
import { type Outgoing, shouldKeep } from '@parley/core';
import { NS } from '@parley/protocol';
import { type Element, parseStanza, Stanza } from '@parley/xml';

const PUBSUB_EVENT = 'http://jabber.org/protocol/pubsub#event';
const MUC_USER = 'http://jabber.org/protocol/muc#user';

export type Shape =
  /** It wakes the client: a person would want to know. What was held of messages goes before it, and the presence of its sender. */
  | { readonly do: 'wake'; readonly sender: string }
  /** The client has asked for it, or handles it without a person; what is held stays. */
  | { readonly do: 'pass' }
  /** Worth nothing later. */
  | { readonly do: 'drop' }
  /** It waits. Of one key only the newest does: the latest presence of an address, the latest item of a node. */
  | { readonly do: 'hold'; readonly key: string | undefined };

const PASS: Shape = { do: 'pass' };
const DROP: Shape = { do: 'drop' };
const HOLD: Shape = { do: 'hold', key: undefined };

/** `own`: bare JID of the account; `host`: the domain that is served. */
export function shapeOf(item: Outgoing, own: string, host: string): Shape {
  const stanza = parseStanza(item.bytes, undefined, NS.client);
  const from = stanza.from ?? own;
  if (item.kind === 'presence') return ofPresence(stanza, from);
  if (item.kind === 'iq') return from === own || from === host ? PASS : { do: 'wake', sender: from };
  return ofMessage(stanza, from, own);
}

function ofPresence(stanza: Stanza, from: string): Shape {
  const { type } = stanza;
  if (type !== undefined && type !== 'unavailable') return { do: 'wake', sender: from };
  // What a room says of the client's own place in it is not about somebody else: it was let in, or thrown out.
  const room = stanza.has('x', MUC_USER) ? stanza.child('x', MUC_USER) : undefined;
  if (room?.childrenNamed('status').some((status) => status.attr('code') === '110') === true) return { do: 'wake', sender: from };
  return { do: 'hold', key: `presence ${from}` };
}

function ofMessage(stanza: Stanza, from: string, own: string): Shape {
  const wake: Shape = { do: 'wake', sender: from };
  if (stanza.type === 'error') return wake;
  // The client pages through its archive: the end of the page must not come before the page.
  if (stanza.has('result', NS.mam)) return PASS;
  const carbon = stanza.child('received', NS.carbons) ?? stanza.child('sent', NS.carbons);
  const inner = carbon === undefined || from !== own ? undefined : carbon.child('forwarded', NS.forward)?.child('message');
  if (inner !== undefined) return ofContent(Stanza.from(inner), wake);
  const event = stanza.has('event', PUBSUB_EVENT) ? stanza.child('event', PUBSUB_EVENT) : undefined;
  if (event !== undefined) return ofEvent(event, from, own, wake);
  return ofContent(stanza, wake);
}

/** By the rule of what is kept: what a person reads wakes; receipts, markers and changes of other messages wait; chat states go. */
function ofContent(stanza: Stanza, wake: Shape): Shape {
  const { children } = stanza;
  if (children.some(({ name, ns }) => (name === 'body' || name === 'subject') && ns === NS.client)) return wake;
  if (
    children.length > 0 &&
    children.every(({ ns, name }) => ns === NS.chatStates || name === 'thread' || ns === NS.hints || ns === NS.sid)
  )
    return DROP;
  const { keep, quiet, reason } = shouldKeep(stanza);
  return keep && quiet && (reason === 'receipt' || reason === 'marker' || reason === 'change') ? HOLD : wake;
}

function ofEvent(event: Element, from: string, own: string, wake: Shape): Shape {
  const [items, ...others] = event.elements();
  if (items === undefined || others.length > 0 || items.name !== 'items') return wake;
  const node = items.attr('node') ?? '';
  // Displayed on another device (XEP-0490): what this one shows may be taken away.
  if (from === own && node === NS.mds) return PASS;
  const [item, ...more] = items.elements();
  // Of one item the newest counts, be it published or retracted.
  if (item === undefined || more.length > 0) return HOLD;
  return { do: 'hold', key: `event ${from} ${node} ${item.attr('id') ?? ''}` };
}
