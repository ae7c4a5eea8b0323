import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DEFAULT_LIMITS, parseStanza, StreamReader, utf8Encode, XmlError, type XmlLimits } from './index.ts';

const HEAD = "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>";

/** Reads in one piece and byte by byte: 'ok', or condition and limit of the error. */
function judge(text: string, limits: Partial<XmlLimits>): string {
  const answers = [1, Infinity].map((step) => {
    let answer = '';
    const reader = new StreamReader(
      {
        open() {},
        close() {},
        stanza: () => (answer += 'ok'),
        error: (e) => (answer += `${e.condition} ${e.limit}`),
      },
      DEFAULT_LIMITS,
    );
    reader.feed(utf8Encode(HEAD));
    reader.setLimits({ ...DEFAULT_LIMITS, ...limits });
    const bytes = utf8Encode(text);
    for (let i = 0; i < bytes.length; i += step) reader.feed(bytes.subarray(i, i + step));
    return answer;
  });
  assert.equal(answers[0], answers[1], 'the cut does not matter');
  return answers[0]!;
}

const cases: { limit: keyof XmlLimits; at: number; make: (n: number) => string }[] = [
  { limit: 'stanzaBytes', at: 40, make: (n) => `<a>${'x'.repeat(n - 7)}</a>` },
  { limit: 'stanzaBytes', at: 40, make: (n) => `<a ${' '.repeat(n - 5)}/>` },
  { limit: 'depth', at: 5, make: (n) => '<a>'.repeat(n) + '</a>'.repeat(n) },
  { limit: 'depth', at: 5, make: (n) => `${'<a>'.repeat(n - 1)}<a/>${'</a>'.repeat(n - 1)}` },
  { limit: 'elements', at: 7, make: (n) => `<a>${'<b/>'.repeat(n - 1)}</a>` },
  { limit: 'attributes', at: 4, make: (n) => `<a${Array.from({ length: n }, (_, i) => ` a${i}=''`).join('')} xmlns:p='u' xmlns='v'/>` },
  { limit: 'attributes', at: 4, make: (n) => `<a><b${Array.from({ length: n }, (_, i) => ` a${i}=''`).join('')}/></a>` },
  { limit: 'attributes', at: 40, make: (n) => `<a><b${Array.from({ length: n }, (_, i) => ` a${i}=''`).join('')}/></a>` },
  { limit: 'attributeBytes', at: 9, make: (n) => `<a b='${'x'.repeat(n)}'/>` },
  { limit: 'attributeBytes', at: 9, make: (n) => `<a b='${'x'.repeat(n - 4)}&lt;'/>` },
  // the stream header has declared one prefix
  { limit: 'namespaces', at: 5, make: (n) => `<a${Array.from({ length: n - 1 }, (_, i) => ` xmlns:p${i}='u'`).join('')}/>` },
  {
    limit: 'namespaces',
    at: 3,
    make: (n) => `<a xmlns:p='u'>${Array.from({ length: n - 2 }, () => `<b xmlns:q='u'>`).join('')}${'</b>'.repeat(n - 2)}</a>`,
  },
];
for (const { limit, at, make } of cases) {
  test(`${limit}: ${at} are taken, one more is refused: ${make(at).slice(0, 60)}`, () => {
    assert.equal(judge(make(at), { [limit]: at }), 'ok');
    assert.equal(judge(make(at + 1), { [limit]: at }), `policy-violation ${limit}`);
  });
}

test('declarations that went out of scope do not count', () => {
  assert.equal(judge(`<a>${"<b xmlns:p='u'/>".repeat(50)}</a>`, { namespaces: 2 }), 'ok');
});

test('a limit is felt before the element is complete', () => {
  assert.equal(judge(`<a>${'x'.repeat(100)}`, { stanzaBytes: 50 }), 'policy-violation stanzaBytes');
  assert.equal(judge('<a><a><a>', { depth: 2 }), 'policy-violation depth');
  assert.equal(judge(`<a b='${'x'.repeat(100)}'`, { stanzaBytes: 60 }), 'policy-violation stanzaBytes');
});

