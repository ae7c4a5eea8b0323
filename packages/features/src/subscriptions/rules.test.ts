import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Subscription } from '../roster/service.ts';
import { inbound, outbound, type State, type SubscriptionType } from './rules.ts';

/** RFC 6121 §A.1: the nine states. */
const STATES: Readonly<Record<string, State>> = Object.fromEntries(
  (
    [
      ['None', 'none', false, false],
      ['None + Pending Out', 'none', true, false],
      ['None + Pending In', 'none', false, true],
      ['None + Pending Out+In', 'none', true, true],
      ['To', 'to', false, false],
      ['To + Pending In', 'to', false, true],
      ['From', 'from', false, false],
      ['From + Pending Out', 'from', true, false],
      ['Both', 'both', false, false],
    ] as const
  ).map(([name, subscription, ask, pendingIn]: readonly [string, Subscription, boolean, boolean]) => [
    name,
    { subscription, ask, pendingIn, approved: false },
  ]),
);

function stateNamed(name: string): State {
  const state = STATES[name];
  assert.ok(state !== undefined, name);
  return state;
}

/** State before, route or deliver, state after ('' is "no state change"), what the server answers for the user. */
type Row = readonly [before: string, does: 'MUST' | 'M.N.' | 'S.N.', after: string, note?: string];

/** RFC 6121 §A.2 and §A.3, every row of every table. */
const TABLES: ReadonlyArray<{ table: number; direction: 'outbound' | 'inbound'; type: SubscriptionType; rows: readonly Row[] }> = [
  {
    table: 2,
    direction: 'outbound',
    type: 'subscribe',
    rows: [
      ['None', 'MUST', 'None + Pending Out'],
      ['None + Pending Out', 'MUST', ''],
      ['None + Pending In', 'MUST', 'None + Pending Out+In'],
      ['None + Pending Out+In', 'MUST', ''],
      ['To', 'MUST', ''],
      ['To + Pending In', 'MUST', ''],
      ['From', 'MUST', 'From + Pending Out'],
      ['From + Pending Out', 'MUST', ''],
      ['Both', 'MUST', ''],
    ],
  },
  {
    table: 3,
    direction: 'outbound',
    type: 'unsubscribe',
    rows: [
      ['None', 'MUST', ''],
      ['None + Pending Out', 'MUST', 'None'],
      ['None + Pending In', 'MUST', ''],
      ['None + Pending Out+In', 'MUST', 'None + Pending In'],
      ['To', 'MUST', 'None'],
      ['To + Pending In', 'MUST', 'None + Pending In'],
      ['From', 'MUST', ''],
      ['From + Pending Out', 'MUST', 'From'],
      ['Both', 'MUST', 'From'],
    ],
  },
  {
    table: 4,
    direction: 'outbound',
    type: 'subscribed',
    rows: [
      ['None', 'M.N.', 'approved'],
      ['None + Pending Out', 'M.N.', 'approved'],
      ['None + Pending In', 'MUST', 'From'],
      ['None + Pending Out+In', 'MUST', 'From + Pending Out'],
      ['To', 'M.N.', 'approved'],
      ['To + Pending In', 'MUST', 'Both'],
      ['From', 'M.N.', ''],
      ['From + Pending Out', 'M.N.', ''],
      ['Both', 'M.N.', ''],
    ],
  },
  {
    table: 5,
    direction: 'outbound',
    type: 'unsubscribed',
    rows: [
      ['None', 'S.N.', ''],
      ['None + Pending Out', 'S.N.', ''],
      ['None + Pending In', 'MUST', 'None'],
      ['None + Pending Out+In', 'MUST', 'None + Pending Out'],
      ['To', 'S.N.', ''],
      ['To + Pending In', 'MUST', 'To'],
      ['From', 'MUST', 'None'],
      ['From + Pending Out', 'MUST', 'None + Pending Out'],
      ['Both', 'MUST', 'To'],
    ],
  },
  {
    table: 6,
    direction: 'inbound',
    type: 'subscribe',
    rows: [
      ['None', 'MUST', 'None + Pending In'],
      ['None + Pending Out', 'MUST', 'None + Pending Out+In'],
      ['None + Pending In', 'S.N.', ''],
      ['None + Pending Out+In', 'S.N.', ''],
      ['To', 'MUST', 'To + Pending In'],
      ['To + Pending In', 'S.N.', ''],
      ['From', 'S.N.', '', 'subscribed'],
      ['From + Pending Out', 'S.N.', '', 'subscribed'],
      ['Both', 'S.N.', '', 'subscribed'],
    ],
  },
  {
    table: 7,
    direction: 'inbound',
    type: 'unsubscribe',
    rows: [
      ['None', 'S.N.', ''],
      ['None + Pending Out', 'S.N.', ''],
      ['None + Pending In', 'MUST', 'None', 'unsubscribed'],
      ['None + Pending Out+In', 'MUST', 'None + Pending Out', 'unsubscribed'],
      ['To', 'S.N.', ''],
      ['To + Pending In', 'MUST', 'To', 'unsubscribed'],
      ['From', 'MUST', 'None', 'unsubscribed'],
      ['From + Pending Out', 'MUST', 'None + Pending Out', 'unsubscribed'],
      ['Both', 'MUST', 'To', 'unsubscribed'],
    ],
  },
  {
    table: 8,
    direction: 'inbound',
    type: 'subscribed',
    rows: [
      ['None', 'S.N.', ''],
      ['None + Pending Out', 'MUST', 'To'],
      ['None + Pending In', 'S.N.', ''],
      ['None + Pending Out+In', 'MUST', 'To + Pending In'],
      ['To', 'S.N.', ''],
      ['To + Pending In', 'S.N.', ''],
      ['From', 'S.N.', ''],
      ['From + Pending Out', 'MUST', 'Both'],
      ['Both', 'S.N.', ''],
    ],
  },
  {
    table: 9,
    direction: 'inbound',
    type: 'unsubscribed',
    rows: [
      ['None', 'S.N.', ''],
      ['None + Pending Out', 'MUST', 'None'],
      ['None + Pending In', 'S.N.', ''],
      ['None + Pending Out+In', 'MUST', 'None + Pending In'],
      ['To', 'MUST', 'None'],
      ['To + Pending In', 'MUST', 'None + Pending In'],
      ['From', 'S.N.', ''],
      ['From + Pending Out', 'MUST', 'From'],
      ['Both', 'MUST', 'From'],
    ],
  },
];

