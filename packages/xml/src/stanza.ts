import { allocate, copyBytes, EMPTY, exactCopy, utf8Encode } from './bytes.ts';
import { attributesText, CLIENT_NS, type Element, escapeAttr, serialize } from './element.ts';
import { DEFAULT_LIMITS, NO_LIMITS, notWellFormed, overLimit, type XmlLimits } from './errors.ts';
import { type ChildRef, giveScanner, type Scanner, type Scope, takeScanner } from './scan.ts';
import { INCOMPLETE, textValue } from './tag.ts';
import { buildTree } from './tree.ts';

/** A first-level element: start tag, where its children lie, and its content as bytes that can be sent on as they are. */
export class Stanza {
  readonly name: string;
  readonly ns: string;
  readonly to: string | undefined;
  readonly from: string | undefined;
  readonly id: string | undefined;
  readonly type: string | undefined;
  /** xml:lang */
  readonly lang: string | undefined;
  /** The element children. */
  readonly children: readonly ChildRef[];
  /** Canonical bytes of the content, owned. Their default namespace is `ns`; they depend on no other declaration. */
  readonly inner: Uint8Array;
  /** Keys and values of the attributes that have no field above, alternating; xml:lang is one of them. */
  readonly #others: readonly string[];
  #attrs: Readonly<Record<string, string>> | undefined = undefined;
  #element: Element | undefined = undefined;

  /** Of what a scanner has found, and its content in canonical form. */
  constructor(s: Scanner, inner: Uint8Array) {
    this.name = s.name;
    this.ns = s.ns;
    this.to = s.to;
    this.from = s.from;
    this.id = s.id;
    this.type = s.type;
    this.children = s.children;
    this.inner = inner;
    this.#others = s.others;
    let lang: string | undefined;
    for (let i = 0; i < s.others.length; i += 2) if (s.others[i] === 'xml:lang') lang = s.others[i + 1];
    this.lang = lang;
  }

  /** All attributes of the start tag, keys as in Element.attrs; null prototype. */
  get attrs(): Readonly<Record<string, string>> {
    if (!this.#attrs) {
      const attrs = Object.create(null) as Record<string, string>;
      if (this.to !== undefined) attrs['to'] = this.to;
      if (this.from !== undefined) attrs['from'] = this.from;
      if (this.id !== undefined) attrs['id'] = this.id;
      if (this.type !== undefined) attrs['type'] = this.type;
      for (let i = 0; i < this.#others.length; i += 2) attrs[this.#others[i]!] = this.#others[i + 1]!;
      this.#attrs = attrs;
    }
    return this.#attrs;
  }

  /** Keys and values of the attributes but to, from, id and type, alternating (internal: saves the map). */
  get otherAttributes(): readonly string[] {
    return this.#others;
  }

  /** Whether there is such a child; `ns` omitted means the stanza's own. */
  has(name: string, ns: string = this.ns): boolean {
    return this.#find(name, ns) !== undefined;
  }

  /** The first such child as a tree; only this child is parsed. `ns` omitted means the stanza's own. */
  child(name: string, ns: string = this.ns): Element | undefined {
    const ref = this.#find(name, ns);
    return ref && buildTree(this.inner, ref.start, ref.end, { defaultNs: this.ns, bindings: [] });
  }

  /** The text directly inside the first such child; '' when it is empty. */
  childText(name: string, ns: string = this.ns): string | undefined {
    return this.child(name, ns)?.text();
  }

  #find(name: string, ns: string): ChildRef | undefined {
    for (const c of this.children) if (c.name === name && c.ns === ns) return c;
    return undefined;
  }

  /** The text of an element without element children, without building its tree; '' when there is none. Child elements are left out. */
  text(): string {
    return this.children.length === 0 ? textValue(this.inner, 0, this.inner.length) : this.element().text();
  }

  /** The whole tree, built once. It is shared: do not change it. */
  element(): Element {
    if (!this.#element) {
      const bytes = stanzaBytes(this);
      this.#element = buildTree(bytes, 0, bytes.length, { defaultNs: CLIENT_NS, bindings: [] });
    }
    return this.#element;
  }

  /** The stanza of a tree (without a namespace it is taken to be jabber:client). Throws XmlError for impossible names. */
  static from(element: Element): Stanza {
    return parseStanza(utf8Encode(serialize(element, CLIENT_NS)), NO_LIMITS, CLIENT_NS);
  }
}

/**
 * A stanza that was built as a tree, as it goes out: without xmlns when it is (or has no namespace and so is taken to be)
 * jabber:client. Throws XmlError for impossible names.
 */
export function elementBytes(element: Element): Uint8Array {
  return utf8Encode(serialize(element, CLIENT_NS));
}

