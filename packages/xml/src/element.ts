import { isNameChar, isNameStart } from './bytes.ts';
import { XmlError } from './errors.ts';

export type Node = Element | string;

export const XML_NS = 'http://www.w3.org/XML/1998/namespace';
export const XMLNS_NS = 'http://www.w3.org/2000/xmlns/';
export const CLIENT_NS = 'jabber:client';

/** An element of a tree, built only when somebody asks for it. */
export class Element {
  /** Local name, no prefix. */
  readonly name: string;
  /** Namespace; '' inherits the parent's, unless `unqualified` is set. */
  ns: string;
  /** True when the element is in no namespace at all (`xmlns=""`) rather than inheriting. */
  unqualified = false;
  /** Null prototype; unprefixed by local name; xml:lang as 'xml:lang'; other prefixed ones as '{namespace}local'. */
  readonly attrs: Record<string, string>;
  readonly children: Node[] = [];

  constructor(name: string, ns = '', attrs: Record<string, string> = Object.create(null) as Record<string, string>) {
    this.name = name;
    this.ns = ns;
    this.attrs = attrs;
  }

  attr(name: string): string | undefined {
    return this.attrs[name];
  }

  /** The first child element of that name; without `ns` in any namespace. */
  child(name: string, ns?: string): Element | undefined {
    for (const c of this.children) if (typeof c !== 'string' && matches(c, name, ns)) return c;
    return undefined;
  }

  childrenNamed(name: string, ns?: string): Element[] {
    return this.elements().filter((c) => matches(c, name, ns));
  }

  /** The element children. */
  elements(): Element[] {
    return this.children.filter((c) => typeof c !== 'string');
  }

  /** The direct text children, joined. */
  text(): string {
    let s = '';
    for (const c of this.children) if (typeof c === 'string') s += c;
    return s;
  }

  childText(name: string, ns?: string): string | undefined {
    return this.child(name, ns)?.text();
  }

  /** Adds nodes at the end. Element children without a namespace take this one's. */
  append(...nodes: (Node | undefined | null)[]): this {
    for (const n of nodes) {
      if (n === undefined || n === null) continue;
      if (typeof n !== 'string' && this.ns !== '') inherit(n, this.ns);
      this.children.push(n);
    }
    return this;
  }

  toString(parentNs?: string): string {
    return serialize(this, parentNs);
  }
}

function matches(e: Element, name: string, ns: string | undefined): boolean {
  return e.name === name && (ns === undefined || e.ns === ns);
}

function inherit(top: Element, ns: string): void {
  const open = [top];
  for (let e = open.pop(); e; e = open.pop()) {
    if (e.ns !== '' || e.unqualified) continue;
    e.ns = ns;
    for (const c of e.children) if (typeof c !== 'string') open.push(c);
  }
}

/**
 * Builds an element: `el('query', { xmlns: NS, node }, el('item', { jid }), 'text')`. Undefined attributes and children are left
 * out, numbers and booleans become text. `message`, `presence` and `iq` without xmlns are not given one until they are serialised
 * or turned into a Stanza, where jabber:client is the default.
 */
export function el(
  name: string,
  attrs?: Record<string, string | number | boolean | undefined> | null,
  ...children: (Node | undefined | null)[]
): Element {
  const own = Object.create(null) as Record<string, string>;
  const top = name === 'message' || name === 'presence' || name === 'iq';
  const e = new Element(name, top ? CLIENT_NS : '', own);
  if (attrs) {
    for (const key of Object.keys(attrs)) {
      const value = attrs[key];
      if (value === undefined) continue;
      if (key === 'xmlns') {
        e.ns = String(value);
        e.unqualified = value === '';
      } else own[key] = String(value);
    }
  }
  return e.append(...children);
}

