// XEP-0352: what a quiet phone is spared in an hour of ordinary traffic (bench/shaping.ts prints it), and that it misses nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cost } from '../../bench/shaping.ts';
import { hour } from '../../bench/traffic/hour.ts';

test('an hour: fewer wake-ups and bytes, and no message waits', (t) => {
  const traffic = hour();
  const active = cost(traffic, false);
  const inactive = cost(traffic, true);
  t.diagnostic(`${active.bytes} → ${inactive.bytes} bytes, ${active.wakeUps} → ${inactive.wakeUps} wake-ups`);
  assert.ok(inactive.bytes < active.bytes * 0.5, `${active.bytes} → ${inactive.bytes} bytes`);
  assert.ok(inactive.wakeUps < active.wakeUps * 0.3, `${active.wakeUps} → ${inactive.wakeUps} wake-ups`);
  assert.equal(inactive.delayMs, 0);
});
