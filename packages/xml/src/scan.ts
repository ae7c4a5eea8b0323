import { intern, utf8Length } from './bytes.ts';
import { XML_NS, XMLNS_NS } from './element.ts';
import { notWellFormed, overLimit, XmlError, type XmlLimits } from './errors.ts';
import { attributeValue, INCOMPLETE, ODD, oddReference, scanReference, scanStartTag, tag, uniqueValue } from './tag.ts';

/** Where a child element lies. */
export interface ChildRef {
  readonly name: string;
  readonly ns: string;
  /** Offsets into `Stanza.inner`. */
  readonly start: number;
  readonly end: number;
}

/** The namespaces in scope around a first-level element. */
export interface Scope {
  readonly defaultNs: string;
  /** Prefixes and their namespaces, alternating. */
  readonly bindings: readonly string[];
}

const STREAM_LEVEL: ReadonlySet<string> = new Set([
  'http://etherx.jabber.org/streams',
  'urn:ietf:params:xml:ns:xmpp-sasl',
  'urn:xmpp:sasl:2',
  'urn:ietf:params:xml:ns:xmpp-tls',
  'urn:xmpp:sm:3',
  'urn:ietf:params:xml:ns:xmpp-framing',
]);

// Classes of bytes in text.
const T_PLAIN = 0;
const T_LT = 1;
const T_AMP = 2;
const T_GT = 3;
const T_CR = 4;
const T_HIGH = 5;
const T_BAD = 6;
const TEXT_CLASS = new Uint8Array(256);
for (let c = 0; c < 0x20; c++) TEXT_CLASS[c] = T_BAD;
for (let c = 0x80; c < 256; c++) TEXT_CLASS[c] = T_HIGH;
TEXT_CLASS[9] = TEXT_CLASS[10] = T_PLAIN;
TEXT_CLASS[13] = T_CR;
TEXT_CLASS[0x3c] = T_LT;
TEXT_CLASS[0x26] = T_AMP;
TEXT_CLASS[0x3e] = T_GT;

const NO_CHILDREN: readonly ChildRef[] = [];
const NO_ATTRIBUTES: readonly string[] = [];

/**
 * A longer namespace name is refused: it is compared and written again for every prefix that stands for it, so that a short
 * stanza could cost a lot.
 */
const NAMESPACE_BYTES = 1024;

/**
 * Finds the `>` of a tag that arrived in pieces, from where the last piece ended, so that a tag is looked at only once more
 * however it was cut.
 */
export class TagEnd {
  at = -1;
  quote = 0;

  /** Begins at `p`, relative to the element's first byte. */
  begin(p: number): void {
    this.at = p;
    this.quote = 0;
  }

  /** After find() was true: the position after the tag, relative to the element's first byte. */
  static foundAt = 0;

  /** True when the tag is complete. */
  find(b: Uint8Array, base: number, end: number): boolean {
    let p = base + this.at;
    let quote = this.quote;
    for (; p < end; p++) {
      const c = b[p]!;
      if (c < 0x20 && c !== 10 && c !== 9 && c !== 13) throw notWellFormed('a control character');
      if (quote !== 0) {
        if (c === quote) quote = 0;
        else if (c === 0x3c) throw notWellFormed('a < is inside an attribute value');
      } else if (c === 0x3e) {
        this.at = -1;
        TagEnd.foundAt = p + 1 - base;
        return true;
      } else if (c === 0x22 || c === 0x27) quote = c;
      else if (c === 0x3c) throw notWellFormed('a < is inside a tag');
    }
    this.at = p - base;
    this.quote = quote;
    return false;
  }
}

/** Resumable scanner of one first-level element. Positions are relative to its first byte, so the bytes may move between pieces. */
export class Scanner {
  #limits!: XmlLimits;
  #pos = 0;
  #inCdata = false;
  readonly #tagEnd = new TagEnd();
  #depth = 0;
  #elements = 0;
  readonly #nameStart: number[] = [];
  readonly #nameEnd: number[] = [];
  readonly #bound: number[] = [];
  readonly #defaults: string[] = [];
  readonly #prefixes: string[] = [];
  readonly #spaces: string[] = [];
  /** How many of #prefixes are in scope. */
  #inScope = 0;
  #scope: Scope | undefined;
  #outer = 0;
  #childStart = 0;
  #childName = '';
  #childNs = '';