/** The stanza that a scanner has just finished over bytes that begin at `base`. */
export function finishStanza(s: Scanner, b: Uint8Array, base: number, end: number, scope: Scope, limits: XmlLimits): Stanza {
  if (s.canonical) return owned(s, b, base);
  const text = serialize(buildTree(b, base, end, scope), CLIENT_NS, limits.stanzaBytes);
  const bytes = utf8Encode(text);
  if (bytes.length > limits.stanzaBytes) throw overLimit('stanzaBytes', limits);
  const again = takeScanner();
  again.begin(NO_LIMITS, CLIENT_SCOPE);
  const done = again.run(bytes, 0, bytes.length);
  if (done !== bytes.length || !again.canonical) throw notWellFormed('the element cannot be written in canonical form');
  const stanza = owned(again, bytes, 0);
  giveScanner(again);
  return stanza;
}

const CLIENT_SCOPE: Scope = { defaultNs: CLIENT_NS, bindings: [] };
const UNQUALIFIED_SCOPE: Scope = { defaultNs: '', bindings: [] };

function owned(s: Scanner, b: Uint8Array, base: number): Stanza {
  const start = base + s.innerStart;
  const end = base + s.innerEnd;
  if (s.name !== 'presence') return new Stanza(s, copyBytes(b, start, end));
  // Presence is kept as long as its session is there, other stanzas only pass
  return new Stanza(s, exactCopy(b, start, end));
}

/** What stanzaBytes changes: an own key with the value undefined removes the attribute, an absent key keeps it. */
export interface StanzaChange {
  to?: string | undefined;
  from?: string | undefined;
  id?: string | undefined;
  type?: string | undefined;
  /** Canonical bytes or text appended to the content. */
  extra?: Uint8Array | string;
  /** Children to leave out. */
  drop?: (child: ChildRef) => boolean;
}

function codes(s: string): readonly number[] {
  return [...s].map((c) => c.charCodeAt(0));
}

const TO = codes(' to="');
const FROM = codes(' from="');
const ID = codes(' id="');
const TYPE = codes(' type="');

function room(key: readonly number[], value: string | undefined): number {
  return value === undefined ? 0 : key.length + value.length + 1;
}

/** Writes ASCII that needs no escape at `p`; -1 when it needs more care. */
function writePlain(out: Uint8Array, p: number, s: string): number {
  const length = s.length;
  for (let i = 0; i < length; i++) {
    const c = s.charCodeAt(i);
    if (c > 0x7e || PLAIN[c] !== 1) return -1;
    out[p + i] = c;
  }
  return p + length;
}

/** 1 for characters that stand for themselves in attribute values and are one byte. */
const PLAIN = new Uint8Array(0x80);
for (let c = 0x20; c < 0x7f; c++) if (!`<>&'"`.includes(String.fromCharCode(c))) PLAIN[c] = 1;

function writeAttribute(out: Uint8Array, p: number, key: readonly number[], value: string | undefined): number {
  if (value === undefined || p < 0) return p;
  for (let i = 0; i < key.length; i++) out[p + i] = key[i]!;
  p = writePlain(out, p + key.length, value);
  if (p >= 0) out[p++] = 0x22;
  return p;
}

/** Writes `>`, the content and the end tag, or `/>` when there is no content. */
function writeRest(out: Uint8Array, p: number, inner: Uint8Array, extra: Uint8Array, name: string | Uint8Array): void {
  if (inner.length + extra.length === 0) {
    out[p] = 0x2f;
    out[p + 1] = 0x3e;
    return;
  }
  out[p++] = 0x3e;
  if (inner.length > 0) out.set(inner, p);
  p += inner.length;
  if (extra.length > 0) out.set(extra, p);
  p += extra.length;
  out[p++] = 0x3c;
  out[p++] = 0x2f;
  if (typeof name === 'string') for (let i = 0; i < name.length; i++) out[p++] = name.charCodeAt(i);
  else {
    out.set(name, p);
    p += name.length;
  }
  out[p] = 0x3e;
}

/**
 * The stanza with another start tag and the same content. The start tag has no xmlns when the stanza is jabber:client
 * (which is implied), else its own.
 */
export function stanzaBytes(stanza: Stanza, change?: StanzaChange): Uint8Array {
  let { to, from, id, type } = stanza;
  let inner = stanza.inner;
  let extra = EMPTY;
  if (change) {
    if ('to' in change) to = change.to;
    if ('from' in change) from = change.from;
    if ('id' in change) id = change.id;
    if ('type' in change) type = change.type;
    if (change.extra !== undefined) extra = typeof change.extra === 'string' ? utf8Encode(change.extra) : change.extra;
    if (change.drop) inner = without(stanza, change.drop);
  }
  const name = stanza.name;
  const content = inner.length + extra.length;
  if (stanza.ns === CLIENT_NS && stanza.otherAttributes.length === 0 && isAscii(name)) {
    const head = 1 + name.length + room(TO, to) + room(FROM, from) + room(ID, id) + room(TYPE, type);
    const out = allocate(head + (content === 0 ? 2 : content + name.length + 4));
    out[0] = 0x3c;
    for (let i = 0; i < name.length; i++) out[i + 1] = name.charCodeAt(i);
    let p = name.length + 1;
    p = writeAttribute(out, p, TO, to);
    p = writeAttribute(out, p, FROM, from);
    p = writeAttribute(out, p, ID, id);
    p = writeAttribute(out, p, TYPE, type);
    if (p >= 0) {
      writeRest(out, p, inner, extra, name);
      return out;
    }
  }
  const head = utf8Encode(slowHead(stanza, to, from, id, type));
  const nameBytes = utf8Encode(name);
  const out = allocate(head.length + (content === 0 ? 2 : content + nameBytes.length + 4));
  out.set(head);
  writeRest(out, head.length, inner, extra, nameBytes);
  return out;
}

