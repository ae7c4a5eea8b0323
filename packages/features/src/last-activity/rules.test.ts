import assert from 'node:assert/strict';
import { test } from 'node:test';
import { el, Stanza } from '@parley/xml';
import { lastSeen, mayAsk, secondsSince } from './rules.ts';

const NOON = Date.UTC(2026, 0, 1, 12);
const farewell = (...children: ReturnType<typeof el>[]) => Stanza.from(el('presence', { type: 'unavailable' }, ...children));
const idle = (since: string) => el('idle', { xmlns: 'urn:xmpp:idle:1', since });

test('what somebody said when they went is remembered, bounded', () => {
  assert.deepEqual(lastSeen(NOON, undefined), { at: NOON });
  assert.deepEqual(lastSeen(NOON, farewell(el('status', null, 'Heading Home'))), { at: NOON, status: 'Heading Home' });
  assert.equal(lastSeen(NOON, farewell(el('status', null, 'x'.repeat(5000)))).status?.length, 1000);
});

test('XEP-0319: the last touch is remembered, unless it lies in the future or is no time', () => {
  assert.equal(lastSeen(NOON, farewell(idle('2026-01-01T11:50:00Z'))).idleSince, NOON - 600_000);
  assert.equal(lastSeen(NOON, farewell(idle('2026-01-01T12:50:00Z'))).idleSince, undefined);
  assert.equal(lastSeen(NOON, farewell(idle('soon'))).idleSince, undefined);
});

test('seconds are whole and never negative', () => {
  assert.equal(secondsSince(NOON, NOON + 1999), 1);
  assert.equal(secondsSince(NOON, NOON - 5000), 0);
});

test('XEP-0012 §7: only who sees the presence may ask', () => {
  for (const sameAccount of [true, false])
    for (const subscribed of [true, false])
      for (const directed of [true, false])
        assert.equal(mayAsk({ sameAccount, subscribed, directed }), sameAccount || subscribed || directed);
});
