import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NS } from '@parley/protocol';
import { utf8Encode } from '@parley/xml';
import { shapeOf } from './rules.ts';

const OWN = 'bob@here';
const shape = (xml: string, seq = 0) => {
  const kind = xml.startsWith('<m') ? 'message' : xml.startsWith('<p') ? 'presence' : 'iq';
  return shapeOf({ kind, seq, bytes: utf8Encode(xml) }, OWN, 'here');
};
const from = `from="ann@here/phone"`;

test('presence waits, the newest of each address; requests about subscriptions and the own place in a room do not', () => {
  assert.deepEqual(shape(`<presence ${from}/>`), { do: 'hold', key: 'presence ann@here/phone' });
  assert.deepEqual(shape(`<presence ${from} type="unavailable"/>`), { do: 'hold', key: 'presence ann@here/phone' });
  for (const type of ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed', 'error'])
    assert.equal(shape(`<presence ${from} type="${type}"/>`).do, 'wake', type);
  const room = (code: string): string =>
    `<presence from="r@muc/bob"><x xmlns="http://jabber.org/protocol/muc#user"><status code="${code}"/></x></presence>`;
  assert.equal(shape(room('110')).do, 'wake');
  assert.equal(shape(room('100')).do, 'hold');
});

test('what a person reads wakes; receipts, markers and reactions wait; typing goes', () => {
  const message = (inner: string): string => shape(`<message ${from} type="chat">${inner}</message>`).do;
  assert.equal(message('<body>x</body>'), 'wake');
  assert.equal(message('<subject>x</subject>'), 'wake');
  assert.equal(message(`<encrypted xmlns="urn:xmpp:omemo:2"/>`), 'wake');
  assert.equal(message(`<propose xmlns="urn:xmpp:jingle-message:0" id="1"/>`), 'wake');
  assert.equal(message(`<retract xmlns="urn:xmpp:jingle-message:0" id="1"/>`), 'wake');
  assert.equal(message(`<received xmlns="${NS.receipts}" id="1"/>`), 'hold');
  assert.equal(message(`<displayed xmlns="${NS.markers}" id="1"/>`), 'hold');
  assert.equal(message(`<reactions xmlns="urn:xmpp:reactions:0" id="1"/>`), 'hold');
  assert.equal(message(`<composing xmlns="${NS.chatStates}"/>`), 'drop');
  assert.equal(message(`<active xmlns="${NS.chatStates}"/><body>x</body>`), 'wake');
  assert.equal(message(`<unknown xmlns="urn:x"/>`), 'wake', 'what is not known is not held');
  assert.equal(shape(`<message ${from} type="error"><error type="cancel"/></message>`).do, 'wake');
  assert.equal(shape(`<message from="${OWN}"><result xmlns="${NS.mam}" id="1"/></message>`).do, 'pass');
});

test('carbons are judged by what they carry', () => {
  const carbon = (by: string, inner: string): string =>
    `<message from="${by}"><received xmlns="${NS.carbons}"><forwarded xmlns="${NS.forward}"><message xmlns="jabber:client" ${from} type="chat">${inner}</message></forwarded></received></message>`;
  assert.equal(shape(carbon(OWN, '<body>x</body>')).do, 'wake');
  assert.equal(shape(carbon(OWN, `<composing xmlns="${NS.chatStates}"/>`)).do, 'drop');
  assert.equal(shape(carbon(OWN, `<received xmlns="${NS.receipts}" id="1"/>`)).do, 'hold');
  assert.equal(shape(carbon('eve@here', `<composing xmlns="${NS.chatStates}"/>`)).do, 'wake', 'a forged one is no carbon');
});

test('events wait, the newest of each item; what was displayed elsewhere passes (XEP-0490)', () => {
  const event = (by: string, node: string, items: string): string =>
    `<message from="${by}" type="headline"><event xmlns="http://jabber.org/protocol/pubsub#event"><items node="${node}">${items}</items></event></message>`;
  assert.deepEqual(shape(event('ann@here', 'mood', '<item id="1"/>')), { do: 'hold', key: 'event ann@here mood 1' });
  assert.deepEqual(shape(event('ann@here', 'mood', '<retract id="1"/>')), { do: 'hold', key: 'event ann@here mood 1' });
  assert.deepEqual(shape(event('ann@here', 'mood', '<item id="1"/><item id="2"/>')), { do: 'hold', key: undefined });
  assert.equal(shape(event(OWN, NS.mds, '<item id="ann@here"/>')).do, 'pass');
  assert.equal(shape(event('ann@here', NS.mds, '<item id="ann@here"/>')).do, 'hold');
});

test('answers of the server pass, requests of others wake', () => {
  assert.equal(shape(`<iq from="here" type="result" id="1"/>`).do, 'pass');
  assert.equal(shape(`<iq type="set" id="1"><query xmlns="jabber:iq:roster"/></iq>`).do, 'pass');
  assert.equal(shape(`<iq ${from} type="get" id="1"><query xmlns="jabber:iq:version"/></iq>`).do, 'wake');
});
