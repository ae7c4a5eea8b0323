import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DEFAULT_LIMITS, PRE_AUTH_LIMITS, parseStanza, StreamReader, stanzaBytes, utf8Encode } from './index.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

const HEAD = utf8Encode("<stream:stream to='a' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>");
const handler = {
  open() {},
  stanza() {},
  close() {},
  error(e: Error) {
    throw e;
  },
};

/** Bytes of heap and buffers in use, once nothing more is given back: the memory of dead buffers is freed by another thread, after the collection. */
async function inUse(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let same = 0; same < 3; ) {
    gc();
    await new Promise((done) => setTimeout(done, 10));
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    const now = heapUsed + arrayBuffers;
    same = now < least - 4096 ? 0 : same + 1;
    least = Math.min(least, now);
  }
  return least;
}

/** Bytes (heap and buffers) that each of `count` made things keeps. */
async function each(count: number, make: () => unknown): Promise<number> {
  const kept: unknown[] = new Array(count);
  for (let i = 0; i < 50; i++) kept[i] = make();
  const before = await inUse();
  for (let i = 0; i < count; i++) kept[i] = make();
  const after = await inUse();
  assert.equal(kept.length, count);
  return (after - before) / count;
}

test('an idle reader is small, however the bytes came before', async () => {
  const message = utf8Encode("<message to='a'><body>hi</body></message>");
  const bytes = await each(2000, () => {
    const reader = new StreamReader(handler, PRE_AUTH_LIMITS);
    reader.feed(HEAD);
    reader.restart();
    reader.feed(HEAD);
    for (let i = 0; i < message.length; i++) reader.feed(message.subarray(i, i + 1));
    reader.feed(message);
    return reader;
  });
  assert.ok(bytes < 512, `${bytes.toFixed(0)} bytes`);
});

test('one unread byte does not keep the room a large element needed', async () => {
  const bytes = await each(100, () => {
    const reader = new StreamReader(handler, DEFAULT_LIMITS);
    reader.feed(HEAD);
    reader.feed(utf8Encode(`<message><body>${'x'.repeat(60_000)}`));
    reader.feed(utf8Encode('</body></message><'));
    assert.equal(reader.bufferedBytes, 1);
    return reader;
  });
  assert.ok(bytes < 2048, `${bytes.toFixed(0)} bytes`);
});

test('what is kept of a stanza does not keep a large pool', () => {
  const presence = parseStanza(utf8Encode(`<presence><status>${'x'.repeat(100)}</status></presence>`));
  assert.equal(presence.inner.buffer.byteLength, presence.inner.length);
  const message = parseStanza(utf8Encode(`<message><body>${'x'.repeat(100)}</body></message>`));
  assert.ok(message.inner.buffer.byteLength <= 4096);
  assert.ok(stanzaBytes(message).buffer.byteLength <= 4096);
  const large = parseStanza(utf8Encode(`<message><body>${'x'.repeat(3000)}</body></message>`));
  assert.equal(large.inner.buffer.byteLength, large.inner.length);
});
