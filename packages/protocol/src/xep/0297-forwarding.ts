/** XEP-0297: Stanza Forwarding. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { type Delay, decodeDelay, encodeDelay } from './0203-delay.ts';
import { is } from './decode.ts';

export interface Forwarded {
  delay?: Delay;
  stanza: Element;
}
export function encodeForwarded(value: Forwarded): Element {
  return el('forwarded', { xmlns: NS.forward }, value.delay && encodeDelay(value.delay), value.stanza);
}
/** Undefined unless there is exactly one `jabber:client` stanza inside (§3). */
export function decodeForwarded(element: Element | undefined): Forwarded | undefined {
  if (!is(element, 'forwarded', NS.forward)) return undefined;
  const stanzas = element.elements().filter((child) => child.ns === NS.client && /^(?:message|presence|iq)$/.test(child.name));
  const [stanza] = stanzas;
  if (stanza === undefined || stanzas.length !== 1) return undefined;
  return { delay: decodeDelay(element.child('delay', NS.delay)), stanza };
}
