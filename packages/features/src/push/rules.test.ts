import assert from 'node:assert/strict';
import { test } from 'node:test';
import { el, Stanza } from '@parley/xml';
import {
  endsRinging,
  isActive,
  judge,
  judgeTarget,
  noteworthy,
  quietest,
  type SessionFacts,
  showsReading,
  wants,
  wishOf,
} from './rules.ts';

const here: SessionFacts = { device: 'phone', connected: true, receptive: true, inactive: false, show: undefined };

test('somebody sits before a device that is connected, available, looked at and not away', () => {
  assert.ok(isActive(here));
  for (const show of ['chat', 'dnd']) assert.ok(isActive({ ...here, show }), show);
  for (const less of [{ connected: false }, { receptive: false }, { inactive: true }, { show: 'away' }, { show: 'xa' }])
    assert.ok(!isActive({ ...here, ...less }), JSON.stringify(less));
});

const chat = (...children: ReturnType<typeof el>[]) => Stanza.from(el('message', { type: 'chat' }, ...children));
const body = el('body', null, 'x');

test('worth telling: what a person reads, calls and invitations; not what only changes or confirms another message', () => {
  assert.deepEqual(noteworthy(chat(body)), { kind: 'chat', encrypted: false });
  assert.deepEqual(noteworthy(chat(el('encrypted', { xmlns: 'urn:xmpp:omemo:2' }))), { kind: 'chat', encrypted: true });
  assert.deepEqual(noteworthy(chat(el('encrypted', { xmlns: 'eu.siacs.conversations.axolotl' }), body)), { kind: 'chat', encrypted: true });
  assert.equal(noteworthy(chat(el('propose', { xmlns: 'urn:xmpp:jingle-message:0', id: '1' })))?.kind, 'call');
  assert.equal(noteworthy(chat(el('x', { xmlns: 'jabber:x:conference', jid: 'a@b' })))?.kind, 'invitation');
  for (const quiet of [
    el('received', { xmlns: 'urn:xmpp:receipts' }),
    el('displayed', { xmlns: 'urn:xmpp:chat-markers:0' }),
    el('reactions', { xmlns: 'urn:xmpp:reactions:0' }),
    el('composing', { xmlns: 'http://jabber.org/protocol/chatstates' }),
    el('accept', { xmlns: 'urn:xmpp:jingle-message:0', id: '1' }),
  ])
    assert.equal(noteworthy(chat(quiet)), undefined, quiet.name);
  assert.equal(noteworthy(chat(body, el('replace', { xmlns: 'urn:xmpp:message-correct:0', id: '1' }))), undefined);
  assert.equal(noteworthy(chat(body, el('no-store', { xmlns: 'urn:xmpp:hints' }))), undefined);
});

test('an answer and a displayed marker show that a conversation was read; a receipt does not', () => {
  assert.ok(showsReading(chat(body)));
  assert.ok(showsReading(chat(el('displayed', { xmlns: 'urn:xmpp:chat-markers:0' }))));
  assert.ok(!showsReading(chat(el('received', { xmlns: 'urn:xmpp:receipts' }))));
});

test('any step of a call but its beginning ends the ringing', () => {
  const step = (name: string): boolean => endsRinging(chat(el(name, { xmlns: 'urn:xmpp:jingle-message:0', id: '1' })));
  for (const name of ['accept', 'proceed', 'reject', 'retract', 'finish']) assert.ok(step(name), name);
  for (const name of ['propose', 'ringing']) assert.ok(!step(name), name);
});

test('XEP-0492: what a muted chat still notifies of', () => {
  const levels = [undefined, 'always', 'on-mention', 'never'] as const;
  assert.deepEqual(
    levels.map((level) => wishOf(level, false)),
    ['all', 'all', 'mentions', 'nothing'],
  );
  assert.deepEqual(
    levels.map((level) => wishOf(level, true)),
    ['nothing', 'nothing', 'mentions', 'nothing'],
  );
});

test('XEP-0492: the quietest wish counts', () => {
  assert.equal(quietest([]), 'all');
  assert.equal(quietest(['all', 'mentions']), 'mentions');
  assert.equal(quietest(['nothing', 'mentions']), 'nothing');
  assert.ok(wants('mentions', true) && wants('all', false) && !wants('mentions', false) && !wants('nothing', true));
});

const waiting = { firstSeq: 10, lastSeq: 12, since: 1000 };

test('nobody there: told at once, unless a device that was there has it', () => {
  assert.deepEqual(judge(waiting, { now: 1000, anyActive: false, taken: -1, graceMs: 500 }), { verdict: 'tell' });
  assert.deepEqual(judge(waiting, { now: 1000, anyActive: false, taken: 11, graceMs: 500 }), { verdict: 'tell' });
  assert.deepEqual(judge(waiting, { now: 1000, anyActive: false, taken: 12, graceMs: 500 }), { verdict: 'delivered' });
});

test('somebody there: it has the grace to acknowledge, and again for what is younger', () => {
  assert.deepEqual(judge(waiting, { now: 1499, anyActive: true, taken: 9, graceMs: 500 }), { verdict: 'wait', until: 1500 });
  assert.deepEqual(judge(waiting, { now: 1500, anyActive: true, taken: 9, graceMs: 500 }), { verdict: 'tell' });
  assert.deepEqual(judge(waiting, { now: 1500, anyActive: true, taken: 10, graceMs: 500 }), { verdict: 'restart', firstSeq: 11 });
  assert.deepEqual(judge(waiting, { now: 1100, anyActive: true, taken: 12, graceMs: 500 }), { verdict: 'delivered' });
});

test('a device that is connected with nobody before it is told there, when it acknowledges', () => {
  assert.equal(judgeTarget(waiting, { now: 1000, connected: false, taken: -1, graceMs: 500 }), 'tell');
  assert.equal(judgeTarget(waiting, { now: 1000, connected: true, taken: 12, graceMs: 500 }), 'skip');
  assert.equal(judgeTarget(waiting, { now: 1499, connected: true, taken: 11, graceMs: 500 }), 'wait');
  assert.equal(judgeTarget(waiting, { now: 1500, connected: true, taken: 11, graceMs: 500 }), 'tell');
});
