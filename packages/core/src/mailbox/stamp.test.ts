import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NS } from '@parley/protocol';
import { parseStanza, utf8Decode, utf8Encode } from '@parley/xml';
import { idToPosition, nextPosition } from './positions.ts';
import { Stamps, stampAgain } from './stamp.ts';

const message = utf8Encode('<message from="ann@localhost/x" to="bob@localhost" type="chat"><body>grüße 🙂</body></message>');

for (const owner of ['bob@localhost', 'bob&"<@localhost', 'жук@пример'])
  test(`a stored message with its id and time, for ${owner}`, () => {
    const stamps = new Stamps('exa&mple');
    const at = Date.UTC(2026, 10, 24, 1, 2, 3, 4);
    for (const [bytes, late] of [
      [stamps.live(message, owner, 123_456_789), false],
      [stamps.late(message, owner, 123_456_789, at), true],
    ] as const) {
      const stanza = parseStanza(bytes, undefined, NS.client);
      assert.equal(stanza.childText('body'), 'grüße 🙂');
      const id = stanza.child('stanza-id', NS.sid);
      assert.equal(id?.attr('by'), owner);
      assert.equal(idToPosition(id?.attr('id') ?? ''), 123_456_789);
      const delay = stanza.child('delay', NS.delay);
      assert.equal(delay?.attr('stamp'), late ? '2026-11-24T01:02:03.004Z' : undefined);
      assert.equal(delay?.attr('from'), late ? 'exa&mple' : undefined);
    }
  });

test('the delay may be of a group, which then says itself since when', () => {
  const late = new Stamps('h').late(message, 'room@rooms.h', seq, at, 'room@rooms.h');
  assert.match(utf8Decode(late), /<delay xmlns="urn:xmpp:delay" from="room@rooms.h" stamp=/);
  assert.equal(stampAgain(late, seq, 'h'), late);
});

test('the original is not changed', () => {
  const before = message.slice();
  new Stamps('localhost').late(message, 'bob@localhost', 1, 0);
  assert.deepEqual(message, before);
});

const at = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
const seq = nextPosition(0, at);
const delays = (bytes: Uint8Array): string[] =>
  [...utf8Decode(bytes).matchAll(/<delay[^>]*stamp="([^"]*)"\/>/g)].map((match) => match[1] ?? '');

test('D8: what was live the first time gets the time of its position, what was late keeps its own', () => {
  const stamps = new Stamps('h');
  assert.deepEqual(delays(stampAgain(stamps.live(message, 'bob@h', seq), seq, 'h')), ['2026-01-02T03:04:05.006Z']);
  const late = stamps.late(message, 'bob@h', seq, at + 1000);
  assert.equal(stampAgain(late, seq, 'h'), late);
});

test('the delay of another host is not ours', () => {
  const other = utf8Encode('<message><delay xmlns="urn:xmpp:delay" from="x" stamp="2026-01-02T03:04:05.006Z"/></message>');
  assert.equal(delays(stampAgain(new Stamps('h').live(other, 'bob@h', seq), seq, 'h')).length, 2);
  assert.equal(delays(stampAgain(utf8Encode('<message></message>'), seq, 'a-very-long-host-name.example')).length, 1);
});
