import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { MailboxSearchResult } from '../../kinds/index.ts';
import { crashCopy, type DurablePoint, durablePoint, openSqliteStorage } from './index.ts';

/** Mulberry32. */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const MAILBOXES = 4;

/** What the store must say: mailbox to position to peer, and origin-ids. */
class Model {
  readonly mailboxes = new Map<number, Map<number, { peer: string; at: number }>>();
  readonly origins = new Map<string, number>();
  /** Messages whose stanza was replaced, by what it says. */
  readonly replaced = new Map<number, string>();
  settings = '';
  lastSeq = 0;

  box(mailbox: number): Map<number, { peer: string; at: number }> {
    let entries = this.mailboxes.get(mailbox);
    if (!entries) this.mailboxes.set(mailbox, (entries = new Map()));
    return entries;
  }

  boxes(): Array<Map<number, { peer: string; at: number }>> {
    return [...this.mailboxes.values()];
  }

  copy(): Model {
    const copy = new Model();
    for (const [mailbox, entries] of this.mailboxes) copy.mailboxes.set(mailbox, new Map(entries));
    for (const [key, seq] of this.origins) copy.origins.set(key, seq);
    for (const [seq, text] of this.replaced) copy.replaced.set(seq, text);
    copy.settings = this.settings;
    copy.lastSeq = this.lastSeq;
    return copy;
  }
}

type Store = ReturnType<typeof openSqliteStorage>;

/** One random write, on the store and on the model. */
function write(store: Store, model: Model, random: () => number): void {
  const pick = (n: number) => Math.floor(random() * n);
  const what = random();
  const mailbox = 1 + pick(MAILBOXES);
  if (what < 0.75) {
    const seq = model.lastSeq + 1 + pick(3);
    const at = seq * 10 + pick(40);
    const other = 1 + pick(MAILBOXES);
    const originId = random() < 0.5 ? `o${seq}` : undefined;
    model.lastSeq = seq;
    store.mailboxes.append({ seq, at, stanza: Buffer.alloc(pick(600), `${seq} `) }, [
      { mailbox, peer: `u${other}`, outgoing: true, originId },
      { mailbox: other, peer: `u${mailbox}`, outgoing: false },
    ]);
    if (other !== mailbox) model.box(other).set(seq, { peer: `u${mailbox}`, at });
    model.box(mailbox).set(seq, { peer: `u${other}`, at });
    if (originId) model.origins.set(`${mailbox} ${originId}`, seq);
  } else if (what < 0.85) {
    const through = Math.floor(model.lastSeq * random() * 1.05);
    store.mailboxes.trim(mailbox, through);
    for (const seq of model.box(mailbox).keys()) if (seq <= through) model.box(mailbox).delete(seq);
  } else if (what < 0.88) {
    const seqs = [...model.box(mailbox).keys()];
    const seq = seqs[pick(seqs.length)] ?? 1;
    const text = `r${pick(1000)} `;
    const done = store.mailboxes.replace(seq, Buffer.alloc(pick(900), text));
    assert.equal(done, seqs.length > 0 || model.boxes().some((entries) => entries.has(seq)), `replace ${seq}`);
    if (done) model.replaced.set(seq, text);
  } else if (what < 0.89) {
    const seqs = [...model.box(mailbox).keys()];
    const seq = seqs[pick(seqs.length)] ?? 1;
    store.mailboxes.discard(seq);
    for (const entries of model.boxes()) entries.delete(seq);
  } else if (what < 0.9) {
    store.mailboxes.indexText(1 + pick(30));
  } else if (what < 0.94) {
    const seqs = [...model.box(mailbox).keys()];
    const seq = seqs[pick(seqs.length)] ?? 1;
    store.mailboxes.remove(mailbox, seq);
    model.box(mailbox).delete(seq);
  } else if (what < 0.95) {
    const than = Math.floor(model.lastSeq * 10 * random() * 0.5);
    store.mailboxes.expire(than, 1_000_000);
    for (const entries of model.mailboxes.values()) for (const [seq, { at }] of entries) if (at < than) entries.delete(seq);
  } else if (what < 0.96) {
    store.accounts.remove(mailbox);
    model.box(mailbox).clear();
    for (const key of model.origins.keys()) if (key.startsWith(`${mailbox} `)) model.origins.set(key, 0);
    if (mailbox === 1) model.settings = '';
  } else {
    model.settings = `${random()}`;
    store.keyValue('settings').set(1, 'key', model.settings);
  }
}

