import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeatureContext } from '@parley/core';
import { utf8Encode } from '@parley/xml';
import { mediaKeys, StoredReferences } from './references.ts';

const KEY = 'abcdefghijklmnopqrstuvwxyz234567';

test('files of the media server in a message, each once; anything else is not ours', () => {
  const keys = (text: string) => mediaKeys(utf8Encode(text));
  assert.deepEqual(keys(`<url>https://h/media/${KEY}/a.jpg</url><x target="https://h/media/${KEY}/thumbnail"/>`), [KEY]);
  assert.deepEqual(keys(`https://h/media/${KEY.slice(1)}/a.jpg https://h/media/${KEY.toUpperCase()}/a https://h/media/${KEY}`), []);
  const many = Array.from({ length: 40 }, (_, i) => `/media/${String.fromCharCode(97 + (i % 26)).repeat(31)}${i < 26 ? 'a' : 'b'}/x`);
  assert.equal(keys(many.join(' ')).length, 32);
});

test('with a file goes what is kept of the messages that showed it, though they went long before', async () => {
  const tables = new Map<string, Map<string, unknown>>();
  const table = (name: string) => {
    const rows = new Map<string, unknown>();
    tables.set(name, rows);
    const at = (owner: number, key: string): string => `${owner} ${key}`;
    return {
      set: (owner: number, key: string, value: unknown) => void rows.set(at(owner, key), value),
      delete: (owner: number, key: string) => void rows.delete(at(owner, key)),
      owners: (key: string) => [...rows.keys()].filter((row) => row.endsWith(` ${key}`)).map((row) => Number(row.split(' ')[0])),
    };
  };
  const log = { warn: (event: string) => assert.fail(event) };
  const ctx = { table, log } as unknown as FeatureContext<unknown>;
  const files = { ownerOf: () => Promise.resolve(1), remove: () => Promise.resolve(), onRemoved: () => () => {} };
  const references = new StoredReferences(ctx, files);
  const other = `b${KEY.slice(1)}`;
  for (const seq of [10, 11]) references.refer(seq, [1, 2], utf8Encode(`/media/${KEY}/a.jpg`));
  references.refer(12, [1], utf8Encode(`/media/${other}/b.jpg`));
  references.fileGone(KEY);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([...(tables.get('media_references')?.keys() ?? [])], [`12 ${other}`]);
});
