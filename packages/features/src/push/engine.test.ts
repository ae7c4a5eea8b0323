// Random lives of an account: devices come, go, look away, acknowledge or do not; messages come; conversations are read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Session } from '@parley/core';
import type { AccountRecord } from '@parley/storage';
import { SimulatedClock } from '@parley/testkit';
import fc from 'fast-check';
import { PushEngine } from './engine.ts';
import type { PushNotice, PushTarget } from './service.ts';

const ANN = { id: 1, localpart: 'ann', domain: 'here' } as AccountRecord;
const GRACE = 30_000;
const WINDOW = 10_000;
const DEVICES = ['phone', 'laptop', 'web'];
const TARGETS: readonly PushTarget[] = [
  { key: 'phone', device: 'phone' },
  { key: 'tablet', device: 'tablet' },
];
const log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (event: string, fields?: object) => assert.fail(`${event} ${JSON.stringify(fields)}`),
};

type Step =
  | { readonly do: 'message'; readonly conversation: number }
  | { readonly do: 'come' | 'go' | 'look-away' | 'look' | 'acknowledge'; readonly device: number }
  | { readonly do: 'read'; readonly conversation: number }
  | { readonly do: 'pass'; readonly ms: number };

interface FakeSession {
  device: string;
  connected: boolean;
  receptive: boolean;
  ended: boolean;
  inactive: boolean;
  presence: undefined;
}

class World {
  readonly clock = new SimulatedClock(1_000_000);
  readonly sessions = new Map<string, FakeSession>();
  readonly taken = new Map<string, number>();
  readonly told: Array<{ target: string; notice: PushNotice }> = [];
  readonly cleared: string[] = [];
  readonly through: Array<[number, number]> = [];
  readonly arrivals: Array<{ conversation: string; seq: number; at: number }> = [];
  readonly wrong: string[] = [];
  seq = 0;
  readonly engine = new PushEngine({
    clock: this.clock,
    log,
    sessionsOf: () => [...this.sessions.values()] as unknown as Session[],
    isInactive: (session) => (session as unknown as FakeSession).inactive,
    // Sometimes at once, sometimes later, as storage may.
    taken: (_account, device) => (this.seq % 2 === 0 ? (this.taken.get(device) ?? 0) : Promise.resolve(this.taken.get(device) ?? 0)),
    graceMs: GRACE,
    windowMs: WINDOW,
    told: (account, through) => this.through.push([account.id, through]),
  });

  constructor() {
    this.engine.addChannel({
      name: 'test',
      empty: false,
      accounts: () => [1],
      targets: () => TARGETS,
      notify: async (target, notice) => {
        this.told.push({ target: target.key, notice });
        const young = this.arrivals.some((one) => one.conversation === notice.conversation && this.clock.now() - one.at >= GRACE);
        if (this.anyActive() && !young) this.wrong.push(`${target.key} was told of ${notice.seq} while somebody sat before a device`);
      },
      clear: (target, _account, conversation) => void this.cleared.push(`${target.key} ${conversation}`),
    });
  }

  anyActive(): boolean {
    return [...this.sessions.values()].some((one) => one.connected && !one.inactive);
  }

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case 'message': {
        const conversation = `c${step.conversation}@here`;
        this.arrivals.push({ conversation, seq: ++this.seq, at: this.clock.now() });
        this.engine.arrived({ account: ANN, conversation, kind: 'chat', sender: conversation, at: this.clock.now(), seq: this.seq });
        break;
      }
      case 'come': {
        const device = DEVICES[step.device] as string;
        this.sessions.set(device, { device, connected: true, receptive: true, ended: false, inactive: false, presence: undefined });
        this.engine.changed(ANN);
        break;
      }
      case 'go':
        this.sessions.delete(DEVICES[step.device] as string);
        this.engine.changed(ANN);
        break;
      case 'look-away':
      case 'look': {
        const session = this.sessions.get(DEVICES[step.device] as string);
        if (session !== undefined) session.inactive = step.do === 'look-away';
        this.engine.changed(ANN);
        break;
      }
      case 'acknowledge':
        if (this.sessions.has(DEVICES[step.device] as string)) this.taken.set(DEVICES[step.device] as string, this.seq);
        break;
      case 'read':
        this.engine.read(ANN, `c${step.conversation}@here`);
        for (let i = this.arrivals.length - 1; i >= 0; i--)
          if (this.arrivals[i]?.conversation === `c${step.conversation}@here`) this.arrivals.splice(i, 1);
        break;
      case 'pass':
        this.clock.advance(step.ms);
    }
    await this.rest();
  }

  async rest(): Promise<void> {
    // Everything here waits for promises alone.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Everybody goes, time passes. */
  async end(): Promise<void> {
    for (let device = 0; device < DEVICES.length; device++) await this.step({ do: 'go', device });
    for (let i = 0; i < 12; i++) {
      this.clock.advance(WINDOW);
      await this.rest();
    }
  }
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('message' as const), conversation: fc.nat(2) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom('come' as const, 'go' as const, 'look-away' as const, 'look' as const, 'acknowledge' as const),
        device: fc.nat(2),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('read' as const), conversation: fc.nat(2) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 500, 9_999, 10_000, 29_999, 31_000) }) },
  ),
  { maxLength: 40 },
);

test('never while somebody sits before a device, at least once when nobody does and no device has it', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (life) => {
      const world = new World();
      for (const step of life) await world.step(step);
      await world.end();
      assert.deepEqual(world.wrong, []);
      const best = Math.max(0, ...world.taken.values());
      for (const { conversation, seq } of world.arrivals) {
        if (seq <= best) continue;
        for (const { key } of TARGETS)
          assert.ok(
            world.told.some(({ target, notice }) => target === key && notice.conversation === conversation && notice.seq >= seq),
            `${key} was never told of ${seq} in ${conversation}`,
          );
      }
    }),
    { numRuns: 300 },
  );
});

