import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseElement } from '@parley/xml';
import { groupFacts } from './group-facts.ts';
import { plainText } from './pipeline.ts';

const ROOM = 'walk@conference.localhost';
const kinds = (nick: string, item = ''): string[] => {
  const stanza = parseElement(
    `<message from='${ROOM}/Bob' type='groupchat'><composing xmlns='http://jabber.org/protocol/chatstates'/>${item}</message>`,
    {},
    'jabber:client',
  );
  const options = { me: 'bob@localhost', origin: 'live', cipher: plainText, now: () => 0, nick } as unknown as Parameters<
    typeof groupFacts
  >[1];
  return groupFacts(stanza, options).map(({ kind }) => kind);
};

test('nobody is told that they are typing themselves, also before their own nickname is known', () => {
  assert.deepEqual(kinds('Ann'), ['typing'], 'another one');
  assert.deepEqual(kinds('Bob'), ['nothing'], 'oneself by name');
  assert.deepEqual(kinds(''), ['nothing'], 'perhaps oneself');
  const who = (jid: string): string => `<x xmlns='http://jabber.org/protocol/muc#user'><item jid='${jid}/desk'/></x>`;
  assert.deepEqual(kinds('', who('eve@localhost')), ['typing'], 'another one by address');
  assert.deepEqual(kinds('', who('bob@localhost')), ['nothing'], 'oneself by address');
});
