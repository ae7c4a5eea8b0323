/**
 * One mailbox with a million entries in 1,000 conversations: how long a page, a search and the conversation list take, with budgets.
 * Run: `node bench/archive.ts [entries] [folder]` (a minute or two; 1.5 GB on disk while it runs). Exits with 1 when a budget is exceeded.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { searchableText } from '@parley/core';
import { openSqliteStorage, type SqliteStorage } from '@parley/storage/sqlite';

const ENTRIES = Number(process.argv[2] ?? 1_000_000);
const PARENT = process.argv[3] ?? tmpdir();
const CONVERSATIONS = 1000;
const OWNER = 7;
const SAMPLES = 300;
const PAGE = 100;
/** p99, ms. */
const BUDGETS = { page: 20, search: 20, list: 50 };

/** Mulberry32: every run is of the same mailbox. */
let seed = 42;
function random(): number {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const pick = (n: number): number => Math.floor(random() * n);

/** 30,000 words; the first ones are in every third message, the last ones in a handful (as words are, by rank). */
const words = Array.from({ length: 30_000 }, () => {
  const length = 3 + pick(7);
  return Array.from({ length }, () => String.fromCharCode(97 + Math.floor(26 * random() ** 1.5))).join('');
});
const word = (): string => words[Math.floor(words.length * random() ** 4)] ?? '';
const peer = (n: number): string => `peer${n}@chat.example`;
const encoder = new TextEncoder();

function fill(storage: SqliteStorage): void {
  for (let seq = 1; seq <= ENTRIES; seq++) {
    const other = Math.floor(CONVERSATIONS * random() ** 2);
    const outgoing = random() < 0.5;
    const text = Array.from({ length: 4 + pick(12) }, word).join(' ');
    const [from, to] = outgoing ? ['me@chat.example/phone', peer(other)] : [`${peer(other)}/phone`, 'me@chat.example'];
    const stanza = `<message to="${to}" from="${from}" id="m${seq}" type="chat"><body>${text}</body><active xmlns="http://jabber.org/protocol/chatstates"/><origin-id xmlns="urn:xmpp:sid:0" id="m${seq}"/></message>`;
    // A receipt behind every third message.
    const quiet = seq % 4 === 0;
    storage.mailboxes.append({ seq, at: 1_700_000_000_000 + seq * 1000, stanza: encoder.encode(stanza) }, [
      { mailbox: OWNER, peer: peer(other), outgoing, quiet },
    ]);
    if (seq % 256 === 0) storage.flush();
  }
  storage.flush();
  storage.mailboxes.mergeAll();
  storage.flush();
}

let failed = false;
const MICROSECONDS = 1000;
/** The budget is for CPU time, which other programs on the machine change little; what the clock on the wall says is beside it. */
function time(name: string, budgetMs: number, run: () => number): void {
  const cpu: number[] = [];
  const wall: number[] = [];
  let found = 0;
  for (let i = 0; i < SAMPLES; i++) {
    const began = performance.now();
    const before = process.threadCpuUsage();
    found += run();
    const { user, system } = process.threadCpuUsage(before);
    wall.push(performance.now() - began);
    cpu.push((user + system) / MICROSECONDS);
  }
  const at = (list: number[], share: number): number => list.sort((a, b) => a - b)[Math.floor(SAMPLES * share)] ?? 0;
  const ms = (value: number): string => value.toFixed(2).padStart(6);
  const p99 = at(cpu, 0.99);
  if (p99 > budgetMs) failed = true;
  const verdict = p99 > budgetMs ? `OVER ${budgetMs}` : `budget ${budgetMs}`;
  const figures = `CPU p50 ${ms(at(cpu, 0.5))} p99 ${ms(p99)}, wall p50 ${ms(at(wall, 0.5))} p99 ${ms(at(wall, 0.99))} ms`;
  console.log(`${name.padEnd(40)} ${figures}  (${verdict}; ${(found / SAMPLES).toFixed(0)} entries)`);
}

const folder = mkdtempSync(join(PARENT, 'parley-bench-'));
try {
  const path = join(folder, 'parley.db');
  const open = (): SqliteStorage => openSqliteStorage({ path, schedule: () => {}, after: () => () => {}, textOf: searchableText });
  let storage = open();
  const since = (): (() => string) => {
    const began = process.cpuUsage();
    return () => {
      const { user, system } = process.cpuUsage(began);
      return `${((user + system) / ENTRIES).toFixed(1)} µs an entry`;
    };
  };
  const filled = since();
  fill(storage);
  console.log(`${ENTRIES} entries appended and merged: ${filled()}`);
  storage.flush();
  const before = statSync(path).size;
  const indexed = since();
  for (let left = ENTRIES; left > 0; left -= 4096) {
    storage.mailboxes.indexText(4096);
    storage.flush();
  }
  storage.close();
  const bytes = (size: number): string => `${(size / ENTRIES).toFixed(0)} bytes an entry`;
  console.log(`indexed by text: ${indexed()}; ${bytes(statSync(path).size - before)} (messages and indexes: ${bytes(before)})`);
  const began = performance.now();
  storage = open();
  console.log(`opened in ${(performance.now() - began).toFixed(0)} ms`);
  const { mailboxes } = storage;
  const search = (text: string, more: object = {}): number => {
    const found = mailboxes.search?.(OWNER, { text, limit: PAGE, reverse: true, ...more });
    if (found === undefined || found instanceof Promise) throw new Error('there is no search');
    return found.entries.length;
  };
  const common = (): string => words[pick(100)] ?? '';
  const rare = (): string => words[words.length - 1 - pick(10_000)] ?? '';

  time('newest page', BUDGETS.page, () => mailboxes.read(OWNER, { limit: PAGE, reverse: true }).length);
  time('page from anywhere', BUDGETS.page, () => mailboxes.read(OWNER, { limit: PAGE, after: pick(ENTRIES) }).length);
  time('page of a conversation, from anywhere', BUDGETS.page, () => {
    const query = { limit: PAGE, before: pick(ENTRIES), peer: peer(pick(CONVERSATIONS)), reverse: true };
    return mailboxes.read(OWNER, query).length;
  });
  time('page by time', BUDGETS.page, () => {
    const start = 1_700_000_000_000 + pick(ENTRIES) * 1000;
    return mailboxes.read(OWNER, { limit: PAGE, start, end: start + 3_600_000 }).length;
  });
  time('search: a common word', BUDGETS.search, () => search(common()));
  time('search: a rare word', BUDGETS.search, () => search(rare()));
  time('search: two common words', BUDGETS.search, () => search(`${common()} ${common()}`));
  time('search: a common and a rare word', BUDGETS.search, () => search(`${common()} ${rare()}`));
  time('search: a beginning of three letters', BUDGETS.search, () => search(common().slice(0, 3)));
  time('search: a beginning of four letters', BUDGETS.search, () => search(rare().slice(0, 4)));
  time('search: a word in one conversation', BUDGETS.search, () => search(common(), { peer: peer(pick(CONVERSATIONS)) }));
  time('search: the best matches', BUDGETS.search, () => search(`${common()}`, { ranked: true }));
  time('search: nothing found', BUDGETS.search, () => search('zzzyzzzyzzz'));
  time('conversation list: heads of 1,000', BUDGETS.list, () => mailboxes.conversations(OWNER).length);
  time('conversation list: with unread counts', BUDGETS.list, () => {
    const heads = mailboxes.conversations(OWNER);
    // Some ten unread in each.
    for (const head of heads)
      mailboxes.count(OWNER, { peer: head.peer, after: head.last - 20_000, incomingOnly: true, contentOnly: true }, 1000);
    return heads.length;
  });
  storage.close();
} finally {
  rmSync(folder, { recursive: true });
}
process.exitCode = failed ? 1 : 0;
