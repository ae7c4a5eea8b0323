import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, parseBytes, parseDuration, parseOptions } from './options.ts';

const options = {
  open: { reload: 'cold', type: 'boolean', default: false, about: 'x' },
  tries: { reload: 'cold', type: 'integer', default: 3, min: 1, max: 10, about: 'x' },
  timeout: { reload: 'cold', type: 'duration', default: '5m', min: '1s', max: '1h', about: 'x' },
  size: { reload: 'cold', type: 'bytes', default: '1MiB', min: '1KiB', max: '1GiB', about: 'x' },
  mode: { reload: 'cold', type: 'string', default: 'a', values: ['a', 'b'], about: 'x' },
} as const;

test('defaults, and values as text or as they are', () => {
  assert.deepEqual(parseOptions('f', options, undefined), { open: false, tries: 3, timeout: 300_000, size: 1_048_576, mode: 'a' });
  assert.deepEqual(parseOptions('f', options, { open: 'true', tries: '4', timeout: '10s', size: '2KiB', mode: 'b' }), {
    open: true,
    tries: 4,
    timeout: 10_000,
    size: 2048,
    mode: 'b',
  });
});

test('errors are sentences', () => {
  const refused: Array<[unknown, RegExp]> = [
    [{ tries: 11 }, /f\.tries must be a whole number from 1 to 10, not 11\./],
    [{ timeout: '2h' }, /f\.timeout must be a duration .* from 1s to 1h/],
    [{ mode: 'c' }, /f\.mode must be one of a, b/],
    [{ timout: '2m' }, /f\.timout is not an option; did you mean f\.timeout\?/],
    [{ zzzzzzzz: 1 }, /f\.zzzzzzzz is not an option$/],
    [[], /f must be a group of options/],
  ];
  for (const [raw, message] of refused)
    assert.throws(
      () => parseOptions('f', options, raw),
      (error) => error instanceof ConfigError && message.test(error.message),
      String(message),
    );
});

test('durations and sizes', () => {
  assert.equal(parseDuration('30d'), 2_592_000_000);
  assert.equal(parseDuration('5'), 5000);
  assert.equal(parseDuration('-5s'), undefined);
  assert.equal(parseBytes('10MiB'), 10_485_760);
  assert.equal(parseBytes('ten'), undefined);
});
