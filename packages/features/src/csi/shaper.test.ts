import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outgoing } from '@parley/core';
import { utf8Decode, utf8Encode } from '@parley/xml';
import fc from 'fast-check';
import { Shaper } from './shaper.ts';

const item = (xml: string, seq = 0): Outgoing => ({ kind: xml.startsWith('<m') ? 'message' : 'presence', bytes: utf8Encode(xml), seq });
const make = (stanzas = 100, bytes = 1e6): Shaper => new Shaper({ own: 'bob@here', host: 'here', stanzas, bytes });
const texts = (items: readonly Outgoing[]): string[] => items.map(({ bytes }) => utf8Decode(bytes));
const presence = (from: string, show: string): string => `<presence from="${from}"><show>${show}</show></presence>`;
const body = (from: string, text: string): string => `<message from="${from}" type="chat"><body>${text}</body></message>`;
const receipt = (from: string, id: number): string =>
  `<message from="${from}" type="chat"><received xmlns="urn:xmpp:receipts" id="${id}"/></message>`;

test('the newest presence of each address waits; a message takes that of its sender along, and no other', () => {
  const shaper = make();
  for (const show of ['away', 'xa', 'dnd']) assert.deepEqual(shaper.pass(item(presence('ann@here/a', show))), []);
  shaper.pass(item(presence('carl@here/c', 'away')));
  const message = body('ann@here/a', 'hi');
  assert.deepEqual(texts(shaper.pass(item(message, 7))), [presence('ann@here/a', 'dnd'), message]);
  assert.deepEqual(texts(shaper.release()), [presence('carl@here/c', 'away')]);
  assert.equal(shaper.size, 0);
});

test('receipts wait for the next message, whoever it is from, and keep their order', () => {
  const shaper = make();
  shaper.pass(item(receipt('ann@here/a', 1), 1));
  shaper.pass(item(receipt('carl@here/c', 2), 2));
  const message = body('dora@here/d', 'hi');
  assert.deepEqual(texts(shaper.pass(item(message, 3))), [receipt('ann@here/a', 1), receipt('carl@here/c', 2), message]);
});

test('D10: what is held is bounded by number and by bytes; beyond that all of it goes', () => {
  const few = make(3);
  for (let i = 0; i < 3; i++) assert.deepEqual(few.pass(item(presence(`a${i}@here/x`, 'away'))), []);
  assert.equal(few.pass(item(presence('a3@here/x', 'away'))).length, 4);
  const small = make(100, 200);
  assert.equal(small.pass(item(presence('a@here/x', 'y'.repeat(300)))).length, 1);
});

const anything = fc.array(
  fc.record({
    what: fc.constantFrom('presence' as const, 'body' as const, 'receipt' as const, 'typing' as const, 'event' as const),
    who: fc.nat(2),
  }),
  { maxLength: 60 },
);

test('nothing that is kept is lost, repeated or out of order; the last presence and event of each is what arrives', () => {
  fc.assert(
    fc.property(anything, fc.integer({ min: 1, max: 20 }), (traffic, bound) => {
      const shaper = make(bound);
      let seq = 0;
      const sent: Outgoing[] = [];
      const kept: number[] = [];
      const latest = new Map<string, string>();
      traffic.forEach(({ what, who }, at) => {
        const from = `p${who}@here/x`;
        let xml = presence(from, String(at));
        if (what === 'body') xml = body(from, String(at));
        else if (what === 'receipt') xml = receipt(from, at);
        else if (what === 'typing') xml = `<message from="${from}"><composing xmlns="http://jabber.org/protocol/chatstates"/></message>`;
        else if (what === 'event')
          xml = `<message from="${from}" type="headline"><event xmlns="http://jabber.org/protocol/pubsub#event"><items node="n"><item id="1"><x xmlns="y">${at}</x></item></items></event></message>`;
        if (what === 'presence' || what === 'event') latest.set(`${what} ${from}`, xml);
        const stored = what === 'body' || what === 'receipt';
        if (stored) kept.push(++seq);
        sent.push(...shaper.pass(item(xml, stored ? seq : 0)));
        if (what === 'body') assert.equal(sent.at(-1)?.seq, seq, 'what a person reads is not held');
      });
      sent.push(...shaper.release());
      assert.deepEqual(
        sent.filter((one) => one.seq > 0).map((one) => one.seq),
        kept,
      );
      const arrived = new Map<string, string>();
      for (const xml of texts(sent)) {
        const [, from = ''] = /from="([^"]+)"/.exec(xml) ?? [];
        if (xml.startsWith('<presence')) arrived.set(`presence ${from}`, xml);
        else if (xml.includes('<event')) arrived.set(`event ${from}`, xml);
      }
      assert.deepEqual(arrived, latest);
      assert.ok(!texts(sent).some((xml) => xml.includes('composing')));
    }),
  );
});
