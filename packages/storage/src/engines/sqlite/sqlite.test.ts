import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { registerSearchContract, registerStorageContract, type StorageContractTarget } from '../../contract/index.ts';
import { openSqliteStorage } from './index.ts';

/** The text between `<body>` and `</body>`. */
const textOf = (stanza: Uint8Array): string | undefined => /<body>(.*)<\/body>/s.exec(Buffer.from(stanza).toString())?.[1];

function opener(search: boolean) {
  return async (): Promise<StorageContractTarget> => {
    const folder = mkdtempSync(join(tmpdir(), 'parley-sqlite-'));
    const open = () => openSqliteStorage({ path: join(folder, 'parley.db'), schedule: setImmediate, ...(search ? { textOf } : undefined) });
    let storage = open();
    return {
      storage,
      reopen: async () => {
        await storage.close();
        storage = open();
        return storage;
      },
      index: () => storage.mailboxes.indexText(1_000_000),
      close: async () => {
        await storage.close();
        rmSync(folder, { recursive: true });
      },
    };
  };
}

registerStorageContract('sqlite', opener(false));
registerStorageContract('sqlite with search', opener(true));
registerSearchContract('sqlite', opener(true));

test('R2: of a replaced message nothing is left in the file, not in the index of text either', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-sqlite-'));
  const path = join(folder, 'parley.db');
  const storage = openSqliteStorage({ path, schedule: setImmediate, textOf });
  const encoder = new TextEncoder();
  for (let seq = 1; seq <= 500; seq++)
    storage.mailboxes.append(
      {
        seq,
        at: seq,
        stanza: encoder.encode(`<message><body>${seq === 250 ? 'xylophonequartet' : `usual words ${seq}`}</body></message>`),
      },
      [{ mailbox: 1, peer: 'bob@h', outgoing: true }],
    );
  storage.flush();
  storage.mailboxes.mergeAll();
  storage.flush();
  storage.mailboxes.indexText(1000);
  storage.flush();
  assert.equal((await storage.mailboxes.search!(1, { text: 'xylophonequartet', limit: 1 })).entries.length, 1);
  storage.mailboxes.replace(250, encoder.encode('<message/>'));
  storage.flush();
  await storage.close();
  const file = readFileSync(path);
  // The index cuts what neighbouring words have in common, so the end of the word tells.
  assert.equal(file.includes('usual words 251'), true);
  assert.equal(file.includes('lophonequartet'), false);
  rmSync(folder, { recursive: true });
});

test('values that were read before follow every change, and a batch that is undone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-sqlite-'));
  let refuse = false;
  const storage = openSqliteStorage({
    path: join(folder, 'parley.db'),
    schedule: setImmediate,
    hooks: {
      beforeCommit() {
        if (refuse) throw new Error('refused');
      },
    },
  });
  const ann = storage.accounts.create({ localpart: 'ann', domain: 'h', createdAt: 1, credentials: '' });
  assert.ok(ann);
  const colours = storage.keyValue('colours');
  const sizes = storage.keyValue('sizes');
  const seen = () => [colours.get(ann.id, 'a'), colours.get(ann.id, 'b'), sizes.get(ann.id, 'a')];
  assert.deepEqual(seen(), [undefined, undefined, undefined]);
  colours.set(ann.id, 'a', 'red');
  sizes.set(ann.id, 'a', 'x'.repeat(10_000));
  storage.flush();
  assert.deepEqual(seen(), ['red', undefined, 'x'.repeat(10_000)]);
  sizes.set(ann.id, 'a', 'small');
  sizes.set(ann.id, 'a', 'y'.repeat(10_000));
  assert.deepEqual(seen(), ['red', undefined, 'y'.repeat(10_000)]);
  storage.flush();

  refuse = true;
  colours.set(ann.id, 'a', 'blue');
  colours.set(ann.id, 'b', 'green');
  sizes.delete(ann.id, 'a');
  assert.deepEqual(seen(), ['blue', 'green', undefined]);
  assert.throws(() => storage.flush());
  refuse = false;
  assert.deepEqual(seen(), ['red', undefined, 'y'.repeat(10_000)]);

  colours.deleteOwner(ann.id);
  assert.deepEqual(seen(), [undefined, undefined, 'y'.repeat(10_000)]);
  // More than are remembered.
  for (let key = 0; key < 10_000; key++) colours.set(ann.id, String(key), `value ${key}`);
  for (let key = 0; key < 10_000; key += 7) assert.equal(colours.get(ann.id, String(key)), `value ${key}`);
  await storage.accounts.remove(ann.id);
  assert.deepEqual(seen(), [undefined, undefined, undefined]);
  assert.equal(colours.get(ann.id, '9996'), undefined);
  await storage.close();
  rmSync(folder, { recursive: true });
});
