/** `history.keep` in groups (D9): an entry goes once every device of every member has it, and it is as old as it is kept. */

import type { Session } from '@parley/core';
import type { MailboxEntry } from '@parley/storage';
import type { Hub } from './hub.ts';
import type { Room } from './room.ts';
import { isMember } from './rules.ts';
import type { AffiliationRecord } from './store.ts';

/** Acknowledgements come in flocks. */
const WAIT_MS = 1000;
/** Whoever holds a group back is asked about again after this time, should it have gone in silence. */
const BELIEVE_MS = 3_600_000;
const REMEMBERED = 20_000;

interface Held {
  /** The account whose devices do not have all; undefined: nobody in particular. */
  readonly by: number | undefined;
  readonly until: number;
}

export class Trimmer {
  readonly #hub: Hub;
  /** Groups that somebody holds back: nothing is looked at again before that one has taken something. */
  readonly #held = new Map<number, Held>();
  readonly #changed = new Set<number>();
  #timer: (() => void) | undefined;

  constructor(hub: Hub) {
    this.#hub = hub;
    hub.ctx.defer(() => this.#timer?.());
  }

  /** A session has what was sent to it of its groups and rooms. */
  taken(session: Session): void {
    if (this.#hub.ctx.mailboxes.deliveredGoAfterMs === undefined) return;
    const now = this.#hub.now;
    for (const mailbox of session.sources?.list.keys() ?? []) {
      const held = this.#held.get(mailbox);
      if (held === undefined || held.by === session.account.id || held.until <= now) this.changed(mailbox);
    }
  }

  /** Somebody who may have held the group back does so no more. */
  changed(mailbox: number): void {
    if (this.#hub.ctx.mailboxes.deliveredGoAfterMs === undefined) return;
    this.#held.delete(mailbox);
    this.#changed.add(mailbox);
    this.#timer ??= this.#hub.ctx.clock.after(WAIT_MS, this.#trim);
  }

  readonly #trim = (): void => {
    this.#timer = undefined;
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const mailbox of changed)
      this.#trimOne(mailbox).catch((error: unknown) => this.#hub.ctx.log.warn('muc_not_trimmed', { mailbox, error }));
  };

  #hold(mailbox: number, by: number | undefined): void {
    if (this.#held.size >= REMEMBERED) this.#held.clear();
    this.#held.set(mailbox, { by, until: this.#hub.now + BELIEVE_MS });
  }

  async #trimOne(mailbox: number): Promise<void> {
    const { mailboxes } = this.#hub.ctx;
    const { store } = this.#hub;
    const there = this.#hub.byId(mailbox);
    const config = there?.config ?? (await store.room(mailbox))?.config;
    // Into other rooms anybody may come, and is shown what was said: nobody knows when all have it.
    if (config === undefined || !config.membersOnly || !config.persistent) return this.#hold(mailbox, undefined);
    const range = await mailboxes.store.range(mailbox);
    if (range === undefined) return;
    const joined = await this.#joined(mailbox);
    let through = Math.min(range.last.seq, mailboxes.committedSeq);
    const people = there?.affiliations ?? (await store.affiliations(mailbox)).map(({ key, value }) => [key, value] as const);
    for (const [bare, record] of [...people]) {
      const { account } = record;
      // Whoever has no account here has no device either.
      if (!isMember(record.affiliation) || account === undefined) continue;
      through = Math.min(through, await this.#position(bare, account, record.since, joined.get(account)));
      if (through < range.first.seq) return this.#hold(mailbox, account);
    }
    for (const [account, seq] of this.#seats(there)) {
      through = Math.min(through, seq);
      if (through < range.first.seq) return this.#hold(mailbox, account);
    }
    const old = await this.#oldEnough(mailbox, through);
    if (old === undefined) return this.#hold(mailbox, undefined);
    if (there !== undefined) await this.#rememberRead(there, old);
    mailboxes.trim(mailbox, old);
    // What is kept for a time is looked at again in a while, not with each acknowledgement.
    if (old < through) this.#hold(mailbox, undefined);
  }

  /** The last position up to here that need not be kept any longer. */
  async #oldEnough(mailbox: number, through: number): Promise<number | undefined> {
    const { mailboxes } = this.#hub.ctx;
    const after = mailboxes.deliveredGoAfterMs;
    if (after === 0) return through;
    if (after === undefined) return undefined;
    const [last] = await mailboxes.store.read(mailbox, { end: this.#hub.now - after, before: through + 1, limit: 1, reverse: true });
    return last?.seq;
  }

  /** Devices that came in like any client have a cursor in the mailbox of the room. */
  async #joined(mailbox: number): Promise<Map<number, number>> {
    const joined = new Map<number, number>();
    for (const cursor of await this.#hub.ctx.mailboxes.store.cursors(mailbox)) {
      const [account = '', ...device] = cursor.device.split('/');
      const owner = await this.#hub.ctx.accountById(Number(account));
      if (owner === undefined) continue;
      const bare = `${owner.localpart}@${owner.domain}`;
      if (!this.#hub.ctx.mailboxes.isAwaited({ ...cursor, device: device.join('/') }, bare)) continue;
      joined.set(owner.id, Math.min(joined.get(owner.id) ?? Number.POSITIVE_INFINITY, cursor.seq));
    }
    return joined;
  }

  /** Up to where every device of this member has the group. One that has never taken it has what was there before it became a member. */
  async #position(bare: string, account: number, since: number, joined: number | undefined): Promise<number> {
    const { mailboxes } = this.#hub.ctx;
    let least = joined;
    for (const cursor of await mailboxes.store.cursors(account))
      if (cursor.groups !== undefined && (least === undefined || cursor.groups < least) && mailboxes.isAwaited(cursor, bare))
        least = cursor.groups;
    return Math.max(since, least ?? 0);
  }

  /** Occupants that are still to be sent something, or have not acknowledged it. */
  *#seats(room: Room | undefined): Generator<readonly [account: number, seq: number]> {
    if (room === undefined) return;
    for (const { session, sent, taken } of room.seats.values()) {
      // The cursor of its device says how far it is.
      if (session.sources?.tracked === true) continue;
      const after = Math.max(taken, session.sources?.list.get(room.id)?.after ?? 0);
      if (sent > taken) yield [session.account.id, after];
      else if (session.mailboxMode === 'behind') yield [session.account.id, Math.max(after, session.position)];
    }
  }

  /** Who has said something has read what was said before (G3): known from the entries, so it is written down before they go. */
  async #rememberRead(room: Room, through: number): Promise<void> {
    if (room.members > this.#hub.ctx.config.presenceMembers) return;
    const { store } = this.#hub.ctx.mailboxes;
    for (const [bare, { affiliation, read = 0 }] of [...room.affiliations]) {
      if (!isMember(affiliation)) continue;
      const [own]: MailboxEntry[] = await store.read(room.id, { peer: bare, after: read, before: through + 1, limit: 1, reverse: true });
      const now: AffiliationRecord | undefined = room.affiliations.get(bare);
      if (own === undefined || now === undefined || (now.read ?? 0) >= own.seq) continue;
      const next = { ...now, read: own.seq };
      room.affiliations.set(bare, next);
      this.#hub.store.saveAffiliation(room.id, bare, next);
    }
  }
}
