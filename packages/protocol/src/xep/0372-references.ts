/** XEP-0372: References. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { bounded, is, parseWhole } from './decode.ts';

export interface Reference {
  /** `mention`, `data`, or what else there may be. */
  type: string;
  uri: string;
  /** Of the body, in code points; `end` is behind the last one. */
  begin?: number;
  end?: number;
}

export function encodeReference({ type, uri, begin, end }: Reference): Element {
  return el('reference', { xmlns: NS.reference, type, uri, begin, end });
}
export function decodeReference(element: Element | undefined): Reference | undefined {
  if (!is(element, 'reference', NS.reference)) return undefined;
  const type = bounded(element.attr('type'), 64);
  const uri = bounded(element.attr('uri'), 4096);
  if (!type || !uri) return undefined;
  const begin = parseWhole(element.attr('begin'));
  const end = parseWhole(element.attr('end'));
  return { type, uri, ...(begin === undefined || end === undefined || begin >= end ? undefined : { begin, end }) };
}

/** The address that a mention is of, bare or of an occupant; undefined when the reference is none. */
export function mentionedBy(reference: Reference): string | undefined {
  if (reference.type !== 'mention' || !reference.uri.startsWith('xmpp:')) return undefined;
  const [path = ''] = reference.uri.slice('xmpp:'.length).split(/[?#]/);
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** A mention of this address (RFC 5122). */
export function mentionUri(address: string): string {
  return `xmpp:${address
    .split('/')
    .map((part) => encodeURIComponent(part).replaceAll('%40', '@'))
    .join('/')}`;
}