  /** Bytes, scope entries and attribute names looked at, to prove that the cost is linear. */
  work = 0;
  name = '';
  ns = '';
  to: string | undefined = undefined;
  from: string | undefined = undefined;
  id: string | undefined = undefined;
  type: string | undefined = undefined;
  /** Keys (as in Element.attrs) and values of the other attributes, alternating. */
  others: readonly string[] = NO_ATTRIBUTES;
  children: readonly ChildRef[] = NO_CHILDREN;
  /** The children found so far are collected here, so that the array of the stanza has no room for growth. */
  readonly #refs: ChildRef[] = [];
  #refCount = 0;
  canonical = true;
  innerStart = 0;
  innerEnd = 0;

  begin(limits: XmlLimits, scope: Scope): void {
    this.#limits = limits;
    this.#pos = 0;
    this.#inCdata = false;
    this.#tagEnd.at = -1;
    this.#depth = 0;
    this.#elements = 0;
    this.#defaults[0] = scope.defaultNs;
    const bindings = scope.bindings;
    if (this.#scope !== scope) {
      // what elements declared lies after these, so that they stay for the next element of the same scope
      this.#scope = scope;
      for (let i = 0; i < bindings.length; i += 2) {
        this.#prefixes[i >>> 1] = bindings[i]!;
        this.#spaces[i >>> 1] = bindings[i + 1]!;
      }
    }
    this.#inScope = this.#bound[0] = bindings.length >>> 1;
    this.#outer = 0;
    this.#childNs = '';
    this.#refCount = 0;
    this.work = 0;
    this.canonical = true;
    this.innerStart = this.innerEnd = 0;
  }