function isAscii(s: string): boolean {
  for (let i = 0; i < s.length; i++) if (s.charCodeAt(i) > 0x7e) return false;
  return true;
}

function slowHead(stanza: Stanza, to?: string, from?: string, id?: string, type?: string): string {
  let out = `<${stanza.name}`;
  if (stanza.ns !== CLIENT_NS) out += ` xmlns="${escapeAttr(stanza.ns)}"`;
  if (to !== undefined) out += ` to="${escapeAttr(to)}"`;
  if (from !== undefined) out += ` from="${escapeAttr(from)}"`;
  if (id !== undefined) out += ` id="${escapeAttr(id)}"`;
  if (type !== undefined) out += ` type="${escapeAttr(type)}"`;
  const rest = Object.create(null) as Record<string, string>;
  const list = stanza.otherAttributes;
  for (let i = 0; i < list.length; i += 2) rest[list[i]!] = list[i + 1]!;
  return out + attributesText(rest, []);
}

function without(stanza: Stanza, drop: (child: ChildRef) => boolean): Uint8Array {
  const inner = stanza.inner;
  let out: Uint8Array | undefined;
  let length = 0;
  let from = 0;
  for (const c of stanza.children) {
    if (!drop(c)) continue;
    out ??= allocate(inner.length);
    out.set(inner.subarray(from, c.start), length);
    length += c.start - from;
    from = c.end;
  }
  if (!out) return inner;
  out.set(inner.subarray(from), length);
  return out.subarray(0, length + inner.length - from);
}

const CLIENT_DECLARATION = utf8Encode(` xmlns="${CLIENT_NS}"`);

/** Inserts ` xmlns="jabber:client"` after the name of bytes that stanzaBytes made without one. */
export function withClientNamespace(bytes: Uint8Array): Uint8Array {
  let p = 1;
  while (p < bytes.length && bytes[p] !== 0x20 && bytes[p] !== 0x3e && bytes[p] !== 0x2f) p++;
  if (bytes[p] === 0x20 && CLIENT_DECLARATION.subarray(0, 8).every((c, i) => bytes[p + i] === c)) return bytes; // has its own
  const out = allocate(bytes.length + CLIENT_DECLARATION.length);
  out.set(bytes.subarray(0, p));
  out.set(CLIENT_DECLARATION, p);
  out.set(bytes.subarray(p), p + CLIENT_DECLARATION.length);
  return out;
}

/**
 * Parses exactly one complete element: a WebSocket frame (`defaultNs` ''), a stored stanza ('jabber:client'). White space may
 * surround it, nothing else may. Throws XmlError.
 */
export function parseStanza(bytes: Uint8Array, limits: Partial<XmlLimits> = DEFAULT_LIMITS, defaultNs = ''): Stanza {
  const all = limits === DEFAULT_LIMITS || limits === NO_LIMITS ? (limits as XmlLimits) : { ...DEFAULT_LIMITS, ...limits };
  if (bytes.length > all.stanzaBytes) throw overLimit('stanzaBytes', all);
  let start = 0;
  let end = bytes.length;
  while (start < end && isSpace(bytes[start]!)) start++;
  while (end > start && isSpace(bytes[end - 1]!)) end--;
  if (bytes[start] !== 0x3c) throw notWellFormed(start === end ? 'there is no element' : 'the element does not begin with <');
  const scanner = takeScanner();
  const scope = defaultNs === CLIENT_NS ? CLIENT_SCOPE : defaultNs === '' ? UNQUALIFIED_SCOPE : { defaultNs, bindings: [] };
  scanner.begin(all, scope);
  const done = scanner.run(bytes, start, end);
  if (done === INCOMPLETE) throw notWellFormed('the element is not complete');
  if (done !== end) throw notWellFormed('something follows the element');
  const stanza = finishStanza(scanner, bytes, start, end, scope, all);
  giveScanner(scanner);
  return stanza;
}

function isSpace(c: number): boolean {
  return c === 0x20 || c === 10 || c === 9 || c === 13;
}

/** The tree of exactly one complete element. Throws XmlError. */
export function parseElement(text: string | Uint8Array, limits?: Partial<XmlLimits>, defaultNs = ''): Element {
  return parseStanza(typeof text === 'string' ? utf8Encode(text) : text, limits, defaultNs).element();
}