test('a namespace name of more than 1024 bytes is refused', () => {
  assert.equal(judge(`<a xmlns='${'u'.repeat(1024)}'/>`, {}), 'ok');
  assert.equal(judge(`<a xmlns:p='${'u'.repeat(1025)}'/>`, {}), 'policy-violation attributeBytes');
});

describe('the canonical form has the same size limit', () => {
  const ns = 'u'.repeat(100);
  // every <p:x/> becomes <x xmlns="…"/>
  const text = (n: number): string => `<a xmlns:p='${ns}'>${'<p:x/>'.repeat(n)}</a>`;
  test('of one that grows a little', () => assert.equal(judge(text(3), { stanzaBytes: 600 }), 'ok'));
  test('of one that grows too much', () => assert.equal(judge(text(9), { stanzaBytes: 600 }), 'policy-violation stanzaBytes'));
  test('of one that grows in characters of several bytes', () => {
    const wide = `<a xmlns:p='${'\u20ac'.repeat(100)}'>${'<p:x/>'.repeat(3)}</a>`;
    assert.equal(judge(wide, { stanzaBytes: 700 }), 'policy-violation stanzaBytes');
  });
});

test('limits hold from the next element on', () => {
  const out: string[] = [];
  const reader: StreamReader = new StreamReader(
    { open() {}, close() {}, stanza: (s) => out.push(s.name), error: (e) => out.push(String(e.limit)) },
    { ...DEFAULT_LIMITS, depth: 1 },
  );
  reader.feed(utf8Encode(`${HEAD}<a>`));
  reader.setLimits(DEFAULT_LIMITS);
  reader.feed(utf8Encode('</a><b><c/></b>'));
  reader.feed(utf8Encode('<d>'));
  reader.setLimits({ ...DEFAULT_LIMITS, depth: 1 });
  reader.feed(utf8Encode('<e/></d><f><g/></f>'));
  assert.deepEqual(out, ['a', 'b', 'd', 'depth']);
});

test('stream-level elements below a stanza are refused however their namespace came', () => {
  const sm = 'urn:xmpp:sm:3';
  for (const text of [
    `<message><r xmlns='${sm}'/></message>`,
    `<message><x xmlns='u'><r xmlns='${sm}'/></x></message>`,
    `<message><p:r xmlns:p='${sm}'/></message>`,
    `<message xmlns:p='${sm}'><x><p:r/></x></message>`,
    `<message><p:x xmlns:p='u' xmlns='${sm}'><r/></p:x></message>`,
    `<message><p:x xmlns:p='u' xmlns='${sm}'><y xmlns='u'/><p:y><r/></p:y></p:x></message>`,
    `<p:message xmlns:p='jabber:client' xmlns='${sm}'><r/></p:message>`,
    `<message><s:features/></message>`,
  ]) {
    assert.equal(judge(text, {}), 'invalid-xml undefined', text);
  }
  assert.equal(judge(`<s:features><m xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></s:features>`, {}), 'ok');
  // what a stream-level element was allowed to hold does not allow it to the next
  const both = `<s:features><sm xmlns='${sm}'/></s:features><message><sm xmlns='${sm}'/></message>`;
  assert.equal(judge(both, {}), 'okinvalid-xml undefined');
});

test('parseStanza takes one element, white space around it and nothing else', () => {
  assert.equal(parseStanza(utf8Encode(' <a/>\n')).name, 'a');
  for (const text of ['', ' ', '<a/><b/>', '<a/>x', 'x<a/>', '<a>', '\ufeff<a/>']) {
    assert.throws(() => parseStanza(utf8Encode(text)), { condition: 'not-well-formed' }, text);
  }
  assert.throws(() => parseStanza(utf8Encode("<?xml version='1.0'?><a/>")), { condition: 'restricted-xml' });
  assert.throws(() => parseStanza(new Uint8Array([0x3c, 0x61, 0x3e, 0xc3, 0x28, 0x3c, 0x2f, 0x61, 0x3e])), XmlError);
  assert.throws(() => parseStanza(utf8Encode('<a>12345</a>'), { stanzaBytes: 11 }), { limit: 'stanzaBytes' });
});