  /** Lets go of what was found. */
  clear(): void {
    this.to = this.from = this.id = this.type = undefined;
    this.others = NO_ATTRIBUTES;
    this.children = NO_CHILDREN;
    if (this.#refs.length > FEW) this.#refs.length = FEW;
  }

  /**
   * Scans on in an element that begins at `base`. Returns the position after it, or INCOMPLETE when `end` came first.
   * Throws XmlError.
   */
  run(b: Uint8Array, base: number, end: number): number {
    const limit = base + this.#limits.stanzaBytes;
    const result = this.#scan(b, base, Math.min(limit, end));
    if (result === INCOMPLETE && end >= limit) throw overLimit('stanzaBytes', this.#limits);
    return result;
  }

  #scan(b: Uint8Array, base: number, end: number): number {
    let p = base + this.#pos;
    if (this.#tagEnd.at >= 0) {
      const from = this.#tagEnd.at;
      const found = this.#tagEnd.find(b, base, end);
      this.work += (found ? TagEnd.foundAt : this.#tagEnd.at) - from;
      if (!found) return INCOMPLETE;
    }
    for (;;) {
      // Text, up to the next markup
      const from = p;
      if (this.#inCdata) {
        p = this.#cdata(b, p, end);
        this.work += p - from;
        if (this.#inCdata) return this.#stop(p, base);
      }
      let kind = T_LT;
      while (this.#depth > 0) {
        while (p < end && TEXT_CLASS[b[p]!] === T_PLAIN) p++;
        if (p >= end) return this.#stop(p, base, from);
        kind = TEXT_CLASS[b[p]!]!;
        if (kind === T_LT) break;
        if (kind === T_HIGH) {
          const n = utf8Length(b, p, end);
          if (n < 0) return this.#stop(p, base, from);
          if (n === 0) throw notWellFormed('invalid UTF-8');
          p += n;
        } else if (kind === T_AMP) {
          const q = scanReference(b, p, end);
          if (q < 0) return this.#stop(p, base, from);
          if (oddReference) this.canonical = false;
          p = q;
        } else if (kind === T_GT) {
          if (b[p - 1] === 0x5d && b[p - 2] === 0x5d) throw notWellFormed(']]> is in text');
          p++;
        } else if (kind === T_CR) {
          this.canonical = false;
          p++;
        } else throw notWellFormed('a control character');
      }
      this.work += p - from;

      // Markup
      if (p + 1 >= end) return this.#stop(p, base);
      const c = b[p + 1]!;
      if (this.#depth === 0 && c === 0x2f) throw notWellFormed('an end tag without its start tag');
      if (c === 0x21) {
        if (this.#depth === 0 && b[p + 2] === 0x5b) throw notWellFormed('a CDATA section outside an element');
        const q = this.#cdataOpening(b, p, end);
        if (q < 0) return this.#stop(p, base);
        p = q;
        continue;
      }
      if (c === 0x3f) throw new XmlError('restricted-xml', 'processing instructions are not allowed');
      const q = c === 0x2f ? this.#endTag(b, p, base, end) : scanStartTag(b, p, end, this.#limits);
      if (q < 0) {
        this.#stop(p, base);
        this.work += 2 * (end - p); // the attempt above, and find() below
        this.#tagEnd.begin(p - base + 1);
        this.#tagEnd.find(b, base, end);
        // find() and the attempt above agree: an incomplete tag has no `>` outside quotes yet
        return INCOMPLETE;
      }
      this.work += q - p;
      if (c === 0x2f) this.#close(p, q, base);
      else {
        this.#open(b, p, q, base);
        if (tag.selfClosing) this.#close(q, q, base);
      }
      p = q;
      if (this.#depth === 0) {
        this.#pos = p - base;
        return p;
      }
    }
  }

  #stop(p: number, base: number, from = p): typeof INCOMPLETE {
    this.#pos = p - base;
    this.work += p - from;
    return INCOMPLETE;
  }

  /** Content of a CDATA section; leaves #inCdata set when the bytes end inside it. */
  #cdata(b: Uint8Array, p: number, end: number): number {
    while (p < end) {
      const c = b[p]!;
      if (c === 0x5d) {
        if (p + 1 >= end) return p;
        if (b[p + 1] === 0x5d) {
          if (p + 2 >= end) return p;
          if (b[p + 2] === 0x3e) {
            this.#inCdata = false;
            return p + 3;
          }
        }
        p++;
      } else if (c >= 0x80) {
        const n = utf8Length(b, p, end);
        if (n < 0) return p;
        if (n === 0) throw notWellFormed('invalid UTF-8');
        p += n;
      } else if (TEXT_CLASS[c] === T_BAD) throw notWellFormed('a control character');
      else p++;
    }
    return p;
  }

  #cdataOpening(b: Uint8Array, p: number, end: number): number {
    const opening = '<![CDATA[';
    for (let i = 2; i < 9; i++) {
      if (p + i >= end) return INCOMPLETE;
      if (b[p + i] === opening.charCodeAt(i)) continue;
      if (i === 2) throw new XmlError('restricted-xml', 'comments and document types are not allowed');
      throw notWellFormed('a CDATA section is misspelt');
    }
    this.canonical = false;
    this.#inCdata = true;
    return p + 9;
  }

  /** Checks the end tag at `p` against the open element; returns the position after it or INCOMPLETE. */
  #endTag(b: Uint8Array, p: number, base: number, end: number): number {
    const start = base + this.#nameStart[this.#depth]!;
    const length = this.#nameEnd[this.#depth]! - this.#nameStart[this.#depth]!;
    let q = p + 2;
    for (let i = 0; i < length; i++, q++) {
      if (q >= end) return INCOMPLETE;
      if (b[q] !== b[start + i]) throw notWellFormed('an end tag does not match its start tag');
    }
    for (; q < end; q++) {
      const c = b[q]!;
      if (c === 0x3e) return q + 1;
      if (c !== 0x20 && c !== 10 && c !== 9 && c !== 13) throw notWellFormed('an end tag does not match its start tag');
    }
    return INCOMPLETE;
  }

  #close(start: number, end: number, base: number): void {
    const depth = this.#depth--;
    this.#inScope = this.#bound[depth - 1]!;
    if (depth === 2) {
      this.#refs[this.#refCount++] = {
        name: this.#childName,
        ns: this.#childNs,
        start: this.#childStart,
        end: end - base - this.innerStart,
      };
    } else if (depth === 1) {
      this.innerEnd = start - base;
      if (this.#refCount > 0) this.children = this.#refs.slice(0, this.#refCount);
    }
  }

