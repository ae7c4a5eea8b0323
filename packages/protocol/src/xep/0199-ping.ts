/** XEP-0199: XMPP Ping. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';

export function pingElement(): Element {
  return el('ping', { xmlns: NS.ping });
}
