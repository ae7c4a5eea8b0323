// The disk is full, the database is locked: an error to the sender, nothing acknowledged, the server lives (D11).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { PATIENCE_MS, waitFor } from '../support/process.ts';
import { rawSession } from '../support/raw.ts';
import { startServer } from '../support/server.ts';

const expectedErrors = [/commit/, /storage/, /full/, /locked/];
const config = { 'auth.allowPlaintext': true, 'limits.bytesPerSecond': 0 };
const message = (id: string, body: string): string => `<message to='bob@localhost' type='chat' id='${id}'><body>${body}</body></message>`;

function database(folder: string): string {
  const files = readdirSync(folder, { recursive: true }) as string[];
  const name = files.find((file) => /\.(db|sqlite3?)$/.test(file) && statSync(join(folder, file)).isFile());
  assert.ok(name, `no database in ${files.join(', ')}`);
  return join(folder, name);
}

test('database locked by another program: wait, then as before', async () => {
  const server = await startServer({ config, expectedErrors });
  try {
    await server.createUser('alice', 'secret');
    await server.createUser('bob', 'secret');
    const alice = await rawSession(server, 'alice', { resource: 'a' });
    const bob = await rawSession(server, 'bob', { resource: 'b' });
    alice.send("<enable xmlns='urn:xmpp:sm:3'/>");
    await alice.expect('<enabled');
    const lock = new DatabaseSync(database(server.dataDir), { timeout: PATIENCE_MS });
    try {
      lock.exec('BEGIN IMMEDIATE');
      alice.send(`${message('m1', 'refused')}<r xmlns='urn:xmpp:sm:3'/>`);
      const refused = await alice.expect(/<message [^>]*type=["']error["'][\s\S]*?<\/message>/);
      assert.match(refused[0], /type=["']wait["']/);
      assert.match(refused[0], /resource-constraint/);
      assert.match(refused[0], /id=["']m1["']/);
      lock.exec('ROLLBACK');
    } finally {
      lock.close();
    }
    alice.send(message('m2', 'taken'));
    const got = await bob.expect(/<body>(refused|taken)<\/body>/);
    assert.equal(got[1], 'taken', 'what was refused must not be shown');
    alice.cut();
    bob.cut();
  } finally {
    await server.stop();
  }
});

test('disk full: an error to the sender, what was acknowledged stays, room again: as before', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    rmSync(folder, { recursive: true });
    t.skip('needs the right to mount a small file system (run as root)');
    return;
  }
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  try {
    const server = await startServer({ config, dataDir, expectedErrors });
    try {
      await server.createUser('alice', 'secret');
      await server.createUser('bob', 'secret');
      const alice = await rawSession(server, 'alice', { resource: 'a' });
      writeFileSync(join(folder, 'filler'), '');
      const body = 'x'.repeat(8000);
      const acked = new Set<string>();
      let refused = 0;
      for (let i = 0; i < 600 && refused < 3; i++) {
        const id = `m${i}`;
        alice.send(message(id, body));
        const before = await alice.settled();
        if (/type=["']error["']/.test(before)) {
          assert.match(before, /resource-constraint/);
          assert.match(before, new RegExp(`id=["']${id}["']`));
          refused++;
        } else acked.add(id);
      }
      assert.ok(refused >= 3, 'the small disk must fill up');
      assert.ok(acked.size > 10);
      // The server lives: it answers, and what it took is there.
      const bob = await rawSession(server, 'bob', { resource: 'b', presence: false });
      bob.send('<presence/>');
      const got = new Set<string>();
      await waitFor('all that was taken', async () => {
        for (const match of (await bob.settled()).matchAll(/<message [^>]*id=["'](m\d+)["']/g)) got.add(match[1] ?? '');
        return got.size >= acked.size;
      });
      assert.deepEqual([...got].sort(), [...acked].sort(), 'exactly what was taken is delivered');
      alice.cut();
      bob.cut();
    } finally {
      await server.stop();
    }
  } finally {
    execFileSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  }
});
