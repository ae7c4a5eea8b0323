/** XEP-0386: Bind 2 (urn:xmpp:bind:0). */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { is } from './decode.ts';

export interface Bind2Request {
  /** Name of the software, for the resource. */
  tag?: string;
}

/** Characters of a tag that go into the resource; the rest is cut. */
const TAG_LENGTH = 64;

/** What can be enabled together with the bind, for the inline list of SASL2. */
export function bind2Feature(inline: readonly string[]): Element {
  return el(
    'bind',
    { xmlns: NS.bind2 },
    inline.length === 0 ? undefined : el('inline', null, ...inline.map((name) => el('feature', { var: name }))),
  );
}

export function encodeBind2(value: Bind2Request, ...enable: (Element | undefined)[]): Element {
  return el('bind', { xmlns: NS.bind2 }, value.tag === undefined ? undefined : el('tag', null, value.tag), ...enable);
}

export function decodeBind2(element: Element): Bind2Request | undefined {
  if (!is(element, 'bind', NS.bind2)) return undefined;
  const tag = [...(element.childText('tag', NS.bind2)?.trim() ?? '')].slice(0, TAG_LENGTH).join('');
  return { tag: tag === '' ? undefined : tag };
}

/** The server's answer with what the features enabled (or could not). */
export function encodeBound(...results: (Element | undefined)[]): Element {
  return el('bound', { xmlns: NS.bind2 }, ...results);
}
