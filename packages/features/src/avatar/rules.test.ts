import assert from 'node:assert/strict';
import { test } from 'node:test';
import { el } from '@parley/xml';
import { pictureType, readersOf, storedForm, withPicture } from './rules.ts';

const info = (id: string, type: string, url?: string) => ({ id, type, bytes: 1, url });

test('the form that is stored here goes into the vCard, never one that is elsewhere (XEP-0398 §3.1)', () => {
  const forms = [info('a', 'image/webp'), info('b', 'image/png', 'https://x.example/'), info('c', 'image/png')];
  assert.equal(storedForm(forms)?.id, 'c');
  assert.equal(storedForm(forms.slice(0, 2))?.id, 'a');
  assert.equal(storedForm(forms.slice(1, 2)), undefined);
});

test('nobody sees the picture in the vCard who would not see it in the node (XEP-0398 §6)', () => {
  assert.deepEqual(
    ['open', 'presence', 'roster', 'authorize', 'whitelist'].map((model) => readersOf(model as 'open')),
    ['anyone', 'contacts', undefined, undefined, undefined],
  );
});

test('the rest of the card stays', () => {
  const card = el('vCard', { xmlns: 'vcard-temp' }, el('FN', null, 'Ann'), el('PHOTO', null, el('BINVAL', null, 'AA==')));
  const changed = withPicture(card, { type: 'image/png', bytes: new Uint8Array([1, 2, 3]) });
  assert.equal(changed.childText('FN'), 'Ann');
  assert.equal(changed.childrenNamed('PHOTO').length, 1);
  assert.equal(changed.child('PHOTO')?.childText('BINVAL'), 'AQID');
  assert.equal(withPicture(changed, undefined).child('PHOTO'), undefined);
});

test('the type of a picture', () => {
  const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0]);
  assert.equal(pictureType('image/svg+xml', png), 'image/svg+xml');
  assert.equal(pictureType('', png), 'image/png');
  assert.equal(pictureType('text/html', png), 'image/png');
  assert.equal(pictureType('text/html', new Uint8Array([1])), undefined);
});
