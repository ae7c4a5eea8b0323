import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ParseOption, XmlDocument, XmlElement, XmlParseError } from 'libxml2-wasm';
import { SaxesParser } from 'saxes';
import {
  DEFAULT_LIMITS,
  type Element,
  parseElement,
  parseStanza,
  type Stanza,
  StreamReader,
  stanzaBytes,
  utf8Decode,
  utf8Encode,
  withClientNamespace,
  XmlError,
} from './index.ts';

// Two parsers that disagree are how stanzas are smuggled, so this one is compared with two strict ones of other people on input
// that is nearly XML: all three must take or refuse the same, see the same tree, and see it again in the canonical form.

const given = process.env['PARLEY_FUZZ_RUNS'];
const XML_NS = 'http://www.w3.org/XML/1998/namespace';
const XMLNS_NS = 'http://www.w3.org/2000/xmlns/';

type Attribute = [ns: string, local: string, value: string];

/** One notation for the trees of all parsers. */
function startOf(ns: string, local: string, attrs: Attribute[]): string {
  const list = attrs.map(([u, l, v]) => ` ${u}|${l}=${JSON.stringify(v)}`).sort();
  return `<${ns}|${local}${list.join('')}>`;
}

function textOf(text: string): string {
  return text.replaceAll('<', '&lt');
}

/** The tree that saxes sees; undefined when it refuses the input. */
function saxes(text: string): string | undefined {
  let out = '';
  let failed = false;
  const parser = new SaxesParser({ xmlns: true });
  parser.on('error', () => (failed = true));
  parser.on('opentag', (t) => {
    const attrs = Object.values(t.attributes).filter((a) => a.uri !== XMLNS_NS);
    out += startOf(
      t.uri,
      t.local,
      attrs.map((a) => [a.uri, a.local, a.value]),
    );
  });
  parser.on('text', (s) => (out += textOf(s)));
  parser.on('cdata', (s) => (out += textOf(s)));
  parser.on('closetag', () => (out += '</>'));
  try {
    parser.write(text).close();
  } catch {
    failed = true;
  }
  return failed ? undefined : out;
}

/** The tree that libxml2 sees; undefined when it refuses the input, null when it does so for a reason that is none. */
function libxml(bytes: Uint8Array): string | undefined | null {
  let doc: XmlDocument;
  try {
    doc = XmlDocument.fromBuffer(bytes, { option: ParseOption.XML_PARSE_NO_XXE | ParseOption.XML_PARSE_IGNORE_ENC });
  } catch (error) {
    // Namespaces in XML 1.0 does not make a declaration that is no URI an error
    if (error instanceof XmlParseError) return error.message.includes('is not a valid URI') ? null : undefined;
    throw error;
  }
  const walk = (e: XmlElement): string => {
    let out = startOf(
      e.namespaceUri,
      e.name,
      e.attrs.map((a) => [a.namespaceUri, a.name, a.value]),
    );
    for (let c = e.firstChild; c; c = c.next) out += c instanceof XmlElement ? walk(c) : textOf(c.content);
    return `${out}</>`;
  };
  try {
    return walk(doc.root);
  } finally {
    doc.dispose();
  }
}

/** The tree that this package sees. */
function own(e: Element): string {
  const attrs = Object.entries(e.attrs).map(([key, value]): Attribute => {
    if (key.startsWith('xml:')) return [XML_NS, key.slice(4), value];
    const close = key.lastIndexOf('}');
    return close < 0 ? ['', key, value] : [key.slice(1, close), key.slice(close + 1), value];
  });
  return `${startOf(e.ns, e.name, attrs)}${e.children.map((c) => (typeof c === 'string' ? textOf(c) : own(c))).join('')}</>`;
}

function parse(bytes: Uint8Array): Stanza | XmlError {
  try {
    return parseStanza(bytes);
  } catch (error) {
    if (error instanceof XmlError) return error;
    throw error;
  }
}

