/** XEP-0509: Initial Authentication Pipelining (urn:xmpp:iap:0). */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { bounded, is } from './decode.ts';

const VALUE_LENGTH = 256;

/** Names all that a stream offers: as a stream feature, and in `<authenticate/>` as what the client believes to be offered. */
export function encodeConfigVersion(value: string): Element {
  return el('config-version', { xmlns: NS.pipelining, scheme: 'opaque', value });
}

/** The value, whatever its scheme: every scheme can be compared as text. */
export function decodeConfigVersion(element: Element): string | undefined {
  return is(element, 'config-version', NS.pipelining) ? bounded(element.attr('value'), VALUE_LENGTH) : undefined;
}

export function configVersionMismatch(): Element {
  return el('config-version-mismatch', { xmlns: NS.pipelining });
}