/** The stanzas of this test are text, and text is words of digits with spaces between them: some are one long word, which has no place here. */
const textOf = (stanza: Uint8Array): string | undefined => (stanza.length === 0 ? undefined : Buffer.from(stanza).toString());
const wholeWord = (stanza: Uint8Array, text: string): boolean => Buffer.from(stanza).toString().split(' ').includes(text);

/** The first search that answers something else than the model. */
function searchDifference(store: Store, model: Model): string | undefined {
  for (let mailbox = 1; mailbox <= MAILBOXES; mailbox++) {
    // Every message says its position, or one of a thousand words.
    const said = new Map<string, number[]>();
    for (const seq of [...model.box(mailbox).keys()].sort((a, b) => a - b)) {
      const text = (model.replaced.get(seq) ?? `${seq}`).trim();
      const entry = store.mailboxes.get(mailbox, seq);
      if (entry === undefined || !wholeWord(entry.stanza, text)) continue;
      said.set(text, [...(said.get(text) ?? []), seq]);
    }
    const texts = [...said.keys()];
    for (const text of [texts[0], texts[texts.length >> 1], texts.at(-1), ...texts.filter((one) => one.startsWith('r')).slice(0, 3)]) {
      if (text === undefined) continue;
      const found = store.mailboxes.search!(mailbox, { text: `${text} ${text}`, limit: 1000 });
      const seqs = (found as MailboxSearchResult).entries.map(({ seq }) => seq).filter((seq) => said.get(text)!.includes(seq));
      if (seqs.join() !== said.get(text)!.join())
        return `search for ${text} in ${mailbox}: ${seqs.join()}; expected ${said.get(text)!.join()}`;
    }
  }
  return undefined;
}

/** The first difference between store and model, or nothing. */
function difference(store: Store, model: Model): string | undefined {
  for (let mailbox = 1; mailbox <= MAILBOXES; mailbox++) {
    const expected = [...model.box(mailbox)].sort(([a], [b]) => a - b);
    const seqs = expected.map(([seq]) => seq).join();
    for (const reverse of [false, true]) {
      const found = store.mailboxes.read(mailbox, { limit: 1_000_000, reverse });
      if (reverse) found.reverse();
      if (found.map((entry) => entry.seq).join() !== seqs) return `mailbox ${mailbox}: ${found.map((e) => e.seq).join()}; expected ${seqs}`;
      for (const [i, entry] of found.entries()) {
        if (entry.peer !== expected[i]![1].peer || entry.at !== expected[i]![1].at)
          return `mailbox ${mailbox}: entry ${entry.seq} is another`;
        const text = model.replaced.get(entry.seq) ?? `${entry.seq} `;
        if (!Buffer.from(entry.stanza).equals(Buffer.alloc(entry.stanza.length, text)))
          return `mailbox ${mailbox}: stanza ${entry.seq} is torn`;
      }
    }
    for (let peer = 1; peer <= MAILBOXES; peer++) {
      const of = expected.filter(([, entry]) => entry.peer === `u${peer}`).map(([seq]) => seq);
      const found = store.mailboxes.read(mailbox, { peer: `u${peer}`, limit: 1_000_000 }).map((entry) => entry.seq);
      if (found.join() !== of.join()) return `mailbox ${mailbox} with u${peer}: ${found.join()}; expected ${of.join()}`;
      if (store.mailboxes.count(mailbox, { peer: `u${peer}` }) !== of.length) return `mailbox ${mailbox} with u${peer}: wrong count`;
    }
    if (store.mailboxes.count(mailbox, {}) !== expected.length) return `mailbox ${mailbox}: wrong count`;
    const range = store.mailboxes.range(mailbox);
    if (range?.first.seq !== expected[0]?.[0] || range?.last.seq !== expected.at(-1)?.[0]) return `mailbox ${mailbox}: wrong range`;
  }
  for (const [key, seq] of model.origins) {
    const [mailbox, originId] = key.split(' ') as [string, string];
    const found = store.mailboxes.findOrigin(Number(mailbox), originId);
    // Those of a removed account (0) are gone; those of expired positions may be.
    if (seq === 0 && found !== undefined) return `origin ${key} of a removed account: ${found}`;
    if (found !== seq && model.box(Number(mailbox)).has(seq)) return `origin ${key}: ${found}; expected ${seq}`;
  }
  if ((store.keyValue('settings').get(1, 'key') ?? '') !== model.settings) return 'settings differ';
  return undefined;
}

