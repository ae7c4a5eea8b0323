/** XEP-0352: Client State Indication. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';

export type ClientState = 'active' | 'inactive';

export function encodeClientState(state: ClientState): Element {
  return el(state, { xmlns: NS.csi });
}
export function decodeClientState(element: { readonly name: string; readonly ns: string }): ClientState | undefined {
  return element.ns === NS.csi && (element.name === 'active' || element.name === 'inactive') ? element.name : undefined;
}
