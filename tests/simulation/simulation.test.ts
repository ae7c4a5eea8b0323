// The promises of docs/design/delivery.md under random faults. PARLEY_SEEDS=from-to runs others; PARLEY_SEED=n replays one.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { World } from './world.ts';

const folder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const one = process.env.PARLEY_SEED;
const [from = 1, to = 1000] =
  one === undefined ? (process.env.PARLEY_SEEDS ?? '1-1000').split('-').map(Number) : [Number(one), Number(one)];

test(`simulation: seeds ${from} to ${to}`, async (t) => {
  let sent = 0;
  let acked = 0;
  let crashes = 0;
  let cuts = 0;
  let restarts = 0;
  let restored = 0;
  let pushes = 0;
  let refused = 0;
  const failed: string[] = [];
  for (let seed = from; seed <= to; seed++) {
    const outcome = await new World({ seed, folder }).run();
    sent += outcome.sent;
    acked += outcome.acked;
    crashes += outcome.crashes;
    cuts += outcome.cuts;
    restarts += outcome.restarts;
    restored += outcome.restored;
    pushes += outcome.pushes;
    refused += outcome.pushesRefused;
    if (outcome.wrong.length > 0) {
      failed.push(`seed ${seed} (replay: PARLEY_SEED=${seed} npm test -- simulation):\n  ${outcome.wrong.slice(0, 8).join('\n  ')}`);
      if (failed.length >= 5) break;
    }
  }
  t.diagnostic(
    `${sent} messages sent, ${acked} acknowledged, ${crashes} crashes, ${cuts} cut connections, ${restarts} restarts, ${restored} sessions that outlived their process (D14), ${pushes} pushes taken, ${refused} refused (P1)`,
  );
  assert.deepEqual(failed, [], failed.join('\n'));
  assert.ok(
    acked > 0 && (to - from < 10 || (crashes > 0 && restored > 0 && pushes > 0 && refused > 0)),
    'the simulation must do something',
  );
});

test('the checker sees a server that acknowledges before the commit', async () => {
  let wrong: readonly string[] = [];
  for (let seed = 1; seed <= 60 && !wrong.some((line) => line.startsWith('lost')); seed++)
    wrong = (await new World({ seed, folder, sabotage: 'ack-before-commit' }).run()).wrong;
  assert.ok(
    wrong.some((line) => line.startsWith('lost')),
    wrong.join('\n'),
  );
});
