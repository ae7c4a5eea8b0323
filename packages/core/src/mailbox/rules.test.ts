import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseElement, Stanza } from '@parley/xml';
import { shouldKeep, shouldKeepContent } from './rules.ts';

const stanza = (content: string, attributes = "type='chat'") =>
  Stanza.from(parseElement(`<message ${attributes}>${content}</message>`, undefined, 'jabber:client'));

const BODY = '<body>x</body>';
const SFS = "<file-sharing xmlns='urn:xmpp:sfs:0'/>";
const REPLACE = "<replace xmlns='urn:xmpp:message-correct:0' id='a'/>";
const RETRACT = "<retract xmlns='urn:xmpp:message-retract:1' id='a'/>";
const REACT = "<reactions xmlns='urn:xmpp:reactions:0' id='a'/>";
const REPLY = "<reply xmlns='urn:xmpp:reply:0' id='a'/>";
const RECEIVED = "<received xmlns='urn:xmpp:receipts' id='a'/>";
const DISPLAYED = "<displayed xmlns='urn:xmpp:chat-markers:0' id='a'/>";
const COMPOSING = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
const TIMER = "<ephemeral xmlns='urn:xmpp:ephemeral:0' timer='86400'/>";
const OMEMO = "<encrypted xmlns='eu.siacs.conversations.axolotl'/>";
const hint = (name: string) => `<${name} xmlns='urn:xmpp:hints'/>`;

/** K1, K2, K4: content, kept, quiet, reason. */
const rows: Array<[string, boolean, boolean, string]> = [
  [BODY, true, false, 'body'],
  [REPLY + BODY, true, false, 'body'],
  [COMPOSING, false, true, 'nothing-to-keep'],
  [COMPOSING + BODY, true, false, 'body'],
  [SFS, true, false, 'file'],
  ["<x xmlns='jabber:x:oob'/>", true, false, 'file'],
  [RECEIVED, true, true, 'receipt'],
  [DISPLAYED, true, true, 'marker'],
  ["<markable xmlns='urn:xmpp:chat-markers:0'/>", false, true, 'nothing-to-keep'],
  [DISPLAYED + BODY, true, false, 'body'],
  [REPLACE, true, true, 'change'],
  [BODY + REPLACE, true, true, 'change'],
  [RETRACT, true, true, 'change'],
  [BODY + RETRACT, true, true, 'change'],
  [REACT, true, true, 'change'],
  [BODY + REACT, true, true, 'change'],
  [OMEMO + REACT, true, true, 'change'],
  [TIMER, true, true, 'change'],
  [BODY + TIMER, true, false, 'body'],
  [OMEMO, true, false, 'encrypted'],
  ["<propose xmlns='urn:xmpp:jingle-message:0' id='a'/>", true, false, 'call'],
  ["<accept xmlns='urn:xmpp:jingle-message:0' id='a'/>", true, true, 'call'],
  ["<x xmlns='jabber:x:conference' jid='r@h'/>", true, false, 'invitation'],
  [hint('store'), true, true, 'hint'],
  [hint('store') + BODY, true, false, 'body'],
  [BODY + hint('no-store'), false, true, 'hint'],
  [REACT + hint('no-permanent-store'), false, true, 'hint'],
  [RECEIVED + hint('no-store'), false, true, 'hint'],
];
for (const [content, keep, quiet, reason] of rows)
  test(`${keep ? 'kept' : 'not kept'}${quiet ? ', quiet' : ''} (${reason}): ${content}`, () => {
    assert.deepEqual(shouldKeep(stanza(content)), { keep, reason, quiet });
    assert.deepEqual(shouldKeep(stanza(content, '')), { keep, reason, quiet });
    assert.deepEqual(shouldKeepContent(stanza(content, "type='groupchat'")), { keep, reason, quiet });
    for (const type of ['error', 'headline', 'groupchat'])
      assert.deepEqual(shouldKeep(stanza(content, `type='${type}'`)), { keep: false, reason: 'type', quiet: true });
  });