  /** Takes the start tag in `tag`: budgets, namespaces, duplicates; then the element is open. */
  #open(b: Uint8Array, p: number, after: number, base: number): void {
    const limits = this.#limits;
    const depth = ++this.#depth;
    if (depth > limits.depth) throw overLimit('depth', limits);
    if (++this.#elements > limits.elements) throw overLimit('elements', limits);
    this.#nameStart[depth] = p + 1 - base;
    this.#nameEnd[depth] = tag.nameEnd - base;
    let ns = this.#defaults[depth - 1]!;
    let declared = false;
    let attributes = tag.count;
    let odd = 0;
    let prefixed = false;
    for (let i = 0; i < tag.count; i++) {
      odd |= tag.flags[i]!;
      const s = tag.nameStart[i]!;
      const colon = tag.colons[i]!;
      if (colon < 0) {
        if (tag.nameStop[i]! - s === 5 && isXmlns(b, s)) {
          if (declared) throw notWellFormed('xmlns is given twice');
          ns = this.#namespaceValue(b, i);
          if (ns === XML_NS || ns === XMLNS_NS) throw notWellFormed('a reserved namespace cannot be the default');
          declared = true;
          attributes--;
        }
      } else if (colon - s === 5 && isXmlns(b, s)) {
        this.#declare(intern(b, colon + 1, tag.nameStop[i]!), this.#namespaceValue(b, i), depth);
        attributes--;
      } else prefixed = true;
    }
    if (attributes > limits.attributes) throw overLimit('attributes', limits);
    const dynamic = (odd & ODD) !== 0;
    this.#bound[depth] = this.#inScope;
    this.#defaults[depth] = ns;
    if (depth === 1) this.#outer = this.#inScope;
    else if (dynamic) this.canonical = false;
    if (tag.colon >= 0) {
      const prefix = intern(b, p + 1, tag.colon);
      if (prefix === 'xmlns') throw notWellFormed('xmlns is no prefix for elements');
      if (prefix === 'xml') throw new XmlError('invalid-xml', 'elements in the XML namespace are not allowed');
      ns = this.#lookup(prefix);
    }
    if (depth === 1) {
      this.name = intern(b, tag.colon >= 0 ? tag.colon + 1 : p + 1, tag.nameEnd);
      this.ns = ns;
      this.innerStart = this.innerEnd = after - base;
      // children that inherit the default namespace would change theirs under another start tag
      if (ns !== this.#defaults[1] && !tag.selfClosing) this.canonical = false;
    } else {
      // Also without a declaration here: the default may have been declared by an element that has a prefix
      if (ns !== this.ns && ns !== this.#childNs && STREAM_LEVEL.has(ns) && !STREAM_LEVEL.has(this.ns)) {
        throw new XmlError('invalid-xml', `an element of ${ns} cannot be inside a ${this.name} element`);
      }
      if (depth === 2) {
        this.#childStart = p - base - this.innerStart;
        this.#childName = intern(b, tag.colon >= 0 ? tag.colon + 1 : p + 1, tag.nameEnd);
        this.#childNs = ns;
      }
    }
    if (depth === 1) this.#topAttributes(b, attributes);
    else if (prefixed || attributes > 1) this.#checkAttributes(b);
  }

  #namespaceValue(b: Uint8Array, i: number): string {
    if (tag.valueStop[i]! - tag.valueStart[i]! > NAMESPACE_BYTES) {
      throw new XmlError('policy-violation', `a namespace name is longer than ${NAMESPACE_BYTES} bytes`, 'attributeBytes');
    }
    const ns = attributeValue(b, tag.valueStart[i]!, tag.valueStop[i]!, tag.flags[i]!);
    // Some parsers trim it, and would see another namespace than this one
    if (ns !== ns.trim()) throw new XmlError('invalid-xml', 'a namespace name has white space around it');
    return ns;
  }

  #declare(prefix: string, ns: string, depth: number): void {
    if (prefix === 'xmlns' || ns === XMLNS_NS) throw notWellFormed('xmlns cannot be declared');
    if ((prefix === 'xml') !== (ns === XML_NS)) throw notWellFormed('the xml prefix cannot be bound otherwise');
    if (ns === '') throw notWellFormed('a prefix cannot be undeclared');
    for (let i = this.#bound[depth - 1]!; i < this.#inScope; i++) {
      this.work++;
      if (this.#prefixes[i] === prefix) throw notWellFormed('a prefix is declared twice');
    }
    if (this.#inScope >= this.#limits.namespaces) throw overLimit('namespaces', this.#limits);
    this.#prefixes[this.#inScope] = prefix;
    this.#spaces[this.#inScope++] = ns;
  }

  #lookup(prefix: string): string {
    for (let i = this.#inScope - 1; i >= 0; i--) {
      this.work++;
      if (this.#prefixes[i] !== prefix) continue;
      if (i < this.#outer && this.#depth > 1) this.canonical = false;
      return this.#spaces[i]!;
    }
    throw notWellFormed('a prefix is not declared');
  }

  /** The key of an attribute as in Element.attrs; '' for a namespace declaration. */
  #key(b: Uint8Array, i: number): string {
    const s = tag.nameStart[i]!;
    const stop = tag.nameStop[i]!;
    const colon = tag.colons[i]!;
    if (colon < 0) return stop - s === 5 && isXmlns(b, s) ? '' : intern(b, s, stop);
    if (colon - s === 5 && isXmlns(b, s)) return '';
    const prefix = intern(b, s, colon);
    const local = intern(b, colon + 1, stop);
    return prefix === 'xml' ? `xml:${local}` : `{${this.#lookup(prefix)}}${local}`;
  }

  /** Refuses duplicates in the start tag of a descendant. */
  #checkAttributes(b: Uint8Array): void {
    const seen = tag.count > FEW ? new Set<string>() : undefined;
    let count = 0;
    for (let i = 0; i < tag.count; i++) {
      const key = this.#key(b, i);
      if (key === '') continue;
      if (seen) {
        if (seen.has(key)) throw duplicate();
        seen.add(key);
        continue;
      }
      this.work += count;
      for (let j = 0; j < count; j++) if (scratchKeys[j] === key) throw duplicate();
      scratchKeys[count++] = key;
    }
  }

