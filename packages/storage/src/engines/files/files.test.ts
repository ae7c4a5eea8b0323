import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { registerBlobContract, smallDisk } from '../../contract/index.ts';
import { StorageError } from '../../kinds/index.ts';
import { openFileBlobs } from './index.ts';

const count = async (folder: string): Promise<number> =>
  (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).length;

registerBlobContract('files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-blobs-'));
  return {
    store: await openFileBlobs({ folder }),
    reopen: () => openFileBlobs({ folder }),
    leftovers: () => count(folder),
    close: () => rm(folder, { recursive: true }),
  };
});

test('what an upload left behind is removed at the next start', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'parley-blobs-'));
  t.after(() => rm(folder, { recursive: true }));
  await openFileBlobs({ folder });
  await writeFile(join(folder, 'incoming', 'abc.0011'), 'half');
  await openFileBlobs({ folder });
  assert.equal(await count(folder), 0);
});

test('a full disk is told as such and leaves nothing; when there is room again it works', async (t) => {
  const disk = smallDisk(256);
  if (!disk) return t.skip('needs to mount a small file system');
  t.after(() => disk.release());
  const store = await openFileBlobs({ folder: disk.folder });
  const source = async function* () {
    for (let i = 0; i < 100; i++) yield Buffer.alloc(10_000, i);
  };
  const full = store.put('abc', source(), { expectBytes: 1_000_000 });
  await assert.rejects(full, (error) => error instanceof StorageError && error.code === 'full');
  assert.equal(await count(disk.folder), 0);
  await store.put('abc', Readable.from([Buffer.alloc(100)]), { expectBytes: 100 });
  assert.deepEqual(await store.stat('abc'), { bytes: 100 });
});
