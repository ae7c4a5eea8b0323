import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeDisplayedState, NS } from '@parley/protocol';
import { el, Stanza } from '@parley/xml';
import { takeDisplayed } from './rules.ts';

const state = { by: 'juliet@capulet.lit', id: '1' };
const marker = el('displayed', { xmlns: NS.markers, id: 'the-msg-1' });

test("the server's part goes, the rest stays as it is (XEP-0490 §4.5)", () => {
  const message = Stanza.from(el('message', { to: 'romeo@m.lit', id: 'x' }, marker, encodeDisplayedState(state)));
  const taken = takeDisplayed(message);
  assert.deepEqual(taken?.state, state);
  assert.deepEqual(
    taken.rest.children.map(({ ns }) => ns),
    [NS.markers],
  );
  assert.deepEqual([taken.rest.to, taken.rest.id], ['romeo@m.lit', 'x']);
});

test('also what is not understood goes: nothing of it is for the recipient', () => {
  const odd = el('displayed', { xmlns: NS.mds }, 'junk');
  const taken = takeDisplayed(Stanza.from(el('message', { to: 'a@b' }, marker, odd, encodeDisplayedState(state))));
  assert.equal(taken?.state, undefined);
  assert.equal(taken?.rest.children.length, 1);
  assert.equal(takeDisplayed(Stanza.from(el('message', { to: 'a@b' }, marker))), undefined);
});