  /** Takes the attributes of the first-level element, refuses duplicates. */
  #topAttributes(b: Uint8Array, count: number): void {
    this.clear();
    if (count === 0) return;
    let others: string[] | undefined;
    const seen = tag.count > FEW ? new Set<string>() : undefined;
    for (let i = 0; i < tag.count; i++) {
      const s = tag.nameStart[i]!;
      const length = tag.nameStop[i]! - s;
      const c = b[s];
      // to, from, id, type: no string is made for their names
      if (length === 2 && c === 0x74 && b[s + 1] === 0x6f) {
        if (this.to !== undefined) throw duplicate();
        this.to = uniqueValue(b, tag.valueStart[i]!, tag.valueStop[i]!, tag.flags[i]!);
      } else if (length === 2 && c === 0x69 && b[s + 1] === 0x64) {
        if (this.id !== undefined) throw duplicate();
        this.id = uniqueValue(b, tag.valueStart[i]!, tag.valueStop[i]!, tag.flags[i]!);
      } else if (length === 4 && c === 0x66 && b[s + 1] === 0x72 && b[s + 2] === 0x6f && b[s + 3] === 0x6d) {
        if (this.from !== undefined) throw duplicate();
        this.from = uniqueValue(b, tag.valueStart[i]!, tag.valueStop[i]!, tag.flags[i]!);
      } else if (length === 4 && c === 0x74 && b[s + 1] === 0x79 && b[s + 2] === 0x70 && b[s + 3] === 0x65) {
        if (this.type !== undefined) throw duplicate();
        this.type = attributeValue(b, tag.valueStart[i]!, tag.valueStop[i]!, tag.flags[i]!);
      } else {
        const key = this.#key(b, i);
        if (key === '') continue;
        others ??= [];
        if (seen) {
          if (seen.has(key)) throw duplicate();
          seen.add(key);
        } else {
          this.work += others.length >>> 1;
          for (let j = 0; j < others.length; j += 2) if (others[j] === key) throw duplicate();
        }
        others.push(key, attributeValue(b, tag.valueStart[i]!, tag.valueStop[i]!, tag.flags[i]!));
      }
    }
    if (others) this.others = others;
  }

  /** Prefixes in scope after a start tag (for stream headers). */
  get bindings(): string[] {
    const out: string[] = [];
    for (let i = 0; i < this.#inScope; i++) out.push(this.#prefixes[i]!, this.#spaces[i]!);
    return out;
  }

  /** Scans only a complete start tag, a stream header; true when it closes itself. Its default namespace is `headerDefault`. */
  header(b: Uint8Array, base: number, end: number): boolean {
    if (scanStartTag(b, base, end, this.#limits) !== end) throw notWellFormed('the stream header is malformed');
    this.#open(b, base, end, base);
    return tag.selfClosing;
  }

  get limits(): XmlLimits {
    return this.#limits;
  }

  /** The element's name as it is written, with its prefix. */
  rawName(b: Uint8Array, base: number): string {
    return intern(b, base + 1, base + this.#nameEnd[1]!);
  }

  get headerDefault(): string {
    return this.#defaults[1]!;
  }
}

/** With more attributes than this, duplicates are looked up instead of searched; room for so many children is kept. */
const FEW = 16;
const scratchKeys: string[] = [];

function duplicate(): XmlError {
  return notWellFormed('an attribute is given twice');
}

function isXmlns(b: Uint8Array, s: number): boolean {
  return b[s] === 0x78 && b[s + 1] === 0x6d && b[s + 2] === 0x6c && b[s + 3] === 0x6e && b[s + 4] === 0x73;
}

// A scanner is only held while an element is incomplete, so idle connections share these.
const SPARES = 16;
const spare: Scanner[] = [];

/** A scanner to be begun. */
export function takeScanner(): Scanner {
  return spare.pop() ?? new Scanner();
}

/** Gives back a scanner that nobody uses any more. */
export function giveScanner(scanner: Scanner): void {
  scanner.clear();
  if (spare.length < SPARES) spare.push(scanner);
}
