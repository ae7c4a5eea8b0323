import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { el, parseElement, parseStanza, Stanza, utf8Encode } from '@parley/xml';
import * as p from '../index.ts';

const crypto = { hash: (_: string, data: Uint8Array) => createHash('sha1').update(data).digest() } as unknown as p.Crypto;

test('verification strings of XEP-0115 §5.2 and §5.3', () => {
  const features = ['caps', 'disco#info', 'disco#items', 'muc'].map((name) => `http://jabber.org/protocol/${name}`).reverse();
  const simple: p.DiscoInfo = { identities: [{ category: 'client', type: 'pc', name: 'Exodus 0.9.1' }], features };
  assert.equal(p.capsVer(crypto, simple), 'QgayPKawpkPSDYmwT/WM94uAlu0=');
  const field = (name: string, ...values: string[]): p.DataField => ({ var: name, values });
  const complex: p.DiscoInfo = {
    identities: [
      { category: 'client', type: 'pc', name: 'Psi 0.11', lang: 'en' },
      { category: 'client', type: 'pc', name: '\u03a8 0.11', lang: 'el' },
    ],
    features,
    forms: [
      {
        type: 'result',
        fields: [
          { var: 'FORM_TYPE', type: 'hidden', values: ['urn:xmpp:dataforms:softwareinfo'] },
          field('ip_version', 'ipv6', 'ipv4'),
          field('os', 'Mac'),
          field('os_version', '10.5.1'),
          field('software', 'Psi'),
          field('software_version', '0.11'),
        ],
      },
    ],
  };
  assert.equal(p.capsVer(crypto, complex), 'q07IKJEyjvHSyhy//CH0CxmKi8w=');
  assert.equal(p.capsString({ identities: [], features: ['a', 'a'] }), undefined);
  assert.equal(p.capsString({ identities: [], features: ['a<b'] }), undefined);
});

test('a carbon counts only when it comes from our own account (XEP-0280 §11)', () => {
  const message = el('message', { from: 'romeo@m.lit/home', to: 'juliet@c.lit', type: 'chat' }, el('body', null, 'hi'));
  const carbon = (from: string): Stanza => Stanza.from(p.wrapCarbon('sent', from, 'romeo@m.lit/car', message));
  assert.equal(p.unwrapCarbon(carbon('romeo@m.lit'), 'romeo@m.lit')?.message.childText('body'), 'hi');
  assert.equal(p.unwrapCarbon(carbon('Romeo@M.lit'), 'romeo@m.lit')?.direction, 'sent');
  for (const liar of ['juliet@c.lit', 'romeo@m.lit/home', 'm.lit', '@'])
    assert.equal(p.unwrapCarbon(carbon(liar), 'romeo@m.lit'), undefined, liar);
  assert.equal(p.unwrapCarbon(Stanza.from(message), 'romeo@m.lit'), undefined);
});

test('times of XEP-0082', () => {
  assert.equal(p.parseDateTime('1969-07-21T02:56:15Z'), -14159025000);
  assert.equal(p.parseDateTime('1969-07-20T21:56:15-05:00'), -14159025000);
  assert.equal(p.parseDateTime('2020-02-29T00:00:00.1239Z'), Date.UTC(2020, 1, 29) + 123);
  assert.equal(p.formatDateTime(0), '1970-01-01T00:00:00.000Z');
  for (const bad of [
    '',
    '2021-02-29T00:00:00Z',
    '2020-13-01T00:00:00Z',
    '2020-01-01T24:00:00Z',
    '2020-01-01',
    '2020-01-01T00:00:00',
    '20200101T00:00:00',
    ' 2020-01-01T00:00:00Z',
  ])
    assert.equal(p.parseDateTime(bad), undefined, bad);
});

