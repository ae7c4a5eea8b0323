/** XEP-0377: reports that come with a block, kept for the operator. */
import { defineFeature, HourlyLimit, json } from '@parley/core';
import { NS } from '@parley/protocol';
import type { AccountRecord } from '@parley/storage';
import { parseStanza } from '@parley/xml';
import { whenReady } from '../awaitable.ts';
import { page, roomFor } from './rules.ts';
import { reports, type StoredReport } from './service.ts';

/** Reports belong to the host, not to the account that made them: they stay when it goes. */
const TEXT_LENGTH = 2000;
const bareOf = (jid: string): string => jid.split('/')[0] ?? jid;

export default defineFeature({
  name: 'reports',
  about: 'Keeps reports of spam and abuse that come with a block, for the operator: `npx parley report list`.',
  implements: [{ xep: 377, version: '0.4.1', status: 'complete', note: 'nothing is passed on to other servers or third parties' }],
  advertises: [NS.reporting],
  provides: [reports],
  options: {
    perHour: {
      reload: 'hot',
      type: 'integer',
      default: 20,
      min: 1,
      max: 1000,
      about: 'Reports that one account may make in an hour; more are not kept.',
    },
    openPerAccount: {
      reload: 'hot',
      type: 'integer',
      default: 50,
      min: 1,
      max: 1000,
      about: 'Open reports of one account; more are not kept until some are closed.',
    },
    kept: {
      reload: 'hot',
      type: 'integer',
      default: 2000,
      min: 10,
      max: 100_000,
      about: 'Reports that are kept together; closed ones make room.',
    },
  },
  setup(ctx) {
    const { config, mailboxes } = ctx;
    const table = ctx.table('reports', json<StoredReport>());
    const limit = new HourlyLimit(config.perHour);
    ctx.onReload(() => {
      limit.perHour = config.perHour;
    });
    let counter = 0;
    return whenReady(table.list(ctx.hostOwner), (rows) => {
      /** What decides about room, in memory: the texts are not. */
      const known = new Map(rows.map(({ value: { id, reporter, state } }) => [id, { id, reporter, state }]));

      /** What the archive of the reporter has from there under these ids: nobody can put words into somebody's mouth. */
      const excerpts = async (account: AccountRecord, jid: string, ids: readonly string[]): Promise<StoredReport['messages']> => {
        const found: Array<{ at: number; text: string }> = [];
        for (const id of ids) {
          const seq = mailboxes.parseStanzaId(id);
          if (seq === undefined || seq > mailboxes.committedSeq) continue;
          const entry = await mailboxes.store.get(account.id, seq);
          if (entry === undefined || entry.outgoing || entry.peer !== bareOf(jid)) continue;
          const body = parseStanza(entry.stanza, undefined, NS.client).childText('body', NS.client);
          found.push({ at: entry.at, text: (body ?? '(no text)').slice(0, TEXT_LENGTH) });
        }
        return found;
      };

      ctx.provide(reports, {
        async take(account, jid, report) {
          const reporter = `${account.localpart}@${account.domain}`;
          try {
            if (limit.take(String(account.id), ctx.clock.now()) > 0)
              return void ctx.log.warn('report_not_kept', { account: account.id, why: 'hour' });
            const messages = await excerpts(
              account,
              jid,
              report.messages.map(({ id }) => id),
            );
            const room = roomFor([...known.values()], reporter, { perAccount: config.openPerAccount, together: config.kept });
            if (!room.take) return void ctx.log.warn('report_not_kept', { account: account.id, why: room.why });
            for (const id of room.drop) {
              known.delete(id);
              table.delete(ctx.hostOwner, id);
            }
            const at = ctx.clock.now();
            const id = `${at.toString(36).padStart(9, '0')}${(counter++ % 1296).toString(36).padStart(2, '0')}`;
            const stored: StoredReport = {
              id,
              at,
              reporter,
              jid,
              reason: report.reason,
              texts: report.texts.map(({ text }) => text.slice(0, TEXT_LENGTH)),
              messages,
              state: 'open',
            };
            known.set(id, { id, reporter, state: 'open' });
            table.set(ctx.hostOwner, id, stored);
            ctx.log.info('report_taken', { account: account.id, report: id, reason: report.reason });
          } catch (error) {
            ctx.log.error('report_failed', { account: account.id, error });
          }
        },
        list: async ({ state, limit: most }) =>
          page(
            (await table.list(ctx.hostOwner)).map(({ value }) => value),
            state,
            most,
          ),
        get: async (id) => table.get(ctx.hostOwner, id),
        async close(id) {
          const there = await table.get(ctx.hostOwner, id);
          if (there === undefined) return false;
          const { reporter } = there;
          known.set(id, { id, reporter, state: 'closed' });
          table.set(ctx.hostOwner, id, { ...there, state: 'closed' });
          await new Promise<void>((resolve, reject) => ctx.afterCommit(resolve, reject));
          return true;
        },
      });
    });
  },
});
