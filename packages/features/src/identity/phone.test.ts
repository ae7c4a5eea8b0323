import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countryList, isCountry, rangeOf, readPhone } from './phone.ts';

test('one number has one spelling, however it was typed or pasted', () => {
  for (const text of [
    '+4915112345678',
    '0151 1234 5678',
    '  (0151) 12345-678 ',
    '0049 151 12345678',
    '+49 (0) 151 12345678',
    'tel:+49-151-12345678',
    '+٤٩ ١٥١ ١٢٣٤٥٦٧٨',
    '＋４９１５１１２３４５６７８',
    '\u202a+49 151 12345678\u202c',
  ])
    assert.deepEqual(readPhone(text, 'DE'), { value: '+4915112345678', country: 'DE' }, JSON.stringify(text));
  assert.deepEqual(readPhone('020 7946 0018', 'GB')?.value, '+442079460018');
  assert.equal(readPhone('0151 12345678', ''), undefined, 'of no country without a code');
});

test('what is no whole number of a person is none', () => {
  for (const text of [
    '',
    '+',
    '+49',
    '+49 151',
    '+0151',
    '+999 12345678',
    'call +49 151 12345678 at noon',
    '+4915112345678 ext. 12',
    '+4915112345678,+4915112345679',
    '+4915112345678\n+4915112345679',
    `+49${'1'.repeat(70)}`,
    '+49 900 1234567',
    '+1 900 555 0123',
    '+800 1234 5678',
  ])
    assert.equal(readPhone(text, 'DE'), undefined, JSON.stringify(text));
});

test('where a number goes: a country, and a block of ten thousand', () => {
  assert.equal(readPhone('+1 202 555 0143', '')?.country, 'US');
  assert.equal(readPhone('+1 416 555 0143', '')?.country, 'CA');
  assert.equal(rangeOf('+4915112345678'), '+491511234');
  assert.deepEqual([isCountry('DE'), isCountry('de'), isCountry('XX'), isCountry('constructor')], [true, false, false, false]);
});

test('lists of countries', () => {
  assert.deepEqual(countryList(' de AT,ch '), { countries: ['DE', 'AT', 'CH'], bad: undefined });
  assert.deepEqual(countryList(''), { countries: [], bad: undefined });
  assert.equal(countryList('DE Germany').bad, 'GERMANY');
});
