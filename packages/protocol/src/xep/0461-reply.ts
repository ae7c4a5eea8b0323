/** XEP-0461: Message Replies. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { bounded, is } from './decode.ts';

export interface Reply {
  /** Of the message that is replied to. */
  id: string;
  /** Its author. */
  to?: string;
}

export function encodeReply(value: Reply): Element {
  return el('reply', { xmlns: NS.reply, to: value.to, id: value.id });
}
export function decodeReply(element: Element | undefined): Reply | undefined {
  if (!is(element, 'reply', NS.reply)) return undefined;
  const id = bounded(element.attr('id'), 1024);
  return id ? { id, to: bounded(element.attr('to'), 3071) } : undefined;
}
