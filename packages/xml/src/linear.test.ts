import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8Encode } from './bytes.ts';
import { DEFAULT_LIMITS, type XmlLimits } from './errors.ts';
import { Scanner } from './scan.ts';
import { INCOMPLETE } from './tag.ts';

const UNLIMITED: XmlLimits = {
  stanzaBytes: Infinity,
  depth: Infinity,
  elements: Infinity,
  attributes: 4096,
  attributeBytes: Infinity,
  namespaces: DEFAULT_LIMITS.namespaces,
};

/** Steps the scanner takes over a whole element that arrives in chunks of `step` bytes. */
function work(text: string, step: number, limits: XmlLimits): number {
  const bytes = utf8Encode(text);
  const scanner = new Scanner();
  scanner.begin(limits, { defaultNs: '', bindings: [] });
  let result = INCOMPLETE;
  for (let end = Math.min(step, bytes.length); ; end = Math.min(end + step, bytes.length)) {
    result = scanner.run(bytes, 0, end);
    if (end === bytes.length) break;
    assert.equal(result, INCOMPLETE);
  }
  assert.equal(result, bytes.length);
  return scanner.work;
}

const list = (n: number, make: (i: number) => string): string => Array.from({ length: n }, (_, i) => make(i)).join('');

const shapes: Record<string, (n: number) => string> = {
  text: (n) => `<a>${'x'.repeat(8 * n)}</a>`,
  'text of several bytes a character': (n) => `<a>${'\u{1f600}'.repeat(2 * n)}</a>`,
  references: (n) => `<a>${'&#x00000000000000000000000041;'.repeat(n)}</a>`,
  CDATA: (n) => `<a>${'<![CDATA[]]]>'.repeat(n)}</a>`,
  'brackets in CDATA': (n) => `<a><![CDATA[${']'.repeat(8 * n)}]]></a>`,
  'greater-than signs and brackets': (n) => `<a>${']>'.repeat(4 * n)}</a>`,
  depth: (n) => '<a>'.repeat(n) + '</a>'.repeat(n),
  siblings: (n) => `<a>${'<b/>'.repeat(n)}</a>`,
  'long names': (n) => `<${'n'.repeat(4 * n)}></${'n'.repeat(4 * n)}>`,
  attributes: (n) => `<a${list(n, (i) => ` a${i}=''`)}/>`,
  'attributes of a child': (n) => `<a><b${list(n, (i) => ` a${i}=''`)}/></a>`,
  'prefixed attributes of a child': (n) => `<a xmlns:p='u'><b${list(n, (i) => ` p:a${i}=''`)}/></a>`,
  'one long attribute': (n) => `<a b='${'x'.repeat(8 * n)}'/>`,
  'one long attribute of references': (n) => `<a b='${'&lt;'.repeat(2 * n)}'/>`,
  'quotes in an attribute': (n) => `<a b='${'"'.repeat(8 * n)}'/>`,
  'space in a tag': (n) => `<a${' '.repeat(8 * n)}/>`,
  'space in an end tag': (n) => `<a></a${' '.repeat(8 * n)}>`,
  'namespaces of siblings': (n) => `<a>${"<p:b xmlns:p='u'/>".repeat(n)}</a>`,
  'prefixes under a full scope': (n) => `<a${list(64, (i) => ` xmlns:p${i}='u'`)}>${list(n, () => '<p0:b/>')}</a>`,
};

for (const [name, make] of Object.entries(shapes)) {
  test(`${name}: the steps grow with the bytes, also in chunks of one byte`, () => {
    const n = 1000;
    for (const step of [Infinity, 7, 1]) {
      const [short, long] = [make(n), make(2 * n)];
      const once = work(short, step, UNLIMITED);
      const twice = work(long, step, UNLIMITED);
      assert.ok(once > n / 2, `${once} steps are counted`);
      assert.ok(twice <= 1.05 * once * (long.length / short.length) + 200, `chunks of ${step}: ${once}, then ${twice} steps`);
    }
  });
}

test('one-byte chunks cost a small multiple of the whole', () => {
  for (const [name, make] of Object.entries(shapes)) {
    const text = make(1000);
    const whole = work(text, Infinity, UNLIMITED);
    const cut = work(text, 1, UNLIMITED);
    assert.ok(cut <= 4 * whole, `${name}: ${whole} steps in one chunk, ${cut} byte by byte`);
  }
});

test('the worst that the limits let through costs a bounded number of steps a byte', () => {
  const scope = list(DEFAULT_LIMITS.namespaces, (i) => ` xmlns:p${i}='u'`);
  for (const child of ['<p0:b/>', `<b${list(16, (i) => ` p0:${String.fromCharCode(97 + i)}=''`)}/>`]) {
    const text = `<a${scope}>${child.repeat(2000)}</a>`;
    assert.ok(text.length < DEFAULT_LIMITS.stanzaBytes * 2);
    const steps = work(text, Infinity, { ...DEFAULT_LIMITS, stanzaBytes: Infinity });
    assert.ok(steps <= 16 * text.length, `${(steps / text.length).toFixed(1)} steps a byte`);
  }
});
