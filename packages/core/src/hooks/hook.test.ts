import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineHook, HANDLED, Hooks } from './hook.ts';

class Answer extends Error {}
const hook = defineHook<{ seen: string[] }>()('test.hook', { guard: 'reject', copy: 'skip' });

function make(): { hooks: Hooks; reports: string[] } {
  const reports: string[] = [];
  return {
    hooks: new Hooks(
      (error) => error instanceof Answer,
      (feature, stage) => reports.push(`${feature}_${stage}`),
    ),
    reports,
  };
}

test('stages run in declared order, whatever the order of registration', () => {
  const { hooks } = make();
  hooks.on(hook, 'copy', 'b', ({ seen }) => void seen.push('copy b'));
  hooks.on(hook, 'guard', 'a', ({ seen }) => void seen.push('guard a'));
  hooks.on(hook, 'copy', 'c', ({ seen }) => void seen.push('copy c'));
  const event = { seen: [] };
  assert.equal(hooks.run(hook, event), undefined);
  assert.deepEqual(event.seen, ['guard a', 'copy b', 'copy c']);
});

test('no promise is made unless a handler returned one', async () => {
  const { hooks } = make();
  hooks.on(hook, 'guard', 'a', () => {});
  assert.equal(hooks.run(hook, { seen: [] }) instanceof Promise, false);
  hooks.on(hook, 'guard', 'b', async ({ seen }) => void seen.push('later'));
  hooks.on(hook, 'copy', 'c', ({ seen }) => void seen.push('after'));
  const event = { seen: [] };
  const done = hooks.run(hook, event);
  assert.ok(done instanceof Promise);
  await done;
  assert.deepEqual(event.seen, ['later', 'after']);
});

test('HANDLED ends the walk', async () => {
  const { hooks } = make();
  hooks.on(hook, 'guard', 'a', () => HANDLED);
  hooks.on(hook, 'copy', 'b', () => assert.fail('must not run'));
  assert.equal(hooks.run(hook, { seen: [] }), HANDLED);
});

test('a crash at a stage that says reject reaches the caller, at one that says skip it is reported and skipped', () => {
  const { hooks, reports } = make();
  hooks.on(hook, 'copy', 'carbons', () => {
    throw new TypeError('bug');
  });
  hooks.run(hook, { seen: [] });
  assert.deepEqual(reports, ['carbons_copy']);
  hooks.on(hook, 'guard', 'blocking', () => {
    throw new TypeError('bug');
  });
  assert.throws(() => hooks.run(hook, { seen: [] }), TypeError);
});

test('an answer is no crash: it reaches the caller from any stage and is not reported', async () => {
  const { hooks, reports } = make();
  hooks.on(hook, 'copy', 'x', async () => {
    throw new Answer();
  });
  await assert.rejects(async () => hooks.run(hook, { seen: [] }), Answer);
  assert.deepEqual(reports, []);
});

test('what was registered can be undone, also during a walk', () => {
  const { hooks } = make();
  const undo = hooks.on(hook, 'guard', 'a', ({ seen }) => {
    seen.push('a');
    undo();
  });
  hooks.on(hook, 'guard', 'b', ({ seen }) => void seen.push('b'));
  const event = { seen: [] as string[] };
  hooks.run(hook, event);
  hooks.run(hook, event);
  assert.deepEqual(event.seen, ['a', 'b', 'b']);
});

test('an unknown stage is an error at registration', () => {
  const { hooks } = make();
  assert.throws(() => hooks.on(hook, 'gaurd' as 'guard', 'a', () => {}), /has no stage gaurd; it has guard, copy/);
});