for (const seed of Array.from({ length: 25 }, (_, i) => i + 1)) {
  test(`seed ${seed}: after a power cut there is all that was acknowledged, and of the last batch all or nothing`, () => {
    const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'parley-crash-'));
    const path = join(folder, 'parley.db');
    const random = seeded(seed);
    let durable: DurablePoint | undefined;
    let crash: string | undefined;
    let copies = 0;
    const open = () =>
      openSqliteStorage({
        path: crash ?? path,
        schedule: () => {},
        after: () => () => {},
        mergeMessages: 40,
        textOf,
        hooks: {
          beforeCommit() {
            durable = durablePoint(current);
          },
          beforeAck() {
            if (random() > 0.15) return;
            const to = join(folder, `copy-${++copies}.db`);
            crashed = { to, how: crashCopy(current, to, { torn: random() < 0.8 ? random : undefined, durable }) };
          },
        },
      });
    let crashed: { to: string; how: string } | undefined;
    let current = path;
    let store = open();
    let model = new Model();
    try {
      for (let round = 0; round < 60; round++) {
        const acked = model.copy();
        for (let n = 1 + Math.floor(random() * 12); n > 0; n--) write(store, model, random);
        assert.equal(difference(store, model), undefined, `before commit ${round}`);
        store.flush();
        assert.equal(difference(store, model), undefined, `after commit ${round}`);
        if (crashed || round % 15 === 14) assert.equal(searchDifference(store, model), undefined, `after commit ${round}`);
        if (!crashed) continue;
        // Go on with what the power cut left; the old one is abandoned.
        const { to, how } = crashed as { to: string; how: string };
        crashed = undefined;
        const old = store;
        crash = current = to;
        store = open();
        old.close();
        crashed = undefined;
        const lastBatch = difference(store, model);
        if (lastBatch !== undefined) {
          assert.equal(
            difference(store, acked),
            undefined,
            `round ${round}, ${how}: neither with nor without the last batch (${lastBatch})`,
          );
          model = acked;
        }
        assert.equal(searchDifference(store, model), undefined, `round ${round}, ${how}`);
        assert.ok(store.mailboxes.lastSeq() <= model.lastSeq);
        model.lastSeq = Math.max(model.lastSeq, store.mailboxes.lastSeq());
      }
      store.close();
      // What no mailbox holds any more is not kept either.
      const db = new DatabaseSync(current, { readOnly: true });
      const [messages, entries] = ['message', 'entry'].map((table) => db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']);
      db.close();
      const expected = [...model.mailboxes.values()].flatMap((box) => [...box.keys()]);
      assert.deepEqual({ messages, entries }, { messages: new Set(expected).size, entries: expected.length });
      store = open();
      assert.equal(difference(store, model), undefined, 'after a clean restart');
      assert.equal(searchDifference(store, model), undefined, 'after a clean restart');
    } finally {
      store.close();
      rmSync(folder, { recursive: true });
    }
  });
}