test('what is told of a conversation rises, is never told twice, and keeps to the window', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (life) => {
      const world = new World();
      const at: number[] = [];
      world.engine.addChannel({
        name: 'times',
        empty: false,
        accounts: () => [1],
        targets: () => TARGETS.slice(0, 1),
        notify: async () => void at.push(world.clock.now()),
        clear: () => {},
      });
      for (const step of life) await world.step(step);
      await world.end();
      for (const { key } of TARGETS) {
        const last = new Map<string, number>();
        for (const { target, notice } of world.told) {
          if (target !== key) continue;
          assert.ok(notice.seq > (last.get(notice.conversation) ?? 0), `${key} was told of ${notice.seq} again`);
          assert.ok(notice.count >= 1 && notice.total >= notice.count);
          last.set(notice.conversation, notice.seq);
        }
      }
    }),
    { numRuns: 100 },
  );
});

test('what was told is taken away when it was read, once, and only then', async () => {
  const world = new World();
  await world.step({ do: 'message', conversation: 0 });
  await world.step({ do: 'message', conversation: 1 });
  assert.equal(world.told.length, 4);
  await world.step({ do: 'read', conversation: 0 });
  await world.step({ do: 'read', conversation: 0 });
  assert.deepEqual(world.cleared.sort(), ['phone c0@here', 'tablet c0@here']);
  await world.step({ do: 'read', conversation: 1 });
  assert.equal(world.engine.size, 0, 'nothing is kept of what was read');
});

test('nothing is kept of an account whose device has everything', async () => {
  const world = new World();
  await world.step({ do: 'come', device: 1 });
  for (let i = 0; i < 20; i++) await world.step({ do: 'message', conversation: i });
  await world.step({ do: 'acknowledge', device: 1 });
  await world.step({ do: 'pass', ms: GRACE });
  assert.equal(world.told.length, 0);
  assert.equal(world.engine.size, 0);
});

test('a channel that fails, or an account without targets, harms nobody', async () => {
  const world = new World();
  const errors: string[] = [];
  const warnings: string[] = [];
  const engine = new PushEngine({
    clock: world.clock,
    log: { ...log, error: (event) => void errors.push(event), warn: (event) => void warnings.push(event) },
    sessionsOf: () => [],
    isInactive: () => false,
    taken: () => 0,
    graceMs: GRACE,
    windowMs: WINDOW,
    // D11: a full disk.
    told: () => {
      throw new Error('the disk takes nothing');
    },
  });
  let told = 0;
  const bad = {
    name: 'bad',
    empty: false,
    accounts: () => [1],
    targets: () => TARGETS.slice(0, 1),
    notify: () => Promise.reject(new Error('x')),
    clear: () => {},
  };
  engine.addChannel(bad);
  engine.addChannel({ ...bad, name: 'good', notify: async () => void told++ });
  const arrival = { account: ANN, conversation: 'a@b', kind: 'chat', sender: 'a@b', at: 0, seq: 1 } as const;
  engine.arrived(arrival);
  await world.rest();
  assert.equal(told, 1);
  assert.deepEqual(errors, ['push_channel_failed']);
  assert.deepEqual(warnings, ['push_progress_not_kept']);
  engine.addWishes(() => 'nothing');
  engine.arrived({ ...arrival, conversation: 'c@d', seq: 2 });
  await world.rest();
  assert.equal(told, 1, 'XEP-0492: who wants to hear nothing hears nothing');
});

test('R2: what was taken back is not told while it waits, and is taken away when it was told alone', async () => {
  const world = new World();
  const conversation = 'c0@here';
  const arrive = async (body: string): Promise<number> => {
    world.engine.arrived({ account: ANN, conversation, kind: 'chat', sender: conversation, at: world.clock.now(), seq: ++world.seq, body });
    await world.rest();
    return world.seq;
  };
  const first = await arrive('first');
  assert.equal(world.told.length, 2);
  // The only one that waits for the window.
  const only = await arrive('only');
  world.engine.withdrawn(ANN, conversation, [only]);
  await world.step({ do: 'pass', ms: WINDOW });
  assert.equal(world.told.length, 2);
  // One of two: the other is told of without the text of the one that is gone.
  await arrive('at once');
  await arrive('kept');
  const secret = await arrive('secret');
  world.engine.withdrawn(ANN, conversation, [secret, secret + 1]);
  await world.step({ do: 'pass', ms: WINDOW });
  const last = world.told.at(-1)?.notice;
  assert.deepEqual([last?.body, last?.count], [undefined, 3]);
  assert.ok(world.told.every(({ notice }) => notice.body !== 'secret' && notice.body !== 'only'));
  // Told among others: left as it is. Told alone: taken away.
  world.engine.withdrawn(ANN, conversation, [first]);
  assert.deepEqual(world.cleared, []);
  await world.step({ do: 'read', conversation: 0 });
  world.cleared.length = 0;
  await world.step({ do: 'pass', ms: WINDOW });
  const alone = await arrive('alone');
  world.engine.withdrawn(ANN, 'other@here', [alone]);
  assert.deepEqual(world.cleared, []);
  world.engine.withdrawn(ANN, conversation, [alone]);
  assert.deepEqual(world.cleared.sort(), ['phone c0@here', 'tablet c0@here']);
  assert.equal(world.engine.size, 0);
});
