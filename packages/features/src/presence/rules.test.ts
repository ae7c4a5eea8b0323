import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerProbe, isDirectedTo, mayReachResource } from './rules.ts';

test('RFC 6121 §4.3.2: a probe tells a stranger as much as one of an account that is not there', () => {
  for (const full of [true, false]) {
    const stranger = answerProbe({ exists: true, blocked: false, subscribed: false, directed: false, full });
    const nobody = answerProbe({ exists: false, blocked: false, subscribed: false, directed: false, full });
    assert.equal(stranger, nobody);
    assert.equal(stranger, 'unsubscribed');
  }
});

test('RFC 6121 §4.3.2 and §4.6.5: who may know what', () => {
  const base = { exists: true, blocked: false, subscribed: false, directed: false, full: false };
  assert.equal(answerProbe({ ...base, subscribed: true }), 'presence');
  assert.equal(answerProbe({ ...base, subscribed: true, full: true }), 'mere');
  assert.equal(answerProbe({ ...base, directed: true, full: true }), 'mere');
  assert.equal(answerProbe({ ...base, blocked: true, subscribed: true }), 'nothing');
});

test('R12: a resource is reached by its own account, by subscribers and by those it showed itself to', () => {
  for (const sameAccount of [true, false])
    for (const subscribed of [true, false])
      for (const directed of [true, false])
        assert.equal(mayReachResource({ sameAccount, subscribed, directed }), sameAccount || subscribed || directed);
});

test('presence directed to a bare JID covers all its resources, to a full JID only that one', () => {
  assert.equal(isDirectedTo(['bob@x'], 'bob@x/phone', 'bob@x'), true);
  assert.equal(isDirectedTo(['bob@x/phone'], 'bob@x/phone', 'bob@x'), true);
  assert.equal(isDirectedTo(['bob@x/phone'], 'bob@x/laptop', 'bob@x'), false);
  assert.equal(isDirectedTo([], 'bob@x/phone', 'bob@x'), false);
});
