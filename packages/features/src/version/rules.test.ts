import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ownVersion } from './rules.ts';

test('the version is that of the package, and the operating system stays untold', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8')) as { version: string };
  assert.deepEqual(ownVersion, { name: 'Parley', version });
});
