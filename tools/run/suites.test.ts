// The runner itself: a file that is kept alive ends with its tests, and one that blocks is ended and named.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runSuite } from './suites.mjs';

describe('runSuite', () => {
  let folder: string;
  before(async () => {
    // Node's runner refuses to run inside of itself when it sees this.
    delete process.env['NODE_TEST_CONTEXT'];
    folder = await mkdtemp(join(tmpdir(), 'parley-suites-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const suite = async (name: string, source: string, silence?: number) => {
    const file = join(folder, `${name}.test.mjs`);
    await writeFile(file, `import { test } from 'node:test';\n${source}`);
    return runSuite({ name, files: [file], concurrency: 1 }, silence);
  };

  test('a socket that was left open does not keep a run alive', async () => {
    const source = `import { createSocket } from 'node:dgram';
      test('passes', () => {});
      test('fails and leaves a socket', (t, done) => createSocket('udp4').bind(0, '127.0.0.1', () => done(new Error('as meant'))));`;
    const { passed, failed, ok } = await suite('left', source);
    assert.deepEqual({ passed, failed, ok }, { passed: 1, failed: 1, ok: false });
  });

  test('a file that blocks is killed, and counts as a failure', async () => {
    const { passed, failed, ok } = await suite('blocks', `test('passes', () => {}); test('blocks', () => { for (;;) ; });`, 3000);
    assert.deepEqual({ failed, ok }, { failed: 1, ok: false });
    assert.ok(passed <= 1);
  });

  test('what passes, passes', async () => {
    const { passed, failed, skipped, ok } = await suite('passes', `test('one', () => {}); test('two', { skip: 'not here' }, () => {});`);
    assert.deepEqual({ passed, failed, skipped, ok }, { passed: 1, failed: 0, skipped: 1, ok: true });
  });
});
