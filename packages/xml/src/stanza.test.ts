import assert from 'node:assert/strict';
import { test } from 'node:test';
import { el, parseElement, parseStanza, Stanza, stanzaBytes, utf8Decode, utf8Encode, withClientNamespace, XmlError } from './index.ts';

const parse = (text: string): Stanza => parseStanza(utf8Encode(text), undefined, 'jabber:client');
const write = (stanza: Stanza, change?: Parameters<typeof stanzaBytes>[1]): string => utf8Decode(stanzaBytes(stanza, change));

test('the start tag changes, the content stays as it was', () => {
  const s = parse("<message to='a' from='b' id='1' type='chat' xml:lang='en' x='y'><body>hi &amp; <b/></body></message>");
  assert.equal(write(s), '<message to="a" from="b" id="1" type="chat" xml:lang="en" x="y"><body>hi &amp; <b/></body></message>');
  assert.equal(
    write(s, { to: undefined, from: 'c"<\u00e9', id: undefined }),
    '<message from="c&quot;&lt;\u00e9" type="chat" xml:lang="en" x="y"><body>hi &amp; <b/></body></message>',
  );
  assert.deepEqual({ ...s.attrs }, { to: 'a', from: 'b', id: '1', type: 'chat', 'xml:lang': 'en', x: 'y' });
  assert.equal(s.lang, 'en');
});

test('every character of every attribute is written so that it reads back', () => {
  for (let c = 0x20; c < 0x3000; c++) {
    const value = `a${String.fromCharCode(c)}`;
    const s = parseStanza(stanzaBytes(parse('<iq/>'), { id: value, to: value }), undefined, 'jabber:client');
    assert.equal(s.id, value);
    assert.equal(s.to, value);
  }
});

test('extra goes behind the content, as text or bytes, also when there was none', () => {
  assert.equal(write(parse('<iq/>'), { extra: '<x/>' }), '<iq><x/></iq>');
  assert.equal(write(parse('<iq><y/></iq>'), { extra: utf8Encode('<x/>') }), '<iq><y/><x/></iq>');
  assert.equal(write(parse('<iq></iq>'), { extra: '' }), '<iq/>');
});

test('drop leaves out just the children it names', () => {
  const s = parse("<message>1<a/>2<b xmlns='u'>x<a/></b>3<a>y</a>4</message>");
  assert.equal(write(s, { drop: (c) => c.name === 'a' }), "<message>12<b xmlns='u'>x<a/></b>34</message>");
  assert.equal(write(s, { drop: (c) => c.ns === 'u' }), '<message>1<a/>23<a>y</a>4</message>');
  assert.equal(write(s, { drop: () => true, extra: '<z/>' }), '<message>1234<z/></message>');
  assert.equal(write(s, { drop: () => false }), write(s));
  assert.equal(write(parse('<iq><a/></iq>'), { drop: () => true }), '<iq/>');
});

test('withClientNamespace declares it once, where it belongs', () => {
  const client = (s: string): string => utf8Decode(withClientNamespace(utf8Encode(s)));
  assert.equal(client('<iq/>'), '<iq xmlns="jabber:client"/>');
  assert.equal(client('<iq>x</iq>'), '<iq xmlns="jabber:client">x</iq>');
  assert.equal(client('<iq to="a"/>'), '<iq xmlns="jabber:client" to="a"/>');
  assert.equal(client('<r xmlns="urn:xmpp:sm:3"/>'), '<r xmlns="urn:xmpp:sm:3"/>');
  for (const text of ["<message id='1'><body/></message>", "<a xmlns='u'/>", "<p:a xmlns:p='u' p:b='c'><p:d/></p:a>", "<a xmlns=''/>"]) {
    const s = parse(text);
    const again = parseStanza(withClientNamespace(stanzaBytes(s)));
    assert.equal(again.ns, s.ns);
    assert.equal(write(again), write(s));
  }
});

test('unusual content is written anew: its bytes depend on nothing around it', () => {
  for (const [text, inner] of [
    ["<p:message xmlns:p='jabber:client'><p:body/></p:message>", '<body/>'],
    ["<message xmlns:p='u'><p:x p:y='z'/></message>", '<x xmlns="u" xmlns:ns0="u" ns0:y="z"/>'],
    ["<message xmlns:p='u' p:a=''><x p:a=''/></message>", '<x xmlns:ns0="u" ns0:a=""/>'],
    ['<message><![CDATA[<a>&]]></message>', '&lt;a&gt;&amp;'],
    ["<message><x a='1\n2\t3'/></message>", '<x a="1 2 3"/>'],
    ['<message>a\r\nb\rc</message>', 'a\nb\nc'],
    ['<message>&#x0041;</message>', 'A'],
    ["<message><p:x xmlns:p='u'/></message>", "<p:x xmlns:p='u'/>"],
  ] as const) {
    const s = parse(text);
    assert.equal(utf8Decode(s.inner), inner);
    assert.equal(s.ns, 'jabber:client');
    for (const c of s.children) assert.equal(parseElement(s.inner.slice(c.start, c.end), undefined, s.ns).name, c.name);
  }
});

test('children are found by name and namespace, and parsed alone', () => {
  const s = parse("<iq type='set'><query xmlns='u' a='1'>t<x/></query><query/>z</iq>");
  assert.equal(s.has('query'), true);
  assert.equal(s.has('query', 'u'), true);
  assert.equal(s.has('x'), false);
  assert.equal(s.child('query', 'u')?.child('x')?.ns, 'u');
  assert.equal(s.childText('query', 'u'), 't');
  assert.equal(s.childText('query'), '');
  assert.equal(s.childText('none'), undefined);
  assert.equal(s.element().text(), 'z');
  assert.equal(s.element(), s.element());
});

test('Stanza.from reads what el builds', () => {
  const s = Stanza.from(
    el('message', { to: 'a', n: 1, none: undefined }, el('body', null, '<&>\u0000'), undefined, el('x', { xmlns: 'u' })),
  );
  assert.equal(write(s), '<message to="a" n="1"><body>&lt;&amp;&gt;\ufffd</body><x xmlns="u"/></message>');
  assert.throws(() => Stanza.from(el('a b')), XmlError);
  assert.throws(() => Stanza.from(el('a', { 'b c': 'd' })), XmlError);
});

test('what a stanza holds is its own', () => {
  const bytes = utf8Encode("<message id='abcd'><body>text</body></message>");
  const s = parseStanza(bytes, undefined, 'jabber:client');
  bytes.fill(0);
  assert.equal(write(s), '<message id="abcd"><body>text</body></message>');
});