const TEXT_SPECIAL = /[<>&\r\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/;
const TEXT_SPECIALS = /[<>&\r\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;
const ATTR_SPECIAL = /[<>&"'\x00-\x1f\ufffe\uffff]/;
const ATTR_SPECIALS = /[<>&"'\x00-\x1f\ufffe\uffff]/g;

function escapeChar(c: string): string {
  switch (c) {
    case '<':
      return '&lt;';
    case '>':
      return '&gt;';
    case '&':
      return '&amp;';
    case '"':
      return '&quot;';
    case "'":
      return '&apos;';
    case '\t':
      return '&#x9;';
    case '\n':
      return '&#xA;';
    case '\r':
      return '&#xD;';
    default:
      return '\ufffd'; // XML 1.0 has no way to write it
  }
}

/** Text content. Characters that XML 1.0 cannot carry become U+FFFD. */
export function escapeText(s: string): string {
  return TEXT_SPECIAL.test(s) ? s.replace(TEXT_SPECIALS, escapeChar) : s;
}

/** An attribute value for either kind of quotes; tab and line breaks as character references, so that they survive. */
export function escapeAttr(s: string): string {
  return ATTR_SPECIAL.test(s) ? s.replace(ATTR_SPECIALS, escapeChar) : s;
}

const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
function isName(name: string): boolean {
  let first = true;
  for (const c of name) {
    const code = c.codePointAt(0)!;
    if (code < 0x80 ? !(first ? /[A-Za-z_]/ : /[A-Za-z0-9_.-]/).test(c) : !(first ? isNameStart : isNameChar)(code)) return false;
    first = false;
  }
  return !first;
}

function checkName(name: string): string {
  if (!PLAIN_NAME.test(name) && !isName(name)) throw new XmlError('not-well-formed', `${JSON.stringify(name)} is not an XML name`);
  return name;
}

/**
 * Attributes as they are written in a start tag, with the declarations of the prefixes they need. `scope` holds the namespaces
 * that have a prefix (`ns` and their index) where the element stands; new ones are pushed.
 */
export function attributesText(attrs: Readonly<Record<string, string>>, scope: string[]): string {
  let out = '';
  for (const key in attrs) {
    const value = attrs[key]!;
    if (key.charCodeAt(0) === 0x7b) {
      const close = key.lastIndexOf('}');
      const ns = key.slice(1, close);
      const local = checkName(key.slice(close + 1));
      if (ns === XML_NS) {
        out += ` xml:${local}="${escapeAttr(value)}"`;
        continue;
      }
      if (close < 2 || ns === XMLNS_NS) throw new XmlError('not-well-formed', `attribute ${JSON.stringify(key)} has no usable namespace`);
      let index = scope.indexOf(ns);
      if (index < 0) {
        index = scope.push(ns) - 1;
        out += ` xmlns:ns${index}="${escapeAttr(ns)}"`;
      }
      out += ` ns${index}:${local}="${escapeAttr(value)}"`;
    } else {
      if (key === 'xmlns') throw new XmlError('not-well-formed', 'a namespace is not an attribute: set ns');
      if (key.startsWith('xml:')) checkName(key.slice(4));
      else checkName(key);
      out += ` ${key}="${escapeAttr(value)}"`;
    }
  }
  return out;
}

/**
 * XML text of a tree. `xmlns` is left out where it is the default that the parent leaves in scope. Throws XmlError
 * 'not-well-formed' for impossible names, 'policy-violation' when more than `maxLength` characters would come out.
 */
export function serialize(element: Element, parentNs: string = CLIENT_NS, maxLength = Infinity): string {
  return write(element, parentNs, [], { left: maxLength }, true);
}

function write(e: Element, parentNs: string, scope: string[], budget: { left: number }, top = false): string {
  const ns = e.ns === '' && !e.unqualified ? parentNs : e.ns;
  const mark = scope.length;
  let out = `<${checkName(e.name)}`;
  if (ns !== parentNs) {
    if (ns === XML_NS || ns === XMLNS_NS) throw new XmlError('not-well-formed', `elements cannot be in ${ns}`);
    out += ` xmlns="${escapeAttr(ns)}"`;
  }
  out += attributesText(e.attrs, scope);
  // The content of a stanza outlives its start tag, so it declares its own prefixes
  if (top) scope.length = 0;
  if (e.children.length === 0) out += '/>';
  else {
    out += '>';
    let nested = 0;
    for (const c of e.children) {
      const part = typeof c === 'string' ? escapeText(c) : write(c, ns, scope, budget);
      if (typeof c !== 'string') nested += part.length;
      out += part;
    }
    out += `</${e.name}>`;
    budget.left += nested; // children have been charged already
  }
  scope.length = mark;
  budget.left -= out.length;
  if (budget.left < 0)
    throw new XmlError('policy-violation', 'the element is too large when it is written with its namespaces', 'stanzaBytes');
  return out;
}
