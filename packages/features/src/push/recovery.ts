/**
 * After a restart: what was kept and not told, because the server ended between the two, is told now. What was told and nobody has
 * acknowledged is remembered, so that a reading takes it away.
 */
import type { FeatureContext } from '@parley/core';
import { NS } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { parseStanza } from '@parley/xml';
import type { PushEngine } from './engine.ts';
import { saidInGroups } from './groups.ts';
import { noteworthy } from './rules.ts';
import type { Arrival } from './service.ts';

const ENTRIES = 100;
/** What is older was looked for long ago. */
const WORTH_MS = 86_400_000;
const SLICE = 50;
const PAUSE_MS = 20;
const BODY_LENGTH = 2000;

/** Walks the accounts that have a target, some at a time. `through`: up to where an account was told of everything. */
export async function recover(
  ctx: FeatureContext<unknown>,
  engine: PushEngine,
  accounts: Iterable<number>,
  through: (account: number) => Promise<number>,
  stopped: () => boolean,
): Promise<number> {
  let told = 0;
  let walked = 0;
  for (const id of accounts) {
    if (stopped()) break;
    const account = await ctx.accounts.byId(id);
    if (account !== undefined) told += await one(ctx, engine, account, await through(id));
    if (++walked % SLICE === 0) await new Promise<void>((resolve) => ctx.clock.after(PAUSE_MS, resolve));
  }
  return told;
}

async function one(ctx: FeatureContext<unknown>, engine: PushEngine, account: AccountRecord, through: number): Promise<number> {
  const { store, committedSeq } = ctx.mailboxes;
  const start = ctx.clock.now() - WORTH_MS;
  let after = 0;
  // What some device has acknowledged is not news.
  for (const { seq } of await store.cursors(account.id)) after = Math.max(after, seq);
  const entries = await store.read(account.id, {
    after,
    before: committedSeq + 1,
    start,
    incomingOnly: true,
    limit: ENTRIES,
    reverse: true,
  });
  const arrivals: Arrival[] = [];
  for (const { stanza: bytes, peer, seq, at } of entries) {
    const stanza = parseStanza(bytes, undefined, NS.client);
    const what = noteworthy(stanza);
    // A call of before the restart rings no more.
    if (what === undefined || what.kind === 'call') continue;
    const body = what.encrypted ? undefined : stanza.childText('body', NS.client)?.slice(0, BODY_LENGTH);
    arrivals.push({
      account,
      conversation: peer,
      kind: what.kind,
      sender: peer,
      ...(body === undefined ? undefined : { body }),
      encrypted: what.encrypted,
      id: ctx.mailboxes.stanzaId(seq),
      at,
      seq,
    });
  }
  arrivals.push(...(await saidInGroups(ctx, account, start, ENTRIES)));
  // Positions are one order over all mailboxes.
  arrivals.sort((a, b) => a.seq - b.seq);
  let told = 0;
  for (const arrival of arrivals) {
    if (arrival.seq <= through) engine.remember(arrival);
    else {
      engine.arrived(arrival);
      told++;
    }
  }
  return told;
}
