import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StanzaError } from '@parley/protocol';
import { type AccessModel, DEFAULT_CONFIG } from './config.ts';
import { type Affiliation, capacity, expired, howManyFit, mayPublish, nodeName, refusal, type Visitor, whyNotRead } from './rules.ts';

const config = (access_model: AccessModel, more: object = {}) => ({
  ...DEFAULT_CONFIG,
  access_model,
  roster_groups_allowed: ['Friends'],
  ...more,
});
const visitor = (more: Partial<Visitor> = {}): Visitor => ({ affiliation: 'none', subscribed: false, contact: false, groups: [], ...more });

test('who reads, by access model (XEP-0060 §4.5)', () => {
  const who = {
    stranger: visitor(),
    subscriber: visitor({ subscribed: true }),
    contact: visitor({ contact: true }),
    friend: visitor({ contact: true, groups: ['Friends'] }),
    /** In the group, but may not see the owner's presence. */
    asked: visitor({ groups: ['Friends'] }),
    member: visitor({ affiliation: 'member' }),
    owner: visitor({ affiliation: 'owner', contact: true }),
    outcast: visitor({ affiliation: 'outcast', contact: true, subscribed: true, groups: ['Friends'] }),
  };
  const readers = (model: AccessModel): string[] =>
    Object.entries(who)
      .filter(([, one]) => whyNotRead(config(model), one) === undefined)
      .map(([name]) => name);
  assert.deepEqual(readers('open'), ['stranger', 'subscriber', 'contact', 'friend', 'asked', 'member', 'owner']);
  assert.deepEqual(readers('presence'), ['contact', 'friend', 'member', 'owner']);
  assert.deepEqual(readers('roster'), ['friend', 'member', 'owner']);
  assert.deepEqual(readers('authorize'), ['subscriber', 'member', 'owner']);
  assert.deepEqual(readers('whitelist'), ['member', 'owner']);
});

test('R13: a stranger is told the same whatever the reason', () => {
  const reasons = ['missing', 'outcast', 'presence', 'roster', 'authorize', 'whitelist'] as const;
  for (const why of reasons) assert.equal(refusal(why, visitor()).condition, 'service-unavailable');
  const told = reasons.map((why) => refusal(why, visitor({ contact: true })).condition);
  assert.deepEqual(told, ['item-not-found', 'forbidden', 'not-authorized', 'not-authorized', 'not-authorized', 'not-allowed']);
});

test('who publishes (XEP-0060 §4.1, pubsub#publish_model)', () => {
  const by = (publish_model: string, more: Partial<Visitor>, model: AccessModel = 'open'): boolean =>
    mayPublish(config(model, { publish_model }), visitor(more));
  const affiliations: Affiliation[] = ['owner', 'publisher', 'member', 'none', 'outcast'];
  assert.deepEqual(
    affiliations.map((affiliation) => by('publishers', { affiliation, subscribed: true })),
    [true, true, false, false, false],
  );
  assert.deepEqual(
    affiliations.map((affiliation) => by('open', { affiliation })),
    [true, true, true, true, false],
  );
  assert.equal(by('subscribers', {}), false);
  assert.equal(by('subscribers', { subscribed: true }), true);
  assert.equal(by('open', {}, 'whitelist'), false, 'nobody writes where they must not read');
});

test('room for items, and their age', () => {
  assert.equal(capacity(config('open', { max_items: 'max' }), 100), 100);
  assert.equal(capacity(config('open', { max_items: 7 }), 100), 7);
  assert.equal(capacity(config('open', { max_items: 700 }), 100), 100);
  assert.equal(capacity(config('open', { persist_items: false }), 100), 0);
  assert.equal(expired(config('open', { item_expire: 10 }), 0, 9999), false);
  assert.equal(expired(config('open', { item_expire: 10 }), 0, 10_000), true);
  assert.equal(expired(config('open'), 0, Number.MAX_SAFE_INTEGER), false);
});

test('names of nodes', () => {
  assert.equal(nodeName('a'), 'a');
  for (const bad of [undefined, '', 'n'.repeat(513)]) assert.throws(() => nodeName(bad), StanzaError);
});

test('an answer has a bound, and at least one item', () => {
  const items = [10, 20, 30].map((size, i) => ({ id: String(i), xml: 'x'.repeat(size - 1) }));
  assert.equal(howManyFit(items, 60, false), 3);
  assert.equal(howManyFit(items, 59, false), 2);
  assert.equal(howManyFit(items, 59, true), 2);
  assert.equal(howManyFit(items, 49, true), 1);
  assert.equal(howManyFit(items, 1, true), 1);
  assert.equal(howManyFit([], 1, true), 0);
});
