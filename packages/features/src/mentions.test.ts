import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NS } from '@parley/protocol';
import { parseStanza, utf8Encode } from '@parley/xml';
import { mentions, says } from './mentions.ts';

const ann = { bare: 'ann@h', group: 'room@groups.h', nick: 'Annie' as string | undefined };
const mentioned = (content: string, whom = ann): boolean =>
  mentions(parseStanza(utf8Encode(`<message from="room@groups.h/bob" type="groupchat">${content}</message>`), undefined, NS.client), whom);
const reference = (type: string, uri: string): string =>
  `<reference xmlns="${NS.reference}" type="${type}" uri="${uri}" begin="0" end="2"/>`;

test('a name is mentioned as a word, not inside one', () => {
  for (const text of ['bob', 'hey Bob!', '@bob, look', 'ask bob.', '(bob)', 'bobby, bob']) assert.ok(says(text, ['Bob', undefined]), text);
  for (const text of ['bobby', 'kebob', '', 'bob_2', 'böb']) assert.ok(!says(text, ['bob', '']), text);
});

test('a mention is the nickname or the name of the account as a word', () => {
  assert.ok(mentioned('<body>annie: hi</body>') && mentioned('<body>ask ann</body>'));
  assert.ok(!mentioned('<body>annoying</body>') && !mentioned('') && !mentioned('<body/>'));
  assert.ok(mentioned('<body>ann</body>', { ...ann, nick: undefined }) && !mentioned('<body>annie</body>', { ...ann, nick: undefined }));
});

test('XEP-0372: or a reference to the address, or to that of the occupant; nobody else is meant', () => {
  assert.ok(mentioned(`<body>hi</body>${reference('mention', 'xmpp:ann@h')}`));
  assert.ok(mentioned(`<body>hi</body>${reference('mention', 'xmpp:bob@h')}${reference('mention', 'xmpp:ann@h')}`));
  assert.ok(mentioned(reference('mention', 'xmpp:room@groups.h/Annie')));
  assert.ok(mentioned(reference('mention', 'xmpp:room@groups.h/Annie%20B'), { ...ann, nick: 'Annie B' }));
  for (const [type, uri] of [
    ['data', 'xmpp:ann@h'],
    ['mention', 'xmpp:ann@h2'],
    ['mention', 'xmpp:other@groups.h/Annie'],
    ['mention', 'https://ann@h'],
    ['mention', 'xmpp:%E0%A4%A'],
  ] as const)
    assert.ok(!mentioned(`<body>hi</body>${reference(type, uri)}`), uri);
});
