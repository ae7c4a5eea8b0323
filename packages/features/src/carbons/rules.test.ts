import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseElement, Stanza } from '@parley/xml';
import { shouldCopy } from './rules.ts';

const rows: Array<[string, boolean, string]> = [
  ["<message type='chat'><body>x</body></message>", true, 'chat'],
  ["<message type='chat'/>", true, 'chat'],
  ['<message><body>x</body></message>', true, 'body'],
  ["<message><received xmlns='urn:xmpp:receipts' id='1'/></message>", true, 'payload'],
  ["<message><reactions xmlns='urn:xmpp:reactions:0' id='1'/></message>", true, 'payload'],
  ["<message><retract xmlns='urn:xmpp:message-retract:1' id='1'/></message>", true, 'payload'],
  ['<message/>', false, 'nothing'],
  ["<message type='groupchat'><body>x</body></message>", false, 'groupchat'],
  ["<message type='headline'><body>x</body></message>", false, 'headline'],
  ["<message type='error'><body>x</body></message>", false, 'nothing'],
  ["<message type='chat'><body>x</body><private xmlns='urn:xmpp:carbons:2'/></message>", false, 'private'],
  ["<message type='chat'><body>x</body><no-copy xmlns='urn:xmpp:hints'/></message>", false, 'hint'],
  ["<message type='chat'><body>x</body><x xmlns='http://jabber.org/protocol/muc#user'/></message>", false, 'room'],
  ["<message type='chat'><received xmlns='urn:xmpp:carbons:2'/></message>", false, 'carbon'],
];
for (const [xml, copy, reason] of rows)
  test(`${copy ? 'copied' : 'not copied'} (${reason}): ${xml}`, () => {
    assert.deepEqual(shouldCopy(Stanza.from(parseElement(xml, undefined, 'jabber:client'))), { copy, reason });
  });
