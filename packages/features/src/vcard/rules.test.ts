import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NS } from '@parley/protocol';
import { el } from '@parley/xml';
import { hex, mayRead, photoBytes } from './rules.ts';

const card = (binval: string | undefined) =>
  el('vCard', { xmlns: NS.vcard }, el('FN', null, 'Ann'), binval === undefined ? undefined : el('PHOTO', null, el('BINVAL', null, binval)));

test('the photo is what the base64 holds, line breaks ignored (XEP-0153 §4.2)', () => {
  const bytes = photoBytes(card('AQI\n  D'));
  assert.ok(bytes instanceof Uint8Array);
  assert.deepEqual([...bytes], [1, 2, 3]);
  assert.equal(photoBytes(card(undefined)), undefined);
  assert.equal(photoBytes(card('  ')), undefined);
  assert.equal(photoBytes(card('%%%')), 'bad');
});

test('the hash is written in lower case', () => {
  assert.equal(hex(new Uint8Array([0, 15, 255])), '000fff');
});

test('R13: to others a missing vCard, a hidden one and a missing account look the same', () => {
  for (const readableBy of ['anyone', 'contacts'] as const)
    for (const contact of [true, false]) assert.equal(mayRead({ own: false, readableBy, contact, exists: false }), 'service-unavailable');
  assert.equal(mayRead({ own: false, readableBy: 'contacts', contact: false, exists: true }), 'service-unavailable');
  assert.equal(mayRead({ own: false, readableBy: 'contacts', contact: true, exists: true }), 'give');
  assert.equal(mayRead({ own: false, readableBy: 'anyone', contact: false, exists: true }), 'give');
  assert.equal(mayRead({ own: true, readableBy: 'contacts', contact: false, exists: false }), 'empty');
});
