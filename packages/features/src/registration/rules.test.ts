import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressGroup, HourlyLimit } from '@parley/core';
import { el } from '@parley/xml';
import { readRegisterSet } from './rules.ts';

const query = (...children: ReturnType<typeof el>[]) => el('query', { xmlns: 'jabber:iq:register' }, ...children);

test('XEP-0077 §3.1: user name and password are both needed', () => {
  assert.deepEqual(readRegisterSet(query(el('username', null, 'bill'), el('password', null, 'Calliope')), false), {
    kind: 'credentials',
    username: 'bill',
    password: 'Calliope',
  });
  const guest = readRegisterSet(query(el('username', null, 'bill'), el('password')), false);
  assert.ok(guest.kind === 'bad' && guest.condition === 'not-acceptable');
  const member = readRegisterSet(query(el('username', null, 'bill')), true);
  assert.ok(member.kind === 'bad' && member.condition === 'bad-request');
});

test('XEP-0077 §3.2: a removal stands alone', () => {
  assert.deepEqual(readRegisterSet(query(el('remove')), true), { kind: 'remove' });
  const mixed = readRegisterSet(query(el('remove'), el('username', null, 'bill')), true);
  assert.ok(mixed.kind === 'bad' && mixed.condition === 'bad-request');
});

test('an IPv6 customer counts once, however many addresses it uses', () => {
  assert.equal(addressGroup('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(addressGroup('2001:db8:1:2::1'), '2001:db8:1:2::/64');
  assert.equal(addressGroup('2001:0db8:0001:0002::ffff'), '2001:db8:1:2::/64');
  assert.equal(addressGroup('::1'), '0:0:0:0::/64');
  assert.equal(addressGroup('fe80::1%eth0'), 'fe80:0:0:0::/64');
  assert.equal(addressGroup('192.0.2.7'), '192.0.2.7');
  assert.equal(addressGroup('::ffff:192.0.2.7'), '192.0.2.7');
});

test('an address gets its number an hour, then must wait, and refills evenly', () => {
  const limit = new HourlyLimit(30);
  for (let i = 0; i < 30; i++) assert.equal(limit.take('a', 0), 0);
  assert.equal(limit.take('a', 0), 120_000);
  assert.equal(limit.take('b', 0), 0);
  assert.equal(limit.take('a', 119_000), 1000);
  assert.equal(limit.take('a', 120_000), 0);
  assert.equal(limit.take('a', 120_000), 120_000);
});

test('no limit is no limit, and memory is bounded', () => {
  const none = new HourlyLimit(0);
  for (let i = 0; i < 100; i++) assert.equal(none.take('a', 0), 0);
  const small = new HourlyLimit(1, 3);
  for (let i = 0; i < 100; i++) small.take(`address-${i}`, i);
  assert.equal(small.remembered, 3);
});
