import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { BlobStore } from '../kinds/index.ts';

/** What a blob engine gives the suite. */
export interface BlobContractTarget {
  readonly store: BlobStore;
  /** Opens the same data anew. */
  reopen(): Promise<BlobStore>;
  /** How many files or parts there are in all, finished or not. */
  leftovers(): Promise<number>;
  close(): Promise<void>;
}

async function* chunks(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(stream: AsyncIterable<Uint8Array> | undefined): Promise<Buffer | undefined> {
  if (!stream) return undefined;
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

/** What every blob engine must do. */
export function registerBlobContract(name: string, open: () => Promise<BlobContractTarget>): void {
  describe(`${name}: blobs`, () => {
    let target: BlobContractTarget;
    const bytes = Buffer.from(Array.from({ length: 100_003 }, (_, i) => i % 251));
    before(async () => {
      target = await open();
    });
    after(() => target.close());

    test('a blob is read back whole, with its hash and size', async () => {
      const info = await target.store.put('ab12', chunks(bytes), { expectBytes: bytes.length });
      assert.deepEqual(info, { key: 'ab12', bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
      assert.deepEqual(await target.store.stat('ab12'), { bytes: bytes.length });
      assert.deepEqual(await collect(await target.store.read('ab12')), bytes);
    });

    test('ranges are inclusive', async () => {
      assert.deepEqual(await collect(await target.store.read('ab12', { start: 10, end: 10 })), bytes.subarray(10, 11));
      assert.deepEqual(await collect(await target.store.read('ab12', { start: 70_000, end: bytes.length - 1 })), bytes.subarray(70_000));
      await assert.rejects(target.store.read('ab12', { start: 0, end: bytes.length }), RangeError);
      await assert.rejects(target.store.read('ab12', { start: 5, end: 4 }), RangeError);
    });

    test('an empty blob is a blob', async () => {
      await target.store.put('empty', chunks(Buffer.alloc(0)), { expectBytes: 0 });
      assert.deepEqual(await target.store.stat('empty'), { bytes: 0 });
      assert.deepEqual(await collect(await target.store.read('empty')), Buffer.alloc(0));
    });

    test('one byte too many or too few, or a source that breaks, leaves nothing', async () => {
      const files = await target.leftovers();
      await assert.rejects(target.store.put('wrong', chunks(bytes), { expectBytes: bytes.length - 1 }), RangeError);
      await assert.rejects(target.store.put('wrong', chunks(bytes), { expectBytes: bytes.length + 1 }), RangeError);
      const broken = async function* () {
        yield bytes.subarray(0, 500);
        throw new Error('connection lost');
      };
      await assert.rejects(target.store.put('wrong', broken(), { expectBytes: bytes.length }), /connection lost/);
      assert.equal(await target.store.stat('wrong'), undefined);
      assert.equal(await target.store.read('wrong'), undefined);
      assert.equal(await target.leftovers(), files);
    });

    test('a source that never ends is cut off at the announced size', async () => {
      let given = 0;
      const endless = async function* () {
        for (;;) {
          given++;
          yield bytes.subarray(0, 1000);
        }
      };
      await assert.rejects(target.store.put('endless', endless(), { expectBytes: 5000 }), RangeError);
      assert.ok(given <= 6);
    });

    test('blobs outlive a restart', async () => {
      const store = await target.reopen();
      assert.deepEqual(await collect(await store.read('ab12')), bytes);
    });

    test('a reader that has begun is not cut off by a deletion; afterwards it is gone', async () => {
      const stream = await target.store.read('ab12');
      await target.store.delete('ab12');
      assert.deepEqual(await collect(stream), bytes);
      assert.equal(await target.store.stat('ab12'), undefined);
      await target.store.delete('ab12');
    });

    test('keys cannot name other files', async () => {
      for (const key of ['', '../x', 'a/b', 'A', 'a.b', 'ä', 'a'.repeat(201)]) {
        await assert.rejects(target.store.put(key, chunks(bytes), { expectBytes: bytes.length }), RangeError);
        await assert.rejects(target.store.stat(key), RangeError);
      }
    });
  });
}
