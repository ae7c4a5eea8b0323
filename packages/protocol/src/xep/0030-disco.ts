/** XEP-0030: Service Discovery; forms in it as of XEP-0128. */
import { type Element, el } from '@parley/xml';
import { NS } from '../ns.ts';
import { type DataForm, decodeDataForm, encodeDataForm } from './0004-data-forms.ts';
import { is } from './decode.ts';

export interface DiscoIdentity {
  category: string;
  type: string;
  name?: string;
  lang?: string;
}
export interface DiscoInfo {
  node?: string;
  identities: DiscoIdentity[];
  features: string[];
  forms?: DataForm[];
}
export interface DiscoItem {
  jid: string;
  node?: string;
  name?: string;
}
export interface DiscoItems {
  node?: string;
  items: DiscoItem[];
}

const MANY = 1024;

export function discoInfoQuery(node?: string): Element {
  return el('query', { xmlns: NS.discoInfo, node });
}
export function encodeDiscoInfo(info: DiscoInfo): Element {
  return el(
    'query',
    { xmlns: NS.discoInfo, node: info.node },
    ...info.identities.map(({ category, type, name, lang }) => el('identity', { category, type, name, 'xml:lang': lang })),
    ...info.features.map((name) => el('feature', { var: name })),
    ...(info.forms ?? []).map(encodeDataForm),
  );
}
/** Undefined for another element, an identity without category or type, or more than 1,024 children. */
export function decodeDiscoInfo(element: Element | undefined): DiscoInfo | undefined {
  if (!is(element, 'query', NS.discoInfo) || element.children.length > 2 * MANY) return undefined;
  const identities: DiscoIdentity[] = [];
  const features: string[] = [];
  const forms: DataForm[] = [];
  for (const child of element.elements()) {
    if (child.name === 'identity' && child.ns === NS.discoInfo) {
      const [category, type] = [child.attr('category'), child.attr('type')];
      if (category === undefined || type === undefined) return undefined;
      identities.push({ category, type, name: child.attr('name'), lang: child.attr('xml:lang') });
    } else if (child.name === 'feature' && child.ns === NS.discoInfo) {
      const name = child.attr('var');
      if (name === undefined) return undefined;
      features.push(name);
    } else {
      const form = decodeDataForm(child);
      if (form !== undefined) forms.push(form);
    }
  }
  return { node: element.attr('node'), identities, features, forms: forms.length === 0 ? undefined : forms };
}

export function discoItemsQuery(node?: string): Element {
  return el('query', { xmlns: NS.discoItems, node });
}
export function encodeDiscoItems(value: DiscoItems): Element {
  return el(
    'query',
    { xmlns: NS.discoItems, node: value.node },
    ...value.items.map(({ jid, node, name }) => el('item', { jid, node, name })),
  );
}
export function decodeDiscoItems(element: Element | undefined): DiscoItems | undefined {
  if (!is(element, 'query', NS.discoItems) || element.children.length > 2 * MANY) return undefined;
  const items: DiscoItem[] = [];
  for (const child of element.childrenNamed('item', NS.discoItems)) {
    const jid = child.attr('jid');
    if (jid === undefined) return undefined;
    items.push({ jid, node: child.attr('node'), name: child.attr('name') });
  }
  return { node: element.attr('node'), items };
}
