/** XEP-0115: Entity Capabilities. */
import { type Element, el, utf8Encode } from '@parley/xml';
import { NS } from '../ns.ts';
import { base64Encode } from '../sasl/base64.ts';
import { type Awaitable, type Crypto, type HashName, then } from '../sasl/crypto.ts';
import { formType } from './0004-data-forms.ts';
import type { DiscoInfo } from './0030-disco.ts';
import { is } from './decode.ts';

export interface Caps {
  node: string;
  ver: string;
  hash: string;
}
export function encodeCaps(caps: Caps): Element {
  return el('c', { xmlns: NS.caps, hash: caps.hash, node: caps.node, ver: caps.ver });
}
export function decodeCaps(element: Element | undefined): Caps | undefined {
  if (!is(element, 'c', NS.caps)) return undefined;
  const [node, ver, hash] = [element.attr('node'), element.attr('ver'), element.attr('hash')];
  return !node || !ver || !hash || node.length + ver.length + hash.length > 2048 ? undefined : { node, ver, hash };
}

/** Order by UTF-8 bytes (i;octet, RFC 4790), which differs from that of UTF-16 past U+FFFF. */
function octets(a: string, b: string): number {
  const [x, y] = [utf8Encode(a), utf8Encode(b)];
  for (let i = 0; i < x.length && i < y.length; i++) if (x[i] !== y[i]) return x[i]! - y[i]!;
  return x.length - y.length;
}

/**
 * The verification string S (§5.1). Undefined for what must not be cached (§5.4): repeated identities or features, two forms of one
 * FORM_TYPE, a FORM_TYPE with several values, or `<` in a part, with which one answer could pass for another.
 */
export function capsString(info: DiscoInfo): string | undefined {
  const identities = info.identities
    .map(({ category, type, lang, name }) => `${category}/${type}/${lang ?? ''}/${name ?? ''}`)
    .sort(octets);
  const features = [...info.features].sort(octets);
  if (new Set(identities).size !== identities.length || new Set(features).size !== features.length) return undefined;
  const parts = [...identities, ...features];
  const seen = new Set<string>();
  const forms = (info.forms ?? []).flatMap((form) => {
    const field = form.fields.find(({ var: name }) => name === 'FORM_TYPE');
    return field?.type === 'hidden' ? [{ form, values: field.values, name: formType(form) ?? '' }] : [];
  });
  for (const { form, name, values } of forms.sort((a, b) => octets(a.name, b.name))) {
    if (seen.has(name) || new Set(values).size > 1) return undefined;
    seen.add(name);
    parts.push(name);
    const fields = form.fields.filter((field) => field.var !== undefined && field.var !== 'FORM_TYPE');
    for (const field of fields.sort((a, b) => octets(a.var ?? '', b.var ?? '')))
      parts.push(field.var ?? '', ...[...field.values].sort(octets));
  }
  return parts.some((part) => part.includes('<')) ? undefined : parts.map((part) => `${part}<`).join('');
}

/** The `hash` of caps (names of RFC 3279 and RFC 4055, as IANA has them) that this runtime can compute. */
export function capsHash(name: string): HashName | undefined {
  const known: Record<string, HashName> = { 'sha-1': 'SHA-1', 'sha-256': 'SHA-256', 'sha-512': 'SHA-512' };
  return Object.hasOwn(known, name) ? known[name] : undefined;
}

/** `ver` by this hash; undefined when `capsString` is. */
export function capsVer(crypto: Crypto, info: DiscoInfo, hash: HashName = 'SHA-1'): Awaitable<string | undefined> {
  const text = capsString(info);
  return text === undefined ? undefined : then(crypto.hash(hash, utf8Encode(text)), base64Encode);
}
