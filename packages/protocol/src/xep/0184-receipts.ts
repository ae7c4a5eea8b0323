/** XEP-0184: Message Delivery Receipts. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { bounded } from './decode.ts';

export function receiptRequest(): Element {
  return el('request', { xmlns: NS.receipts });
}
export function receiptReceived(id: string): Element {
  return el('received', { xmlns: NS.receipts, id });
}
/** The id a message says was received. */
export function decodeReceipt(message: Element): string | undefined {
  return bounded(message.child('received', NS.receipts)?.attr('id'), 1024) || undefined;
}
export function asksReceipt(message: Element): boolean {
  return message.child('request', NS.receipts) !== undefined;
}