test('stanza errors have the types of RFC 6120 §8.3.3 and survive the wire', () => {
  assert.equal(p.STANZA_ERROR_CONDITIONS.length, 22);
  for (const condition of p.STANZA_ERROR_CONDITIONS) {
    const sent = new p.StanzaError(condition, { text: 'why', uri: 'xmpp:a@b', by: 'x.org', extra: el('too-bad', { xmlns: 'urn:x' }) });
    const iq = parseStanza(utf8Encode('<iq xmlns="jabber:client" from="a@b/c" to="d" id="&lt;1" type="get"><q xmlns="u"/></iq>'));
    const reply = Stanza.from(p.errorReply(iq, sent));
    assert.deepEqual([reply.from, reply.to, reply.id, reply.type], ['d', 'a@b/c', '<1', 'error']);
    const read = p.StanzaError.fromElement(reply.child('error')!);
    const uri = condition === 'gone' || condition === 'redirect' ? 'xmpp:a@b' : undefined;
    assert.deepEqual(
      [read.condition, read.type, read.text, read.by, read.extra?.name, read.uri],
      [condition, sent.type, 'why', 'x.org', 'too-bad', uri],
    );
  }
  const types = new Map([
    ['forbidden', 'auth'],
    ['service-unavailable', 'cancel'],
    ['bad-request', 'modify'],
    ['recipient-unavailable', 'wait'],
  ] as const);
  for (const [condition, type] of types) assert.equal(new p.StanzaError(condition).type, type);
  assert.equal(p.StanzaError.fromElement(el('error', { xmlns: p.NS.client, type: 'odd' })).condition, 'undefined-condition');
});

test('features, stream errors and counters', () => {
  const features = {
    startTls: 'required',
    mechanisms: ['SCRAM-SHA-256'],
    channelBindings: ['tls-exporter'],
    bind: true,
    session: false,
    sm: true,
    csi: true,
    rosterVersioning: true,
    register: true,
    caps: { node: 'n', ver: 'v', hash: 'sha-1' },
  } as const;
  const value = { ...features, mechanisms: [...features.mechanisms], channelBindings: [...features.channelBindings] };
  assert.deepEqual(p.parseFeatures(parseElement(p.featuresElement(value).toString(''), undefined, '')), value);
  assert.deepEqual(p.parseStreamError(p.streamErrorElement('conflict', 'replaced')), {
    condition: 'conflict',
    text: 'replaced',
    seeOtherHost: undefined,
  });
  assert.equal(p.smNext(2 ** 32 - 1), 0);
  assert.equal(p.smDistance(2 ** 32 - 2, 1), 3);
  assert.ok(p.streamHeader({ to: `a'"<&` }).includes("to='a&apos;&quot;&lt;&amp;'"));
});

test('stanza-ids, placeholders and message children', () => {
  const message = el(
    'message',
    null,
    p.encodeStanzaId({ id: '1', by: 'me' }),
    p.encodeStanzaId({ id: '2', by: 'you' }),
    p.encodeStanzaId({ id: '3', by: 'you' }),
    p.encodeHint('no-store'),
    p.encodeChatState('composing'),
    p.displayedMarker('m'),
    p.receiptReceived('r'),
    p.encodeCorrection('c'),
    p.encodeOriginId('o'),
  );
  assert.equal(p.stanzaIdBy(message, 'me'), '1');
  assert.equal(p.stanzaIdBy(message, 'you'), undefined);
  assert.deepEqual(p.decodeHints(message), ['no-store']);
  assert.equal(p.decodeChatState(message), 'composing');
  assert.deepEqual([p.decodeDisplayed(message), p.decodeReceipt(message), p.decodeCorrection(message)], ['m', 'r', 'c']);
  assert.equal(p.decodeOriginId(message.child('origin-id')), 'o');
  const hash = Uint8Array.of(1, 2, 3, 4, 5, 6, 255);
  assert.deepEqual(p.parseThumbhashUri(p.thumbhashUri(hash)), hash);
  assert.deepEqual(p.parseThumbhashUri('data:image/thumbhash,AQIDBAUG%2Fw%3D%3d'), hash);
  assert.equal(p.parseThumbhashUri('data:image/png,AAAA'), undefined);
});

test('XEP-0431: an archive that cannot search does not ignore what it is asked for', () => {
  const query = p.encodeMamQuery({ text: 'tea' });
  assert.equal(p.decodeMamQuery(query), undefined);
  assert.equal(p.decodeMamQuery(query, true)?.text, 'tea');
});
