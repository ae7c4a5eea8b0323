/** What the server says to everybody: the message of the day, once to each account, and the welcome of new ones (XEP-0133 §4.23–4.27). */
import { accountCreated, accountRemoved, type FeatureContext, json, presenceFromClient, type Random, type Session } from '@parley/core';
import { StanzaError } from '@parley/protocol';
import type { Awaitable } from '@parley/storage';
import { type Element, el } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import type { Notice, NoticeKind, ServerNotices } from './service.ts';

export const NOTICE_LENGTH = 8192;

/** Throws StanzaError for one that cannot be sent. */
export function noticeText(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed.length > NOTICE_LENGTH)
    throw new StanzaError('not-acceptable', { text: `A message of the server has 1 to ${NOTICE_LENGTH} characters.` });
  return trimmed;
}

/** Names one message of the server. */
export function newNoticeId(random: Random): string {
  return [...random.bytes(9)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export class Notices implements ServerNotices {
  readonly #ctx: FeatureContext<object>;
  readonly #table;
  /** Which message of the day an account has had. */
  readonly #seen;
  readonly #now = new Map<NoticeKind, Notice>();

  private constructor(ctx: FeatureContext<object>) {
    this.#ctx = ctx;
    this.#table = ctx.table('notices', json<Notice>());
    this.#seen = ctx.table('notices_seen', json<string>());
    ctx.on(presenceFromClient, 'watch', ({ from, available, wasAvailable }): Awaitable<void> => {
      const motd = this.#now.get('motd');
      if (motd === undefined || !available || wasAvailable) return;
      return whenReady(this.#seen.get(from.account.id, 'motd'), (had) => (had === motd.id ? undefined : this.#show(motd, from)));
    });
    ctx.on(accountCreated, 'watch', ({ account }) => {
      const welcome = this.#now.get('welcome');
      if (welcome === undefined) return;
      // Kept like any message, so that it is there when the account first signs in.
      this.#send(welcome, `${account.localpart}@${ctx.host}`, 'chat', `welcome-${account.id}`);
    });
    ctx.on(accountRemoved, 'clean', ({ account }) => this.#seen.deleteOwner(account.id));
  }

  static open(ctx: FeatureContext<object>): Awaitable<Notices> {
    const notices = new Notices(ctx);
    return whenReady(notices.#table.list(ctx.hostOwner), (rows) => {
      for (const { key, value } of rows) notices.#now.set(key as NoticeKind, value);
      return notices;
    });
  }

  get(kind: NoticeKind): Notice | undefined {
    return this.#now.get(kind);
  }

  set(kind: NoticeKind, text: string, again: boolean): void {
    const before = this.#now.get(kind);
    const { clock, hostOwner } = this.#ctx;
    let id = before?.id ?? '';
    if (before === undefined || again) id = newNoticeId(this.#ctx.random);
    const notice: Notice = { id, text: noticeText(text), at: clock.now() };
    this.#table.set(hostOwner, kind, notice);
    this.#ctx.afterCommit(() => {
      this.#now.set(kind, notice);
      if (kind !== 'motd' || id === before?.id) return;
      const told = new Set<number>();
      for (const session of this.#ctx.sessions()) {
        if (!session.available || told.has(session.account.id)) continue;
        told.add(session.account.id);
        this.#show(notice, session);
      }
    });
  }

  delete(kind: NoticeKind): void {
    this.#table.delete(this.#ctx.hostOwner, kind);
    this.#ctx.afterCommit(() => void this.#now.delete(kind));
  }

  #show(motd: Notice, session: Session): void {
    this.#seen.set(session.account.id, 'motd', motd.id);
    this.#send(motd, session.bare, 'headline', `motd-${motd.id}`);
  }

  #send({ text }: Notice, to: string, type: 'chat' | 'headline', id: string): void {
    const message: Element = el('message', { from: this.#ctx.host, to, type, id }, el('body', null, text));
    this.#ctx.sendMessage(message);
  }
}
