import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_LIMITS, parseElement, StreamReader, stanzaBytes, utf8Decode, utf8Encode } from './index.ts';

const HEAD = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

function read(text: string, step: number): string[] {
  const out: string[] = [];
  const reader = new StreamReader(
    {
      open: (h) => out.push(`open ${h.ns} ${h.defaultNs}`),
      stanza: (s) => out.push(`${utf8Decode(stanzaBytes(s))} ${JSON.stringify(s.children)}`),
      close: () => out.push('close'),
      error: (e) => out.push(e.condition),
    },
    { ...DEFAULT_LIMITS, depth: 4, attributes: 3 },
  );
  const bytes = utf8Encode(text);
  for (let i = 0; i < bytes.length; i += step) reader.feed(bytes.subarray(i, i + step));
  return out;
}

const RULES: [string, string][] = [
  ['<a><!--x--></a>', 'restricted-xml'],
  ['<a><?x y?></a>', 'restricted-xml'],
  ['<a>&foo;</a>', 'restricted-xml'],
  ['<!DOCTYPE a>', 'restricted-xml'],
  ['<a></b>', 'not-well-formed'],
  ['<a b=c/>', 'not-well-formed'],
  ["<a b='1' b='2'/>", 'not-well-formed'],
  ["<a xmlns:p='u' xmlns:q='u' p:x='' q:x=''/>", 'not-well-formed'],
  ['<p:a/>', 'not-well-formed'],
  ["<a xmlns:p=''/>", 'not-well-formed'],
  ["<a xmlns:xml='u'/>", 'not-well-formed'],
  ['<a>]]></a>', 'not-well-formed'],
  ['<a>\u0001</a>', 'not-well-formed'],
  ['<a>\uffff</a>', 'not-well-formed'],
  ['<a>&#0;</a>', 'not-well-formed'],
  ['\ufeff<a/>', 'not-well-formed'],
  ['text', 'bad-format'],
  ['<a><b><c><d><e/></d></c></b></a>', 'policy-violation'],
  ["<a a='' b='' c='' d=''/>", 'policy-violation'],
  ["<a><b xmlns='urn:xmpp:sm:3'/></a>", 'invalid-xml'],
];

for (const [input, condition] of RULES) {
  test(`${JSON.stringify(input)} gets ${condition}, however it is cut`, () => {
    for (const step of [1, 7, 1e6]) assert.equal(read(HEAD + input, step).at(-1), condition);
  });
}

test('any cut gives the same stanzas', () => {
  const text = `${HEAD} <message to='a'><body>h\u00e9 &amp; <![CDATA[]]]></body></message>\n<s:iq xmlns:s='jabber:client'><q xmlns='u' a='1\n2'/></s:iq></stream:stream>`;
  const whole = read(text, 1e6);
  assert.equal(whole.length, 4);
  for (const step of [1, 2, 3, 7, 50]) assert.deepEqual(read(text, step), whole);
});

test('__proto__ is an ordinary name and the canonical form is stable', () => {
  const once = parseElement("<a xmlns='u' xmlns:p='v' __proto__='1'><constructor p:x='&#9;'>\r\n</constructor></a>");
  assert.equal(once.attr('__proto__'), '1');
  assert.equal(once.child('constructor')?.attr('{v}x'), '\t');
  assert.equal(once.childText('constructor'), '\n');
  assert.equal(parseElement(once.toString('')).toString(''), once.toString(''));
});

test('a header that was seen before is read as the first time, however it is cut, and nothing but it', () => {
  const limits = { ...DEFAULT_LIMITS };
  const begin = (declaration: string, to: string, rest = ''): string =>
    `${declaration}<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${to}' version='1.0'${rest}><iq/>`;
  const texts = [
    begin("<?xml version='1.0'?>", 'a.example'),
    begin('<?xml version="1.0" encoding="UTF-8"?>', 'a.example'),
    begin('', 'a.example'),
    begin('', 'a.example', " from='x@a.example'"),
    begin('', 'b.example'),
    begin("<?xml version='2.0'?>", 'a.example'),
    begin("<?xml version='1.0'?><?xml version='1.0'?>", 'a.example'),
    begin('', 'a.example', " to='a.example'"),
    `${begin('', 'a.example').replace('><iq/>', '/>')}`,
  ];
  const told = (text: string, step: number, own: typeof limits): string[] => {
    const out: string[] = [];
    const reader = new StreamReader(
      {
        open: (h) => out.push(JSON.stringify(h)),
        stanza: (s) => out.push(`${s.name} ${s.ns}`),
        close: () => out.push('close'),
        error: (e) => out.push(e.condition),
      },
      own,
    );
    const bytes = utf8Encode(text);
    for (let i = 0; i < bytes.length; i += step) reader.feed(bytes.subarray(i, i + step));
    return out;
  };
  // Nothing was read under limits that are new: that is the first time.
  const first = texts.map((text) => told(text, 1e6, { ...limits }));
  assert.deepEqual(
    first.map((one) => one.at(-1)),
    [...new Array(5).fill('iq jabber:client'), 'not-well-formed', 'restricted-xml', 'not-well-formed', 'close'],
  );
  for (const step of [1e6, 1, 5, 60])
    for (let i = 0; i < texts.length; i++)
      for (let j = 0; j < texts.length; j++) {
        assert.deepEqual(told(texts[i] as string, 1e6, limits), first[i]);
        assert.deepEqual(told(texts[j] as string, step, limits), first[j]);
      }
  assert.deepEqual(told(texts[0] as string, 1e6, { ...limits, attributes: 1 }), ['policy-violation']);
});
