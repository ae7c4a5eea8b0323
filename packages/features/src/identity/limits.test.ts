import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodeLimits, type CodeRates, type Wish } from './limits.ts';

const RATES: CodeRates = { perIdentifierPerHour: 8, perAddressPerHour: 0, smsPerHour: 0, smsPerCountryPerHour: 0, smsPerRangePerHour: 0 };
const HOUR = 3_600_000;

function limits(rates: Partial<CodeRates> = {}): { it: CodeLimits; alarms: string[] } {
  const alarms: string[] = [];
  return { it: new CodeLimits({ ...RATES, ...rates }, (state, budget, key) => alarms.push(`${state} ${budget} ${key}`)), alarms };
}
const wish = (network: string, known?: Wish['known']): Wish => ({ identifier: 'phone:+1', network, known, sms: undefined });
const sms = (country: string, number: string, known?: Wish['known']): Wish => ({
  identifier: `phone:${number}`,
  network: number,
  known,
  sms: { country, range: number.slice(0, -4) },
});
const times = (n: number, take: (i: number) => number): number =>
  Array.from({ length: n }, (_, i) => take(i)).filter((wait) => wait === 0).length;

test('strangers, however many, do not use up what the owner has: neither at a known address nor on a known device', () => {
  const { it } = limits();
  assert.equal(
    times(20, (i) => it.take(wish(`net${i}`), 0)),
    8,
    'all strangers together',
  );
  assert.equal(
    times(10, () => it.take(wish('home', { by: 'network', id: 'h' }), 0)),
    4,
  );
  assert.equal(
    times(10, () => it.take(wish('net0', { by: 'device', id: 'd' }), 0)),
    4,
  );
  assert.equal(
    times(10, () => it.take(wish('net0', { by: 'device', id: 'e' }), 0)),
    4,
    'each device for itself',
  );
  assert.ok(it.take(wish('elsewhere'), 0) > 0);
});

test('one address alone does not use up what all strangers have', () => {
  const { it } = limits();
  assert.equal(
    times(20, () => it.take(wish('one'), 0)),
    4,
  );
  assert.equal(
    times(20, () => it.take(wish('two'), 0)),
    4,
  );
  assert.equal(
    times(20, () => it.take(wish('three'), HOUR)),
    4,
    'an hour later',
  );
});

test('from one address a known number is like any other', () => {
  const stranger = limits().it;
  const owner = limits().it;
  for (let i = 0; i < 6; i++)
    assert.equal(stranger.take(wish('home'), i) === 0, owner.take(wish('home', { by: 'network', id: 'h' }), i) === 0, String(i));
});

test('an address that has asked for enough gets no more, but for devices that have proved what they ask for', () => {
  const { it } = limits({ perAddressPerHour: 3, perIdentifierPerHour: 100 });
  assert.equal(
    times(5, () => it.take(wish('net'), 0)),
    3,
  );
  assert.ok(it.take(wish('net', { by: 'network', id: 'n' }), 0) > 0);
  assert.equal(it.take(wish('net', { by: 'device', id: 'd' }), 0), 0);
});

test('the budgets: altogether, by country, by block of numbers; a fifth is for those who have proved their number', () => {
  const all = limits({ smsPerHour: 10 });
  assert.equal(
    times(20, (i) => all.it.take(sms('DE', `+49151${i}0000`), 0)),
    8,
  );
  assert.equal(
    times(20, (i) => all.it.take(sms('DE', `+49152${i}0000`, { by: 'device', id: 'd' }), 0)),
    2,
  );
  assert.deepEqual(all.alarms, ['near sms.all all', 'used-up sms.all all']);
  assert.equal(all.it.alarmed(0), true);
  assert.equal(all.it.alarmed(HOUR), false);

  const country = limits({ smsPerCountryPerHour: 5 });
  assert.equal(
    times(20, (i) => country.it.take(sms('LV', `+371200${i}0000`), 0)),
    4,
  );
  assert.equal(country.it.take(sms('DE', '+4915112340000'), 0), 0);
  assert.deepEqual(country.alarms, ['near sms.country LV', 'used-up sms.country LV']);
  const state = country.it.states(0).find(({ name }) => name === 'sms.country');
  assert.deepEqual([state?.taken, state?.refused, state?.fullest], [5, 16, { key: 'LV', used: 4 }]);

  const range = limits({ smsPerRangePerHour: 5 });
  assert.equal(
    times(20, (i) => range.it.take(sms('DE', `+4915112340${i + 100}`), 0)),
    4,
    'numbers in sequence',
  );
  assert.equal(range.it.take(sms('DE', '+4915199990000'), 0), 0);
});

test('what one limit refuses costs nothing of the others', () => {
  const { it } = limits({ smsPerRangePerHour: 1, smsPerHour: 10 });
  assert.equal(
    times(20, () => it.take(sms('DE', '+4915112340000'), 0)),
    1,
  );
  assert.equal(it.states(0).find(({ name }) => name === 'sms.all')?.taken, 1);
});

test('an alarm is said once an hour', () => {
  const { it, alarms } = limits({ smsPerHour: 1 });
  for (let i = 0; i < 5; i++) it.take(sms('DE', `+49151${i}0000`), 0);
  assert.equal(alarms.filter((one) => one.startsWith('used-up')).length, 1);
  it.take(sms('DE', '+4915199990000'), HOUR);
  it.take(sms('DE', '+4915199990001'), HOUR);
  assert.equal(alarms.filter((one) => one.startsWith('used-up')).length, 2);
});
