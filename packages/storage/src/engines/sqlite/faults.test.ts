import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { smallDisk } from '../../contract/index.ts';
import { StorageError, type StorageErrorCode } from '../../kinds/index.ts';
import { openSqliteStorage, type SqliteStorage } from './index.ts';

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-faults-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function open(path: string): SqliteStorage {
  return openSqliteStorage({ path, schedule: setImmediate, busyTimeoutMs: 10 });
}

function append(storage: SqliteStorage, seq: number, bytes = 100): void {
  storage.mailboxes.append({ seq, at: seq, stanza: Buffer.alloc(bytes, 'x') }, [
    { mailbox: 1, peer: 'b@chat.example', outgoing: true, originId: `o${seq}` },
    { mailbox: 2, peer: 'a@chat.example', outgoing: false },
  ]);
}

/** 'ok' or the code of the refusal. */
function outcome(storage: SqliteStorage): Promise<StorageErrorCode | 'ok'> {
  return new Promise((resolve) =>
    storage.afterCommit(
      () => resolve('ok'),
      (error) => resolve(error.code),
    ),
  );
}

const seqs = (storage: SqliteStorage, mailbox = 1): number[] => storage.mailboxes.read(mailbox, { limit: 1000 }).map((entry) => entry.seq);
const isCode = (code: StorageErrorCode, text: RegExp) => (error: unknown) =>
  error instanceof StorageError && error.code === code && text.test(error.message);

test('disk full: the batch is refused as a whole, nothing of it is kept, and it works again when there is room', async (t) => {
  const disk = smallDisk(2048);
  if (!disk) return t.skip('needs to mount a small file system');
  const storage = open(join(disk.folder, 'parley.db'));
  t.after(async () => {
    await storage.close();
    disk.release();
  });
  append(storage, 1);
  assert.equal(await outcome(storage), 'ok');
  const ballast = join(disk.folder, 'ballast');
  writeFileSync(ballast, Buffer.alloc(1_000_000));
  append(storage, 2);
  append(storage, 3, 2_000_000);
  const both = [outcome(storage), outcome(storage)];
  assert.deepEqual(await Promise.all(both), ['full', 'full']);
  assert.deepEqual(seqs(storage), [1]);
  assert.equal(storage.mailboxes.findOrigin(1, 'o2'), undefined);
  append(storage, 4);
  assert.equal(await outcome(storage), 'ok');
  rmSync(ballast);
  append(storage, 5, 200_000);
  assert.equal(await outcome(storage), 'ok');
  assert.deepEqual(seqs(storage), [1, 4, 5]);
  assert.equal(storage.mailboxes.lastSeq(), 5);
});

test('a write that fails at once undoes its batch: what came before it and after it in the turn', async (t) => {
  const path = join(folderFor(t), 'parley.db');
  const storage = open(path);
  t.after(() => storage.close());
  const settings = storage.keyValue('settings');
  const other = new DatabaseSync(path, { timeout: 0 });
  t.after(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  append(storage, 1);
  const before = outcome(storage);
  assert.throws(() => settings.set(1, 'a', 'b'), isCode('busy', /locked/));
  assert.throws(() => append(storage, 2), isCode('busy', /locked/));
  const after = outcome(storage);
  other.exec('ROLLBACK');
  assert.throws(() => settings.set(1, 'c', 'd'), isCode('busy', /locked/));
  assert.deepEqual([await before, await after], ['busy', 'busy']);
  assert.deepEqual(seqs(storage), []);
  assert.deepEqual(settings.list(1), []);
  append(storage, 3);
  settings.set(1, 'a', 'b');
  assert.equal(await outcome(storage), 'ok');
  assert.deepEqual(seqs(storage), [3]);
});

test('locked by another connection: refused, and later batches work; cursors wait', async (t) => {
  const path = join(folderFor(t), 'parley.db');
  const storage = open(path);
  t.after(() => storage.close());
  const other = new DatabaseSync(path, { timeout: 0 });
  t.after(() => other.close());
  append(storage, 1);
  assert.equal(await outcome(storage), 'ok');
  other.exec('BEGIN IMMEDIATE');
  storage.mailboxes.setCursor(1, { device: 'phone', seq: 1, seenAt: 1 });
  storage.mailboxes.trim(2, 1);
  append(storage, 2);
  assert.equal(await outcome(storage), 'busy');
  assert.throws(() => storage.flush(), isCode('busy', /locked by another connection/));
  assert.deepEqual(seqs(storage), [1]);
  other.exec('ROLLBACK');
  append(storage, 3);
  assert.equal(await outcome(storage), 'ok');
  assert.deepEqual(seqs(storage), [1, 3]);
  assert.deepEqual(seqs(storage, 2), [3]);
  await storage.close();
  const again = open(path);
  t.after(() => again.close());
  assert.deepEqual(again.mailboxes.cursors(1), [{ device: 'phone', seq: 1, seenAt: 1 }]);
  assert.deepEqual(seqs(again, 2), [3]);
});

test('a second server on the same data is refused, with a sentence that says why; a stopped one can be opened', async (t) => {
  const path = join(folderFor(t), 'parley.db');
  const storage = open(path);
  assert.throws(() => open(path), isCode('busy', /in use by another process/));
  const script = `import { openSqliteStorage } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
    try { openSqliteStorage({ path: ${JSON.stringify(path)}, schedule: setImmediate }).close(); console.log('opened'); } catch (error) { console.log(error.code); }`;
  const fromOutside = () => execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).trim();
  assert.equal(fromOutside(), 'busy');
  await storage.close();
  assert.equal(fromOutside(), 'opened');
});

test('a damaged file is named, with what to do', async (t) => {
  const path = join(folderFor(t), 'parley.db');
  const storage = open(path);
  for (let seq = 1; seq <= 500; seq++) append(storage, seq);
  await storage.close();
  const bytes = readFileSync(path);
  bytes.fill(0xaa, 4096 * 5, 4096 * 30);
  writeFileSync(path, bytes);
  assert.throws(() => open(path), isCode('corrupt', /parley\.db is damaged.*backup/));
  writeFileSync(path, 'this is a text file, long enough to be looked at as a database header, and then some more. '.repeat(20));
  assert.throws(() => open(path), isCode('corrupt', /parley\.db is damaged.*backup/));
});

test('a file of a newer program is left alone', async (t) => {
  const path = join(folderFor(t), 'parley.db');
  await open(path).close();
  const db = new DatabaseSync(path);
  db.exec('PRAGMA user_version = 999');
  db.close();
  const before = readFileSync(path);
  assert.throws(() => open(path), isCode('too-new', /version 999/));
  assert.deepEqual(readFileSync(path), before);
});

test('a read-only disk is refused at the start', async (t) => {
  const disk = smallDisk(2048);
  if (!disk) return t.skip('needs to mount a small file system');
  t.after(() => disk.release());
  const path = join(disk.folder, 'parley.db');
  await open(path).close();
  execFileSync('mount', ['-o', 'remount,ro', disk.folder]);
  assert.throws(() => open(path), isCode('io', /parley\.db/));
});

test('the database is for its owner only', { skip: process.platform === 'win32' }, async (t) => {
  const path = join(folderFor(t), 'parley.db');
  const storage = open(path);
  append(storage, 1);
  storage.flush();
  for (const file of [path, `${path}-wal`]) assert.equal(statSync(file).mode & 0o077, 0, file);
  await storage.close();
});
