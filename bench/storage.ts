/**
 * What storage costs: CPU µs per message for append, offline drain, page reads. Run: `node bench/storage.ts [folder]`.
 * One message of 300 bytes goes to two mailboxes; merges and checkpoints are inside the figures. About 20 s.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStorage, type SqliteStorage } from '@parley/storage/sqlite';

const STANZA_BYTES = 300;
const parent = process.argv[2] ?? tmpdir();

/** CPU µs (user and system) and wall-clock µs of a run. */
function measure(run: () => void): { cpu: number; wall: number } {
  const cpu = process.cpuUsage();
  const wall = process.hrtime.bigint();
  run();
  const used = process.cpuUsage(cpu);
  return { cpu: used.user + used.system, wall: Number(process.hrtime.bigint() - wall) / 1000 };
}

function withStorage(run: (storage: SqliteStorage) => void): void {
  const folder = mkdtempSync(join(parent, 'parley-bench-'));
  try {
    const storage = openSqliteStorage({ path: join(folder, 'parley.db'), schedule: () => {} });
    run(storage);
    storage.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

let seq = 0;
const stanza = (): Uint8Array => Buffer.alloc(STANZA_BYTES, `<message id="${seq}">`);

/** Appends messages between random mailboxes that each have `peers` conversations. */
function append(
  storage: SqliteStorage,
  shape: { messages: number; batch: number; mailboxes: number; peers: number; origin: boolean },
): number[] {
  const { messages, batch, mailboxes, peers, origin } = shape;
  const commits: number[] = [];
  for (let sent = 0; sent < messages; sent += batch) {
    const began = process.hrtime.bigint();
    for (let i = 0; i < batch; i++) {
      const from = 1 + Math.floor(Math.random() * mailboxes);
      const to = 1 + ((from + Math.floor(Math.random() * peers)) % mailboxes); // never from itself
      seq++;
      const originId = origin ? `${Math.random().toString(36).slice(2)}-${seq}` : undefined;
      if (originId && storage.mailboxes.findOrigin(from, originId)) throw new Error('found an origin-id that was never used');
      storage.mailboxes.append({ seq, at: 1_700_000_000_000 + seq, stanza: stanza() }, [
        { mailbox: from, peer: `user${to}@chat.example`, outgoing: true, device: 'phone-1', originId },
        { mailbox: to, peer: `user${from}@chat.example`, outgoing: false },
      ]);
    }
    storage.flush();
    commits.push(Number(process.hrtime.bigint() - began) / 1000);
  }
  return commits.sort((a, b) => a - b);
}

console.log('append: one message to two mailboxes');
for (const shape of [
  { messages: 5_000, batch: 1, mailboxes: 200, peers: 8, origin: false },
  { messages: 40_000, batch: 20, mailboxes: 200, peers: 8, origin: false },
  { messages: 100_000, batch: 100, mailboxes: 200, peers: 8, origin: false },
  { messages: 40_000, batch: 20, mailboxes: 2_000, peers: 8, origin: false },
  { messages: 100_000, batch: 100, mailboxes: 2_000, peers: 8, origin: false },
  { messages: 100_000, batch: 100, mailboxes: 2_000, peers: 8, origin: true },
]) {
  withStorage((storage) => {
    let commits: number[] = [];
    const { cpu, wall } = measure(() => {
      commits = append(storage, shape);
    });
    const closing = measure(() => storage.close());
    const p99 = commits[Math.floor(commits.length * 0.99)] ?? 0;
    console.log(
      `  ${shape.mailboxes} mailboxes, batch ${shape.batch}${shape.origin ? ', origin-ids' : ''}: ${((cpu + closing.cpu) / shape.messages).toFixed(1)} µs CPU (running ${(cpu / shape.messages).toFixed(1)}), ${(wall / shape.messages).toFixed(1)} µs wall a message; commit p50 ${((commits[commits.length >> 1] ?? 0) / 1000).toFixed(2)} p99 ${(p99 / 1000).toFixed(2)} max ${((commits.at(-1) ?? 0) / 1000).toFixed(2)} ms`,
    );
  });
}

withStorage((storage) => {
  const waiting = 50_000;
  append(storage, { messages: waiting, batch: 100, mailboxes: 200, peers: 8, origin: false });
  let entries = 0;
  const { cpu } = measure(() => {
    for (let mailbox = 1; mailbox <= 200; mailbox++) {
      for (let after = 0; ; ) {
        const page = storage.mailboxes.read(mailbox, { after, limit: 100 });
        entries += page.length;
        after = page.at(-1)?.seq ?? after;
        storage.mailboxes.setCursor(mailbox, { device: 'phone-1', seq: after, seenAt: 1 });
        storage.flush();
        if (page.length < 100) break;
      }
    }
  });
  console.log(`drain: ${(cpu / entries).toFixed(1)} µs CPU an entry (pages of 100, cursor committed after each)`);
  const trim = measure(() => {
    for (let mailbox = 1; mailbox <= 200; mailbox++) storage.mailboxes.trim(mailbox, seq);
    storage.flush();
  });
  console.log(`trim of everything: ${(trim.cpu / entries).toFixed(1)} µs CPU an entry`);
});

withStorage((storage) => {
  const size = 300_000;
  for (let i = 0; i < size; i++) {
    seq++;
    storage.mailboxes.append({ seq, at: seq, stanza: stanza() }, [{ mailbox: 1, peer: `user${i % 100}@chat.example`, outgoing: false }]);
    if (i % 1000 === 999) storage.flush();
  }
  const first = seq - size;
  const queries = {
    newest: () => ({ limit: 50, reverse: true }),
    'anywhere, forward': () => ({ after: first + Math.floor(Math.random() * size), limit: 50 }),
    'anywhere, backward': () => ({ before: first + Math.floor(Math.random() * size), limit: 50, reverse: true }),
    'with one contact': () => ({ peer: 'user7@chat.example', before: first + Math.floor(Math.random() * size), limit: 50, reverse: true }),
    'since a time': () => ({ start: first + Math.floor(Math.random() * size), limit: 50 }),
  };
  console.log(`page of 50 in a mailbox of ${size} entries`);
  for (const [name, query] of Object.entries(queries)) {
    const { cpu } = measure(() => {
      for (let i = 0; i < 200; i++) storage.mailboxes.read(1, query());
    });
    console.log(`  ${name}: ${(cpu / 200).toFixed(0)} µs CPU`);
  }
  const { cpu } = measure(() => storage.mailboxes.count(1, {}));
  console.log(`  count of all: ${(cpu / 1000).toFixed(1)} ms CPU`);
});
