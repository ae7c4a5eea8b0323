import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8Encode } from '@parley/xml';
import { searchableText } from './text.ts';

const rows: Array<[string, string | undefined]> = [
  ['<body>tea &amp; cake</body>', 'tea & cake'],
  ['<subject>Tea</subject><body>cake</body>', 'cake Tea'],
  [
    "<file-sharing xmlns='urn:xmpp:sfs:0'><file xmlns='urn:xmpp:file:metadata:0'><name>summit.jpg</name></file></file-sharing>",
    'summit.jpg',
  ],
  ["<body>fixed</body><replace xmlns='urn:xmpp:message-correct:0' id='a'/>", 'fixed'],
  ["<body>retracted</body><retract xmlns='urn:xmpp:message-retract:1' id='a'/>", undefined],
  ["<body>👋</body><reactions xmlns='urn:xmpp:reactions:0' id='a'/>", undefined],
  ["<body>I sent you an OMEMO message</body><encrypted xmlns='eu.siacs.conversations.axolotl'/>", undefined],
  ["<retracted xmlns='urn:xmpp:message-retract:1' id='a'/>", undefined],
  ["<received xmlns='urn:xmpp:receipts' id='a'/>", undefined],
  ['<body/>', undefined],
];
for (const [content, text] of rows)
  test(`${text === undefined ? 'nothing to find' : `"${text}"`}: ${content}`, () =>
    assert.equal(searchableText(utf8Encode(`<message id="m" type="chat">${content.replaceAll("'", '"')}</message>`)), text));
