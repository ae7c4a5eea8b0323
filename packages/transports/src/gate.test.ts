import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteBudget } from './budget.ts';
import { addressKey, ConnectionGate, isLoopback, normalAddress } from './gate.ts';

test('an address has its share, and gets it back', () => {
  const gate = new ConnectionGate({ connections: 5, connectionsPerAddress: 2 });
  assert.ok(gate.enter('192.0.2.1') && gate.enter('192.0.2.1'));
  assert.equal(gate.enter('192.0.2.1'), false);
  gate.leave('192.0.2.1');
  assert.ok(gate.enter('192.0.2.1'));
  assert.ok(gate.enter('2001:db8::1') && gate.enter('2001:db8:0:0:ffff::2'));
  assert.equal(gate.enter('2001:db8::3'), false, 'one /64 is one customer');
  assert.ok(gate.enter('127.0.0.1'));
  assert.equal(gate.enter('198.51.100.1'), false, 'five in all');
  assert.deepEqual([gate.open, gate.refused], [5, 3]);
});

test('loopback is exempt from the share, not from the whole', () => {
  const gate = new ConnectionGate({ connections: 3, connectionsPerAddress: 1 });
  assert.ok(gate.enter('127.0.0.1') && gate.enter('127.0.0.1') && gate.enter('::1'));
  assert.equal(gate.enter('127.0.0.1'), false);
});

test('addresses', () => {
  assert.equal(normalAddress('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(normalAddress('fe80::1%eth0'), 'fe80::1');
  assert.equal(addressKey('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(addressKey('::1'), '0:0:0:0::/64');
  assert.ok(isLoopback('127.8.8.8') && isLoopback('::1') && !isLoopback('10.0.0.1'));
});

test('bytes a second: two seconds at once, then as they come', () => {
  const budget = new ByteBudget(1000);
  assert.equal(budget.take(2000, 10_000), 0);
  assert.equal(budget.take(500, 10_000), 500);
  assert.equal(budget.take(0, 10_500), 0);
  assert.equal(budget.take(100, 10_600), 0);
  assert.equal(budget.take(2001, 99_000), 1);
  assert.equal(new ByteBudget(0).take(1e12, 0), 0);
});