for (const { table, direction, type, rows } of TABLES) {
  test(`RFC 6121 table ${table}: ${direction} ${type}`, () => {
    assert.equal(rows.length, 9);
    for (const [before, does, after, reply] of rows) {
      const state = stateNamed(before);
      const next = after === '' ? state : after === 'approved' ? { ...state, approved: true } : stateNamed(after);
      if (direction === 'outbound') assert.deepEqual(outbound(type, state), { route: does === 'MUST', next }, before);
      else {
        const result = inbound(type, state);
        assert.deepEqual(result.next, next, before);
        assert.equal(result.deliver, does === 'MUST', before);
        assert.equal(result.reply, reply, before);
      }
    }
  });
}

test('a pre-approved request is granted without asking (table 6, note 1; §3.4)', () => {
  for (const [before, after] of [
    ['None', 'From'],
    ['None + Pending Out', 'From + Pending Out'],
    ['To', 'Both'],
  ] as const) {
    const result = inbound('subscribe', { ...stateNamed(before), approved: true });
    assert.deepEqual(result, { deliver: false, next: { ...stateNamed(after), approved: true }, reply: 'subscribed' });
  }
});

test('unsubscribed takes a pre-approval back and is not routed (table 5, note 1)', () => {
  for (const name of ['None', 'None + Pending Out', 'To']) {
    assert.deepEqual(outbound('unsubscribed', { ...stateNamed(name), approved: true }), { route: false, next: stateNamed(name) });
  }
});

test('two sides that follow the tables always agree, whatever they send', () => {
  // Every word of up to four stanzas by either side; the two sides run the tables on each other.
  const types: SubscriptionType[] = ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed'];
  const none = stateNamed('None');
  const seen = new Set<string>();
  const walk = (ann: State, bob: State, depth: number): void => {
    const key = JSON.stringify([ann, bob]);
    const see = (s: State, way: 'to' | 'from'): boolean => s.subscription === way || s.subscription === 'both';
    assert.equal(see(ann, 'to'), see(bob, 'from'), key);
    assert.equal(see(ann, 'from'), see(bob, 'to'), key);
    assert.equal(ann.ask, bob.pendingIn, key);
    assert.equal(bob.ask, ann.pendingIn, key);
    if (depth === 0 || seen.has(`${depth}${key}`)) return;
    seen.add(`${depth}${key}`);
    for (const type of types) {
      for (const byAnn of [true, false]) {
        let [me, you] = byAnn ? [ann, bob] : [bob, ann];
        const out = outbound(type, me);
        me = out.next;
        if (out.route) {
          const into = inbound(type, you);
          you = into.next;
          if (into.reply !== undefined) me = inbound(into.reply, me).next;
        }
        walk(...((byAnn ? [me, you] : [you, me]) as [State, State]), depth - 1);
      }
    }
  };
  walk(none, none, 6);
});
