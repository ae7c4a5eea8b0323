import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NS } from '@parley/protocol';
import { type Element, el, parseElement, serialize } from '@parley/xml';
import { decodeMessage, encodeContent, encodeMessage } from './codec.ts';
import { checkMentions, mentionsMe } from './mentions.ts';

const content = { body: 'Hi @Ann 👋 and @Bob', attachments: [] };
const ann = { personId: 'ann@example.org', start: 3, end: 7 };
const bob = { personId: 'bob@example.org', start: 15, end: 19 };
const onTheWire = (children: readonly Element[]): Element =>
  parseElement(serialize(encodeMessage('room@groups.example.org', 'm1', children, true), ''), undefined, NS.client);

describe('mentions', () => {
  it('count code points on the wire and UTF-16 units here, also behind a quote', () => {
    const replyTo = { wireId: 'x', senderId: 'ann@example.org', text: '😀 two\nlines' };
    for (const extra of [{}, { replyTo }]) {
      const stanza = onTheWire(encodeContent({ ...content, ...extra, mentions: [ann, bob] }));
      const full = [...(stanza.childText('body', NS.client) ?? '')];
      const said = stanza
        .childrenNamed('reference', NS.reference)
        .map((one) => full.slice(Number(one.attr('begin')), Number(one.attr('end'))).join(''));
      assert.deepEqual(said, ['@Ann', '@Bob']);
      assert.deepEqual(decodeMessage(stanza).content?.mentions, [ann, bob]);
    }
  });

  it('bad input: what points nowhere means somebody all the same; what is no mention is none', () => {
    const reference = (attrs: Record<string, string>): Element => el('reference', { xmlns: NS.reference, type: 'mention', ...attrs });
    const decoded = (...children: Element[]) =>
      decodeMessage(onTheWire([el('body', { xmlns: NS.client }, 'short'), ...children])).content?.mentions;
    assert.deepEqual(decoded(reference({ uri: 'xmpp:ann@example.org', begin: '2', end: '400' })), [
      { personId: 'ann@example.org', start: 0, end: 0 },
    ]);
    assert.deepEqual(decoded(reference({ uri: 'xmpp:ann@example.org' })), [{ personId: 'ann@example.org', start: 0, end: 0 }]);
    assert.equal(decoded(reference({ uri: 'javascript:alert(1)', begin: '0', end: '2' })), undefined);
    assert.equal(decoded(reference({ uri: 'xmpp:example.org', begin: '0', end: '2' })), undefined);
    assert.equal(decoded(...Array.from({ length: 500 }, () => reference({ uri: 'xmpp:ann@example.org' })))?.length, 100);
  });

  it('are checked before they are sent', () => {
    assert.deepEqual(checkMentions(content.body, [ann]), [ann]);
    for (const wrong of [
      { ...ann, start: -1 },
      { ...ann, end: 3 },
      { ...ann, end: 99 },
      { ...ann, start: 0.5 },
      { ...ann, personId: 'ann' },
    ])
      assert.throws(() => checkMentions(content.body, [wrong]), { code: 'invalid-argument' });
  });

  it('are of the account by address, by its name in the group, or by a word of the text', () => {
    const me = { me: 'ann@example.org', group: 'room@groups.example.org', nick: 'Annie' };
    const isMe = (body: string, personId?: string): boolean =>
      mentionsMe({ body, mentions: personId === undefined ? [] : [{ personId, start: 0, end: 0 }] }, me);
    assert.ok(isMe('', 'ann@example.org') && isMe('', 'room@groups.example.org/Annie') && isMe('ask ann!') && isMe('@Annie'));
    assert.ok(!isMe('', 'bob@example.org') && !isMe('', 'other@groups.example.org/Annie') && !isMe('annoying') && !isMe(''));
  });
});