/** Whether the input has what XMPP forbids under this condition although XML allows it. */
function forbidden(error: XmlError, text: string): boolean {
  switch (error.condition) {
    case 'restricted-xml':
      return /<\?|<!(?!\[)|&(?!(?:lt|gt|amp|quot|apos);)[^#;<&]+;/.test(text);
    case 'invalid-xml':
      return /urn:xmpp:sm:3|<\/?xml:|xmlns[^=]*=\s*("(\s|&#)|'(\s|&#)|"[^"]*[\s;]"|'[^']*[\s;]')/.test(text);
    default:
      return false;
  }
}

/** What is emitted for the element inside a stream without a default namespace, fed in pieces of the given lengths. */
function cut(bytes: Uint8Array, lengths: readonly number[]): string {
  let out = '';
  const reader = new StreamReader(
    { open() {}, close() {}, stanza: (s) => (out += own(s.element())), error: () => (out = 'refused') },
    DEFAULT_LIMITS,
  );
  reader.feed(utf8Encode('<s>'));
  for (let i = 0, n = 0; i < bytes.length; n++) {
    const next = i + (lengths[n % lengths.length] ?? 1);
    reader.feed(bytes.subarray(i, next));
    i = next;
  }
  // what is wrong in an unfinished tag may be found when it is finished
  return out === '' || reader.bufferedBytes > 0 ? 'refused' : out;
}

/** saxes does not mind when a local name begins with a digit and the like; libxml2 does, so it alone is asked then. */
const LOCAL_NAME = /:[\d\u00b7.-]/;

/** libxml2 does not mind when xmlns:xml is given twice in one tag; saxes does. */
const XML_TWICE = /xmlns:xml[^>]*xmlns:xml/;

/** Compares all parsers; true when the input was accepted. `text` is absent when the bytes are no UTF-8 (saxes reads strings). */
function compare(bytes: Uint8Array, text: string | undefined, lengths: readonly number[]): boolean {
  const ours = parse(bytes);
  const theirs = libxml(bytes);
  if (text !== undefined) {
    const strict = saxes(text);
    if (!(ours instanceof XmlError)) assert.equal(strict, own(ours.element()), 'saxes sees another tree');
    else if (ours.condition === 'not-well-formed' && !LOCAL_NAME.test(text)) {
      assert.equal(strict, undefined, `refused (${ours.message}), but saxes accepts`);
    }
  }
  if (ours instanceof XmlError) {
    assert.equal(ours.limit, undefined);
    const loose = new TextDecoder().decode(bytes);
    if (ours.condition !== 'not-well-formed') {
      assert.ok(forbidden(ours, loose), `refused as ${ours.condition} (${ours.message}) without a cause`);
    } else if (!XML_TWICE.test(loose)) {
      assert.equal(theirs ?? undefined, undefined, `refused (${ours.message}), but libxml2 accepts`);
    }
    assert.equal(cut(bytes, lengths), cut(bytes, [Infinity]), 'cut input gives something else');
    return false;
  }
  const tree = own(ours.element());
  if (theirs !== null) assert.equal(theirs, tree, 'libxml2 sees another tree');
  const written = withClientNamespace(stanzaBytes(ours));
  assert.equal(saxes(utf8Decode(written)), tree, 'saxes sees another tree in the canonical form');
  if (theirs !== null) assert.equal(libxml(written), tree, 'libxml2 sees another tree in the canonical form');
  assert.equal(own(parseElement(written)), tree, 'the canonical form does not read back');
  assert.deepEqual(withClientNamespace(stanzaBytes(parseStanza(written))), written, 'the canonical form is not stable');
  const refs = ours.children.map((c) => own(parseElement(ours.inner.subarray(c.start, c.end), undefined, ours.ns)));
  assert.deepEqual(refs, ours.element().elements().map(own), 'children do not lie where they are said to');
  assert.equal(cut(bytes, lengths), tree, 'cut input gives something else');
  return true;
}

const name = fc.constantFrom('a', 'a', 'b', 'b', '_x', 'a-1.', '\u00e9', '\u{10000}', 'xmlns', '1', '\u00b7');
const prefix = fc.constantFrom('', '', '', '', '', 'p:', 'p:', 'q:', 'xml:', 'xmlns:', ':');
const qname = fc.tuple(prefix, name).map(([p, n]) => p + n);
const namespace = fc.constantFrom('u', 'u', 'v', 'w', 'jabber:client', '', 'x&amp;y', ' u\n', XML_NS, XMLNS_NS, 'urn:xmpp:sm:3');
const piece = fc.constantFrom(
  ...[
    'x',
    'yz',
    ' ',
    '\t',
    '\n',
    '\r',
    '\r\n',
    '&amp;',
    '&lt;',
    '&gt;',
    '&quot;',
    '&apos;',
    '&#65;',
    '&#x0041;',
    '&#10;',
    '&#xD;',
    '&#x9;',
  ],
  ...[
    '&x;',
    '&#0;',
    '&#xFFFE;',
    '&#x10FFFF;',
    '&#x110000;',
    '&',
    ']',
    ']]>',
    '>',
    '"',
    "'",
    '\u00e9',
    '\u20ac',
    '\u{1f600}',
    '\u0085',
    '\u2028',
  ],
  ...['\u0001', '\u007f', '\ufeff', '\ufffe', '\ufffd', '{', '}'],
);
const chars = fc.array(piece, { maxLength: 4 }).map((parts) => parts.join(''));
const gap = fc.constantFrom(' ', ' ', ' ', '\n', '\t ', '\r\n', '');
const equals = fc.constantFrom('=', '=', '=', ' = ', '\n=');
const quoted = (value: string, double: boolean): string => (double ? `"${value.replaceAll('"', '')}"` : `'${value.replaceAll("'", '')}'`);
const attribute = fc.oneof(
  fc.tuple(gap, qname, equals, chars, fc.boolean()).map(([g, n, e, v, d]) => g + n + e + quoted(v.replaceAll('<', ''), d)),
  fc
    .tuple(fc.constantFrom('xmlns', 'xmlns', 'xmlns:p', 'xmlns:p', 'xmlns:q', 'xmlns:xml'), namespace, fc.boolean())
    .map(([n, v, d]) => ` ${n}=${quoted(v, d)}`),
);
const cdata = fc.array(fc.constantFrom('x', ']', '>', '<', '&amp;', '\r\n', '\u00e9', '\u0001', '[', ']]'), { maxLength: 4 });
const { element } = fc.letrec<{ element: string; content: string }>((tie) => ({
  element: fc
    .tuple(qname, fc.array(attribute, { maxLength: 3 }), fc.constantFrom('', '', ' ', '\n'), fc.array(tie('content'), { maxLength: 4 }))
    .map(([n, attrs, space, content]) =>
      content.length === 0 ? `<${n}${attrs.join('')}${space}/>` : `<${n}${attrs.join('')}${space}>${content.join('')}</${n}${space}>`,
    ),
  content: fc.oneof(
    { maxDepth: 4 },
    chars,
    cdata.map((parts) => `<![CDATA[${parts.join('')}]]>`),
    { weight: 3, arbitrary: tie('element') },
  ),
}));
// Declares the prefixes, so that most of what is generated is namespace-well-formed
const wrapped = element.map((inner) => `<a xmlns:p='u' xmlns:q='v'>${inner}</a>`);
const breakage = fc.constantFrom(
  ...['<', '>', '/', '</', '/>', '=', '"', "'", ' ', 'a', ':', '&', ';', '<a>', '</a>', '<p:a', 'xmlns=""', '<!--', '<?', '<!D', ']]>'],
  ...['<![CDATA[', '\u0001', '\ufffe', '&#', '-', '\n'],
);
const mutation = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), remove: fc.nat(3), insert: fc.option(breakage, { nil: '' }) });
const input = fc.tuple(
  fc.oneof({ weight: 3, arbitrary: wrapped }, element),
  fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(mutation, { maxLength: 2 })),
  fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
);

