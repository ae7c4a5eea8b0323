import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeRetracted } from '@parley/protocol';
import { utf8Decode, utf8Encode } from '@parley/xml';
import { isTombstone, tombstoneOf } from './tombstone.ts';

const message = utf8Encode(
  '<message from="ann@h/x" to="bob@h" type="chat" id="a&amp;1"><body>secret</body><origin-id xmlns="urn:xmpp:sid:0" id="o"/>' +
    '<occupant-id xmlns="urn:xmpp:occupant-id:0" id="p"/><file-sharing xmlns="urn:xmpp:sfs:0"><x/></file-sharing><thread>t</thread></message>',
);

test('XEP-0424 §4: the content goes; address, id and whose it was stay', () => {
  const tombstone = tombstoneOf(message, encodeRetracted({ id: 'r1', stamp: Date.UTC(2026, 0, 1) }));
  assert.equal(
    utf8Decode(tombstone),
    '<message to="bob@h" from="ann@h/x" id="a&amp;1" type="chat"><origin-id xmlns="urn:xmpp:sid:0" id="o"/><occupant-id xmlns="urn:xmpp:occupant-id:0" id="p"/>' +
      '<retracted xmlns="urn:xmpp:message-retract:1" id="r1" stamp="2026-01-01T00:00:00.000Z"/></message>',
  );
  assert.equal(isTombstone(tombstone), true);
  assert.equal(isTombstone(message), false);
});

test('R2: nothing that was sent stays, wherever it was put: text between the elements, other attributes, inside of what is kept', () => {
  const message = utf8Encode(
    '<message to="b@h" from="a@h/x" id="m" type="chat" xml:lang="secret">secret<body>secret</body>' +
      '<origin-id xmlns="urn:xmpp:sid:0" id="o" more="secret">secret</origin-id>secret</message>',
  );
  const tombstone = tombstoneOf(message, encodeRetracted({ id: 'r1', stamp: Date.UTC(2026, 0, 1) }));
  assert.doesNotMatch(utf8Decode(tombstone), /secret/);
  assert.match(
    utf8Decode(tombstone),
    /^<message to="b@h" from="a@h\/x" id="m" type="chat"><origin-id xmlns="urn:xmpp:sid:0" id="o"\/><retracted /,
  );
  assert.equal(isTombstone(tombstone), true);
});

test('R2: a message that calls itself a tombstone is none, and can be retracted', () => {
  const retracted = '<retracted xmlns="urn:xmpp:message-retract:1" stamp="2026-01-01T00:00:00Z"/>';
  for (const content of [`${retracted}<body>secret</body>`, `secret${retracted}`])
    assert.equal(isTombstone(utf8Encode(`<message>${content}</message>`)), false, content);
  assert.equal(isTombstone(utf8Encode(`<message>${retracted}</message>`)), true);
});
