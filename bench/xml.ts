/**
 * Prints how many chat stanzas a second one core scans and writes again (a few seconds). Ids, addresses and texts differ from
 * stanza to stanza, as they do on a real server, so that caches are measured as they would work there.
 */
import { DEFAULT_LIMITS, type Stanza, StreamReader, stanzaBytes, utf8Encode } from '@parley/xml';

const HEADER = utf8Encode("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>");
const DISTINCT = 20_000;

let seed = 7;
function random(n: number): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 2 ** 32) * n);
}

function token(length: number): string {
  let s = '';
  while (s.length < length) s += random(2 ** 31).toString(36);
  return s.slice(0, length);
}

const words = 'hello how are you today I will be there at nine please bring the book we talked about yesterday thanks'.split(' ');
function sentence(length: number): string {
  let s = '';
  while (s.length < length) s += `${words[random(words.length)]} `;
  return s.slice(0, length);
}

const chunks: Uint8Array[] = [];
let size = 0;
for (let i = 0; i < DISTINCT; i++) {
  const to = `user${random(5000)}@example.org`;
  const chunk = utf8Encode(
    `<message to='${to}' id='${token(22)}' type='chat'><body>${sentence(100)}</body><request xmlns='urn:xmpp:receipts'/>` +
      `<active xmlns='http://jabber.org/protocol/chatstates'/></message>`,
  );
  size += chunk.length;
  chunks.push(chunk);
}

let count = 0;
let last: Stanza | undefined;
function reader(): StreamReader {
  const made = new StreamReader(
    {
      open() {},
      close() {},
      stanza: (s) => {
        count++;
        last = s;
      },
      error: (e) => {
        throw e;
      },
    },
    DEFAULT_LIMITS,
  );
  made.feed(HEADER);
  return made;
}

/** Runs `turn` for about `seconds` after a warm-up; CPU seconds used. */
function measure(seconds: number, turn: () => void): number {
  turn();
  count = 0;
  const start = process.cpuUsage();
  for (const until = performance.now() + seconds * 1000; performance.now() < until; ) turn();
  const used = process.cpuUsage(start);
  return (used.user + used.system) / 1e6;
}

const readers = Array.from({ length: 1000 }, reader);
let used = measure(1.5, () => {
  for (let i = 0; i < DISTINCT; i++) readers[i % 1000]!.feed(chunks[i]!);
});
console.log(`scan, one stanza a chunk: ${Math.round(count / used)} stanzas of ${Math.round(size / DISTINCT)} bytes per CPU second`);

const batches: Uint8Array[] = [];
for (let i = 0; i < DISTINCT; i += 50) batches.push(new Uint8Array(Buffer.concat(chunks.slice(i, i + 50))));
used = measure(1.5, () => {
  for (const batch of batches) readers[0]!.feed(batch);
});
console.log(`scan, 50 stanzas a chunk: ${Math.round(count / used)} stanzas per CPU second`);

const kept: Stanza[] = [];
for (let i = 0; i < 1000; i++) {
  readers[0]!.feed(chunks[i]!);
  kept.push(last!);
}
let bytes = 0;
used = measure(1.5, () => {
  for (let i = 0; i < kept.length; i++) bytes += stanzaBytes(kept[i]!, { from: 'ann@example.org/phone' }).length;
  count += kept.length;
});
console.log(`stanzaBytes: ${((used * 1e6) / count).toFixed(2)} µs`);
if (bytes === 0) throw new Error('nothing was written');