function mutate(text: string, mutations: readonly { at: number; remove: number; insert: string }[]): string {
  for (const m of mutations) {
    const at = Math.floor(m.at * text.length);
    text = text.slice(0, at) + m.insert + text.slice(at + m.remove);
  }
  return text.trim();
}

const runs = Number(given ?? 1500);

test(`agrees with saxes and libxml2 on generated and mutated elements (${runs} runs)`, () => {
  let accepted = 0;
  fc.assert(
    fc.property(input, ([base, mutations, lengths]) => {
      const text = mutate(base, mutations);
      if (!text.isWellFormed() || text.includes('\ufeff<')) return;
      if (compare(utf8Encode(text), text, lengths)) accepted++;
    }),
    { numRuns: runs, seed: given === undefined ? 42 : Date.now() & 0x7fffffff },
  );
  assert.ok(accepted > runs / 20, `only ${accepted} of ${runs} were accepted`);
});

test(`agrees with libxml2 on changed bytes (${Math.ceil(runs / 3)} runs)`, () => {
  const byte = fc.oneof(fc.integer({ min: 0x80, max: 0xff }), fc.integer({ min: 1, max: 0xff }));
  fc.assert(
    fc.property(
      wrapped,
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), byte), { minLength: 1, maxLength: 3 }),
      (base, changes) => {
        const bytes = Uint8Array.from(utf8Encode(`<a>${base}\u00e9\u20ac\u{1f600}</a>`));
        for (const [at, value] of changes) bytes[4 + Math.floor(at * (bytes.length - 5))] = value;
        let text: string | undefined;
        try {
          text = utf8Decode(bytes);
        } catch {
          // not UTF-8: saxes cannot be asked
        }
        compare(bytes, text, [1, 3]);
      },
    ),
    { numRuns: Math.ceil(runs / 3), seed: given === undefined ? 43 : Date.now() & 0x7fffffff },
  );
});
